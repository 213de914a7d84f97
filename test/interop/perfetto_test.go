// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/export"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// exported is an export of a capture.
func exported(t *testing.T, path, to string) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := export.Write(t.Context(), &b, capturetest.Open(t, path), to); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// exportable are the captures of testdata, a slice of one, and a generated one:
// unfiltered, with processes that come and go on four CPUs.
func exportable(t *testing.T, c *clients) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, trace := range traces(t) {
		all[name(trace)] = trace
	}
	dir := t.TempDir()
	generated := filepath.Join(dir, "generated.arrow")
	goRun(t, "./test/generate", "--switches", "100000", "--tasks", "50", "--cpus", "4", "-o", generated)
	slice := filepath.Join(dir, "slice.arrow")
	goRun(t, "./cmd/ebrec", "slice", generated, "--from", "+0.2s", "--to", "+0.7s", "-o", slice)
	all["generated"], all["slice"] = generated, slice
	return all
}

// Perfetto's own SQL says of a trace what ebrec says of the capture.
func TestPerfetto(t *testing.T) {
	c := setUp(t)
	switched := 0
	for name, path := range exportable(t, c) {
		t.Run(name, func(t *testing.T) {
			f := capturetest.Open(t, path)
			answers := c.traceProcessor(t, exported(t, path, "perfetto"),
				`select name, ifnull(idx, 0), value from stats where severity in ('error', 'data_loss') and value > 0`,
				`select pid, sum(dur) from sched join thread using (utid) join process using (upid) where dur > 0 and tid != 0 group by pid order by pid`,
				`select count(*) from ftrace_event where name = 'sched_waking'`,
				`select process_track.name, count(*), sum(dur) from slice join process_track on process_track.id = slice.track_id
					where process_track.name in ('response', 'read', 'think') and slice.name = process_track.name group by 1 order by 1`,
				`select distinct pid, tid, thread.name from sched join thread using (utid) join process using (upid) where dur > 0 and tid != 0 order by tid`,
				`select pid, process.name, slice.name, dur from slice join process_track on process_track.id = slice.track_id join process using (upid)
					where process_track.name = 'lifetime' and dur >= 0 order by pid, slice.ts`,
			)
			if len(answers[0]) > 0 {
				t.Errorf("errors and losses: %v", answers[0])
			}
			if f.Kind("sched_switch") != nil {
				switched++
				compareCPUTime(t, f, answers[1])
				compareNames(t, f, answers[4])
			} else if len(answers[1]) > 0 {
				t.Errorf("slices on CPUs of no switches: %v", answers[1])
			}
			if want := rowsOf(t, f, "sched_waking", ""); answers[2][0][0] != strconv.Itoa(want.rows) {
				t.Errorf("%s wakeups, want %d", answers[2][0][0], want.rows)
			}
			compareTurns(t, f, answers[3])
			compareLives(t, f, answers[5])
		})
	}
	if switched < 3 {
		t.Errorf("%d captures have switches, want 3", switched)
	}
}

