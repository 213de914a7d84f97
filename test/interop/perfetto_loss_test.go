// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// What the recorder lost, trace_processor reports; and it gives nobody time on a
// CPU that is not known to be theirs.
func TestPerfettoLoss(t *testing.T) {
	c := setUp(t)
	path := lossy(t)
	answers := c.traceProcessor(t, exported(t, path, "perfetto"),
		`select name, idx, value from stats where name in ('ftrace_cpu_has_data_loss', 'ftrace_cpu_overrun_delta', 'mismatched_sched_switch_tids') and value > 0 order by name`,
		`select track.name, slice.name, ts, dur from slice join track on track.id = slice.track_id where track.name like 'lost%'`,
		`select tid, sum(dur) from sched join thread using (utid) where dur > 0 and tid != 0 group by tid order by tid`,
	)
	want := [][][]string{
		{{"ftrace_cpu_has_data_loss", "0", "1"}, {"ftrace_cpu_overrun_delta", "0", "7"}, {"mismatched_sched_switch_tids", "NULL", "1"}},
		{{"lost: sched, CPU 0", "7 lost", "1000000200", "200"}},
		{{"10", "100"}}, // its second time is cut by the loss, and 20 came unseen
	}
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Errorf("(-want +trace_processor):\n%s", diff)
	}
}

// lossy is a capture with a loss between a thread's coming onto a CPU and another
// one's leaving it.
func lossy(t *testing.T) string {
	t.Helper()
	const begin, booted = 1_000_000_000, 1_700_000_000_000_000_000
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := format.NewWriter(&b, &format.Metadata{Kernel: "6.12.0", CPUs: 1, BootOffset: booted, Start: time.Unix(0, booted+begin)}, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	add := func(at int, kind string, values map[string]any) {
		values["time"] = begin + at
		i := slices.IndexFunc(kinds, func(k format.Kind) bool { return k.Name == kind })
		raw, err := kinds[i].Encode(values)
		if err == nil {
			err = w.Add(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	turn := func(at, prev, next int) {
		add(at, "sched_switch", map[string]any{"tid": prev, "next_tid": next, "prev_state": "S"})
	}
	for _, pid := range []int{10, 20} {
		add(0, "task", map[string]any{"pid": pid, "tid": pid, "start": 5, "comm": fmt.Sprint("task-", pid), "reason": "snapshot"})
	}
	turn(50, 0, 10)
	turn(150, 10, 0)
	turn(180, 0, 10)
	add(400, "loss", map[string]any{"since": begin + 200, "lost": 7, "loss_source": "sched", "loss_reason": "ring_full"})
	turn(500, 20, 0)
	add(1000, "summary", map[string]any{"since": begin})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lossy.arrow")
	write(t, path, b.Bytes())
	return path
}

// A trace of a capture that was cut short says so, and is sound.
func TestPerfettoCut(t *testing.T) {
	c := setUp(t)
	path := filepath.Join(t.TempDir(), "cut.arrow")
	goRun(t, "./test/generate", "--switches", "200000", "-o", path)
	whole := read(t, path)
	write(t, path, whole[:len(whole)*7/10])
	answers := c.traceProcessor(t, exported(t, path, "perfetto"),
		`select name, value from stats where severity in ('error', 'data_loss') and value > 0`,
		`select count(*) from slice where name = 'cut short'`,
		`select count(*) > 100 from sched`)
	if diff := cmp.Diff([][][]string{nil, {{"1"}}, {{"1"}}}, answers); diff != "" {
		t.Errorf("(-want +trace_processor):\n%s", diff)
	}
}
