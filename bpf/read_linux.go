// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Why a process is a target, as in maps.h.
const (
	TargetFamily uint32 = 1 // asked for: its children are targets, too
	TargetCgroup uint32 = 2 // it is in a cgroup that was asked for
)

// A Process is one by its number in the initial pid namespace and its start, boot
// time: the number may come back.
type Process struct {
	PID   uint32
	Start uint64
}

func (p Process) key() ProcessID { return ProcessID{Start: p.Start, TGID: uint64(p.PID)} }

// Target gives a process reasons to be recorded besides those that it has.
func (p *Programs) Target(of Process, why uint32) error {
	m, key := p.maps["process"]["targets"], of.key()
	t := Target{Why: why}
	err := m.Update(key, &t, ebpf.UpdateNoExist)
	if errors.Is(err, ebpf.ErrKeyExist) { // a program was told of it first, and knows better where it is
		was, _ := p.TargetOf(of)
		if was.Why |= why & TargetFamily; was.Why == 0 {
			return nil
		}
		err = m.Put(key, &was)
	}
	if err != nil {
		return fmt.Errorf("filter on process %d: %w", of.PID, err)
	}
	return nil
}

// Untarget takes a process from those recorded.
func (p *Programs) Untarget(of Process) error {
	if err := p.maps["process"]["targets"].Delete(of.key()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("filter on process %d: %w", of.PID, err)
	}
	return nil
}

// TargetOf tells since when a process is recorded, and until when it was. A
// process is not known that never was one, or that was freed.
func (p *Programs) TargetOf(of Process) (t Target, known bool) {
	err := p.maps["process"]["targets"].Lookup(of.key(), &t)
	return t, err == nil
}

// Filtered tells whether only targets are recorded.
func (p *Programs) Filtered() bool { return p.config.Filtered }

// Wanted tells whether the filter lets a process through.
func (p *Programs) Wanted(of Process) bool {
	if !p.config.Filtered {
		return true
	}
	t, _ := p.TargetOf(of)
	return t.Why != 0
}

// Joined tells whether a process came to those recorded while it lived.
func (p *Programs) Joined(of Process) bool {
	t, _ := p.TargetOf(of)
	return t.Joined != 0
}

// CPUs returns what each possible CPU is doing, by number; nil without the
// source cpu or sched.
func (p *Programs) CPUs() []CPUNow {
	if p.cpus == nil {
		return nil
	}
	all := make([]CPUNow, p.ncpu)
	for i := range all {
		all[i] = p.CPU(i)
	}
	return all
}

// How a copy is tried again: at full speed for copyTries, then once in
// copyPause, because the virtual CPU that is in the switch may not be running,
// and not longer than copyPatience.
const (
	copyTries    = 100
	copyPause    = 50 * time.Microsecond
	copyPatience = 10 * time.Second
)

// CPU copies one CPU's state; see struct cpu_now for when a copy is whole. Of a
// CPU that is in one switch for seconds the last try is returned.
func (p *Programs) CPU(i int) (c CPUNow) {
	var again CPUNow
	begun := time.Now()
	for try := 0; try < copyTries || time.Since(begun) < copyPatience; try++ {
		readAt(p.cpus, &c, i)
		readAt(p.cpus, &again, i)
		if c == again && c.Entered == c.Left {
			break
		}
		if try >= copyTries {
			time.Sleep(copyPause)
		}
	}
	return c
}

// Batch copies the batch that a CPU is filling. It reports false when the CPU
// handed it over meanwhile: then the ring has it.
func (p *Programs) Batch(cpu int, b *Batch) bool {
	var again Batch
	readAt(p.batches, b, cpu)
	readAt(p.batches, &again, cpu)
	return b.H.Seq == again.H.Seq && b.N <= again.N && b.N <= uint32(len(b.Slot))
}

// Turns copies the batch of turns that a CPU is filling, as Batch does.
func (p *Programs) Turns(cpu int, b *TurnBatch) bool {
	var again TurnBatch
	readAt(p.turnBatches, b, cpu)
	readAt(p.turnBatches, &again, cpu)
	return b.H.Seq == again.H.Seq && b.N <= again.N && b.N <= uint32(len(b.Row))
}

// TurnCPUs is the number of CPUs that may have a batch of turns.
func (p *Programs) TurnCPUs() int {
	if p.turnBatches == nil {
		return 0
	}
	return p.ncpu
}

// BatchCPUs is the number of CPUs that may have a batch.
func (p *Programs) BatchCPUs() int {
	if p.batches == nil || !p.Records("sched") && !p.Records("wakeups") {
		return 0
	}
	return p.ncpu
}

func readAt[T any](m *ebpf.Memory, to *T, i int) {
	size := int(unsafe.Sizeof(*to))
	// The index is in range by construction, so the copy cannot fall short.
	_, _ = m.ReadAt(Bytes(to), int64(i*size))
}

// Bytes is the memory of a record, shared with it. T must be one of this
// package's layouts.
func Bytes[T any](record *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(record)), unsafe.Sizeof(*record))
}

