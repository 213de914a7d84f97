// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// accounts turns the sums in the kernel into rows. The kernel adds to a
// thread's sums when it leaves a CPU; the slice of a thread that is on a CPU
// is added here, so that every row is exact as of its time.
type accounts struct {
	programs *bpf.Programs
	opens    uint64
	closes   uint64 // end of the recording; 0: not set yet
	online   []int  // CPUs that are, or were since the recording began
	listed   listedClocks
	numbers  numbers
	// initial are the threads found on a CPU when the window opened, whose
	// first slice the kernel program may not know the beginning of.
	initial map[uint32]clockReading
	written map[uint32]written // by tid
	slices  openSlices
	stats   stats
	unseen  unseenTime
	left    []leftUnseen          // at the end of the recording
	running map[uint32]*runningOn // then
}

// leftUnseen is a CPU whose last thread may have left it unseen before the end.
type leftUnseen struct {
	cpu   int
	since uint64 // when that thread came, or the recording began
}

// written is what the last row of a thread had.
type written struct {
	start, task    uint64 // of the thread: one that takes the number of another has its start, too
	onCPU, cpuTime uint64
	again          bool   // its next row is due, whatever it has
	renumbered     bool   // it took the number from one whose last row is to come
	former         uint64 // that had so much on a CPU
}

func newAccounts(p *bpf.Programs, opens uint64) *accounts {
	return &accounts{programs: p, opens: opens, online: onlineCPUs(), initial: map[uint32]clockReading{}, written: map[uint32]written{}, slices: newOpenSlices()}
}

// wentOnline is told of CPUs that go online or offline. One that goes offline
// stays among those that count: it is idle.
func (a *accounts) wentOnline(row *bpf.CPUOnline) {
	if cpu := int(row.H.CPU); !slices.Contains(a.online, cpu) {
		a.online = append(a.online, cpu)
	}
}

// forget has the next rows be of all threads, also of those that did not run.
func (a *accounts) forget() {
	for tid, last := range a.written {
		last.again = true
		a.written[tid] = last
	}
	a.stats.forget()
}

// found is told of each task that is there at the start.
func (a *accounts) found(listed *bpf.ListedTask) {
	t := &listed.T
	if t.H.TID == 0 {
		return
	}
	if t.Running == 0 {
		a.listed.add(t)
		return
	}
	r := a.readClock(t.H.PID, t.H.TID, t.Start)
	r.start, r.process, r.pid, r.cpu = t.Start, listed.ProcessStart, t.H.PID, int(t.H.CPU)
	a.initial[t.H.TID] = r
}

// write adds a row for every thread whose sums changed and for every CPU, as
// of at: an instant of just now, or the end of the window.
func (a *accounts) write(w *format.Writer, at uint64) error {
	cpus := a.now()
	running := byThread(cpus)
	if at == a.closes {
		a.leftElsewhere(cpus, running, at)
		a.running = running
	}
	var firstErr error
	err := a.programs.Sums(func(tid uint32, s *bpf.Sum) {
		if c := running[tid]; c != nil && c.On.Start == s.Start {
			c.sum = *s
			return
		}
		row := a.row(tid, s, at)
		firstErr = cmp.Or(firstErr, a.addRow(w, &row, s.Dead != 0))
	})
	if err := cmp.Or(err, firstErr); err != nil {
		return err
	}
	for tid, c := range running {
		if err := a.addRunning(w, tid, c, at); err != nil {
			return err
		}
	}
	return errors.Join(a.writeCPUs(w, cpus, at), a.stats.write(w, at))
}

// addRunning adds the row of a thread that was on a CPU when the reading
// began. If it has left meanwhile, its sums may have been read half changed,
// and are read again; if it ended, the ring brings its last row.
func (a *accounts) addRunning(w *format.Writer, tid uint32, c *runningOn, at uint64) error {
	clock, now := a.look(c)
	if now.Switches != c.Switches {
		s, ok, err := a.programs.Sum(tid)
		if !ok || err != nil || s.Start != c.On.Start {
			return err
		}
		row := a.row(tid, &s, at)
		return a.addRow(w, &row, s.Dead != 0)
	}
	if now.LastOut != 0 { // it left behind the window: its clocks were read as it did
		gone := now.LastOther != 0
		clock = clockReading{at: now.LastOut, cpuTime: now.LastCPUTime, runQueue: now.LastRunQueue, gone: gone, unreadable: gone}
	}
	c.sum.PID, c.sum.Start, c.sum.Task = c.On.PID, c.On.Start, c.On.Task // it may never have left a CPU
	row := a.row(tid, &c.sum, at)
	if had := c.sum.CPUTimeBase + c.sum.CPUTimeNS; c.sum.LastOut != 0 && c.sum.Parted == 0 {
		row.CPUTimeNS += c.On.CPUTime - min(c.On.CPUTime, had) // where nobody saw it, before it came
	}
	if clock.gone {
		a.addUnseenLeave(&row, c, &clock, at)
	} else {
		a.addOpenSlice(&row, c, &clock, at)
	}
	return a.addRow(w, &row, false)
}

