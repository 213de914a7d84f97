// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
)

// begin is when the synthetic recordings begin; boot is the boot time then.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const (
	boot   = int64(1000e9)
	second = int64(1e9)
)

type v = map[string]any

// writer writes a synthetic capture.
type writer struct {
	t     testing.TB
	kinds map[string]*format.Kind
	to    *format.Writer
	file  bytes.Buffer
	used  map[int]uint64 // CPU time by process
}

// newWriter makes a capture of some sources, by default of all that matter.
func newWriter(t testing.TB, cpus int, sources ...string) *writer {
	t.Helper()
	if len(sources) == 0 {
		sources = []string{"cpu", "sched", "process", "tcp"}
	}
	all, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{t: t, kinds: map[string]*format.Kind{}, used: map[int]uint64{}}
	var kinds []format.Kind
	for i := range all {
		if k := &all[i]; k.Source == "recording" || slices.Contains(sources, k.Source) {
			kinds = append(kinds, *k)
			w.kinds[k.Name] = k
		}
	}
	w.to, err = format.NewWriter(&w.file, &format.Metadata{
		Host: "test", Kernel: "6.1.0", Arch: "x86_64", CPUs: cpus, Start: begin, BootOffset: begin.UnixNano() - boot,
		Sources: sources, Command: []string{"ebrec", "record"}, Ebrec: "test", BootID: "b007",
	}, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// add writes a row; at is ns after the beginning, and so is start.
func (w *writer) add(kind string, at int64, values v) {
	w.t.Helper()
	values["time"] = boot + at
	for _, name := range []string{"start", "since"} {
		if at, ok := values[name].(int64); ok {
			values[name] = boot + at
		}
	}
	raw, err := w.kinds[kind].Encode(values)
	if err == nil {
		err = w.to.Add(raw)
	}
	if err == nil && w.to.Pending() > 1<<15 {
		err = w.to.Flush(uint64(boot + at))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// task introduces a process.
func (w *writer) task(pid, ppid int, comm string) {
	w.add("task", 0, v{"pid": pid, "tid": pid, "ppid": ppid, "start": int64(-1000 + pid), "comm": comm, "reason": "snapshot"})
}

// sum is what a process of one thread used up to an instant.
func (w *writer) sum(at int64, pid int, cpu, switches uint64) {
	w.used[pid] = cpu
	w.add("task_sum", at, v{"pid": pid, "tid": pid, "start": int64(-1000 + pid), "cpu_time_ns": cpu, "on_cpu_ns": cpu, "run_queue_ns": cpu / 10, "voluntary": switches, "involuntary": switches / 10})
}

// read is a reading of sums: the CPUs idled while nobody used them.
func (w *writer) read(at int64, cpus int) {
	idle := uint64(cpus) * uint64(at)
	for _, ns := range w.used {
		idle -= ns
	}
	for cpu := range cpus {
		n := idle / uint64(cpus-cpu)
		idle -= n
		w.add("cpu_sum", at, v{"cpu": cpu, "idle_ns": n})
	}
}

// end closes the capture after so long and opens it.
func (w *writer) end(at int64) *format.Capture {
	w.t.Helper()
	w.add("summary", at, v{"since": int64(0)})
	return w.open(0)
}

// open opens it without its last bytes.
func (w *writer) open(less int) *format.Capture {
	w.t.Helper()
	if err := w.to.Close(); err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.t.TempDir(), "t.arrow")
	if err := os.WriteFile(path, w.file.Bytes()[:w.file.Len()-less], 0o600); err != nil {
		w.t.Fatal(err)
	}
	c, err := format.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// compare compares captures of two sides.
func compare(t testing.TB, base, head []*format.Capture, o diff.Options) *diff.Report {
	t.Helper()
	r, err := diff.Run(t.Context(), base, head, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"text", "json", "csv", "markdown", "arrow"} {
		var b bytes.Buffer
		if err := r.Result(5).Render(&b, name); err != nil || b.Len() == 0 {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
	return r
}

// one are the captures of a side.
func one(c ...*format.Capture) []*format.Capture { return c }

// find is a row of a report.
func find(t testing.TB, r *diff.Report, name, measure string) *diff.Row {
	t.Helper()
	for i := range r.Tables {
		for j := range r.Tables[i].Rows {
			if row := &r.Tables[i].Rows[j]; row.Name == name && row.Measure.Name == measure {
				return row
			}
		}
	}
	t.Fatalf("no row %s %s", name, measure)
	return nil
}

// steady are readings of a machine on which processes use so many percent of a CPU
// with a little noise, each by its number. Nothing is known of one without a name.
func steady(t testing.TB, seconds int, percent map[int]float64, names map[int]string, seed int) *writer {
	t.Helper()
	w := newWriter(t, 2, "cpu", "process")
	var pids []int
	for pid := range percent {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	w.task(1, 0, "init")
	for _, pid := range pids {
		if names[pid] != "" {
			w.task(pid, 1, names[pid])
		}
	}
	used := map[int]uint64{}
	for s := range seconds {
		at := int64(s+1) * second
		for _, pid := range pids {
			noise := 1 + 0.01*math.Sin(float64(1000*seed+37*s*s+11*pid))
			used[pid] += uint64(percent[pid] / 100 * noise * float64(second))
			if names[pid] == "" { // its sums are lost
				w.used[pid] = used[pid]
				continue
			}
			w.sum(at, pid, used[pid], uint64(100*(s+1)))
		}
		w.read(at, 2)
	}
	return w
}
