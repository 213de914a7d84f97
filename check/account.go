// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// account checks that what was seen is written or lost, and that the file has
// exactly what was written.
type account struct {
	v      Verdict
	r      *recording
	events uint64 // rows that the kernel programs sent
	ends   uint64 // last sums of threads, which the programs send, or leave to reading when the ring is full

	summaries             int
	saysSeen, saysWritten uint64
	saysLost              uint64
	saysSince             int64

	count, seen, written, reordered, since, reason, exited, cgroup format.Col
}

func newAccount(r *recording) *account {
	return &account{
		v: Verdict{Check: "account", Does: "events seen = written + lost, and the file has those written"}, r: r,
		count: r.Col("lost"), seen: r.Col("seen"), written: r.Col("written"), reordered: r.Col("reordered"), since: r.Col("since"),
		reason: r.Col("reason"), exited: r.Col("exited"), cgroup: r.Col("cgroup_reason"),
	}
}

// notEvents are the kinds of rows that the recorder makes itself. Its own, too,
// are the tasks of the snapshot and the sums of threads that live.
var notEvents = []string{"metadata", "cpu_sum", "tcp_socket", "loss", "clock", "program", "cpu_stat", "suspended", "tcp_fold"}

// listed are the reasons of task rows that come from listing the tasks there are.
var listed = []string{"snapshot", "exiting", "present"}

func (a *account) event(e replay.Event, kind string) {
	switch {
	case kind == "summary":
		a.summary(e)
	case kind == "task_sum":
		a.ends += e.Uint(a.exited)
	case kind == "task" && slices.Contains(listed, e.Str(a.reason)):
	case kind == "cpu_online" && a.r.Meta().Before12(): // the recorder found it
	case kind == "cgroup_path" && e.Str(a.cgroup) == "used" || slices.Contains(notEvents, kind):
	default:
		a.events++
	}
}

func (a *account) summary(e replay.Event) {
	a.summaries++
	a.saysSeen, a.saysWritten, a.saysLost = e.Uint(a.seen), e.Uint(a.written), e.Uint(a.count)
	a.r.reordered, a.saysSince = e.Uint(a.reordered), e.Int(a.since)
}

func (a *account) verdict() Verdict {
	v := &a.v
	if a.summaries == 0 {
		a.unfinished()
		return *v
	}
	v.says("%d seen, %d written, %d lost, %d reordered", a.saysSeen, a.saysWritten, a.saysLost, a.r.reordered)
	if a.r.lost.total > 0 {
		v.says("lost were %v", a.r.lost)
	}
	if a.summaries > 1 {
		v.find("%d summaries", a.summaries)
	}
	if begin := a.r.Meta().Start.UnixNano(); a.saysSince != begin {
		v.find("the summary is of what happened since %s, but the recording began at %s", at(a.saysSince), at(begin))
	}
	// A file that others follow ends while events are under way.
	if a.r.Meta().Window.From == 0 && a.saysSeen != a.saysWritten+a.saysLost {
		v.find("%d events seen, but %d written and %d lost", a.saysSeen, a.saysWritten, a.saysLost)
	}
	if a.r.whole() {
		a.balance()
	}
	return *v
}

// unfinished is for a capture without a summary, which is the last row of each
// that was not cut short.
func (a *account) unfinished() {
	a.v.says("%d events; no summary says how many there should be", a.events)
	if a.r.Kind("summary") != nil && a.r.Cut() == nil && len(a.r.damage) == 0 && !a.r.stopped {
		a.v.find("it ends as a whole capture does, but without a summary")
	}
}

// balance holds the rows of the file against what the summary says.
//
// The last sums of a thread are an event: the kernel program sends them. When
// the ring is full it counts one event of source cpu as lost and leaves the
// sums to be read, which makes a row that is none. Unless it never comes to
// that: another thread took the number (stale_entry), or the disk was full.
func (a *account) balance() {
	if a.r.lost.total != a.saysLost {
		a.v.find("the loss rows tell of %d events, the summary of %d", a.r.lost.total, a.saysLost)
	}
	by := a.r.lost.by
	read := by[cause{"cpu", "ring_full"}] - min(by[cause{"cpu", "ring_full"}], by[cause{"cpu", "stale_entry"}])
	least, most := a.events+a.ends-min(a.ends, read), a.events+a.ends
	if by[cause{"cpu", "file_full"}] == 0 {
		most = least
	}
	if a.saysWritten < least || a.saysWritten > most {
		a.v.find("%d events written, but the file has %d", a.saysWritten, least)
	}
}
