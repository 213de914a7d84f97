// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// save writes a capture to a file.
func (o capture) save(t testing.TB, path string, rows ...row) string {
	t.Helper()
	data, err := o.build(rows)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// on is a capture of a host, booted and begun so long after the others.
func on(host, bootID string, booted, begun time.Duration) capture {
	return capture{meta: func(m *format.Metadata) {
		m.Host, m.BootID = host, bootID
		m.BootOffset += int64(booted)
		m.Start = m.Start.Add(begun)
	}}
}

func many(t testing.TB, paths []string, name string, o analyze.Options, m analyze.Many) *analyze.Result {
	t.Helper()
	a, err := analyze.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := analyze.RunMany(t.Context(), paths, a, o, m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// cellsOf are the values of a column, of all rows that have the result's columns.
func cellsOf(t testing.TB, r *analyze.Result, name string) (all []analyze.Value) {
	t.Helper()
	i := slices.IndexFunc(r.Columns, func(c analyze.ColumnSpec) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no column %s", name)
	}
	for _, table := range r.Tables {
		if table.Own {
			continue
		}
		for _, row := range table.Rows {
			all = append(all, row[i])
		}
	}
	return all
}

func totalOf(t testing.TB, r *analyze.Result, name string) (n uint64) {
	t.Helper()
	for _, v := range cellsOf(t, r, name) {
		u, _ := v.(uint64)
		n += u
	}
	return n
}

// switching are switches of one thread that waits for so long each time.
func switching(waits ...int) []row {
	rows := []row{at(0, "task", v{"pid": 7, "tid": 7, "start": -1, "comm": "seven", "reason": "snapshot"})}
	for i, wait := range waits {
		rows = append(rows,
			row{int64(2*i+1) * 100_000, "sched_switch", v{"cpu": 0, "tid": 0, "next_tid": 7}},
			row{int64(2*i+2) * 100_000, "sched_switch", v{"cpu": 0, "tid": 7, "next_tid": 0, "delay_ns": wait, "prev_state": "S"}})
	}
	return append(rows, end)
}

// The rows of many are those of each, in the order of the column asked for.
func TestManyRowsAreThoseOfEach(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 5 {
		paths = append(paths, on(fmt.Sprintf("h%d", i), fmt.Sprintf("b%d", i), 0, 0).save(t, filepath.Join(dir, fmt.Sprint(i), "trace.arrow"), machine()...))
	}
	for _, name := range []string{"cputime", "lifetimes", "runqlat", "offcpu", "execs", "opens", "tcplat", "tcplife", "tcptop", "summary"} {
		for _, top := range []int{0, 2} {
			r := many(t, paths, name, analyze.Options{Top: top}, analyze.Many{})
			a, _ := analyze.Find(name)
			want := map[string][]string{}
			hidden := map[string]int{}
			for i, path := range paths {
				c, err := format.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				one := run(t, c, name, analyze.Options{})
				_ = c.Close()
				for _, table := range one.Tables {
					for _, row := range table.Rows {
						if !table.Own {
							want[table.Title] = append(want[table.Title], fmt.Sprint(append([]analyze.Value{fmt.Sprintf("h%d", i), fmt.Sprintf("%d/trace.arrow", i)}, row...)))
						}
					}
				}
			}
			for _, table := range r.Tables {
				by := slices.IndexFunc(r.Columns, func(c analyze.ColumnSpec) bool { return c.Name == a.Sort })
				var last analyze.Value
				for _, row := range table.Rows {
					if !slices.Contains(want[table.Title], fmt.Sprint(row)) {
						t.Errorf("%s: %v is of no capture", name, row)
					}
					if n, ok := row[by].(uint64); ok {
						if l, ok := last.(uint64); ok && l < n {
							t.Errorf("%s: %d after %d", name, n, l)
						}
					}
					last = row[by]
				}
				hidden[table.Title] = table.Hidden
				if n := len(table.Rows) + table.Hidden; n != len(want[table.Title]) || top > 0 && len(table.Rows) > top {
					t.Errorf("%s %s: %d rows and %d hidden, want %d", name, table.Title, len(table.Rows), table.Hidden, len(want[table.Title]))
				}
			}
		}
	}
}

// Sums of hosts are those of their captures, and percentiles are of all waits.
func TestByHost(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	var paths []string
	var all []uint64
	for i := range 6 {
		waits := make([]int, 900)
		for j := range waits {
			waits[j] = random.IntN(1000 * (1 + 9*(i%2)))
			if i%3 == 0 {
				all = append(all, uint64(waits[j]))
			}
		}
		waits[0] = 0
		if i%3 == 0 {
			all[len(all)-900] = 0
		}
		h := fmt.Sprintf("h%d", i%3)
		paths = append(paths, on(h, h, 0, time.Duration(i)*time.Nanosecond).save(t, filepath.Join(dir, fmt.Sprintf("%d.arrow", i)), switching(waits...)...))
	}
	r := many(t, paths, "runqlat", analyze.Options{Sort: "host"}, analyze.Many{By: "host"})
	if diff := cmp.Diff([]analyze.Value{"h0", "h1", "h2"}, cellsOf(t, r, "host")); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	slices.Sort(all)
	for name, want := range map[string]uint64{"captures": 2, "waits": 1800, "p50_ns": all[899], "p90_ns": all[1619], "p99_ns": all[1781], "max_ns": all[1799]} {
		if got := cellsOf(t, r, name)[0]; got != want {
			t.Errorf("%s: got %v, want %d", name, got, want)
		}
	}
	for _, name := range []string{"cputime", "offcpu", "runqlat", "tcptop", "lifetimes", "execs", "opens", "tcplat", "summary"} {
		hosts := many(t, paths, name, analyze.Options{}, analyze.Many{By: "host"})
		captures := many(t, paths, name, analyze.Options{}, analyze.Many{By: "capture"})
		for _, c := range hosts.Columns {
			if c.Unit != "count" || c.Name == "captures" {
				continue
			}
			if a, b := totalOf(t, hosts, c.Name), totalOf(t, captures, c.Name); a != b {
				t.Errorf("%s %s: hosts have %d, captures %d", name, c.Name, a, b)
			}
		}
	}
}

// What a capture is added up is what its rows add up to.
func TestWholesAreSumsOfRows(t *testing.T) {
	for _, dir := range []string{"mixed", "sched", "tcp", "opens", "failing"} {
		path := filepath.Join("../testdata", dir, "trace.arrow")
		for name, columns := range map[string][]string{
			"cputime": {"threads", "cpu_time_ns", "on_cpu_ns", "run_queue_ns", "switches", "migrations"},
			"runqlat": {"waits", "total_ns"}, "offcpu": {"threads", "wall_ns", "runnable_ns", "sleeping_ns", "preempted"},
			"tcplat": {"requests", "tx_bytes", "retransmits"}, "tcptop": {"total_bytes", "sends"},
		} {
			c, err := format.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := analyze.Find(name)
			one, err := analyze.Run(t.Context(), c, a, analyze.Options{})
			_ = c.Close()
			if err != nil {
				continue // it has not what the analysis needs
			}
			one.Tables = slices.DeleteFunc(one.Tables, func(t analyze.Table) bool { return t.Title == "Idle" || t.Title == "Everything" })
			whole := many(t, []string{path}, name, analyze.Options{}, analyze.Many{By: "capture"})
			for _, column := range columns {
				if want, got := totalOf(t, one, column), totalOf(t, whole, column); want != got {
					t.Errorf("%s of %s: %s is %d, rows add up to %d", name, dir, column, got, want)
				}
			}
			if name == "cputime" {
				r := &whole.Members[0].Capture
				if busy, all := totalOf(t, whole, "on_cpu_ns")+totalOf(t, whole, "idle_ns"), uint64(r.CPUs)*r.DurationNS; r.Filter == "" && busy != all {
					t.Errorf("%s: CPUs were busy or idle for %d ns of %d", dir, busy, all)
				}
			}
		}
	}
}

// The bytes are the same whichever capture is done first, and the order on the
// command line decides among equals only.
func TestManyIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 12 {
		rows := machine()
		if i%5 == 0 {
			rows = switching(make([]int, 2100)...)
		}
		paths = append(paths, on(fmt.Sprintf("h%d", i%7), fmt.Sprint(i%7), 0, time.Duration(i)).save(t, filepath.Join(dir, fmt.Sprintf("%d.arrow", i)), rows...))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	for _, by := range []string{"", "host", "capture"} {
		var want string
		for range 3 {
			for _, as := range []string{"json", "text", "csv", "markdown", "arrow"} {
				r := many(t, paths, "runqlat", analyze.Options{Top: 7}, analyze.Many{By: by})
				var b bytes.Buffer
				if err := r.Render(&b, as); err != nil {
					t.Fatal(err)
				}
				if as == "json" {
					if want == "" {
						want = b.String()
					}
					if b.String() != want {
						t.Fatal(cmp.Diff(want, b.String()))
					}
				}
			}
		}
	}
}

// Series and trees have an order of their own, which they keep, one capture behind the
// other.
func TestManyInOrder(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 3 {
		paths = append(paths, on(fmt.Sprint(i), "b", 0, 0).save(t, filepath.Join(dir, fmt.Sprintf("%d.arrow", i)), append(shiftSums(), family()...)...))
	}
	for name, o := range map[string]analyze.Options{"cputime": {Interval: 100 * time.Millisecond}, "lifetimes": {Tree: true}} {
		r := many(t, paths, name, o, analyze.Many{})
		c, err := format.Open(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		one := run(t, c, name, o)
		_ = c.Close()
		rows, want := r.Tables[0].Rows, one.Tables[0].Rows
		if len(want) == 0 || len(rows) != 3*len(want) {
			t.Fatalf("%s: %d rows of three times %d", name, len(rows), len(want))
		}
		for i, row := range rows {
			if got := fmt.Sprint(row[1]); got != fmt.Sprintf("%d.arrow", i/len(want)) {
				t.Errorf("%s: row %d is of %s", name, i, got)
			}
		}
		if diff := cmp.Diff(want[0], rows[0][2:]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Names of hosts and files are whatever somebody chose.
func TestManyIsHarmless(t *testing.T) {
	dir := t.TempDir()
	a := on("=1+1\x1b[2J", "x", 0, 0).save(t, filepath.Join(dir, "=a\x1b[2J.arrow"), machine()...)
	b := on("|b|", "y", 0, 0).save(t, filepath.Join(dir, "b\n.arrow"), machine()...)
	r := many(t, []string{a, b}, "cputime", analyze.Options{}, analyze.Many{})
	for _, as := range []string{"text", "csv", "json", "markdown"} {
		var out bytes.Buffer
		if err := r.Render(&out, as); err != nil {
			t.Fatal(err)
		}
		if as != "markdown" {
			harmless(t, out.Bytes())
		}
		if as == "csv" && strings.Contains(out.String(), "\n=1") {
			t.Error("a spreadsheet would compute the name of a host")
		}
	}
}

// Captures that cannot be analyzed end the run with the error of the first of them,
// or are left out and counted.
func TestBadCaptures(t *testing.T) {
	dir := t.TempDir()
	good := on("a", "x", 0, 0).save(t, filepath.Join(dir, "good.arrow"), machine()...)
	lacks := on("b", "y", 0, 0)
	lacks.without = []string{"sched_switch"}
	bad := []string{filepath.Join(dir, "none.arrow"), lacks.save(t, filepath.Join(dir, "lacks.arrow"), machine()...)}
	a, _ := analyze.Find("runqlat")
	_, err := analyze.RunMany(t.Context(), append([]string{good}, bad...), a, analyze.Options{}, analyze.Many{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	r, err := analyze.RunMany(t.Context(), append(bad, good), a, analyze.Options{}, analyze.Many{SkipBad: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Skipped) != 2 || len(r.Members) != 1 || r.Whole() {
		t.Errorf("skipped %v of %d, whole %v", r.Skipped, len(r.Members), r.Whole())
	}
	if got := r.Skipped[0].Reason; strings.Contains(got, dir) {
		t.Errorf("the reason has a path: %s", got)
	}
	var missing *analyze.MissingError
	if !errors.As(r.Skipped[1].Err, &missing) {
		t.Errorf("got %v", r.Skipped[1].Err)
	}
}

// Losses add up, and make a result incomplete where they are of what was analyzed.
func TestLossyCaptures(t *testing.T) {
	dir := t.TempDir()
	lost := func(source string, n int) row {
		return at(500, "loss", v{"since": 0, "lost": n, "loss_source": source, "loss_reason": "ring_full"})
	}
	var paths []string
	for i, rows := range [][]row{{}, {lost("sched", 3)}, {lost("sched", 4), lost("tcp", 5)}} {
		paths = append(paths, on(fmt.Sprint(i), "b", 0, 0).save(t, filepath.Join(dir, fmt.Sprintf("%d.arrow", i)), append(rows, switching(0, 5)[1:]...)...))
	}
	for name, want := range map[string]int{"runqlat": 2, "tcplat": 2, "opens": 0} { // tcplat uses switches, too
		r := many(t, paths, name, analyze.Options{}, analyze.Many{})
		lossy := 0
		for _, m := range r.Members {
			if m.Lossy {
				lossy++
			}
			if m.Whole() == m.Lossy {
				t.Errorf("%s: %s is whole: %v, lossy: %v", name, m.Name, m.Whole(), m.Lossy)
			}
		}
		if lossy != want || r.Whole() != (want == 0) {
			t.Errorf("%s: %d are lossy, want %d; whole %v", name, lossy, want, r.Whole())
		}
		all := []analyze.Loss{{Source: "sched", Reason: "ring_full", Lost: 7}, {Source: "tcp", Reason: "ring_full", Lost: 5}}
		if diff := cmp.Diff(all, r.Loss); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if words := fmt.Sprint(r.Members[2].Lacks); !strings.Contains(words, "2.arrow: 5 events of source tcp were lost (ring_full)") {
			t.Errorf("got %s", words)
		}
	}
}

// BenchmarkRunMany reads sums of captures that have few other rows.
func BenchmarkRunMany(b *testing.B) {
	dir := b.TempDir()
	var paths []string
	for i := range 16 {
		paths = append(paths, on(fmt.Sprintf("h%d", i), fmt.Sprint(i), 0, 0).save(b, filepath.Join(dir, fmt.Sprintf("%d.arrow", i)), switching(make([]int, 20_000)...)...))
	}
	for _, name := range []string{"cputime", "runqlat"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				many(b, paths, name, analyze.Options{}, analyze.Many{By: "host"})
			}
			b.ReportMetric(float64(b.N)*16*40_000/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
