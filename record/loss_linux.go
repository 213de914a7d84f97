// SPDX-License-Identifier: Apache-2.0

package record

import (
	"iter"
	"slices"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// losses turns the kernel's counters into loss rows: one per CPU, source and
// reason for each interval in which something was lost.
type losses struct {
	programs *bpf.Programs
	drain    *drain
	since    uint64
	last     []bpf.Counters
	lastBusy []uint64
	deducted []uint64 // of what the drain rescued, by CPU

	// Since the start:
	total   uint64 // lost
	seen    uint64 // seen by the programs
	shed    uint64 // of the lost, left out on purpose
	unseen  uint64 // of the lost, never handed to the programs
	leftOut uint64 // events of the recorder itself, neither seen nor lost
	wakeups uint64
}

// newLosses counts from when the window opens; missed is what was missed until
// then, and no loss.
func newLosses(p *bpf.Programs, d *drain, opens uint64, missed []uint64) *losses {
	return &losses{programs: p, drain: d, since: opens, lastBusy: missed}
}

// write adds what was lost since the last time.
func (l *losses) write(w *format.Writer, at uint64) error {
	now, err := l.programs.Counters()
	if err != nil {
		return err
	}
	if l.last == nil {
		l.last, l.deducted = make([]bpf.Counters, len(now)), make([]uint64, len(now))
	}
	for cpu := range now {
		if err := l.writeCPU(w, cpu, &now[cpu], at); err != nil {
			return err
		}
	}
	if err := l.writeBusy(w, at); err != nil {
		return err
	}
	l.last, l.since = now, at
	l.drain.told.forget()
	return nil
}

// unknownCPU stands for the CPU of a loss that is not counted by CPU.
const unknownCPU = 1<<16 - 1

// writeBusy adds what the kernel did not hand to a busy program. Nobody saw
// those events, so they count as seen, too: seen is written and lost.
func (l *losses) writeBusy(w *format.Writer, at uint64) error {
	now, err := l.busy()
	if err != nil {
		return err
	}
	for source, n := range now {
		lost := n - min(n, l.lastBusy[source])
		l.seen += lost
		l.lastBusy[source] += lost
		if err := l.add(w, unknownCPU, uint32(source), bpf.ProgramBusy, lost, at); err != nil {
			return err
		}
	}
	return nil
}

// How often events are looked at again that twins may be about to handle.
const (
	busyTries = 10
	busyPause = 5 * time.Millisecond
)

// busy is what was missed for good, by number of the source.
func (l *losses) busy() (now []uint64, err error) {
	for try := range busyTries {
		if now, err = l.programs.Busy(); err != nil {
			return nil, err
		}
		if !l.more(now) {
			break
		}
		if try > 0 {
			time.Sleep(busyPause)
		}
	}
	return now, nil
}

// more tells whether more was missed of any source than had been.
func (l *losses) more(now []uint64) bool {
	for source, n := range now {
		if n > l.lastBusy[source] {
			return true
		}
	}
	return false
}

// hid adds tasks that the kernel does not list: unseen, not lost on the way.
func (l *losses) hid(w *format.Writer, tasks, at uint64) error {
	l.unseen += tasks
	l.seen += tasks
	return l.add(w, unknownCPU, sourceRecording, bpf.Unseen, tasks, at)
}

// gaveUp adds events that had been taken and were given up, by kind. They happened
// after since.
func (l *losses) gaveUp(w *format.Writer, kinds []format.Kind, lost map[string]uint64, since, at uint64) error {
	last := l.since
	defer func() { l.since = last }()
	l.since = min(last, since)
	i := slices.IndexFunc(kinds, func(k format.Kind) bool { return k.ID == kindLoss })
	sources := kinds[i].Field("loss_source").Values
	bySource := make([]uint64, len(sources))
	for i := range kinds {
		if n := lost[kinds[i].Name]; n > 0 {
			bySource[slices.Index(sources, kinds[i].Source)] += n
		}
	}
	for source, n := range bySource {
		if err := l.add(w, unknownCPU, uint32(source), bpf.FileFull, n, at); err != nil {
			return err
		}
	}
	return nil
}

// leftUnseen adds that the last threads to come to CPUs may have left them unseen before
// the end of the recording. The programs tell of a leave when they see the next switch,
// which was later.
func (l *losses) leftUnseen(w *format.Writer, all []leftUnseen, at uint64) error {
	last := l.since
	defer func() { l.since = last }()
	source := uint32(sourceCPU)
	if l.programs.Records("sched") {
		source = sourceSched
	}
	for _, c := range all {
		l.since = c.since
		l.unseen++
		l.seen++
		if err := l.add(w, uint16(c.cpu), source, bpf.Unseen, 1, at); err != nil {
			return err
		}
	}
	return nil
}

// add writes one loss, if there is one.
func (l *losses) add(w *format.Writer, cpu uint16, source, reason uint32, lost, at uint64) error {
	if lost == 0 {
		return nil
	}
	l.total += lost
	if reason == bpf.Shed {
		l.shed += lost
	}
	row := bpf.Loss{
		H:     bpf.Header{Time: at, Kind: kindLoss, CPU: cpu},
		Since: l.since, Lost: lost, LossSource: source, LossReason: reason,
	}
	return l.drain.told.add(w, &row)
}

// finish adds the unseen switches that the ring had no room to tell of. Everything
// must have been taken, and written once more.
func (l *losses) finish(w *format.Writer, opens, at uint64) error {
	l.since = opens
	for cpu := range l.last {
		for source, rest := range l.untold(cpu) {
			l.total -= rest // counted when it was noticed
			if err := l.add(w, uint16(cpu), source, bpf.Unseen, rest, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// untold are how many switches went unseen on a CPU that no row of the ring tells of, by
// source.
func (l *losses) untold(cpu int) iter.Seq2[uint32, uint64] {
	return func(yield func(uint32, uint64) bool) {
		for i, n := range l.last[cpu].Lost {
			source, reason := bpf.LossAt(i)
			if reason != bpf.Unseen {
				continue
			}
			if rest := n - l.drain.unseen[[2]uint32{uint32(cpu), source}]; rest > 0 && !yield(source, rest) {
				return
			}
		}
	}
}

func (l *losses) writeCPU(w *format.Writer, cpu int, now *bpf.Counters, at uint64) error {
	for i, n := range now.Seen {
		l.seen += n - l.last[cpu].Seen[i]
	}
	l.leftOut += now.LeftOut - l.last[cpu].LeftOut
	l.wakeups += now.Wakeups - l.last[cpu].Wakeups
	for i, n := range now.Lost {
		source, reason := bpf.LossAt(i)
		lost := n - l.last[cpu].Lost[i]
		switch {
		case source == sourceSched && reason == ringFull:
			lost -= l.rescued(cpu, lost)
		case reason == bpf.Unseen: // the program makes the rows
			l.total += lost
			l.unseen += lost
			continue
		}
		if err := l.add(w, uint16(cpu), source, reason, lost, at); err != nil {
			return err
		}
	}
	return nil
}

// Numbers of enum source and enum loss_reason.
const (
	sourceRecording = 0
	sourceCPU       = 1
	sourceSched     = 2
	ringFull        = 0
)

// rescued is how many of the switches just counted as lost on a CPU were taken
// before their batch was.
func (l *losses) rescued(cpu int, lost uint64) uint64 {
	n := min(l.drain.rescued(cpu)-l.deducted[cpu], lost)
	l.deducted[cpu] += n
	return n
}
