// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/dataset"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

// The views say of each capture what the analysis of that name says of it, in every
// engine; those of latencies do so of slices, too, and where everything may follow
// everything. What the document asks of them has the same answers everywhere.
func TestViews(t *testing.T) {
	c, dir := setUp(t), t.TempDir()
	all := allThereIs(t)
	random := randomCaptures(t, dir, "switching", 10_000, switching)
	random = append(random, randomCaptures(t, dir, "talking", 24_000, talking)...)
	random = append(random, waits(t, dir, 2_000), waits(t, dir, 2_001)) // exact, and in buckets
	set, captures := viewed(t, append(random, all...))
	views := []string{"cputime", "lifetimes", "runqlat", "tcplat"}
	want := map[string]map[string][]string{} // by view and capture
	for _, view := range views {
		want[view] = map[string][]string{}
		rows := 0
		for id, path := range captures {
			if (view == "cputime" || view == "lifetimes") && slices.Contains(random, path) {
				continue
			}
			want[view][id] = analysisRows(t, path, view)
			rows += len(want[view][id])
		}
		if rows < 100 {
			t.Errorf("%s has only %d rows", view, rows)
		}
	}
	queries := fleetQueries(t, dir)
	answers := map[string][]string{} // of the first engine
	for _, engine := range []string{"duckdb", "clickhouse", "mergetree", "spark"} {
		t.Run(engine, func(t *testing.T) {
			got := c.views(t, engine, set, dir, append(views, queries...))
			for view, captureRows := range want {
				for id, rows := range captureRows {
					if diff := cmp.Diff(rows, viewRows(got[view][id], rows)); diff != "" {
						t.Errorf("%s of %s (-ebrec +view):\n%s", view, captures[id], diff)
					}
				}
			}
			for _, query := range queries {
				rows := viewRows(got[query][""], nil)
				if len(rows) == 0 {
					t.Errorf("the query %s has no rows", query)
				}
				if engine == "duckdb" {
					answers[query] = rows
				}
				if diff := cmp.Diff(answers[query], rows); diff != "" {
					t.Errorf("the query %s (-duckdb +%s):\n%s", query, engine, diff)
				}
			}
		})
	}
}

// views are the rows of views in an engine, by view and capture; dir has more texts
// of such.
func (c *clients) views(t *testing.T, engine, set, dir string, names []string) (rows map[string]map[string][]map[string]any) {
	t.Helper()
	args := append([]string{engine, set, absolute(t, "../../sql") + ":" + dir}, names...)
	decoder := json.NewDecoder(bytes.NewReader(c.run(t, absolute(t, "views.py"), args...)))
	decoder.UseNumber()
	if err := decoder.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

var fleetQuery = regexp.MustCompile("(?s)<!-- query: ([a-z]+) -->\n```sql\n(.*?)```")

// fleetQueries makes views of the queries of the document.
func fleetQueries(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, m := range fleetQuery.FindAllSubmatch(read(t, "../../docs/fleet.md"), -1) {
		name := "query_" + string(m[1])
		write(t, filepath.Join(dir, name+".sql"), slices.Concat([]byte("create or replace view "+name+" as\n"), m[2]))
		names = append(names, name)
	}
	if len(names) != 5 {
		t.Fatalf("the document has the queries %v, want 5", names)
	}
	return names
}

// allThereIs are the captures of testdata whole and cut short, and generated ones.
func allThereIs(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	all := append(traces(t), versions(t)...)
	all = append(all, hard(t, dir, "hard", ""), hard(t, dir, "", "only some"))
	for _, cut := range []struct {
		name string
		less int
	}{{"tcp", 20_000}, {"tcp", 40_000}, {"forkstorm", 20_000}, {"forkstorm", 40_000}, {"mixed", 20_000}} {
		all = append(all, shortened(t, dir, absolute(t, "../../testdata/"+cut.name+"/trace.arrow"), cut.less))
	}
	return append(all, generated(t, dir)...)
}

// viewed makes a dataset of captures, which it returns by id.
func viewed(t *testing.T, all []string) (set string, captures map[string]string) {
	t.Helper()
	set, captures = filepath.Join(t.TempDir(), "set"), map[string]string{}
	for r := range dataset.Add(t.Context(), set, all, dataset.Options{}) {
		if r.Err != nil {
			t.Fatalf("%s: %v", r.Path, r.Err)
		}
		captures[strings.TrimSuffix(filepath.Base(r.File), ".parquet")] = r.Path
	}
	if len(captures) != len(all) {
		t.Fatalf("%d captures of %d are in the dataset", len(captures), len(all))
	}
	return set, captures
}

// generated makes a large capture and a hundred small ones of ten hosts.
func generated(t *testing.T, dir string) []string {
	t.Helper()
	program := filepath.Join(dir, "generate")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./test/generate")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build ./test/generate: %v\n%s", err, out)
	}
	large := filepath.Join(dir, "generated.arrow")
	all := []string{large}
	make := func(args ...string) {
		if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
			t.Fatalf("generate %q: %v\n%s", args, err, out)
		}
	}
	make("--switches", "100000", "-o", large)
	hosts := []string{"web-1", "web-2", "db", "007", "1e3", "A b%2F=c", "null", "2026-11-22", "true", "ü"}
	for i := range 100 {
		path := filepath.Join(dir, fmt.Sprintf("generated-%d.arrow", i))
		make("--switches", "1000", "--seed", fmt.Sprint(i+2), "--host", hosts[i%len(hosts)], "-o", path)
		all = append(all, path)
	}
	return all
}

