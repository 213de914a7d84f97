// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// A slice that ends behind the last reading but one still has the last sums of a
// thread that ended behind it: they bound what it used in the window.
func TestSliceCarriesLastSums(t *testing.T) {
	c := write(t,
		row{100, "cpu_sum", v{"cpu": 0}},
		row{200, "exit", v{"pid": 7, "tid": 7, "start": 10}},
		row{300, "task_sum", v{"pid": 7, "tid": 7, "start": 10, "cpu_time_ns": 80, "exited": 1}},
		row{900, "summary", v{"since": 0}})
	path := filepath.Join(t.TempDir(), "slice.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := replay.New(c).Slice(f, replay.Slice{To: begin.UnixNano() + 150}); err != nil {
		t.Fatal(err)
	}
	s, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sums := 0
	for e, err := range replay.New(s).Events(replay.Select{Kinds: []string{"task_sum"}}) {
		if err != nil {
			t.Fatal(err)
		}
		sums++
		if got := e.Uint(s.Col("cpu_time_ns")); got != 80 {
			t.Errorf("CPU time %d, want 80", got)
		}
	}
	if sums != 1 {
		t.Errorf("%d rows of sums, want 1", sums)
	}
}
