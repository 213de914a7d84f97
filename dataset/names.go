// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"iter"
	"math"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// names knows who had which thread id when. Batches overlap in time, so it keeps
// for each id whom a row that is still to come may mean: memory is for the ids
// that there are, and for who came within the batches that overlap.
type names struct {
	byTID replay.ByNumber[holder]
	next  func() (replay.Event, error, bool)
	stop  func()
	ahead replay.Event // not yet taken
	more  bool
	floor int64  // no row that is to come is earlier
	links int    // holders that came since floor moved
	path  string // of the capture; empty where another program chose what batches have
	idle  holder // stands for the idle tasks

	pid, tid, start, comm format.Col
}

// A holder had a thread id from a time on, under a name.
type holder struct {
	from   int64 // Unix ns; of who was there at the beginning the earliest there is
	start  int64
	pid    uint32
	comm   string
	before *holder
	codes  [namings]coded // by naming
}

// coded is the number of a name in a row group, the one that it was looked up in.
type coded struct{ group, code int32 }

// newNames begins before the first row. Stop it when done.
func newNames(c *format.Capture) (*names, error) {
	n := &names{pid: c.Col(format.ColumnPID), tid: c.Col(format.ColumnTID), start: c.Col("start"), comm: c.Col(columnComm), floor: math.MinInt64, idle: holder{comm: "idle"}}
	if c.Sealed() {
		n.path = c.Path()
	}
	tasks := replay.NewTasks(c)
	if err := tasks.Preload(c); err != nil {
		return nil, err
	}
	tasks.All(func(t replay.Task) {
		n.byTID.Set(t.TID, &holder{from: math.MinInt64, start: t.Start, pid: t.PID, comm: t.Comm})
	})
	s := replay.Select{Kinds: tasks.Kinds(), Columns: tasks.Columns()}
	if s.Kinds == nil { // which would be all
		n.next, n.stop = func() (e replay.Event, err error, ok bool) { return }, func() {}
		return n, nil
	}
	n.next, n.stop = iter.Pull2(replay.New(c).Events(s))
	var err error
	n.ahead, err, n.more = n.next()
	return n, err
}

// mostLinks is how many tasks may come and go within batches that overlap; a
// recorder writes those of five seconds.
const mostLinks = 1 << 21

// advance learns who came up to a time. Rows that come later are not earlier than
// floor.
func (n *names) advance(to, floor int64) (err error) {
	for n.more && n.ahead.Time() <= to {
		if n.links++; n.links > mostLinks && n.path != "" {
			return &replay.OrderError{Path: n.path}
		}
		n.take(n.ahead)
		if n.ahead, err, n.more = n.next(); err != nil {
			return err
		}
	}
	if floor > n.floor {
		n.floor, n.links = floor, 0
	}
	return nil
}

func (n *names) take(e replay.Event) {
	h := &holder{from: e.Time(), start: e.Int(n.start), pid: uint32(e.Uint(n.pid)), comm: e.Str(n.comm)}
	tid := uint32(e.Uint(n.tid))
	if last := n.byTID.Get(tid); last != nil {
		if last.from <= n.floor {
			last.before = nil // nobody will ask
		}
		h.before = last
	}
	n.byTID.Set(tid, h)
}

// find is who had a thread id at a time, nil for nobody.
func (n *names) find(tid uint32, at int64) *holder {
	h := n.byTID.Get(tid)
	for h != nil && h.from > at {
		h = h.before
	}
	return h
}
