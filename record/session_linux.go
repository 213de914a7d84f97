// SPDX-License-Identifier: Apache-2.0

package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

const (
	pollEvery  = 200 * time.Millisecond // ring and batches
	hurried    = pollEvery / 10         // when the file is to end soon
	sumsEvery  = time.Second
	flushEvery = 4500 * time.Millisecond // with a poll and a sort still within the promised 5 s
	flushRows  = 64 << 10
	// settle is how long after its time stamp a record may still arrive: the
	// program that makes it can be interrupted in between.
	settle = 50 * time.Millisecond
	// ahead is how long before its duration is over a recording begins to end.
	ahead = lead + 5*time.Millisecond
)

// session is one recording from its first to its last row. All of it runs on
// one goroutine.
type session struct {
	options  Options
	out      *output // nil while everything is kept in memory
	programs *bpf.Programs
	command  *command
	self     uint32   // the recorder's number in the initial pid namespace
	cgroups  []uint64 // of the filter, by id
	parts    *parts   // nil: one file

	opens   uint64   // boot time
	missed  []uint64 // before that, by busy programs
	meta    *format.Metadata
	writer  *format.Writer
	drain   *drain
	sums    *accounts
	folds   *folds
	losses  *losses
	clock   clock
	cost    cost
	shedder shedder

	lastSums, lastFlush time.Time
	lastRows            uint64
	perSecond           float64 // rows in the last second
	rate                float64 // rows a second since the poll before
	full                bool    // the file is as large as it may be
	noRoom              bool    // the disk is full
	flushed             uint64  // boot time up to which rows were flushed
	listed, conns       int     // rows of the last inventory; connections in it
	files               []File
	kept                bool // privileges, because the program is linked with cgo
}

func (s *session) run(ctx context.Context) (*Result, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	loopErr := s.loop(ctx)
	res, err := s.end()
	return res, errors.Join(loopErr, err)
}

// begin opens the window, writes who is there, and lets the command go.
func (s *session) begin() error {
	if err := s.openWindow(); err != nil {
		return err
	}
	if err := s.openWriter(); err != nil {
		return err
	}
	if err := s.sums.stats.begin(); err != nil {
		return err
	}
	if err := s.inventory(bpf.ReasonSnapshot); err != nil {
		return err
	}
	if err := s.fits(); err != nil {
		return err
	}
	if err := errors.Join(s.clock.suspended(s), s.clock.add(s, bpf.Now(), true)); err != nil {
		return err
	}
	s.lastSums = time.Now()
	s.lastFlush = s.lastSums.Add(sumsEvery - flushEvery) // the first tasks and sums early
	if err := s.command.open(); err != nil {
		return err
	}
	if s.out != nil {
		if err := s.out.begun(); err != nil {
			return err
		}
	}
	if !s.options.DropPrivileges {
		return nil
	}
	err := dropPrivileges(s.keep())
	if s.kept = errors.Is(err, syscall.ENOTSUP); s.kept {
		return nil
	}
	return err
}