// compareCPUTime wants the time of slices to be the time on a CPU that the kernel
// summed up, to the nanosecond.
func compareCPUTime(t *testing.T, f *format.Capture, got [][]string) {
	t.Helper()
	cputime, err := analyze.Find("cputime")
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, f, cputime)
	pid, onCPU := place(r, "pid"), place(r, "on_cpu_ns")
	want, sched := map[string]uint64{}, map[string]uint64{}
	for _, table := range r.Tables[:2] { // processes and kernel threads
		for _, row := range table.Rows {
			if ns := row[onCPU].(uint64); ns > 0 {
				want[fmt.Sprint(row[pid])] += ns
			}
		}
	}
	for _, row := range got {
		ns, err := strconv.ParseUint(row[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sched[row[0]] = ns
	}
	if diff := cmp.Diff(want, sched); diff != "" || len(want) == 0 {
		t.Errorf("time on a CPU by process (-ebrec +trace_processor):\n%s", diff)
	}
}

// compareNames wants each thread that ran to have the name and the process that
// it had in the end.
func compareNames(t *testing.T, f *format.Capture, got [][]string) {
	t.Helper()
	tasks := replay.NewTasks(f)
	if err := tasks.Preload(f); err != nil {
		t.Fatal(err)
	}
	for e, err := range replay.New(f).Events(replay.Select{To: f.Meta().Window.To}) {
		if err != nil {
			t.Fatal(err)
		}
		tasks.Update(e)
	}
	var want [][]string
	for _, row := range got {
		tid, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		task, _ := tasks.Lookup(uint32(tid))
		want = append(want, []string{fmt.Sprint(task.PID), row[1], task.Comm})
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("threads (-ebrec +trace_processor):\n%s", diff)
	}
}

// tally is how many rows there are, and what a column adds up to.
type tally struct {
	rows int
	sum  uint64
}

// rowsOf counts the rows of a kind that lie in the capture's window.
func rowsOf(t *testing.T, f *format.Capture, kind, column string) (n tally) {
	t.Helper()
	if f.Kind(kind) == nil {
		return n
	}
	w := f.Meta().Window
	for e, err := range replay.New(f).Events(replay.Select{Kinds: []string{kind}, From: w.From, To: w.To}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Time() != w.From {
			n.rows++
			n.sum += e.Uint(f.Col(column))
		}
	}
	return n
}

// compareTurns wants each part of a turn to be a slice. The first may be longer
// than the window.
func compareTurns(t *testing.T, f *format.Capture, got [][]string) {
	t.Helper()
	var want [][]string
	for _, part := range []struct{ kind, column, name string }{{"tcp_read", "read_ns", "read"}, {"tcp_response", "response_ns", "response"}, {"tcp_reply", "think_ns", "think"}} {
		n := rowsOf(t, f, part.kind, part.column)
		if n.rows > 0 {
			want = append(want, []string{part.name, strconv.Itoa(n.rows), strconv.FormatUint(n.sum, 10)})
		}
	}
	if f.Meta().Window.From != 0 {
		for _, rows := range [][][]string{want, got} {
			for i := range rows {
				rows[i] = rows[i][:2]
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("turns (-ebrec +trace_processor):\n%s", diff)
	}
}

// compareLives wants every process that ended to have its life; kernel threads have
// none.
func compareLives(t *testing.T, f *format.Capture, got [][]string) {
	t.Helper()
	want := 0
	for e, err := range replay.New(f).Events(replay.Select{From: f.Meta().Window.From, To: f.Meta().Window.To}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind().Name == "exit" && e.Time() != f.Meta().Window.From && e.Uint(f.Col("kernel_thread")) == 0 {
			want++
		}
	}
	if len(got) != want {
		t.Errorf("%d lives, want %d", len(got), want)
	}
	for _, row := range got {
		if row[1] != row[2] {
			t.Errorf("process %s is called %s, and its life is of %s", row[0], row[1], row[2])
		}
	}
}

// The Trace Event Format is read as it is meant: slices of threads add up to the
// same time on a CPU.
func TestChromeJSON(t *testing.T) {
	c := setUp(t)
	for name, path := range exportable(t, c) {
		f := capturetest.Open(t, path)
		t.Run(name, func(t *testing.T) {
			answers := c.traceProcessor(t, exported(t, path, "chrome-json"),
				`select name, value from stats where severity in ('error', 'data_loss') and value > 0`,
				`select pid, sum(dur) from slice join thread_track on thread_track.id = slice.track_id join thread using (utid) join process using (upid)
					where slice.name = 'on CPU' group by pid order by pid`)
			if len(answers[0]) > 0 {
				t.Errorf("errors: %v", answers[0])
			}
			if f.Kind("sched_switch") != nil {
				compareCPUTime(t, f, answers[1])
			}
		})
	}
}
