// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

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
	// initial are the threads found on a CPU when the window opened, whose
	// first slice the kernel program may not know the beginning of.
	initial map[uint32]clockReading
	written map[uint32]uint64 // on_cpu_ns of the last row, by tid
	stats   stats
}

// clockReading is a thread's task clock at an instant.
type clockReading struct {
	start      uint64 // of the thread
	pid        uint32
	cpu        int
	at         uint64
	cpuTime    uint64 // ns
	runQueue   uint64 // ns
	unreadable bool   // it ended, or is in a pid namespace out of sight
}

func newAccounts(p *bpf.Programs, opens uint64) *accounts {
	return &accounts{programs: p, opens: opens, online: onlineCPUs(), initial: map[uint32]clockReading{}, written: map[uint32]uint64{}}
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
	clear(a.written)
	a.stats.forget()
}

// found is told of each task that is there at the start.
func (a *accounts) found(t *bpf.Task) {
	if t.Running == 0 || t.H.TID == 0 {
		return
	}
	r := readClock(t.H.PID, t.H.TID)
	r.start, r.pid, r.cpu = t.Start, t.H.PID, int(t.H.CPU)
	a.initial[t.H.TID] = r
}

// readClock reads a thread's task clock. Asking for the process's CPU clock
// makes the kernel bring its running threads' clocks up to date first.
func readClock(pid, tid uint32) clockReading {
	var ts unix.Timespec
	_ = unix.ClockGettime(int32(^pid<<3|2), &ts) // only its effect is wanted
	data, err := os.ReadFile("/proc/" + strconv.Itoa(int(tid)) + "/schedstat")
	r := clockReading{at: bpf.Now(), unreadable: true}
	if err != nil {
		return r
	}
	if _, err := fmt.Sscan(string(data), &r.cpuTime, &r.runQueue); err == nil {
		r.unreadable = false
	}
	return r
}