func (s *session) openWriter() error {
	kinds, err := kindsOf(s.options.Sources)
	if err != nil {
		return err
	}
	s.meta = describe(s.options, s.programs, s.opens)
	var out io.Writer
	if s.out != nil {
		out = s.out
	}
	if s.parts != nil { // the first of several
		s.meta.Window.From = s.meta.Start.UnixNano()
	}
	s.writer, err = format.NewWriter(out, s.meta, kinds, format.WriterOptions{
		Stream:     s.options.Output == "-",
		Background: s.options.MaxSize == 0 && s.parts == nil, // else what is written must be known
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", s.options.Output, err)
	}
	s.flushed = s.opens
	s.sums = newAccounts(s.programs, s.opens)
	s.sums.numbers.proc = numbersInProc(s.self)
	s.folds = newFolds(s.programs, s.writer, s.opens)
	s.drain, err = newDrain(s.programs, s.writer, kinds, s.sums, s.folds)
	s.losses = newLosses(s.programs, s.drain, s.opens, s.missed)
	if err == nil && s.parts.inMemory() {
		err = s.drain.watch(s.options.Triggers, s.triggered)
	}
	return err
}

// inventory adds the tasks, connections and cgroups there are.
func (s *session) inventory(why uint32) error {
	all, err := s.programs.Tasks()
	if err != nil {
		return err
	}
	if err := s.hiddenParents(all); err != nil {
		return err
	}
	used := map[uint64]bool{}
	before := s.writer.Stats().Total
	for _, listed := range all {
		t := &listed.T
		if !s.programs.Wanted(processOf(listed)) {
			continue
		}
		s.sums.numbers.add(listed)
		if why == bpf.ReasonSnapshot {
			s.sums.found(listed)
		}
		if t.Reason != bpf.ReasonExiting {
			t.Reason = why
		}
		used[t.CgroupID] = true
		if err := s.writer.AddReading(bpf.Bytes(t)); err != nil {
			return err
		}
	}
	if err := s.addCgroups(used); err != nil {
		return err
	}
	rest := s.writer.Stats().Total
	sockets, err := s.programs.Held()
	err = errors.Join(err, s.drain.addAll(sockets, "tcp_socket"))
	after := s.writer.Stats().Total
	s.listed, s.conns = int(after-before), int(after-rest)
	return err
}

func (s *session) loop(ctx context.Context) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, s.drain.wake)
	defer stop()
	for ctx.Err() == nil && !s.full {
		before, began := s.writer.Stats().Total, time.Now()
		err := s.drain.poll(s.patience())
		s.rate = float64(s.writer.Stats().Total-before) / time.Since(began).Seconds()
		if err == nil {
			err = s.periodic(time.Now())
		}
		if err == nil {
			err = s.cost.end(time.Now(), false)
		}
		if err == nil && s.options.MaxSize > 0 && s.parts == nil {
			s.full, err = s.reached(s.options.MaxSize)
		}
		if errors.Is(err, format.ErrFull) {
			s.noRoom = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// patience is how long to wait for the ring to fill: not long when the file is
// to end soon.
func (s *session) patience() time.Duration {
	cut := s.parts != nil && s.parts.cut != 0
	if cut || s.bounded() && (s.writer.Stats().Bytes > s.options.MaxSize/4 || s.bytesWithin(pollEvery) >= s.options.MaxSize) {
		return hurried
	}
	return pollEvery
}

// How long rows may still come once the recording is to end, or the file.
const ending, cutting = 40 * time.Millisecond, 150 * time.Millisecond

// bound ends the context with the duration or the command, too.
func (s *session) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if s.options.Duration > 0 {
		left := time.Duration(s.due() - bpf.Now())
		ctx, cancel = context.WithTimeout(ctx, left-ahead)
	}
	if s.command != nil {
		go func() {
			select {
			case <-s.command.done():
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return ctx, cancel
}

func (s *session) periodic(now time.Time) error {
	if now.Sub(s.lastSums) >= sumsEvery {
		if err := s.account(now); err != nil {
			return err
		}
	}
	until, err := s.partly(s.drain.complete - uint64(settle))
	if err != nil || s.writer.Pending() < flushRows && now.Sub(s.lastFlush) < flushEvery {
		return err
	}
	s.lastFlush = now
	return s.flush(until)
}

// account writes sums and losses as of now, and reports progress.
func (s *session) account(now time.Time) error {
	at := bpf.Now()
	if err := errors.Join(s.addSums(at), s.clock.suspended(s), s.clock.add(s, at, false), s.shed(now)); err != nil {
		return err
	}
	rows := s.writer.Stats().Total
	s.perSecond = float64(rows-s.lastRows) / now.Sub(s.lastSums).Seconds()
	if s.options.Progress != nil {
		s.options.Progress(Progress{
			Elapsed:   time.Duration(at - s.opens),
			Events:    rows,
			PerSecond: s.perSecond,
			Bytes:     s.bytes(),
			Lost:      s.losses.total - s.losses.unseen,
			Shed:      s.shedder.on,
		})
	}
	s.lastRows, s.lastSums = rows, now
	return nil
}

func (s *session) addSums(at uint64) error {
	if s.programs.Records("cpu") {
		err := s.sums.write(s.writer, at)
		if err := cmp.Or(err, s.losses.leftUnseen(s.writer, s.sums.left, at)); err != nil {
			return err
		}
	}
	if err := s.folds.write(at); err != nil {
		return err
	}
	return s.losses.write(s.writer, at)
}

// due is when the recording has had its duration, in boot time.
func (s *session) due() uint64 { return s.opens + uint64(s.options.Duration) }

// closeWindow closes the window: when the recording has had its duration, or
// else soon.
func (s *session) closeWindow() (uint64, error) {
	at := bpf.Now() + uint64(lead)
	if due := s.due(); s.options.Duration > 0 && due < at+uint64(ahead) {
		at = max(at, due)
	}
	return s.programs.CloseWindow(at)
}

// end closes the window and writes what is left, the summary last.
func (s *session) end() (*Result, error) {
	// Before the window closes: a connection that closes after it was listed
	// still has its own last row.
	sockets, err := s.programs.Open()
	err = errors.Join(err, s.drain.addAll(sockets, "tcp_socket"), s.clock.suspended(s))
	closes, closeErr := s.closeWindow()
	s.sums.closes = closes
	err = errors.Join(err, closeErr)
	if s.noRoom {
		err = errors.Join(err, s.makeRoom(closes, sockets))
	}
	err = errors.Join(err, s.drain.rest(), s.drain.finish(), s.cost.end(time.Now(), true), s.lastEvents(closes, sockets), s.addSums(closes), s.addUnseenTime(closes), s.losses.finish(s.writer, s.opens, closes), s.addEnd(closes), s.close())
	if err != nil {
		return nil, fmt.Errorf("finish %s: %w", s.options.Output, err)
	}
	return s.result(closes), nil
}

// lastEvents writes the events of a file that has a largest size, as far as they
// leave room for the rest: sums and the summary come behind them.
func (s *session) lastEvents(at uint64, sockets []byte) error {
	if !s.bounded() {
		return nil
	}
	lost := s.losses.total
	err := s.flush(at)
	s.out.ending = true
	if s.losses.total == lost || err != nil {
		return err
	}
	return s.drain.addAll(sockets, "tcp_socket") // those listed may be among what was given up
}

// close writes the end of the file, or what was kept in memory.
func (s *session) close() error {
	err := s.writer.Close()
	switch {
	case err != nil || s.parts == nil:
		return err
	case s.parts.inMemory():
		return s.endWindow()
	}
	s.wroteFull("the recording ended", s.out, s.writer.Stats().File)
	return nil
}

// addEnd adds what the recorder says of itself, the summary last.
func (s *session) addEnd(at uint64) error {
	return errors.Join(s.clock.add(s, at, true), s.cost.add(s, at), s.addSummary(at))
}

// makeRoom gives up the events that are not in the file, those in the ring too,
// so that the end of the file can be written, and counts them as lost. Open
// connections are part of the end.
func (s *session) makeRoom(at uint64, sockets []byte) error {
	var err error
	lost := map[string]uint64{}
	for more := true; more && err == nil; {
		err = s.drain.poll(0)
		more = s.writer.Pending() >= flushRows
		for kind, n := range s.writer.Discard() {
			lost[kind] += n
		}
	}
	s.out.ending = true
	err = errors.Join(err, s.drain.told.again(s.writer, at))
	return errors.Join(err, s.gaveUp(lost, s.flushed, at), s.drain.addAll(sockets, "tcp_socket"))
}

func (s *session) addSummary(at uint64) error {
	cpu, rss := ownCost()
	row := bpf.Summary{
		H:           bpf.Header{Time: at, Kind: kindSummary},
		Since:       s.opens,
		Seen:        s.losses.seen + s.drain.unfinished,
		Written:     s.drain.events,
		Lost:        s.losses.total,
		Reordered:   s.writer.Stats().Reordered,
		LeftOut:     s.losses.leftOut,
		Drains:      s.drain.drains,
		Wakeups:     s.losses.wakeups,
		FileBytes:   uint64(s.writer.Stats().Bytes),
		OwnCPUNS:    uint64(cpu),
		MaxRSSBytes: uint64(rss),
	}
	return s.writer.AddReading(bpf.Bytes(&row))
}

func (s *session) result(closes uint64) *Result {
	st := s.writer.Stats()
	cpu, rss := ownCost()
	res := &Result{
		Path:     s.options.Output,
		Start:    s.meta.Start,
		Duration: time.Duration(closes - s.opens),
		Rows:     st.Rows,
		Bytes:    st.Bytes,
		Files:    s.files,
		Lost:     s.losses.total - s.losses.unseen,
		Unseen:   s.losses.unseen,
		Shed:     s.losses.shed,
		Full:     s.full,
		NoRoom:   s.noRoom,
		Missing:  s.programs.Missing(),
		Kept:     s.kept,
		OwnCPU:   cpu,
		MaxRSS:   rss,
	}
	if s.parts != nil {
		res.Rows, res.Bytes = s.written()
	}
	if s.command != nil {
		select {
		case <-s.command.done():
			res.ExitStatus = s.command.status
		default: // it is ended by whoever ends the recording
		}
	}
	return res
}
