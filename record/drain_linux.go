// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// Kind numbers of the rows that the recorder handles itself (ebrec.h).
const (
	kindSwitch     = 1
	kindTaskSum    = 8
	kindCPUSum     = 9
	kindResponse   = 12
	kindLoss       = 16
	kindSummary    = 17
	kindExecArgs   = 18
	kindCgroupPath = 19
	kindClock      = 20
	kindProgram    = 21
	kindCPUOnline  = 22
	kindWaking     = 23
	kindCPUStat    = 24
	kindSuspended  = 25
	kindFold       = 31
)

// drain moves records from the ring and the CPUs' batches to the writer.
type drain struct {
	programs *bpf.Programs
	writer   *format.Writer
	sums     *accounts
	folds    *folds
	kinds    []format.Kind
	ring     *ringbuf.Reader
	rec      ringbuf.Record
	taken    []taken        // of batches of switches, by CPU
	turns    []taken        // of batches of turns, by CPU
	sizes    map[uint16]int // of a row, by kind
	batch    bpf.Batch
	turn     bpf.TurnBatch
	switches [len(bpf.Batch{}.Slot)]bpf.SchedSwitch // of the batch in work
	wakings  [len(bpf.Batch{}.Slot)]bpf.SchedWaking

	complete uint64 // boot time up to which everything has been taken
	events   uint64 // events handed to the writer
	drains   uint64 // calls of poll
	// unfinished are switches that were seen, in batches that never were full.
	unfinished uint64

	told   toldLosses
	unseen map[[2]uint32]uint64 // switches that rows of the programs tell of, by CPU and source

	watches map[uint16][]watch // by kind
	waits   []watch            // for switches
	saw     func(t *Trigger, at uint64)
}

// taken is how much of a CPU's unfinished batches was read ahead of the ring:
// of the one looked at last, and of the one before, which may still be in it.
type taken struct {
	seq, n         uint32
	oldSeq, oldLen uint32
	next           uint32 // batches below it have come through the ring, or never will
	rescued        uint64 // switches taken of batches that the ring had no room for
}

// past notes that a batch came, or that none before it will come any more: of
// those that did not, switches may have been taken ahead.
func (t *taken) past(seq uint32) {
	if t.oldLen > 0 && t.oldSeq >= t.next && t.oldSeq < seq {
		t.rescued += uint64(t.oldLen)
	}
	if t.n > 0 && t.seq >= t.next && t.seq < seq {
		t.rescued += uint64(t.n)
	}
	t.next = max(t.next, seq)
}

// rescued counts, by CPU, switches that the programs count as lost, although
// they were taken before their batch found no room.
func (d *drain) rescued(cpu int) uint64 {
	if cpu >= len(d.taken) {
		return 0
	}
	return d.taken[cpu].rescued
}

// finish is called when nothing is recorded any more and everything was taken.
// It counts the switches in batches that are not full: the programs count those
// of the others when they hand them over.
func (d *drain) finish() error {
	for cpu := range d.taken {
		if d.programs.Batch(cpu, &d.batch) {
			d.taken[cpu].past(d.batch.H.Seq)
			d.unfinished += uint64(d.batch.N)
		}
	}
	return d.ring.Close()
}

func newDrain(p *bpf.Programs, w *format.Writer, kinds []format.Kind, sums *accounts, folds *folds) (*drain, error) {
	r, err := ringbuf.NewReader(p.Ring())
	if err != nil {
		return nil, fmt.Errorf("open the ring: %w", err)
	}
	return &drain{
		programs: p, writer: w, kinds: kinds, sums: sums, folds: folds, ring: r,
		taken: make([]taken, p.BatchCPUs()), turns: make([]taken, p.TurnCPUs()), sizes: sizesOf(kinds),
		unseen: map[[2]uint32]uint64{},
	}, nil
}

// sizesOf are the bytes of a row, by kind.
func sizesOf(kinds []format.Kind) map[uint16]int {
	sizes := make(map[uint16]int, len(kinds))
	for _, k := range kinds {
		sizes[k.ID] = k.Size
	}
	return sizes
}

// wake ends a wait in poll. It may be called from any goroutine.
func (d *drain) wake() { _ = d.ring.Flush() } // fails only once the ring is closed