// write adds a row for every thread whose sums changed and for every CPU, as
// of at: an instant of just now, or the end of the window.
func (a *accounts) write(w *format.Writer, at uint64) error {
	cpus := a.programs.CPUs()
	running := a.running(cpus)
	var firstErr error
	err := a.programs.Sums(func(tid uint32, s *bpf.Sum) {
		if c := running[tid]; c != nil && c.Start == s.Start {
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
	clock := readClock(c.PID, tid)
	now := a.programs.CPU(c.cpu)
	if now.Switches != c.Switches {
		s, ok, err := a.programs.Sum(tid)
		if !ok || err != nil || s.Start != c.Start {
			return err
		}
		row := a.row(tid, &s, at)
		return a.addRow(w, &row, s.Dead != 0)
	}
	if now.LastOut != 0 { // it left behind the window: its clocks were read as it did
		clock = clockReading{at: now.LastOut, cpuTime: now.LastCPUTime, runQueue: now.LastRunQueue}
	}
	c.sum.PID, c.sum.Start = c.PID, c.Start // it may never have left a CPU
	row := a.row(tid, &c.sum, at)
	a.addOpenSlice(&row, c, &clock, at)
	return a.addRow(w, &row, false)
}

// runningOn is what a CPU is doing, with its number.
type runningOn struct {
	bpf.CPUNow
	cpu     int
	initial *clockReading // set when it has not switched yet
	sum     bpf.Sum       // of the thread; zero when it never left a CPU
}

// running returns the threads on a CPU, by tid.
func (a *accounts) running(cpus []bpf.CPUNow) map[uint32]*runningOn {
	m := map[uint32]*runningOn{}
	for _, cpu := range a.online {
		c := &runningOn{CPUNow: cpus[cpu], cpu: cpu}
		if c.Since == 0 {
			a.assume(c)
		}
		if c.Since != 0 && c.TID != 0 && a.programs.Wanted(c.PID) {
			m[c.TID] = c
		}
	}
	return m
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
			c.Since, c.TID, c.PID, c.Start, c.initial = a.opens, tid, r.pid, r.start, &r
			c.CPUTimeIn = r.cpuTime - min(r.cpuTime, r.at-a.opens)
			c.RunQueueIn = r.runQueue
		}
	}
}

func (a *accounts) row(tid uint32, s *bpf.Sum, at uint64) bpf.TaskSum {
	row := bpf.TaskSum{
		H:           bpf.Header{Time: max(at, s.LastOut), Kind: kindTaskSum, PID: s.PID, TID: tid},
		Start:       s.Start,
		CPUTimeNS:   s.CPUTimeNS,
		OnCPUNS:     s.OnCPUNS,
		RunQueueNS:  s.RunQueueNS,
		Voluntary:   s.Voluntary,
		Involuntary: s.Involuntary,
		Migrations:  s.Migrations,
		Exited:      uint8(s.Dead),
	}
	a.addFirstSlice(&row)
	return row
}

// addFirstSlice adds the task clock of the slice that a thread was in when the
// window opened, if the program could not know where that slice began.
func (a *accounts) addFirstSlice(row *bpf.TaskSum) {
	r, ok := a.initial[row.H.TID]
	if !ok || r.start != row.Start || r.unreadable {
		return
	}
	c := a.programs.CPUs()[r.cpu]
	if c.FirstTID != row.H.TID || c.FirstStart != r.start || c.FirstOut == 0 {
		return
	}
	ran := c.FirstCPUTime - min(c.FirstCPUTime, r.cpuTime) + (r.at - a.opens)
	row.CPUTimeNS += min(ran, c.FirstOut-a.opens)
}

// addOpenSlice adds what a thread that is on a CPU has had of it up to at. Its
// clocks were read after at and no later than it left.
func (a *accounts) addOpenSlice(row *bpf.TaskSum, c *runningOn, clock *clockReading, at uint64) {
	from := max(c.Since, a.opens)
	if at <= from {
		return
	}
	wall := at - from
	row.OnCPUNS += wall
	if clock.unreadable || clock.cpuTime < c.CPUTimeIn || clock.at <= c.Since {
		if at == a.closes { // a later row could have less
			row.CPUTimeNS += wall // the clocks differ only by stolen time
		}
		return
	}
	share := float64(wall) / float64(clock.at-c.Since)
	row.CPUTimeNS += min(wall, uint64(float64(clock.cpuTime-c.CPUTimeIn)*min(share, 1)))
	if c.Since >= a.opens && clock.runQueue > c.RunQueueIn && c.initial == nil {
		row.RunQueueNS += clock.runQueue - c.RunQueueIn
	}
}

func (a *accounts) addRow(w *format.Writer, row *bpf.TaskSum, dead bool) error {
	tid := row.H.TID
	if dead {
		delete(a.written, tid)
		if err := a.programs.Bury(tid); err != nil {
			return err
		}
	} else if last, ok := a.written[tid]; ok && last == row.OnCPUNS {
		return nil
	} else {
		a.written[tid] = row.OnCPUNS
	}
	return w.AddReading(bpf.Bytes(row))
}

// ended is told of the last row of a thread that ended, before it is written.
func (a *accounts) ended(row *bpf.TaskSum) {
	a.addFirstSlice(row)
	delete(a.written, row.H.TID)
}

func (a *accounts) writeCPUs(w *format.Writer, cpus []bpf.CPUNow, at uint64) error {
	for _, cpu := range a.online {
		c := runningOn{CPUNow: cpus[cpu], cpu: cpu}
		if c.Since == 0 {
			a.assume(&c)
		}
		idle := c.IdleNS
		if from := max(c.Since, a.opens); c.Since != 0 && c.TID == 0 && at > from {
			idle += at - from
		}
		row := bpf.CPUSum{
			H:        bpf.Header{Time: max(at, c.Since), Kind: kindCPUSum, CPU: uint16(cpu)},
			IdleNS:   idle,
			Switches: c.Switches,
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