// unseen are columns that views lack: they are of other groupings.
var unseen = map[string][]string{"cputime": {"tid"}, "lifetimes": {"tid"}, "tcplat": {"port", "connections"}}

// analysisRows are the main rows of an analysis, sorted; none when the capture has
// not what it needs.
func analysisRows(t *testing.T, path, name string) (rows []string) {
	t.Helper()
	i := slices.IndexFunc(analyze.All, func(a *analyze.Analysis) bool { return a.Name == name })
	c := capturetest.Open(t, path)
	r := run(t, c, analyze.All[i])
	if r == nil {
		return nil
	}
	for _, table := range r.Tables {
		if table.Own || len(table.Columns) != len(r.Columns) || table.Columns[0].Name != r.Columns[0].Name {
			continue
		}
		for _, row := range table.Rows {
			values := map[string]any{}
			for i, column := range r.Columns {
				values[column.Name] = row[i]
			}
			maps.DeleteFunc(values, func(column string, _ any) bool { return slices.Contains(unseen[name], column) })
			if values["host"] = c.Meta().Host; values["host"] == "" {
				values["host"] = nil
			}
			rows = append(rows, fmt.Sprint(values))
		}
	}
	slices.Sort(rows)
	return rows
}

// viewRows are those of a view with the columns of the analysis.
func viewRows(all []map[string]any, want []string) (rows []string) {
	for _, values := range all {
		values = maps.Clone(values)
		delete(values, "conn") // the view tells connections apart
		if len(want) > 0 && !strings.Contains(want[0], " start:") {
			delete(values, "start") // the view tells rows of one pid apart
		}
		for name, v := range values {
			if n, ok := v.(json.Number); ok && strings.ContainsAny(n.String(), ".e") {
				f, _ := n.Float64() // it is a number
				values[name] = f
			}
		}
		rows = append(rows, fmt.Sprint(values))
	}
	slices.Sort(rows)
	return rows
}

// shortened is a capture without its last bytes.
func shortened(t *testing.T, dir, trace string, less int) string {
	t.Helper()
	data := read(t, trace)
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.arrow", name(trace), less))
	write(t, path, data[:len(data)-less])
	return path
}

