// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// lived is a process with arguments, a machine that was suspended, and a process
// that ended before its number came again.
func lived() []row {
	return []row{
		at(0, "task", id(1, 1, 0, -9000, "init"), v{"reason": "snapshot"}),
		at(100, "fork", id(20, 20, 1, 100, "sh")),
		at(110, "exec_args", v{"pid": 20, "tid": 20, "args": "make -j8 all"}),
		at(110, "exec", id(20, 20, 1, 100, "make"), v{"filename": "/bin/make"}),
		at(120, "fork", id(30, 30, 1, 120, "sh")),
		at(130, "exec_args", v{"pid": 30, "tid": 30, "args": "of another life"}),
		at(130, "exec", id(30, 30, 1, 120, "true"), v{"filename": "/bin/true"}),
		at(140, "exit", id(30, 30, 1, 120, "true"), v{"lifetime_ns": 20 * ms}),
		at(200, "fork", id(30, 30, 1, 200, "sh")),
		at(700, "suspended", v{"since": 450 * ms, "suspended_ns": 200 * ms}),
		at(900, "exit", id(20, 20, 1, 100, "make"), v{"lifetime_ns": 800 * ms}),
		end,
	}
}

// A slice has the arguments of processes that executed before it, and suspensions
// that its end lies in.
func TestSliceContext(t *testing.T) {
	path := capture{}.save(t, filepath.Join(t.TempDir(), "lived.arrow"), lived()...)
	c := capturetest.Open(t, path)
	start := begin.UnixNano()
	for _, span := range [][2]int64{{start + 300*ms, 0}, {start + 300*ms, start + 600*ms}, {0, start + 600*ms}, {start + 150*ms, start + 950*ms}} {
		for _, name := range []string{"lifetimes", "execs", "cputime"} {
			want := run(t, c, name, analyze.Options{From: span[0], To: span[1]})
			got := run(t, sliced(t, path, replay.Slice{From: span[0], To: span[1]}), name, analyze.Options{})
			if diff := cmp.Diff(render(t, want, "json"), render(t, got, "json")); diff != "" {
				t.Errorf("%s of %v (-whole +slice):\n%s", name, span, diff)
			}
			if text := string(render(t, got, "json")); name == "lifetimes" && (!strings.Contains(text, "make -j8 all") || span[0] > start+140*ms && strings.Contains(text, "another life")) {
				t.Errorf("%v: arguments are not those of who lives:\n%s", span, text)
			}
		}
	}
}

// A slice of one process has what is of no process.
func TestSliceOfOneProcessHasTheMachine(t *testing.T) {
	path := capture{}.save(t, filepath.Join(t.TempDir(), "lived.arrow"), lived()...)
	s := sliced(t, path, replay.Slice{PIDs: []uint32{20}})
	if got := run(t, s, "cputime", analyze.Options{}).Capture.SuspendedNS; got != 200*ms {
		t.Errorf("suspended for %d ns, want %d", got, 200*ms)
	}
}
