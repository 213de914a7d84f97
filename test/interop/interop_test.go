// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// answer is what every program says of a capture.
type answer struct {
	Rows    map[string]int64 `json:"rows"`
	CPUTime map[string]int64 `json:"cpu_time_ns"` // by pid
}

func TestClientsAgree(t *testing.T) {
	c := setUp(t)
	for _, trace := range traces(t) {
		want := ours(t, trace)
		if len(want.CPUTime) == 0 {
			continue // recorded without the source cpu
		}
		for _, program := range c.programs {
			if program == "waits.py" {
				continue
			}
			t.Run(name(trace)+"/"+program, func(t *testing.T) {
				var got answer
				if err := json.Unmarshal(c.run(t, program, trace), &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-ebrec +%s):\n%s", program, diff)
				}
			})
		}
	}
}

// What ClickHouse cannot read whole it refuses: of a capture that was cut short, and as
// a stream, it says nothing.
func TestClickHouseRefuses(t *testing.T) {
	c := setUp(t)
	whole := absolute(t, "../../testdata/tcp/trace.arrow")
	cut := shortened(t, t.TempDir(), whole, 1)
	rows := int64(0)
	for _, n := range ours(t, whole).Rows {
		rows += n
	}
	program := "import chdb, sys\n" +
		"print(chdb.query(f'select count() from file({{capture:String}}, {sys.argv[2]})', params={'capture': sys.argv[1]}))\n"
	write(t, filepath.Join(c.dir, "count.py"), []byte(program))
	for _, test := range []struct{ path, format, says string }{
		{whole, "Arrow", fmt.Sprintf("%d\n", rows)},
		{cut, "Arrow", "Not an Arrow file: missing trailing magic"},
		{whole, "ArrowStream", "Not an Arrow IPC stream"},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(c.dir, "python/bin/python"), "-P", "count.py", test.path, test.format)
		cmd.Dir = c.dir
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), test.says) || (err == nil) != (test.path == whole && test.format == "Arrow") {
			t.Errorf("%s of %s: %v, it says\n%s", test.format, test.path, err, out)
		}
	}
}

// The histogram of the document counts every wait.
func TestWaits(t *testing.T) {
	c := setUp(t)
	trace := absolute(t, "../../testdata/sched/trace.arrow")
	var got struct {
		Switches int64            `json:"switches"`
		Waits    map[string]int64 `json:"waits"`
		Longest  []string         `json:"longest"`
	}
	if err := json.Unmarshal(c.run(t, "waits.py", trace), &got); err != nil {
		t.Fatal(err)
	}
	waits := map[string]int64{}
	f := capturetest.Open(t, trace)
	delay := f.Col("delay_ns")
	for b, err := range f.Batches(format.Scan{Kinds: []string{"sched_switch"}, Columns: []format.Col{delay}}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			ns := b.Uint(delay, i)
			if ns == 0 {
				continue
			}
			power := uint64(1)
			for power*2 <= ns {
				power *= 2
			}
			waits[fmt.Sprintf("%d ns", power)]++
		}
	}
	if want := ours(t, trace).Rows["sched_switch"]; got.Switches != want {
		t.Errorf("%d switches, want %d", got.Switches, want)
	}
	if diff := cmp.Diff(waits, got.Waits); diff != "" {
		t.Errorf("waits (-ebrec +pandas):\n%s", diff)
	}
	if len(got.Longest) != 5 || strings.Contains(strings.Join(got.Longest, " "), "nan") {
		t.Errorf("longest waits of %q", got.Longest)
	}
}

// A capture that another program rewrote gives the same tables.
func TestRewrittenCaptures(t *testing.T) {
	c := setUp(t)
	for _, trace := range traces(t) {
		dir := t.TempDir()
		c.run(t, "rewrite.py", trace, dir)
		files, err := filepath.Glob(dir + "/*.arrow")
		if err != nil || len(files) != 18 {
			t.Fatalf("%d rewritten captures, %v", len(files), err)
		}
		for _, file := range files {
			t.Run(name(trace)+"/"+strings.TrimSuffix(filepath.Base(file), ".arrow"), func(t *testing.T) {
				for _, a := range analyze.All {
					if diff := cmp.Diff(table(t, trace, a), table(t, file, a)); diff != "" {
						t.Errorf("%s (-original +rewritten):\n%s", a.Name, diff)
					}
				}
				if diff := cmp.Diff(ours(t, trace).Rows, ours(t, file).Rows); diff != "" {
					t.Errorf("rows (-original +rewritten):\n%s", diff)
				}
			})
		}
	}
}

func traces(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../testdata/*/trace.arrow")
	if err != nil || len(all) < 5 {
		t.Fatalf("%d captures in testdata, %v", len(all), err)
	}
	for i := range all {
		all[i] = absolute(t, all[i])
	}
	return all
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func name(trace string) string { return filepath.Base(filepath.Dir(trace)) }

// ours is the answer of ebrec.
func ours(t *testing.T, path string) answer {
	t.Helper()
	c := capturetest.Open(t, path)
	usage, err := c.Usage()
	if err != nil {
		t.Fatal(err)
	}
	a := answer{map[string]int64{}, map[string]int64{}}
	for _, u := range usage {
		a.Rows[u.Kind] = u.Rows
	}
	r := run(t, c, analyze.All[0])
	if r == nil {
		return a
	}
	pid, cpuTime := place(r, "pid"), place(r, "cpu_time_ns")
	for _, table := range r.Tables[:2] { // processes and kernel threads
		for _, row := range table.Rows {
			a.CPUTime[fmt.Sprint(row[pid])] += int64(row[cpuTime].(uint64))
		}
	}
	return a
}

// place is where a column is.
func place(r *analyze.Result, column string) int {
	return slices.IndexFunc(r.Columns, func(c analyze.ColumnSpec) bool { return c.Name == column })
}

// run is nil when the capture has not the source that the analysis needs.
func run(t *testing.T, c *format.Capture, a *analyze.Analysis) *analyze.Result {
	t.Helper()
	r, err := analyze.Run(t.Context(), c, a, analyze.Options{})
	var missing *analyze.MissingError
	if err != nil && !(errors.As(err, &missing) && missing.Column == "") {
		t.Fatal(err)
	}
	return r
}

// table is what an analysis prints.
func table(t *testing.T, path string, a *analyze.Analysis) string {
	t.Helper()
	r := run(t, capturetest.Open(t, path), a)
	if r == nil {
		return "not recorded"
	}
	var b strings.Builder
	if err := r.Render(&b, "json"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
