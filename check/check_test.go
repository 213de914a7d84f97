// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/check"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/golden"
)

// Recordings of real machines have nothing to find.
func TestFixtures(t *testing.T) {
	traces, err := filepath.Glob("../testdata/*/trace.arrow")
	if err != nil || len(traces) < 5 {
		t.Fatalf("%d captures in testdata, %v", len(traces), err)
	}
	for _, trace := range traces {
		dir := filepath.Dir(trace)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			r, err := check.Run(t.Context(), trace)
			if err != nil {
				t.Fatal(err)
			}
			if r.Found() != 0 {
				t.Errorf("%d findings", r.Found())
			}
			r.Path = ""
			kept(t, filepath.Join(dir, "check.golden"), r)
		})
	}
}

func kept(t *testing.T, path string, r *check.Report) {
	t.Helper()
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, path, string(append(got, '\n')))
}

// row is one row to be written: its kind and columns.
type row struct {
	kind   string
	values map[string]any
}

const ms = 1_000_000

// sound are the rows of a recording of 10 ms on one CPU: two threads that take
// turns, and one that is born and ends.
func sound() []row {
	hop := func(t, tid, next int, state string) row {
		preempted := 0
		if state == "R" {
			preempted = 1
		}
		return row{"sched_switch", map[string]any{"time": t * ms, "tid": tid, "next_tid": next, "prev_state": state, "preempted": preempted}}
	}
	sum := func(t, tid, start, on, voluntary, involuntary, exited int) row {
		return row{"task_sum", map[string]any{"time": t * ms, "pid": tid, "tid": tid, "start": start, "on_cpu_ns": on * ms,
			"voluntary": voluntary, "involuntary": involuntary, "exited": exited}}
	}
	return []row{
		{"task", map[string]any{"time": 101 * ms, "pid": 7, "tid": 7, "start": 5, "comm": "seven", "reason": "snapshot"}},
		{"task", map[string]any{"time": 101 * ms, "pid": 8, "tid": 8, "start": 6, "comm": "eight", "reason": "snapshot"}},
		hop(102, 7, 8, "R"),
		{"fork", map[string]any{"time": 103 * ms, "pid": 9, "tid": 9, "start": 103 * ms, "ppid": 8, "comm": "nine"}},
		hop(104, 8, 9, "S"),
		{"exit", map[string]any{"time": 105 * ms, "pid": 9, "tid": 9, "start": 103 * ms, "ppid": 8, "comm": "nine"}},
		sum(106, 9, 103*ms, 2, 1, 0, 1),
		hop(106, 9, 0, "X"),
		sum(110, 7, 5, 2, 0, 1, 0),
		sum(110, 8, 6, 2, 1, 0, 0),
		{"cpu_sum", map[string]any{"time": 110 * ms, "idle_ns": 4 * ms, "switches": 3}},
		{"summary", map[string]any{"time": 110 * ms, "since": 100 * ms, "seen": 6, "written": 6}},
	}
}

