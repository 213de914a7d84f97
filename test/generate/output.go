// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// output turns what happens into rows, as the recorder does.
type output struct {
	writer   *format.Writer
	kinds    map[string]*format.Kind
	change   row
	sum      row
	cpu      row
	answer   row
	switches int
	events   uint64
}

// sources are those whose events a generated capture has.
var sources = []string{"cpu", "process", "sched", "tcp"}

func newOutput(w io.Writer, p plan) (*output, error) {
	all, err := bpf.Kinds()
	if err != nil {
		return nil, err
	}
	o := &output{kinds: map[string]*format.Kind{}}
	var kinds []format.Kind
	for i := range all {
		if k := &all[i]; k.Source == "recording" || slices.Contains(sources, k.Source) {
			kinds = append(kinds, *k)
			o.kinds[k.Name] = k
		}
	}
	o.change = newRow(o.kinds["sched_switch"], "cpu", "tid", "next_tid", "delay_ns", "prev_state", "prev_prio", "next_prio", "preempted")
	o.sum = newRow(o.kinds["task_sum"], "pid", "tid", "start", "cpu_time_ns", "on_cpu_ns", "run_queue_ns", "voluntary", "involuntary", "migrations", "exited")
	o.cpu = newRow(o.kinds["cpu_sum"], "cpu", "idle_ns", "switches")
	o.answer = newRow(o.kinds["tcp_response"], "cpu", "pid", "tid", "conn", "response_ns")
	o.writer, err = format.NewWriter(w, metadata(p), kinds, format.WriterOptions{Background: true})
	return o, err
}

func metadata(p plan) *format.Metadata {
	const booted = int64(1_700_000_000)
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.host)) // it never fails
	boot := h.Sum64()
	if p.host == "" {
		boot = 0
	}
	return &format.Metadata{
		Ebrec: "generated", Host: cmp.Or(p.host, "generated"), Kernel: "6.12.0", Arch: "x86_64", CPUs: p.cpus, BootID: fmt.Sprintf("%08x-%04x-%04x-0000-000000000000", boot>>32, boot>>16&0xffff, boot&0xffff),
		Start: time.Unix(booted, int64(begin)).UTC(), BootOffset: booted * int64(time.Second), Sources: sources,
	}
}

// row is a raw record that is filled in again and again.
type row struct {
	raw    []byte
	time   *format.Field
	fields []*format.Field
}

func newRow(k *format.Kind, names ...string) row {
	r := row{raw: make([]byte, k.Size), time: k.Field(format.ColumnTime)}
	k.Field(format.ColumnKind).PutUint(r.raw, uint64(k.ID))
	for _, name := range names {
		r.fields = append(r.fields, k.Field(name))
	}
	return r
}

func (r *row) fill(t uint64, values ...uint64) []byte {
	r.time.PutUint(r.raw, t)
	for i, v := range values {
		r.fields[i].PutUint(r.raw, v)
	}
	return r.raw
}

// add writes an event.
func (o *output) add(record []byte) error {
	o.events++
	return o.writer.Add(record)
}

// hop is a context switch.
func (o *output) hop(c *cpu, next *task, now uint64, s state) error {
	o.switches++
	tid, delay, prio := uint64(0), uint64(0), uint64(120)
	if t := c.task; t != nil {
		tid, delay = uint64(t.tid), min(t.delay, math.MaxUint32)
	}
	nextTID := uint64(0)
	if next != nil {
		nextTID = uint64(next.tid)
	}
	ousted := uint64(0)
	if c.task != nil && s == runnable {
		ousted = 1
	}
	return o.add(o.change.fill(now, uint64(c.index), tid, nextTID, delay, uint64(s), prio, prio, ousted))
}

// changed writes the sums of a task that ran since it was called last.
func (o *output) changed(t *task, now uint64) error {
	if !t.ran {
		return nil
	}
	t.ran = false
	return o.writer.AddReading(o.taskSum(t, now, 0))
}

// last writes the sums of a task that ends, which are an event.
func (o *output) last(t *task, now uint64) error { return o.add(o.taskSum(t, now, 1)) }

func (o *output) taskSum(t *task, now, exited uint64) []byte {
	return o.sum.fill(now, uint64(t.pid), uint64(t.tid), t.start, t.onCPU, t.onCPU, t.waited, t.voluntary, t.involuntary, t.migrations, exited)
}

func (o *output) cpuSum(c *cpu, now uint64) error {
	return o.writer.AddReading(o.cpu.fill(now, uint64(c.index), c.idle, c.switches))
}