// How often a thread is looked at that has left its CPU, and no program saw it:
// it may be that the program is about to.
const (
	lookTries = 3
	lookPause = time.Millisecond
)

// look reads the clocks of a thread that had come to a CPU, and then what that
// does.
func (a *accounts) look(c *runningOn) (clock clockReading, now bpf.CPUNow) {
	for try := range lookTries {
		if try > 0 {
			time.Sleep(lookPause)
		}
		clock = a.clockOf(&c.On)
		now = a.programs.CPU(c.cpu)
		clock.gone = clock.ended || !clock.unreadable && clock.switches != c.On.Switches
		if !clock.gone || now.Switches != c.Switches || now.LastOut != 0 {
			break
		}
	}
	return clock, now
}

// clockOf reads the clocks of a thread, also if it has executed a file since it
// came, and has its process's number.
func (a *accounts) clockOf(on *bpf.Reading) clockReading {
	clock := a.readClock(on.PID, on.TID, on.Start)
	if !clock.ended || on.TID == on.PID {
		return clock
	}
	renumbered := a.readClock(on.PID, on.PID, on.Start)
	if !renumbered.unreadable && renumbered.switches == on.Switches && renumbered.cpuTime >= on.CPUTime {
		return renumbered
	}
	return clock
}

// runningOn is what a CPU is doing, with its number.
type runningOn struct {
	bpf.CPUNow
	cpu     int
	wanted  bool          // by the filter
	from    uint64        // its last slice counts since then
	until   uint64        // and up to then, when its process left those recorded
	initial *clockReading // set when it has not switched yet
	sum     bpf.Sum       // of the thread; zero when it never left a CPU
	unseen  uint64        // ns of its last slice that nobody is known to have had
}

// now is what each CPU does.
func (a *accounts) now() (all []*runningOn) {
	cpus := a.programs.CPUs()
	for _, cpu := range a.online {
		c := &runningOn{CPUNow: cpus[cpu], cpu: cpu}
		if c.Since == 0 {
			a.assume(c)
		}
		a.belong(c)
		all = append(all, c)
	}
	return all
}

// belong finds out what of the thread's time on a CPU the filter lets through.
func (a *accounts) belong(c *runningOn) {
	c.from, c.until = max(c.Since, a.opens), math.MaxUint64
	if !a.programs.Filtered() {
		c.wanted = c.Since != 0
		return
	}
	t, _ := a.programs.TargetOf(bpf.Process{PID: c.On.PID, Start: c.On.Process})
	c.from = max(c.from, t.Joined)
	if c.wanted = c.Since != 0 && t.Why != 0; !c.wanted && t.Left > c.from {
		c.wanted, c.until = c.Since != 0, t.Left
	}
}

// byThread are the CPUs by the thread that is on each. Of one that seems to be
// on two, it left the first unseen.
func byThread(cpus []*runningOn) map[uint32]*runningOn {
	m := map[uint32]*runningOn{}
	for _, c := range cpus {
		if c.On.TID == 0 || !c.wanted {
			continue
		}
		if other := m[c.On.TID]; other == nil || other.Since < c.Since {
			m[c.On.TID] = c
		}
	}
	return m
}

// leftElsewhere gives nobody the last slices of threads that have come to another
// CPU since: they left the one before unseen.
func (a *accounts) leftElsewhere(cpus []*runningOn, running map[uint32]*runningOn, at uint64) {
	for _, c := range cpus {
		if until := min(at, c.until); c.wanted && c.On.TID != 0 && running[c.On.TID] != c && until > c.from {
			c.unseen = until - c.from
		}
	}
}