// AllBytes is the memory of records, one behind the other, shared with them. T
// must be one of this package's layouts.
func AllBytes[T any](records []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(records))), len(records)*int(unsafe.Sizeof(*new(T))))
}

// View is a record's bytes as one of this package's layouts, shared with them.
// The record must be as long as the layout.
func View[T any](record []byte) *T {
	_ = record[unsafe.Sizeof(*new(T))-1]
	return (*T)(unsafe.Pointer(unsafe.SliceData(record)))
}

// Sums visits the sums of every thread that left a CPU within the window, by
// tid, in no order.
func (p *Programs) Sums(visit func(tid uint32, s *Sum)) error {
	m := p.maps["sched"]["sums"]
	var (
		cursor ebpf.MapBatchCursor
		tids   = make([]uint32, 4096)
		sums   = make([]Sum, 4096)
	)
	for {
		n, err := m.BatchLookup(&cursor, tids, sums, nil)
		for i := range n {
			visit(tids[i], &sums[i])
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the sums: %w", err)
		}
	}
}

// Sum returns the sums of one thread; ok is false when there are none.
func (p *Programs) Sum(tid uint32) (s Sum, ok bool, err error) {
	m := p.maps["sched"]["sums"]
	for range copyTries { // a copy is not whole when the thread leaves a CPU meanwhile
		before := s
		err := m.Lookup(tid, &s)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return Sum{}, false, nil
		}
		if err != nil {
			return Sum{}, false, fmt.Errorf("read the sums of thread %d: %w", tid, err)
		}
		if s == before {
			break
		}
	}
	return s, true, nil
}

// Bury removes the sums of an ended thread that the ring had no room for.
func (p *Programs) Bury(tid uint32) error {
	err := p.maps["sched"]["sums"].Delete(tid)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("remove the sums of thread %d: %w", tid, err)
	}
	return nil
}

// Folds visits the turns that have no rows of their own, in no order.
func (p *Programs) Folds(visit func(*Fold) error) error {
	m := p.maps["tcp"]["folds"]
	if m == nil {
		return nil
	}
	var (
		key FoldKey
		f   Fold
	)
	all := m.Iterate()
	for all.Next(&key, &f) {
		if err := visit(&f); err != nil {
			return err
		}
	}
	if err := all.Err(); err != nil {
		return fmt.Errorf("read the folded turns: %w", err)
	}
	return nil
}

// RemoveFold removes the turns of a connection that closed when the ring had no
// room for them.
func (p *Programs) RemoveFold(k FoldKey) error {
	err := p.maps["tcp"]["folds"].Delete(k)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("remove folded turns: %w", err)
	}
	return nil
}

// Counters returns each possible CPU's counters since loading.
func (p *Programs) Counters() ([]Counters, error) {
	var all []Counters
	if err := p.maps["process"]["counters"].Lookup(uint32(0), &all); err != nil {
		return nil, fmt.Errorf("read the counters: %w", err)
	}
	return all, nil
}

// Busy returns how many events were missed, by number of the source, because a
// program was already running on the CPU, and no twin was there for them: since
// 6.19 a program at a tracepoint in a process's context can be preempted, and
// the kernel runs none twice. An event that a twin is about to handle counts
// until it has, so a figure may become smaller again.
func (p *Programs) Busy() ([]uint64, error) {
	n := make([]uint64, len(Counters{}.Seen))
	for _, a := range p.loaded {
		if a.twin {
			continue
		}
		st, err := a.program.Stats()
		if err != nil {
			return nil, fmt.Errorf("read a program's statistics: %w", err)
		}
		n[slices.Index(Sources(), a.source)+1] += st.RecursionMisses
	}
	if !slices.ContainsFunc(n, func(missed uint64) bool { return missed > 0 }) {
		return n, nil
	}
	cpus, err := p.Counters() // behind the misses, or what was saved since would be missing
	for i := range cpus {
		for source, saved := range cpus[i].Saved {
			n[source] -= min(n[source], saved)
		}
	}
	return n, err
}

// LossAt says where and why Counters.Lost[i] counts.
func LossAt(i int) (source, reason uint32) {
	return uint32(i / lossReasons), uint32(i % lossReasons)
}

// RunTime is how often a program ran and how long, both only while
// [MeasureRunTime] or the kernel.bpf_stats_enabled setting has it measured.
type RunTime struct {
	Name string
	Runs uint64
	Time time.Duration
}

// MeasureRunTime has the kernel measure the run time of all BPF programs until
// it is closed. It needs CAP_SYS_ADMIN.
func MeasureRunTime() (io.Closer, error) { return ebpf.EnableStats(unix.BPF_STATS_RUN_TIME) }

// RunTimes returns the run times of all programs that are attached, always in
// the same order.
func (p *Programs) RunTimes() ([]RunTime, error) {
	var all []RunTime
	for _, a := range p.loaded {
		st, err := a.program.Stats()
		if err != nil {
			return nil, fmt.Errorf("read a program's statistics: %w", err)
		}
		all = append(all, RunTime{a.name, st.RunCount, st.Runtime})
	}
	return all, nil
}
