// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// identity checks that rows are of threads that were introduced, and that
// nobody is born twice or acts after the end.
type identity struct {
	v      Verdict
	out    bool // some tasks are out of the recording
	known  map[uint32]*being
	early  map[uint32]stranger // who acted before being introduced
	met    int
	start  format.Col
	exited format.Col
}

// stranger is the first row of a thread that was not introduced. The tasks
// that are there at the start are listed while events come in already.
type stranger struct {
	kind string
	time int64
}

// being is who has a thread id now.
type being struct {
	start int64
	ended int64 // 0: lives
}

func newIdentity(c *format.Capture) *identity {
	return &identity{
		v:     Verdict{Check: "identities", Does: "every row is of a thread that was introduced and lives"},
		out:   c.Meta().Filter != "" || c.Meta().Window.From != 0 || c.Kind("fork") == nil,
		known: map[uint32]*being{}, early: map[uint32]stranger{}, start: c.Col("start"), exited: c.Col("exited"),
	}
}

var (
	births  = []string{"fork", "thread_start"}
	endings = []string{"exit", "thread_exit"}
)

func (d *identity) event(e replay.Event) {
	kind := e.Kind()
	tid := e.TID()
	if tid == 0 || kind.Field("tid") == nil {
		return
	}
	switch {
	case slices.Contains(births, kind.Name):
		d.born(e, tid)
	case kind.Name == "task" || kind.Name == "exec":
		d.meet(tid, e.Int(d.start))
	case slices.Contains(endings, kind.Name):
		d.end(e, tid)
	default:
		d.act(e, tid)
	}
}

func (d *identity) meet(tid uint32, start int64) *being {
	b := d.known[tid]
	if b == nil || b.start != start {
		d.met++
		b = &being{start: start}
		d.known[tid] = b
		if s, ok := d.early[tid]; ok && start <= s.time {
			delete(d.early, tid)
		}
	}
	return b
}

func (d *identity) born(e replay.Event, tid uint32) {
	start := e.Int(d.start)
	if b := d.known[tid]; b != nil && b.start == start && e.Kind().Name == "fork" {
		d.v.find("%s at %s: thread %d with that start is there already", e.Kind().Name, at(e.Time()), tid)
	}
	d.meet(tid, start)
}

func (d *identity) end(e replay.Event, tid uint32) {
	b := d.known[tid]
	if b == nil || b.start != e.Int(d.start) {
		if !d.out {
			d.v.find("%s at %s: thread %d was not introduced", e.Kind().Name, at(e.Time()), tid)
		}
		b = d.meet(tid, e.Int(d.start))
	}
	b.ended = e.Time()
}

// act is a row that only has a thread's id. A thread still switches away and
// has its sums read after its end was seen, and a connection outlives its owner.
func (d *identity) act(e replay.Event, tid uint32) {
	b := d.known[tid]
	kind := e.Kind().Name
	if b == nil {
		if _, ok := d.early[tid]; !ok {
			d.early[tid] = stranger{kind, e.Time()}
		}
		return
	}
	late := kind == "sched_switch" || kind == "task_sum" || e.Kind().Field("conn") != nil
	if b.ended != 0 && !late && e.Time() > b.ended {
		d.v.find("%s at %s: thread %d ended at %s", kind, at(e.Time()), tid, at(b.ended))
	}
}

func (d *identity) verdict() Verdict {
	d.v.Says = fmt.Sprintf("%d threads", d.met)
	if d.out {
		d.v.Says += "; not all tasks are in the recording"
		return d.v
	}
	for _, tid := range slices.Sorted(maps.Keys(d.early)) {
		d.v.find("%s at %s: thread %d was not introduced", d.early[tid].kind, at(d.early[tid].time), tid)
	}
	return d.v
}