// assume fills in what a CPU does that has not switched since the start: what
// the snapshot found running on it, or nothing. With a filter the snapshot
// does not have all tasks, and the CPU's time stays out of the sums.
func (a *accounts) assume(c *runningOn) {
	if !a.programs.Filtered() {
		c.Since = a.opens
	}
	for tid, r := range a.initial {
		if r.cpu == c.cpu {
			c.Since, c.initial = a.opens, &r
			c.On = bpf.Reading{
				TID: tid, PID: r.pid, Start: r.start, Process: r.process, Switches: r.switches,
				CPUTime: r.cpuTime - min(r.cpuTime, r.at-a.opens), RunQueue: r.runQueue,
			}
		}
	}
}

// know has the last row of a thread be that of whoever has its number now.
func (a *accounts) know(tid uint32, s *bpf.Sum) {
	last, ok := a.written[tid]
	if ok && last.start == s.Start && (last.task == s.Task || last.task == 0 || s.Task == 0) { // a list does not have it
		last.task = max(last.task, s.Task)
		a.written[tid] = last
		return
	}
	a.written[tid] = written{start: s.Start, task: s.Task, again: true, renumbered: ok && last.start == s.Start, former: last.onCPU}
}

func (a *accounts) row(tid uint32, s *bpf.Sum, at uint64) bpf.TaskSum {
	row := bpf.TaskSum{
		H:            bpf.Header{Time: max(at, s.LastOut), Kind: kindTaskSum, PID: s.PID, TID: tid},
		Start:        s.Start,
		CPUTimeNS:    s.CPUTimeNS,
		OnCPUNS:      s.OnCPUNS,
		RunQueueNS:   s.RunQueueNS,
		Voluntary:    s.Voluntary,
		Involuntary:  s.Involuntary,
		Migrations:   s.Migrations,
		Exited:       uint8(s.Dead),
		First:        uint8(s.First),
		Parted:       uint8(s.Parted),
		CPUUnknownNS: s.UnknownNS,
		CPUTimeBase:  s.CPUTimeBase,
	}
	if s.Renumbered != 0 {
		row.CPUTimeBase = 0
	}
	a.addBeforeBase(&row)
	a.know(tid, s)
	return row
}

// addBeforeBase adds the CPU time between the beginning of the window and the
// base that the program began to count from, as far as the listing at the start
// tells. What remains unknown is at most that from the beginning to the listing.
func (a *accounts) addBeforeBase(row *bpf.TaskSum) {
	if r, ok := a.initial[row.H.TID]; ok {
		switch {
		case r.start != row.Start || r.unreadable:
		case row.First != 0: // on its CPU since before the beginning
			ran := row.CPUTimeBase - min(row.CPUTimeBase, r.cpuTime) + (r.at - a.opens)
			row.CPUTimeNS += min(ran, row.CPUUnknownNS)
			row.CPUUnknownNS = 0
		case row.CPUTimeBase > r.cpuTime: // it left that unseen
			row.CPUTimeNS += row.CPUTimeBase - r.cpuTime
			row.CPUUnknownNS = r.at - a.opens
		}
		return
	}
	clock, at, ok := a.listed.find(row.H.TID, row.Start)
	if !ok || row.CPUTimeBase <= clock && row.CPUUnknownNS == 0 {
		return
	}
	known := row.CPUTimeBase - min(row.CPUTimeBase, clock)
	row.CPUTimeNS += known
	row.CPUUnknownNS = min(row.CPUUnknownNS-min(row.CPUUnknownNS, known), at-a.opens)
}

// addOpenSlice adds what a thread that is on a CPU has had of it up to at. Its
// clocks were read after at and no later than it left.
func (a *accounts) addOpenSlice(row *bpf.TaskSum, c *runningOn, clock *clockReading, at uint64) {
	until := min(at, c.until)
	if until <= c.from || until < at && at != a.closes {
		return // how much it had before its process left, its next switch tells
	}
	wall := until - c.from
	row.OnCPUNS += wall
	a.slices.give(c, c.from, wall)
	if clock.unreadable || clock.cpuTime < c.On.CPUTime || clock.at <= c.Since {
		if at == a.closes { // a later row could have less
			row.CPUTimeNS += wall // the clocks differ only by stolen time
		}
		return
	}
	share := float64(wall) / float64(clock.at-c.Since)
	row.CPUTimeNS += min(wall, uint64(float64(clock.cpuTime-c.On.CPUTime)*min(share, 1)))
	// The host may have stolen more of the slice since the last estimate than before.
	row.CPUTimeNS = max(row.CPUTimeNS, a.written[row.H.TID].cpuTime)
	if c.Since >= a.opens && clock.runQueue > c.On.RunQueue && c.initial == nil {
		row.RunQueueNS += clock.runQueue - c.On.RunQueue
	}
}

