// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

func make1(t testing.TB, path string, o Options) *Report {
	t.Helper()
	r, err := Make(t.Context(), capturetest.Open(t, path), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fixtures(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../testdata/*/trace.arrow")
	old, err2 := filepath.Glob("../testdata/versions/*/*.arrow")
	if err != nil || err2 != nil || len(all) < 5 || len(old) < 2 {
		t.Fatalf("%d captures, and %d of old versions", len(all), len(old))
	}
	return append(all, old...)
}

func generated(t testing.TB, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.arrow")
	if out, err := exec.CommandContext(t.Context(), "go", append([]string{"run", "../test/generate", "-o", path}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	return path
}

var tag = regexp.MustCompile(`(?i)<(/?)([a-z!][a-z0-9]*)`)

// Every capture has a page, the same each time, of which only the script and the
// style are let loose.
func TestHTML(t *testing.T) {
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			var first, second bytes.Buffer
			for _, out := range []*bytes.Buffer{&first, &second} {
				if err := make1(t, path, Options{}).HTML(out); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Error("the page is another each time")
			}
			policy := "default-src 'none'; script-src '" + hashOf(script) + "'; style-src '" + hashOf(style) + "'; base-uri 'none'; form-action 'none'"
			if !strings.Contains(first.String(), policy) {
				t.Errorf("the page has not the policy %s", policy)
			}
			if n := strings.Count(first.String(), "\n<script>"); n != 1 {
				t.Errorf("%d scripts that run", n)
			}
		})
	}
}

// The script holds nothing that would end it, or begin another one, in a page.
func TestScriptStaysInItsElement(t *testing.T) {
	for _, m := range tag.FindAllSubmatch(script, -1) {
		if name := strings.ToLower(string(m[2])); name == "script" || strings.HasPrefix(name, "!") && bytes.Contains(script, []byte("<!--")) {
			t.Errorf("the script has %s", m[0])
		}
	}
	if bytes.Contains(bytes.ToLower(style), []byte("</style")) || !strings.Contains(licences, "Apache License") || !strings.Contains(licences, "echarts") {
		t.Error("the style or the licences are not what they should be")
	}
}

// A page keeps to its size.
func TestSize(t *testing.T) {
	path := generated(t, "-switches", "400000")
	for _, most := range []int64{LeastSize, 2_000_000, DefaultSize} {
		var page bytes.Buffer
		if err := make1(t, path, Options{MaxSize: most}).HTML(&page); err != nil {
			t.Fatal(err)
		}
		if n := int64(page.Len()); n > most || n < most*7/10 && n < 3_500_000 {
			t.Errorf("the page has %d bytes of %d", n, most)
		}
	}
	if _, err := Make(t.Context(), capturetest.Open(t, path), Options{MaxSize: LeastSize - 1}); err == nil {
		t.Error("a page of any size was promised")
	}
}

// The heatmap counts each wait that runqlat counts, by the same lengths.
func TestHeatmapIsRunqlat(t *testing.T) {
	whole := generated(t, "-switches", "50000", "-tasks", "60")
	for _, path := range []string{"../testdata/sched/trace.arrow", whole, middle(t, whole)} {
		r := make1(t, path, Options{})
		got := map[uint64]uint64{}
		for _, c := range r.heatData().Cells {
			from := uint64(0)
			if c[1] > 0 {
				from = 1 << (c[1] - 1)
			}
			got[from] += c[2]
		}
		want := map[uint64]uint64{}
		waits := r.result("runqlat").Tables[2]
		for _, row := range waits.Rows {
			if n := number(cell(&waits, row, "waits")); n > 0 {
				want[number(cell(&waits, row, "from_ns"))] = n
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 5 {
			t.Errorf("waits by length (-runqlat +heatmap):\n%s", diff)
		}
	}
}

// middle is a slice of a capture.
func middle(t *testing.T, path string) string {
	t.Helper()
	c := capturetest.Open(t, path)
	begin := c.Meta().Start.UnixNano()
	f, err := os.Create(filepath.Join(t.TempDir(), "slice.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = replay.New(c).Slice(f, replay.Slice{From: begin + 50_000_000, To: begin + 150_000_000})
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// The lanes of CPUs and of processes have the time that cputime and offcpu say, at
// every level of the first.
func TestLanesAreTheSums(t *testing.T) {
	r := make1(t, generated(t, "-switches", "50000", "-tasks", "60", "-cpus", "3"), Options{})
	l := r.timeline
	idle := r.result("cputime").Tables[2]
	for i, cpu := range l.cpus.byCPU.Numbers() {
		want := int64(r.info.Capture.DurationNS) - int64(number(cell(&idle, idle.Rows[rowOf(&idle, cpu)], "on_cpu_ns")))
		for level, buckets := range l.cpus.byCPU.Get(cpu).levels {
			busy := int64(0)
			for _, b := range buckets {
				busy += b.busy
			}
			if busy != want {
				t.Errorf("CPU %d was busy for %d ns at level %d, want %d (lane %d)", cpu, busy, level, want, i)
			}
		}
	}
	off := r.result("offcpu").Tables[0]
	seen := 0
	for _, row := range off.Rows {
		for _, lane := range l.lanes {
			if uint64(l.procs[lane.proc].id.pid) != number(cell(&off, row, "pid")) {
				continue
			}
			seen++
			if got, want := sum(lane.spent[onCPU]), number(cell(&off, row, "on_cpu_ns")); got != want {
				t.Errorf("process %d: %d ns on CPUs, want %d", l.procs[lane.proc].id.pid, got, want)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d processes were compared", seen)
	}
}

func sum(ns []int64) (all uint64) {
	for _, n := range ns {
		all += uint64(n)
	}
	return all
}

func rowOf(t *analyze.Table, cpu uint32) int {
	return slices.IndexFunc(t.Rows, func(row []analyze.Value) bool {
		return cell(t, row, "comm") == "idle/"+string(rune('0'+cpu))
	})
}

// Chunks have every slice, to the nanosecond: together they are the time that the
// process lanes have.
func TestChunksAreAllSlices(t *testing.T) {
	r := make1(t, generated(t, "-switches", "50000", "-tasks", "60", "-cpus", "3"), Options{})
	l := r.timeline
	if len(l.chunks.kept) != l.chunks.count || l.chunks.count < 10 {
		t.Fatalf("%d of %d chunks", len(l.chunks.kept), l.chunks.count)
	}
	got := map[int32]uint64{}
	for _, c := range l.chunks.kept {
		begin := int64(c.number) * l.chunks.width
		for _, s := range c.slices {
			got[l.threads[s.thread].proc] += uint64(max(0, s.to-max(s.from, begin)))
		}
	}
	for i := range l.procs {
		if got[int32(i)] != l.procs[i].ns {
			t.Errorf("process %d has %d ns in slices, want %d", l.procs[i].id.pid, got[int32(i)], l.procs[i].ns)
		}
	}
}

// Names cannot leave the places that they are in: not in the page, of which all
// data is packed, nor in Markdown.
func TestHostileNames(t *testing.T) {
	const name = "<img onerror>"
	r := make1(t, generated(t, "-switches", "5000", "-tasks", "20", "-cpus", "2", "-comm", name), Options{})
	var page, block bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := r.Markdown(&block); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), name) || strings.Contains(block.String(), "<img") || !strings.Contains(block.String(), "&#60;img onerror&#62;") {
		t.Error("the name came out raw, or not at all")
	}
	for _, m := range regexp.MustCompile(`(?s)<script type="text/plain" id="data-[a-z]+">(.*?)</script>`).FindAllSubmatch(page.Bytes(), -1) {
		for line := range bytes.Lines(m[1]) {
			if _, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line))); err != nil {
				t.Errorf("data is not all packed: %v", err)
			}
		}
	}
}

func TestMarkdown(t *testing.T) {
	for _, path := range append(fixtures(t), generated(t, "-switches", "100000", "-tasks", "5000")) {
		var first, second bytes.Buffer
		for _, out := range []*bytes.Buffer{&first, &second} {
			if err := make1(t, path, Options{}).Markdown(out); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%s: the block is another each time", path)
		}
		if n := first.Len(); n > MostMarkdown || n < 1000 {
			t.Errorf("%s: the block has %d bytes", path, n)
		}
		if a, b := strings.Count(first.String(), "<details>"), strings.Count(first.String(), "</details>"); a != b || a == 0 {
			t.Errorf("%s: %d parts fold, %d end", path, a, b)
		}
	}
}

// BenchmarkMake makes the page of a million switches.
func BenchmarkMake(b *testing.B) {
	path := generated(b, "-switches", "1000000")
	for b.Loop() {
		c, err := format.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		r, err := Make(b.Context(), c, Options{})
		if err == nil {
			err = r.HTML(io.Discard)
		}
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
