// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrClock says that this process has another boot time than the programs, and
// that the difference is not known.
var ErrClock = errors.New("the clock of this time namespace")

const clockSlack = time.Millisecond

// Now is the current boot time of the machine, the clock of every record. In a
// time namespace the clock that a process reads differs from it.
func Now() uint64 { return uint64(ownClock() - namespaceOffset()) }

func ownClock() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(err) // Linux has had the clock since 2.6.39
	}
	return ts.Nano()
}

// namespaceOffset is what the time namespace of this process adds to the boot
// time, in ns. No process of several threads changes it.
var namespaceOffset = sync.OnceValue(func() int64 {
	own, err := os.Readlink("/proc/self/ns/time")
	children, err2 := os.Readlink("/proc/self/ns/time_for_children")
	if err != nil || err2 != nil || own != children { // the file below is that of children
		return 0
	}
	offsets, _ := os.ReadFile("/proc/self/timens_offsets") // from 5.6 on
	return parseOffset(string(offsets))
})

// parseOffset is the line of the boot time: a name, seconds and nanoseconds.
func parseOffset(offsets string) int64 {
	for line := range strings.Lines(offsets) {
		var sec, ns int64
		if n, _ := fmt.Sscanf(line, "boottime %d %d", &sec, &ns); n == 2 {
			return sec*int64(time.Second) + ns
		}
	}
	return 0
}

// compareClocks holds the clock of this process against that of the programs:
// a listing of tasks reads it for each.
func (p *Programs) compareClocks() error {
	before := Now()
	all, err := p.listTasks("list_tasks")
	after := Now()
	if err != nil || len(all) == 0 {
		return err
	}
	// The clock is read without a lock there, which may be off by a little.
	if at := all[0].T.H.Time; at+uint64(clockSlack) < before || at > after+uint64(clockSlack) {
		return fmt.Errorf("%w is off the machine's by %v", ErrClock, time.Duration(before-at).Round(time.Millisecond))
	}
	return nil
}
