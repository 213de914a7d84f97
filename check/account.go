// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// account checks that what was seen is written or lost.
type account struct {
	v      Verdict
	whole  bool // not a slice, not repaired: the file has all rows
	lost   uint64
	events uint64 // rows that the kernel programs sent
	ends   uint64 // last sums of threads, some of which the programs sent

	summaries                               int
	saysSeen, saysWritten, saysLost         uint64
	count, seen, written, reason, exited    format.Col
	lossSource, lossReason, since, reorders format.Col
	reordered                               uint64
}

func newAccount(c *format.Capture) *account {
	m := c.Meta()
	return &account{
		v:     Verdict{Check: "account", Does: "events seen = written + lost, and the file has those written"},
		whole: c.Cut() == nil && m.Window == (format.Window{}) && m.Repair == nil,
		count: c.Col("lost"), seen: c.Col("seen"), written: c.Col("written"), reason: c.Col("reason"), exited: c.Col("exited"),
		lossSource: c.Col("loss_source"), lossReason: c.Col("loss_reason"), since: c.Col("since"), reorders: c.Col("reordered"),
	}
}

// read are the kinds of rows that the recorder made itself.
var read = []string{"metadata", "task_sum", "cpu_sum", "tcp_socket", "loss", "summary"}

func (a *account) event(e replay.Event) {
	switch kind := e.Kind().Name; {
	case kind == "loss":
		a.lost += e.Uint(a.count)
	case kind == "summary":
		a.summaries++
		a.saysSeen, a.saysWritten, a.saysLost = e.Uint(a.seen), e.Uint(a.written), e.Uint(a.count)
		a.reordered = e.Uint(a.reorders)
	case kind == "task_sum":
		a.ends += e.Uint(a.exited)
	case kind == "task" && e.Str(a.reason) == "snapshot" || slices.Contains(read, kind):
	default:
		a.events++
	}
}

func (a *account) verdict() Verdict {
	v := &a.v
	if a.summaries == 0 {
		v.Says = fmt.Sprintf("%d events; no summary says how many there should be", a.events)
		return *v
	}
	v.Says = fmt.Sprintf("%d seen, %d written, %d lost, %d reordered", a.saysSeen, a.saysWritten, a.saysLost, a.reordered)
	if a.summaries > 1 {
		v.find("%d summaries", a.summaries)
	}
	if a.saysSeen != a.saysWritten+a.saysLost {
		v.find("%d events seen, but %d written and %d lost", a.saysSeen, a.saysWritten, a.saysLost)
	}
	if !a.whole {
		return *v
	}
	if a.lost != a.saysLost {
		v.find("the loss rows tell of %d events, the summary of %d", a.lost, a.saysLost)
	}
	// The last sums of a thread may come from a program or from reading.
	if a.saysWritten < a.events || a.saysWritten > a.events+a.ends {
		v.find("%d events written, but the file has %d, and %d last sums of threads", a.saysWritten, a.events, a.ends)
	}
	return *v
}
