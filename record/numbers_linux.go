// SPDX-License-Identifier: Apache-2.0

package record

import (
	"os"
	"strconv"

	"github.com/ebrec/ebrec/bpf"
)

// The programs know processes and threads by their numbers in the initial pid
// namespace. /proc has those of the namespace that it was mounted in, and there
// the same number may be another thread's.

// procNumbers says whose numbers those in /proc are.
type procNumbers int

const (
	procUnknown procNumbers = iota
	procInitial             // the programs'
	procOwn                 // those of the recorder's pid namespace
)

// numbersInProc finds out by what the recorder, which has a number in the initial
// namespace and one in its own, is called in /proc.
func numbersInProc(initial uint32) procNumbers {
	name, err := os.Readlink("/proc/self")
	switch {
	case err != nil:
		return procUnknown
	case name == strconv.Itoa(int(initial)):
		return procInitial
	case name == strconv.Itoa(os.Getpid()):
		return procOwn
	}
	return procUnknown
}

// numbers are those that threads have in /proc.
type numbers struct {
	proc procNumbers
	own  map[uint32]ownNumber // by the programs' number; only when /proc has the recorder's
}

type ownNumber struct {
	start    uint64 // of the thread
	pid, tid uint32
}

// add is told of each task that is listed.
func (n *numbers) add(t *bpf.ListedTask) {
	if n.proc != procOwn || t.OwnTID == 0 {
		return
	}
	if n.own == nil {
		n.own = map[uint32]ownNumber{}
	}
	n.own[t.T.H.TID] = ownNumber{t.T.Start, t.OwnPID, t.OwnTID}
}

// find returns the numbers in /proc of a thread; ok is false when they are not
// known: it came after the last listing, or has none there.
func (n *numbers) find(pid, tid uint32, start uint64) (ownPID, ownTID uint32, ok bool) {
	if n.proc == procInitial {
		return pid, tid, true
	}
	own, ok := n.own[tid]
	return own.pid, own.tid, ok && own.start == start
}

// readClock reads the task clock of a thread, if it can be told which it is in
// /proc.
func (a *accounts) readClock(pid, tid uint32, start uint64) clockReading {
	pid, tid, ok := a.numbers.find(pid, tid, start)
	if !ok {
		return clockReading{at: bpf.Now(), unreadable: true}
	}
	return readClock(pid, tid)
}