// poll waits until much is pending, or for at most wait, and takes everything.
func (d *drain) poll(wait time.Duration) error {
	d.ring.SetDeadline(time.Now().Add(wait))
	all := int(d.programs.Ring().MaxEntries())
	if err := d.takeRing(all / 4); err != nil {
		return err
	}
	at := bpf.Now()
	d.drains++
	if err := d.takeBatches(); err != nil {
		return err
	}
	// What was sent until then is in the ring, so it is no more than that holds.
	d.ring.SetDeadline(time.Now())
	err := d.takeRing(all)
	d.complete = at
	return err
}

// rest takes what is there when the window has closed. A record whose program
// was interrupted holds up those behind it: they are waited for, but not for
// ever.
func (d *drain) rest() error {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		err := d.poll(0)
		if err != nil || d.ring.AvailableBytes() == 0 || time.Since(begun) > restPatience {
			return err
		}
	}
}

// restPatience is how long the end of a recording waits for programs that were
// interrupted.
const restPatience = time.Second

// ringHeader is what the kernel puts before each record, bytes.
const ringHeader = 8

// takeRing takes what comes until the deadline, and stops when it has taken so
// many bytes: where more comes than can be written, rows must not pile up.
func (d *drain) takeRing(most int) error {
	for taken := 0; taken < most; taken += len(d.rec.RawSample) + ringHeader {
		err := d.ring.ReadInto(&d.rec)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ringbuf.ErrFlushed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the ring: %w", err)
		}
		if err := d.take(d.rec.RawSample); err != nil {
			return err
		}
		if d.rec.Remaining == 0 && d.writer.Pending() >= flushRows {
			return nil
		}
	}
	return nil
}

// take handles one ring record.
func (d *drain) take(rec []byte) error {
	h := bpf.View[bpf.Header](rec)
	switch {
	case h.Kind == kindSwitch && len(rec) == int(unsafe.Sizeof(bpf.Batch{})):
		return d.finishBatch(bpf.View[bpf.Batch](rec))
	case h.Kind == kindResponse && len(rec) == int(unsafe.Sizeof(bpf.TurnBatch{})):
		b := bpf.View[bpf.TurnBatch](rec)
		return d.addTurns(b, d.turns[b.H.CPU].finished(b.H.Seq, b.N))
	case h.Kind == kindFold:
		return d.folds.close(bpf.View[bpf.Fold](rec))
	case h.Kind == kindLoss:
		return d.addUnseen(rec)
	case h.Kind == kindTaskSum && bpf.View[bpf.TaskSum](rec).Exited == 0:
		d.sums.moved(bpf.View[bpf.TaskSum](rec))
		return d.writer.AddReading(rec)
	case h.Kind == kindTaskSum:
		d.sums.ended(bpf.View[bpf.TaskSum](rec))
	case h.Kind == kindCPUOnline:
		d.sums.wentOnline(bpf.View[bpf.CPUOnline](rec))
	case h.Kind == kindExecArgs:
		quoteArgs(bpf.View[bpf.ExecArgs](rec))
	case h.Kind == kindCgroupPath:
		rec = bpf.Bytes(cgroupOf(rec))
	}
	d.look(h, rec)
	d.events++
	return d.writer.Add(rec)
}

// addUnseen adds a row that tells of unseen switches: no event, but a loss.
func (d *drain) addUnseen(rec []byte) error {
	loss := bpf.View[bpf.Loss](rec)
	d.unseen[[2]uint32{uint32(loss.H.CPU), loss.LossSource}] += loss.Lost
	d.sums.slices.leftUnseen(loss)
	d.sums.unseen.add(loss.Since, loss.H.Time)
	return d.told.add(d.writer, loss)
}

// finished notes that the ring brought a batch of n, and returns from which one
// on it was not taken ahead.
func (t *taken) finished(seq, n uint32) (from uint32) {
	t.past(seq)
	t.next = seq + 1
	switch seq {
	case t.seq:
		from, t.n = t.n, n
	case t.oldSeq:
		from = t.oldLen
	}
	return from
}

// ahead notes that a batch was taken that has n so far, and returns from which
// one on they are new.
func (t *taken) ahead(seq, n uint32) (from uint32) {
	if seq != t.seq {
		t.past(min(t.seq, t.oldSeq+1)) // the older one is forgotten: it has come, or is lost
		t.oldSeq, t.oldLen = t.seq, t.n
		t.seq, t.n = seq, 0
	}
	from, t.n = t.n, n
	return from
}

// finishBatch adds what was not taken ahead of a batch that the ring brings.
func (d *drain) finishBatch(b *bpf.Batch) error {
	return d.addSlots(b, d.taken[b.H.CPU].finished(b.H.Seq, b.N))
}