// save writes rows as a capture that began at boot time 100 ms.
func save(t *testing.T, rows []row) string {
	t.Helper()
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	meta := &format.Metadata{Ebrec: "test", CPUs: 1, Start: time.Unix(0, 1000+100*ms), BootOffset: 1000, Sources: []string{"cpu", "sched", "process", "tcp", "file", "args", "wakeups", "tcpstates", "tcpturns"}}
	path := filepath.Join(t.TempDir(), "t.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := format.NewWriter(f, meta, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		k := &kinds[slices.IndexFunc(kinds, func(k format.Kind) bool { return k.Name == r.kind })]
		raw, err := k.Encode(r.values)
		if err != nil {
			t.Fatal(err)
		}
		k.Field(format.ColumnKind).PutUint(raw, uint64(k.ID))
		if err := w.Add(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each violation is found by its check, and by no other.
func TestFindings(t *testing.T) {
	change := func(kind string, n int, column string, value any) func([]row) []row {
		return func(rows []row) []row {
			for _, r := range rows {
				if r.kind == kind {
					if n == 0 {
						r.values[column] = value
					}
					n--
				}
			}
			return rows
		}
	}
	without := func(kind string) func([]row) []row {
		return func(rows []row) []row {
			return slices.DeleteFunc(rows, func(r row) bool { return r.kind == kind })
		}
	}
	extra := func(kind string, values map[string]any) func([]row) []row {
		return func(rows []row) []row { return append(rows, row{kind, values}) }
	}
	// event is an extra row that a program sent, so it is counted, too.
	event := func(kind string, values map[string]any) func([]row) []row {
		return func(rows []row) []row {
			rows = change("summary", 0, "seen", 7)(rows)
			rows = change("summary", 0, "written", 7)(rows)
			return append(rows, row{kind, values})
		}
	}
	both := func(a, b func([]row) []row) func([]row) []row {
		return func(rows []row) []row { return b(a(rows)) }
	}
	waited := func(delay int) func([]row) []row {
		return both(change("sched_switch", 1, "delay_ns", delay), change("task_sum", 2, "run_queue_ns", 5000*ms))
	}
	// unseen tells of a switch that nobody saw before the second one.
	unseen := func(rows []row) []row {
		rows = change("summary", 0, "seen", 7)(rows)
		rows = change("summary", 0, "lost", 1)(rows)
		return append(rows, row{"loss", map[string]any{"time": 104 * ms, "since": 102 * ms, "lost": 1, "loss_source": "sched", "loss_reason": "unseen"}})
	}
	tests := map[string]struct {
		spoil func([]row) []row
		check string
		says  string
	}{
		"nothing":            {func(rows []row) []row { return rows }, "", ""},
		"too early":          {change("fork", 0, "time", 99*ms), "identities order", "before the recording began"},
		"behind the summary": {event("open", map[string]any{"time": 111 * ms, "pid": 7, "tid": 7}), "order", "behind the summary"},
		"seen, not written":  {change("summary", 0, "seen", 7), "account", "7 events seen, but 6 written and 0 lost"},
		"row missing":        {without("exit"), "account", "6 events written, but the file has 5"},
		"loss untold":        {change("summary", 0, "lost", 1), "account", "the loss rows tell of 0 events, the summary of 1"},
		"ends twice":         {event("exit", map[string]any{"time": 107 * ms, "pid": 9, "tid": 9, "start": 103 * ms, "ppid": 8}), "identities", "thread 9 ended already"},
		"listed behind it":   {extra("task", map[string]any{"time": 107 * ms, "pid": 9, "tid": 9, "start": 103 * ms, "ppid": 8, "reason": "snapshot"}), "identities", "process 9 ended at"},
		"ending as it began": {event("task_sum", map[string]any{"time": 100 * ms, "pid": 5, "tid": 5, "start": 6, "exited": 1}), "", ""},
		"never named":        {event("task_sum", map[string]any{"time": 107 * ms, "pid": 5, "tid": 5, "start": 6, "exited": 1}), "identities", "thread 5 was not introduced"},
		"ended while listed": {both(extra("clock", map[string]any{"time": 104 * ms}), event("exit", map[string]any{"time": 103 * ms, "pid": 5, "tid": 5, "start": 6, "ppid": 8})), "", ""},
		"ended unlisted":     {both(extra("clock", map[string]any{"time": 104 * ms}), event("exit", map[string]any{"time": 105 * ms, "pid": 5, "tid": 5, "start": 6, "ppid": 8})), "identities", "thread 5 was not introduced"},
		"about to end":       {both(extra("task", map[string]any{"time": 101 * ms, "pid": 5, "tid": 5, "start": 6, "ppid": 8, "reason": "exiting"}), event("fork", map[string]any{"time": 107 * ms, "pid": 5, "tid": 5, "start": 107 * ms, "ppid": 8})), "", ""},
		"number taken":       {both(extra("task", map[string]any{"time": 101 * ms, "pid": 5, "tid": 5, "start": 6, "ppid": 8, "reason": "snapshot"}), event("fork", map[string]any{"time": 107 * ms, "pid": 5, "tid": 5, "start": 107 * ms, "ppid": 8})), "identities", "the one before did not end"},
		"nobody":             {change("task", 1, "tid", 88), "identities", "thread 8 was not introduced"},
		"after its end":      {event("open", map[string]any{"time": 107 * ms, "pid": 9, "tid": 9}), "identities", "thread 9 ended at"},
		"born twice":         {event("fork", map[string]any{"time": 104 * ms, "pid": 9, "tid": 9, "start": 103 * ms}), "identities", "thread 9 was born already"},
		"gap":                {change("sched_switch", 0, "next_tid", 7), "switches", "thread 8 leaves, but 7 was there"},
		"more switches":      {change("task_sum", 1, "involuntary", 2), "sums", "1 involuntary switches, its sums count 0 and 2"},
		"sums too small":     {change("task_sum", 2, "on_cpu_ns", ms), "sums", "off by -1000000 ns, -100000.0 millionths"},
		"waited longer":      {waited(1000), "sums", "thread 8 waited for 1000 ns by its switches"},
		"longer than can be": {waited(1<<32 - 1), "", ""},
		"longer than it was": {change("task_sum", 0, "cpu_time_ns", 200*ms), "sums", "cpu_time_ns of thread 9 is 200000000 at"},
		"on it for longer":   {both(change("task_sum", 0, "on_cpu_ns", 4*ms), change("cpu_sum", 0, "idle_ns", 2*ms)), "sums", "on_cpu_ns of thread 9 is 4000000 at"},
		"gap that is told":   {both(change("sched_switch", 0, "next_tid", 7), unseen), "", ""},
		"nobody's time":      {both(change("cpu_sum", 0, "idle_ns", 3*ms), both(change("cpu_sum", 0, "unseen_ns", 1*ms), unseen)), "", ""},
		"shrinking":          {extra("task_sum", map[string]any{"time": 105 * ms, "pid": 8, "tid": 8, "start": 6, "on_cpu_ns": 3 * ms}), "sums", "on_cpu_ns of thread 8 shrinks from 3000000 to 2000000"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := check.Run(t.Context(), save(t, tt.spoil(sound())))
			if err != nil {
				t.Fatal(err)
			}
			var found, text []string
			for _, v := range r.Verdicts {
				if v.Found > 0 {
					found = append(found, v.Check)
				}
				text = append(text, v.Findings...)
			}
			slices.Sort(found)
			want := strings.Fields(tt.check)
			slices.Sort(want)
			if !slices.Equal(found, want) || !strings.Contains(strings.Join(text, "\n"), tt.says) {
				t.Errorf("found by %v, want %v:\n%s", found, want, strings.Join(text, "\n"))
			}
		})
	}
}

// A thread with twice as much CPU time as time on a CPU is a finding, unless the
// capture tells what explains it.
func TestClocksApart(t *testing.T) {
	with := func(steal, unseen int) []row {
		return []row{
			{"task", map[string]any{"time": 101 * ms, "pid": 7, "tid": 7, "start": 5, "comm": "seven", "reason": "snapshot"}},
			{"task_sum", map[string]any{"time": 1100 * ms, "pid": 7, "tid": 7, "start": 5, "on_cpu_ns": 300 * ms, "cpu_time_ns": 700 * ms, "voluntary": 3}},
			{"cpu_sum", map[string]any{"time": 1100 * ms, "idle_ns": (700 - unseen) * ms, "unseen_ns": unseen * ms}},
			{"cpu_stat", map[string]any{"time": 1100 * ms, "steal_ns": steal * ms}},
			{"summary", map[string]any{"time": 1100 * ms, "since": 100 * ms}},
		}
	}
	for name, tt := range map[string]struct{ steal, unseen, found int }{
		"neither": {0, 0, 1}, "stolen": {290, 0, 0}, "unseen": {0, 290, 0}, "too little of both": {100, 100, 1},
	} {
		r, err := check.Run(t.Context(), save(t, with(tt.steal, tt.unseen)))
		if err != nil {
			t.Fatal(err)
		}
		sums := r.Verdicts[slices.IndexFunc(r.Verdicts, func(v check.Verdict) bool { return v.Check == "sums" })]
		if sums.Found != tt.found || tt.found > 0 && !strings.Contains(sums.Findings[0], "thread 7 has 700000000 ns of CPU time and was on a CPU for 300000000 ns") {
			t.Errorf("%s: %d found: %q", name, sums.Found, sums.Findings)
		}
	}
}

// Damage does not end the check.
func TestDamage(t *testing.T) {
	data, err := os.ReadFile("../testdata/mixed/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 64 { // not only padding
		data[len(data)*2/3+i] ^= 1
	}
	path := filepath.Join(t.TempDir(), "damaged.arrow")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := check.Run(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.Verdicts[0]; v.Check != "structure" || v.Found != 1 || len(r.Verdicts) != 7 {
		t.Errorf("%d verdicts, the first is %+v", len(r.Verdicts), v)
	}
}

func TestCutShort(t *testing.T) {
	data, err := os.ReadFile("../testdata/mixed/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.arrow")
	if err := os.WriteFile(path, data[:len(data)-32000], 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := check.Run(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if r.Whole() || r.Found() != 0 || !strings.Contains(r.Cut, "cut short") {
		t.Errorf("cut %q, %d findings", r.Cut, r.Found())
	}
}

// What this version records is listed for the checks, which must not read the
// kernel programs themselves.
func TestKnown(t *testing.T) {
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("recording metadata time kind metadata\n")
	for _, k := range kinds {
		b.WriteString(k.Source + " " + k.Name)
		for _, f := range k.Fields {
			b.WriteString(" " + f.Name)
		}
		b.WriteString("\n")
	}
	golden.Check(t, "known.txt", b.String())
}
