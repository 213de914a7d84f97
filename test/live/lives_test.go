// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"testing"

	"github.com/ebrec/ebrec/test/truth"
)

// lives are the processes of a capture. A process is its number and its start:
// others may have had the number before it, or have it later.
type lives struct {
	rows   map[int64][]row // by number
	offset int64           // from boot time to the capture's clock, in ns
}

func readLives(t *testing.T, trace string) lives {
	t.Helper()
	l := lives{rows: map[int64][]row{}}
	for _, r := range analyze(t, "lifetimes", trace).Rows {
		pid := r.int(t, "pid")
		l.rows[pid] = append(l.rows[pid], r)
	}
	readings := replayRows(t, trace, "clock")
	if len(readings) == 0 {
		t.Fatalf("%s has no reading of the clock", trace)
	}
	l.offset = readings[0].int(t, "wall_offset_ns")
	return l
}

// of is the only row of a process that started then, in ns since boot.
func (l lives) of(t *testing.T, pid int, start int64) row {
	t.Helper()
	found := l.find(t, pid, start)
	if len(found) != 1 {
		t.Errorf("process %d that started %d ns after boot has %d rows, want 1", pid, start, len(found))
		return nil
	}
	return found[0]
}

func (l lives) find(t *testing.T, pid int, start int64) (found []row) {
	t.Helper()
	for _, r := range l.rows[int64(pid)] {
		if after := r.int(t, "start") - l.offset - start; after >= 0 && after < truth.StartGrain.Nanoseconds() {
			found = append(found, r)
		}
	}
	return found
}