// takeBatches takes what there is of unfinished batches: a CPU that went idle
// keeps its last switches in one.
func (d *drain) takeBatches() error {
	for cpu := range d.taken {
		if !d.programs.Batch(cpu, &d.batch) {
			continue
		}
		if err := d.ahead(cpu, &d.batch); err != nil {
			return err
		}
	}
	for cpu := range d.turns {
		if !d.programs.Turns(cpu, &d.turn) {
			continue
		}
		if err := d.addTurns(&d.turn, d.turns[cpu].ahead(d.turn.H.Seq, d.turn.N)); err != nil {
			return err
		}
	}
	return nil
}

// ahead adds what is new in a batch that a CPU is still filling.
func (d *drain) ahead(cpu int, b *bpf.Batch) error {
	return d.addSlots(b, d.taken[cpu].ahead(b.H.Seq, b.N))
}

// addTurns adds the rows of a batch of turns from one on.
func (d *drain) addTurns(b *bpf.TurnBatch, from uint32) error {
	for i := from; i < min(b.N, uint32(len(b.Row))); i++ {
		row := bpf.Bytes(&b.Row[i])
		h := bpf.View[bpf.Header](row)
		size := d.sizes[h.Kind]
		d.look(h, row)
		d.events++
		if err := d.writer.Add(row[:size]); err != nil {
			return err
		}
	}
	return nil
}

// Flags of a slot (ebrec.h).
const (
	slotPreempted = 0x8000
	slotWaking    = 0x4000
	slotFrozen    = 0x2000
)

// The kernel's state bits in the order of enum task_state, R being none.
const (
	stateBits   = 0x7f  // S D T t X Z P
	stateNoLoad = 0x400 // with D: idle (I)
	stateIdle   = 8
	stateFrozen = 9
)

// addSlots adds the switches and wakeups of a batch from one on.
func (d *drain) addSlots(b *bpf.Batch, from uint32) error {
	slots := b.Slot[min(int(from), len(b.Slot)):min(int(b.N), len(b.Slot))]
	h := b.H
	h.Seq = 0
	switches, wakings := 0, 0
	for i := range slots {
		s := &slots[i]
		h.TID, h.Time = s.PrevTID, b.H.Time+uint64(s.AfterNS)
		if s.State&slotWaking != 0 {
			h.Kind = kindWaking
			d.wakings[wakings] = bpf.SchedWaking{H: h, WokenTID: s.NextTID}
			wakings++
			continue
		}
		h.Kind = kindSwitch
		d.switches[switches] = bpf.SchedSwitch{
			H: h, NextTID: s.NextTID, DelayNS: s.DelayNS,
			PrevState: taskState(s.State), Preempted: uint8(s.State / slotPreempted),
			PrevPrio: s.PrevPrio, NextPrio: s.NextPrio,
		}
		switches++
	}
	d.events += uint64(len(slots))
	d.lookForWaits(d.switches[:switches])
	if err := d.writer.AddAll(bpf.AllBytes(d.switches[:switches])); err != nil {
		return err
	}
	return d.writer.AddAll(bpf.AllBytes(d.wakings[:wakings]))
}

func (d *drain) lookForWaits(rows []bpf.SchedSwitch) {
	for i := range d.waits {
		for j := range rows {
			if d.waits[i].trigger.holds(uint64(rows[j].DelayNS)) {
				d.saw(d.waits[i].trigger, rows[j].H.Time)
			}
		}
	}
}

// taskState numbers a state as the tracepoint's print format letters it: the
// highest of the reported bits, and I for the uninterruptible sleep that does
// not count as load. Threads that are frozen have a state of their own.
func taskState(bitsSet uint16) uint32 {
	if bitsSet&slotFrozen != 0 {
		return stateFrozen
	}
	if bitsSet&stateNoLoad != 0 {
		return stateIdle
	}
	if bitsSet&0x80 != 0 { // TASK_DEAD: prints as X
		return 5
	}
	return uint32(bits.Len16(bitsSet & stateBits))
}

// addAll adds an iterator's records, which are all of one kind.
func (d *drain) addAll(data []byte, kind string) error {
	i := slices.IndexFunc(d.kinds, func(k format.Kind) bool { return k.Name == kind })
	if i < 0 {
		return nil // the recording does not have the kind, so data is empty
	}
	for rec := range slices.Chunk(data, d.kinds[i].Size) {
		if err := d.writer.AddReading(rec); err != nil {
			return err
		}
	}
	return nil
}
