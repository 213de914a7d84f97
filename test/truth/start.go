// SPDX-License-Identifier: Apache-2.0

package truth

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// StartGrain is what the kernel rounds the start of a process down to (proc(5)).
const StartGrain = 10 * time.Millisecond

// StartOf is when a process started, in ns since boot, also for a caller whose time
// namespace moves that. It is known for as long as nobody has waited for the process.
func StartOf(pid int) (int64, error) {
	const startField = 22
	path := fmt.Sprintf("/proc/%d/stat", pid)
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:]) // from the third on: a name may have anything
	ticks, err := strconv.ParseInt(string(fields[startField-3]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return ticks*StartGrain.Nanoseconds() - moved(), nil
}

// moved is how far boot time is moved for this process: see time_namespaces(7).
func moved() int64 {
	data, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return 0 // the kernel has no such namespaces
	}
	for line := range bytes.Lines(data) {
		var s, ns int64
		if n, _ := fmt.Sscanf(string(line), "boottime %d %d", &s, &ns); n == 2 {
			return s*int64(time.Second) + ns
		}
	}
	return 0
}
