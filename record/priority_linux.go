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
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return before, fmt.Errorf("list the recorder's threads: %w", err)
	}
	for _, t := range threads {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, nice) // it may have ended, or we may not
		}
	}
	return before, nil
}
