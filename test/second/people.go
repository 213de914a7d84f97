// SPDX-License-Identifier: Apache-2.0

package second

import "slices"

// identity is a thread: its number comes back, with its start it does not.
type identity struct {
	tid   uint32
	start int64
}

// saying is what a row says of a thread.
type saying struct {
	at     int64
	kind   string
	reason string
	pid    uint32
	ppid   uint32
	comm   string
	cgroup uint64
	kernel bool
}

// listed tells whether a thread was there when the recording began.
func (s *saying) listed() bool { return s.reason == "snapshot" || s.reason == "exiting" }

// people are what rows say of who, in order.
type people map[identity][]saying

// tells are the kinds of rows that say who a thread is.
var tells = []string{"task", "fork", "exec", "exit", "thread_start", "thread_exit"}

func meet(all []event) people {
	p := people{}
	for i := range all {
		e := &all[i]
		if !slices.Contains(tells, e.kind) {
			continue
		}
		id := identity{e.id("tid"), e.i("start")}
		p[id] = append(p[id], saying{e.at, e.kind, e.s("reason"), e.id("pid"), e.id("ppid"), e.s("comm"), e.n("cgroup_id"), e.n("kernel_thread") != 0})
	}
	return p
}

// named is when a row names a thread that has a number.
type named struct {
	at     int64
	id     identity
	listed bool // as there when the recording began
}

// numbers are who is named by each number, in order.
type numbers map[uint32][]named

func (p people) numbers() numbers {
	n := numbers{}
	for id, all := range p {
		for _, s := range all {
			n[id.tid] = append(n[id.tid], named{s.at, id, s.listed()})
		}
	}
	for _, all := range n {
		slices.SortFunc(all, func(a, b named) int { return int(a.at - b.at) })
	}
	return n
}

// who has a number at an instant: whom the last row until then names. Who was
// there when the recording began is listed in its first moments.
func (r *recording) who(tid uint32, at int64) (found identity, ok bool) {
	for _, n := range r.numbers[tid] {
		if n.at <= at {
			found, ok = n.id, true
		}
	}
	if ok {
		return found, true
	}
	for _, n := range r.numbers[tid] {
		if n.listed {
			return n.id, true
		}
	}
	return identity{}, false
}

// at is what is known of a thread at an instant, or first.
func (p people) at(id identity, at int64) saying {
	all := p[id]
	now := all[0]
	for _, s := range all {
		if s.at <= at {
			now = s
		}
	}
	return now
}

// leader is the first thread of the process that a thread is of.
func (r *recording) leader(id identity, at int64) (identity, bool) {
	return r.who(r.people.at(id, at).pid, at)
}
