// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/bpf"
)

// clockReading is a thread's task clock at an instant.
type clockReading struct {
	start      uint64 // of the thread
	process    uint64 // when its process started
	pid        uint32
	cpu        int
	at         uint64
	cpuTime    uint64 // ns
	runQueue   uint64 // ns
	switches   uint64 // away from a CPU, since the thread began
	gone       bool   // it has left the CPU that it had come to, unseen
	ended      bool   // there is no such thread any more
	zombie     bool   // it has ended, and its process has not
	unreadable bool   // it ended, or is in a pid namespace out of sight
}

// readClock reads a thread's task clock. Asking for the process's CPU clock
// makes the kernel bring its running threads' clocks up to date first.
func readClock(pid, tid uint32) clockReading {
	var ts unix.Timespec
	_ = unix.ClockGettime(int32(^pid<<3|2), &ts) // only its effect is wanted
	dir := "/proc/" + strconv.Itoa(int(tid))
	data, err := os.ReadFile(dir + "/schedstat")
	r := clockReading{at: bpf.Now(), unreadable: true}
	if err != nil {
		r.ended = errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
		return r
	}
	if _, err := fmt.Sscan(string(data), &r.cpuTime, &r.runQueue); err != nil {
		return r
	}
	if data, err = os.ReadFile(dir + "/status"); err != nil {
		return r
	}
	r.zombie = bytes.Contains(data, []byte("\nState:\tZ"))
	var known int
	r.switches, known = switchesIn(data)
	r.unreadable = known != 2
	return r
}

// switchesIn adds up the voluntary and the involuntary switches of a file
// /proc/TID/status, and tells how many of both it has.
func switchesIn(status []byte) (sum uint64, known int) {
	for _, name := range []string{"\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:"} {
		_, rest, ok := bytes.Cut(status, []byte(name))
		text, _, _ := bytes.Cut(rest, []byte("\n"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
		if ok && err == nil {
			sum += n
			known++
		}
	}
	return sum, known
}

// listedClocks are the task clocks of the threads that were there at the start
// and not on a CPU, as the listing found them.
type listedClocks struct {
	all    []listedClock // by tid once sorted
	sorted bool
	at     uint64 // when the listing was done, boot time
}

type listedClock struct {
	tid     uint32
	start   uint64
	cpuTime uint64 // ns
}

func (l *listedClocks) add(t *bpf.Task) {
	l.all = append(l.all, listedClock{t.H.TID, t.Start, t.TotalCPUNS})
	l.at, l.sorted = max(l.at, t.H.Time), false
}

// forget is for a thread that left those recorded: it may come back, and what it
// has until then does not count.
func (l *listedClocks) forget(tid uint32, start uint64) {
	if i, ok := l.place(tid, start); ok {
		l.all[i].start = 0
	}
}

// find returns what the task clock of a thread was, and when that was surely so.
func (l *listedClocks) find(tid uint32, start uint64) (cpuTime, at uint64, ok bool) {
	i, ok := l.place(tid, start)
	if !ok {
		return 0, 0, false
	}
	return l.all[i].cpuTime, l.at, true
}

func (l *listedClocks) place(tid uint32, start uint64) (i int, ok bool) {
	if !l.sorted {
		slices.SortFunc(l.all, func(a, b listedClock) int { return cmp.Compare(a.tid, b.tid) })
		l.sorted = true
	}
	i, ok = slices.BinarySearchFunc(l.all, tid, func(c listedClock, tid uint32) int { return cmp.Compare(c.tid, tid) })
	return i, ok && l.all[i].start == start
}
