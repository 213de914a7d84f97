// SPDX-License-Identifier: Apache-2.0

package record

import (
	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// losses turns the kernel's counters into loss rows: one per CPU, source and
// reason for each interval in which something was lost.
type losses struct {
	programs *bpf.Programs
	since    uint64
	last     []bpf.Counters

	total uint64 // lost since the start
	seen  uint64 // seen by the programs since the start
}

func newLosses(p *bpf.Programs, opens uint64) *losses { return &losses{programs: p, since: opens} }

// write adds what was lost since the last time.
func (l *losses) write(w *format.Writer, at uint64) error {
	now, err := l.programs.Counters()
	if err != nil {
		return err
	}
	if l.last == nil {
		l.last = make([]bpf.Counters, len(now))
	}
	for cpu := range now {
		if err := l.writeCPU(w, cpu, &now[cpu], at); err != nil {
			return err
		}
	}
	l.last, l.since = now, at
	return nil
}

func (l *losses) writeCPU(w *format.Writer, cpu int, now *bpf.Counters, at uint64) error {
	for i, n := range now.Seen {
		l.seen += n - l.last[cpu].Seen[i]
	}
	for i, n := range now.Lost {
		lost := n - l.last[cpu].Lost[i]
		if lost == 0 {
			continue
		}
		l.total += lost
		row := bpf.Loss{H: bpf.Header{Time: at, Kind: kindLoss, CPU: uint16(cpu)}, Since: l.since, Lost: lost}
		row.LossSource, row.LossReason = bpf.LossAt(i)
		if err := w.Add(bpf.Bytes(&row)); err != nil {
			return err
		}
	}
	return nil
}