// hard makes a capture of what fixtures have not: losses of sums, arguments of execs and
// of none, ids that come back, threads that execute, parents that end, tasks nobody
// introduced.
func hard(t *testing.T, dir, host, filter string) string {
	t.Helper()
	const boot, old = int64(100e9), int64(40e9)
	at := int64(0)
	var rows []row
	add := func(kind string, v values) {
		at += 1000
		v["time"] = boot + at
		rows = append(rows, row{kind, v})
	}
	task := func(kind string, pid, tid, ppid int, start int64, comm string, more values) {
		v := values{"pid": pid, "tid": tid, "ppid": ppid, "start": start, "comm": comm}
		maps.Copy(v, more)
		add(kind, v)
	}
	sum := func(pid, tid int, start, ns int64, exited int) {
		add("task_sum", values{"pid": pid, "tid": tid, "start": start, "cpu_time_ns": ns, "on_cpu_ns": ns + 7, "run_queue_ns": 3, "voluntary": 2, "involuntary": 1, "migrations": 1, "exited": exited})
	}
	task("task", 10, 10, 1, old, "shell", values{"reason": "snapshot", "total_cpu_ns": 5_000_000})
	task("task", 10, 11, 1, old+5, "worker", values{"reason": "snapshot", "total_cpu_ns": 1_000_000})
	task("task", 2, 2, 0, old, "kthread", values{"reason": "snapshot", "kernel_thread": 1, "total_cpu_ns": 9})
	task("task", 12, 12, 10, old+9, "leaving", values{"reason": "exiting", "total_cpu_ns": 77})
	task("fork", 20, 20, 10, boot+5000, "shell", nil)
	add("exec_args", values{"pid": 20, "tid": 20, "args": "first 'a b'"})
	task("exec", 20, 20, 10, boot+5000, "first", values{"filename": "/bin/first"})
	task("fork", 21, 21, 20, boot+7000, "first", nil)
	task("exec", 20, 20, 10, boot+5000, "second", values{"filename": "/bin/second"})
	add("exec_args", values{"pid": 21, "tid": 21, "args": "last"})
	task("exec", 21, 21, 20, boot+7000, "last", values{"filename": "/bin/last"})
	task("thread_start", 20, 22, 10, boot+11000, "thread", nil)
	sum(2, 2, old, 400, 0)
	sum(20, 20, boot+5000, 9000, 1)
	task("exec", 20, 20, 10, boot+5000, "third", values{"filename": "/bin/third"}) // by 22, which is 20 now
	sum(20, 20, boot+5000, 500, 0)
	task("exit", 21, 21, 1, boot+7000, "last", values{"lifetime_ns": 9999, "exit_code": 3, "total_cpu_ns": 1234})
	task("fork", 21, 21, 10, boot+18000, "again", nil)
	sum(21, 21, boot+18000, 60, 0)
	sum(29, 30, boot+100, 33, 0)
	sum(10, 11, old+5, 800, 0)
	sum(20, 20, boot+5000, 600, 1)
	task("exit", 20, 20, 1, boot+5000, "third", values{"lifetime_ns": 20000, "signal": 9, "total_cpu_ns": 50})
	task("fork", 23, 23, 10, boot+23000, "shell", nil)
	add("exec_args", values{"pid": 23, "tid": 23, "args": "told 'first'"})
	at -= 1000 // arguments have the time of their exec
	task("exec", 23, 23, 10, boot+23000, "told", values{"filename": "/bin/told"})
	task("fork", 24, 24, 10, boot+24000, "shell", nil)
	task("exec", 24, 24, 10, boot+24000, "teller", values{"filename": "/bin/teller"})
	at -= 1000 // of one instant, either may be first
	add("exec_args", values{"pid": 24, "tid": 24, "args": "teller last"})
	add("loss", values{"lost": 3, "loss_source": "cpu", "loss_reason": "map_full", "since": boot, "cpu": 1})
	add("cpu_sum", values{"cpu": 0, "idle_ns": 5000})
	add("cpu_sum", values{"cpu": 0, "idle_ns": 9000})
	add("summary", values{"since": boot, "seen": 9, "lost": 3})

	start := time.Unix(1_700_000_000, 0).UTC()
	path := filepath.Join(dir, "hard"+filter+".arrow")
	writeCapture(t, path, &format.Metadata{Host: host, CPUs: 2, Start: start, BootOffset: start.UnixNano() - boot, Sources: bpf.Sources(), Filter: filter}, rows)
	return path
}