// addUnseenLeave is for a thread that left its CPU and no program saw it. While
// the recording goes on its next switch tells how long it ran; in the end its
// task clock does, unless it has been seen on another CPU since.
func (a *accounts) addUnseenLeave(row *bpf.TaskSum, c *runningOn, clock *clockReading, at uint64) {
	until := min(at, c.until)
	if at != a.closes || until <= c.from {
		return
	}
	wall, ran := until-c.from, uint64(0)
	switch {
	case clock.unreadable:
		row.CPUUnknownNS += wall
	case c.sum.LastOut < c.Since:
		ran = min(wall, clock.cpuTime-min(clock.cpuTime, c.On.CPUTime))
	}
	row.OnCPUNS += ran
	row.CPUTimeNS += ran
	c.unseen = wall - ran
}

func (a *accounts) addRow(w *format.Writer, row *bpf.TaskSum, dead bool) error {
	tid := row.H.TID
	last := a.written[tid]
	a.slices.add(row, last.onCPU)
	if dead {
		a.part(row, last.cpuTime)
		delete(a.written, tid)
		a.slices.ended(thread{tid, row.Start})
		if err := a.programs.Bury(tid); err != nil {
			return err
		}
	} else if !last.again && last.onCPU == row.OnCPUNS {
		return nil
	} else {
		last.onCPU, last.cpuTime, last.again = row.OnCPUNS, row.CPUTimeNS, false
		a.written[tid] = last
	}
	return w.AddReading(bpf.Bytes(row))
}

// ended is told of the last row of a thread that ended, before it is written.
func (a *accounts) ended(row *bpf.TaskSum) {
	a.addBeforeBase(row)
	tid := row.H.TID
	last := a.written[tid]
	mine := last.start == row.Start
	switch {
	case !mine: // of another, which has none any more
		last = written{}
	case last.renumbered: // its number is another's by now
		last.renumbered, mine = false, false
		a.written[tid] = last
		last = written{onCPU: last.former}
	}
	a.slices.add(row, last.onCPU)
	a.slices.ended(thread{tid, row.Start})
	a.part(row, last.cpuTime)
	if mine {
		delete(a.written, tid)
	}
}

// moved is told of a row that a thread has as it moves to another cgroup, before
// it is written.
func (a *accounts) moved(row *bpf.TaskSum) { a.addBeforeBase(row) }

// part forgets what the start was like of a thread whose process left those
// recorded: it may come back, and what it has until then does not count.
func (a *accounts) part(row *bpf.TaskSum, told uint64) {
	if row.Parted == 0 {
		return
	}
	// Of the slice that it left in only a part is its, by estimate, as was told before.
	row.CPUTimeNS = max(row.CPUTimeNS, told)
	a.listed.forget(row.H.TID, row.Start)
	delete(a.initial, row.H.TID)
}

func (a *accounts) writeCPUs(w *format.Writer, cpus []*runningOn, at uint64) error {
	for _, c := range cpus {
		idle, from := c.IdleNS, max(c.Since, a.opens)
		if c.Since != 0 && c.On.TID == 0 && at > from {
			if c.LastOther != 0 && at == a.closes {
				c.unseen = at - from
			} else {
				idle += at - from
			}
		}
		if c.unseen > 0 {
			a.left = append(a.left, leftUnseen{c.cpu, from})
			a.unseen.add(from, at)
		}
		row := bpf.CPUSum{
			H:        bpf.Header{Time: max(at, c.Since), Kind: kindCPUSum, CPU: uint16(c.cpu)},
			IdleNS:   idle,
			Switches: c.Switches,
			UnseenNS: c.UnseenNS + c.unseen - min(c.UnseenNS+c.unseen, a.slices.from[c.cpu]),
		}
		if err := w.AddReading(bpf.Bytes(&row)); err != nil {
			return err
		}
	}
	return nil
}

// onlineCPUs lists the CPUs that are online, from the kernel's list of ranges.
func onlineCPUs() []int {
	data, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return []int{0} // no sysfs: at least the one that runs this
	}
	var cpus []int
	for _, r := range bytes.Split(bytes.TrimSpace(data), []byte(",")) {
		lo, hi, isRange := bytes.Cut(r, []byte("-"))
		first, _ := strconv.Atoi(string(lo))
		last := first
		if isRange {
			last, _ = strconv.Atoi(string(hi))
		}
		for c := first; c <= last; c++ {
			cpus = append(cpus, c)
		}
	}
	return cpus
}
