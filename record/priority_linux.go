// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// A recorder that waits behind all that it records loses most where it is
// needed most. It takes little time, so it can have it first.

// hurry gives all threads of the process a nice value, which those that come
// later inherit. Where that needs a privilege that is not there they keep
// theirs. It returns the value from before.
func hurry(nice int) (before int, err error) {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return 0, fmt.Errorf("read the priority: %w", err)
	}
	before = 20 - raw // as the system call returns it
	if nice == 0 {
		return before, nil
	}
	// A thread that had not been told yet may have begun another meanwhile.
	for more := true; more && err == nil; {
		more, err = hurryThreads(nice)
	}
	return before, err
}

// hurryThreads gives the nice value to the threads that there are, and tells whether
// any of them had another.
func hurryThreads(nice int) (changed bool, err error) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false, fmt.Errorf("list the recorder's threads: %w", err)
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err != nil || 20-raw == nice {
			continue // it has ended, or has it
		}
		if unix.Setpriority(unix.PRIO_PROCESS, tid, nice) == nil { // we may not, or it has ended
			changed = true
		}
	}
	return changed, nil
}
