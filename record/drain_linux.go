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
	kindLoss       = 16
	kindSummary    = 17
	kindExecArgs   = 18
	kindCgroupPath = 19
	kindClock      = 20
	kindProgram    = 21
	kindCPUOnline  = 22
)

// drain moves records from the ring and the CPUs' batches to the writer.
type drain struct {
	programs *bpf.Programs
	writer   *format.Writer
	sums     *accounts
	kinds    []format.Kind
	ring     *ringbuf.Reader
	rec      ringbuf.Record
	taken    []taken // by CPU
	batch    bpf.Batch

	complete uint64 // boot time up to which everything has been taken
	events   uint64 // events handed to the writer
	drains   uint64 // calls of poll
	// unfinished are switches that were seen, in batches that never were full.
	unfinished uint64

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

func newDrain(p *bpf.Programs, w *format.Writer, kinds []format.Kind, sums *accounts) (*drain, error) {
	r, err := ringbuf.NewReader(p.Ring())
	if err != nil {
		return nil, fmt.Errorf("open the ring: %w", err)
	}
	return &drain{programs: p, writer: w, kinds: kinds, sums: sums, ring: r, taken: make([]taken, p.BatchCPUs())}, nil
}

// wake ends a wait in poll. It may be called from any goroutine.
func (d *drain) wake() { _ = d.ring.Flush() } // fails only once the ring is closed

// poll waits until much is pending, or for at most wait, and takes everything.
func (d *drain) poll(wait time.Duration) error {
	d.ring.SetDeadline(time.Now().Add(wait))
	if err := d.takeRing(); err != nil {
		return err
	}
	at := bpf.Now()
	d.drains++
	if err := d.takeBatches(); err != nil {
		return err
	}
	d.ring.SetDeadline(time.Now())
	err := d.takeRing()
	d.complete = at
	return err
}

func (d *drain) takeRing() error {
	for {
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
}

// take handles one ring record.
func (d *drain) take(rec []byte) error {
	h := bpf.View[bpf.Header](rec)
	switch {
	case h.Kind == kindSwitch && len(rec) == int(unsafe.Sizeof(bpf.Batch{})):
		return d.finishBatch(bpf.View[bpf.Batch](rec))
	case h.Kind == kindTaskSum:
		d.sums.ended(bpf.View[bpf.TaskSum](rec))
	case h.Kind == kindExecArgs:
		quoteArgs(bpf.View[bpf.ExecArgs](rec))
	case h.Kind == kindCgroupPath:
		nameContainer(bpf.View[bpf.CgroupPath](rec))
	}
	d.look(h, rec)
	d.events++
	return d.writer.Add(rec)
}

// finishBatch adds what was not taken ahead of a batch that the ring brings.
func (d *drain) finishBatch(b *bpf.Batch) error {
	from := uint32(0)
	t := &d.taken[b.H.CPU]
	t.past(b.H.Seq)
	t.next = b.H.Seq + 1
	switch b.H.Seq {
	case t.seq:
		from = t.n
		t.n = b.N
	case t.oldSeq:
		from = t.oldLen
	}
	return d.addSlots(b, from)
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
	return nil
}

// ahead adds what is new in a batch that a CPU is still filling.
func (d *drain) ahead(cpu int, b *bpf.Batch) error {
	t := &d.taken[cpu]
	if b.H.Seq != t.seq {
		t.past(min(t.seq, t.oldSeq+1)) // the older one is forgotten: it has come, or is lost
		t.oldSeq, t.oldLen = t.seq, t.n
		t.seq, t.n = b.H.Seq, 0
	}
	from := t.n
	t.n = b.N
	return d.addSlots(b, from)
}

// The kernel's state bits in the order of enum task_state, R being none.
const (
	stateBits   = 0x7f  // S D T t X Z P
	stateNoLoad = 0x400 // with D: idle (I)
	stateIdle   = 8
	preempted   = 0x8000
)

func (d *drain) addSlots(b *bpf.Batch, from uint32) error {
	row := bpf.SchedSwitch{H: b.H}
	row.H.Seq = 0
	for i := from; i < b.N && i < uint32(len(b.Slot)); i++ {
		s := &b.Slot[i]
		row.H.Time = b.H.Time + uint64(s.AfterNS)
		row.H.TID = s.PrevTID
		row.NextTID = s.NextTID
		row.DelayNS = s.DelayNS
		row.PrevState = taskState(s.State)
		row.PrevPrio, row.NextPrio = s.PrevPrio, s.NextPrio
		row.Preempted = uint8(s.State / preempted)
		if err := d.writer.Add(bpf.Bytes(&row)); err != nil {
			return err
		}
		d.events++
		for j := range d.waits {
			if d.waits[j].trigger.holds(uint64(s.DelayNS)) {
				d.saw(d.waits[j].trigger, row.H.Time)
			}
		}
	}
	return nil
}

// taskState numbers a state as the tracepoint's print format letters it: the
// lowest of the reported bits, and I for the uninterruptible sleep that does
// not count as load.
func taskState(bitsSet uint16) uint32 {
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
