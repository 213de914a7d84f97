// SPDX-License-Identifier: Apache-2.0

package record

import "github.com/ebrec/ebrec/bpf"

// openSlices are what readings gave to threads that were on a CPU. When such a
// thread then leaves unseen, the program gives the interval to nobody, and does
// not know of the part that a reading proved. That part stays the thread's: it is
// added to its later rows, and taken from what is nobody's on that CPU.
type openSlices struct {
	last map[int]*openSlice // by CPU
	kept map[thread]uint64  // ns on a CPU, beyond the program's sums
	from map[int]uint64     // ns of that, by CPU
}

type openSlice struct {
	thread
	since uint64
	given uint64 // ns
}

type thread struct {
	tid   uint32
	start uint64
}

func newOpenSlices() openSlices {
	return openSlices{map[int]*openSlice{}, map[thread]uint64{}, map[int]uint64{}}
}

// give notes what a row gave to a thread, from an instant on.
func (o *openSlices) give(c *runningOn, from, ns uint64) {
	o.last[c.cpu] = &openSlice{thread{c.On.TID, c.On.Start}, from, ns}
}

// leftUnseen is told of a thread that had come to a CPU and left it unseen.
func (o *openSlices) leftUnseen(loss *bpf.Loss) {
	cpu := int(loss.H.CPU)
	s := o.last[cpu]
	if s == nil || loss.H.TID != s.tid || loss.Since != s.since {
		return
	}
	o.keep(s.thread, cpu, s.given)
	delete(o.last, cpu)
}

func (o *openSlices) keep(t thread, cpu int, ns uint64) {
	o.kept[t] += ns
	o.from[cpu] += ns
}

// add adds to a row what its thread keeps. A row never has less than the one
// before: the program may go by a task clock that lacks stolen time.
func (o *openSlices) add(row *bpf.TaskSum, before uint64) {
	t := thread{row.H.TID, row.Start}
	row.OnCPUNS += o.kept[t]
	if row.OnCPUNS >= before {
		return
	}
	for cpu, s := range o.last {
		if s.thread == t {
			o.keep(t, cpu, before-row.OnCPUNS)
			row.OnCPUNS = before
		}
	}
}

// ended forgets a thread.
func (o *openSlices) ended(t thread) {
	delete(o.kept, t)
	for cpu, s := range o.last {
		if s.thread == t {
			delete(o.last, cpu)
		}
	}
}
