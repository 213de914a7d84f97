// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/dataset"
	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/test/golden"
)

// TestReadmeIsTrue runs every "$ ebrec" of the README and compares what it
// prints with what the README shows.
func TestReadmeIsTrue(t *testing.T) { documentIsTrue(t, "README.md", 4) }

func TestRedactDocumentIsTrue(t *testing.T) { documentIsTrue(t, "docs/redact.md", 1) }

func TestFleetIsTrue(t *testing.T) { documentIsTrue(t, "docs/fleet.md", 2) }

func TestExportIsTrue(t *testing.T) { documentIsTrue(t, "docs/export.md", 3) }

// documentIsTrue runs the commands that a document shows, of which there are a
// few.
func documentIsTrue(t *testing.T, path string, few int) {
	t.Chdir("../..")
	shown, ran := executed(t, path)
	if ran < few {
		t.Errorf("%s shows %d commands, want at least %d", path, ran, few)
	}
	golden.Check(t, path, shown)
}

// TestDiffDocument does the same for docs/diff.md, and keeps its measures in step.
func TestDiffDocument(t *testing.T) {
	t.Chdir("../..")
	shown, ran := executed(t, "docs/diff.md")
	const begin, end = "| measure | source | |\n|---|---|---|\n", "\nMeasures that"
	head, rest, ok1 := strings.Cut(shown, begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 || ran != 1 {
		t.Fatalf("docs/diff.md has lost its measures, or shows %d commands", ran)
	}
	var b strings.Builder
	for _, m := range diff.Measures {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", m.Name, m.Source, cell(m.Doc))
	}
	golden.Check(t, "docs/diff.md", head+begin+b.String()+end+tail)
}

// executed is a document with what its commands print, and how many it has.
func executed(t *testing.T, path string) (shown string, ran int) {
	t.Helper()
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, b := range strings.Split(string(document), "```") {
		line, _, ok := strings.Cut(strings.TrimPrefix(b, "\n"), "\n")
		command, isRun := strings.CutPrefix(line, "$ ebrec ")
		if i%2 == 0 || !ok || !isRun {
			out = append(out, b)
			continue
		}
		ran++
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), append([]string{"ebrec"}, strings.Fields(command)...), &stdout, &stderr); status != exitOK {
			t.Errorf("%s: status %d: %s", line, status, stderr.String())
		}
		out = append(out, "\n"+line+"\n"+stdout.String())
	}
	return strings.Join(out, "```"), ran
}

// TestMetricsDocument keeps docs/metrics.md in step with the columns.
func TestMetricsDocument(t *testing.T) {
	t.Chdir("../..")
	var b strings.Builder
	b.WriteString(metricsIntroduction)
	for _, a := range analyze.All {
		fmt.Fprintf(&b, "\n## ebrec analyze %s\n\n%s.\n\n| column | unit | meaning |\n|---|---|---|\n", a.Name, a.Doc)
		for _, c := range a.Columns {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Unit, cell(c.Doc))
		}
		for _, also := range a.Also {
			fmt.Fprintf(&b, "\n%s:\n\n| column | unit | meaning |\n|---|---|---|\n", also.Title)
			for _, c := range also.Columns {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Unit, cell(c.Doc))
			}
		}
	}
	b.WriteString("\n## By host or capture\n\nWith `--by host` or `--by capture` all rows of an analysis are added up.\n")
	for _, a := range analyze.All {
		if !a.Adds() {
			continue
		}
		columns, err := analyze.ManyColumns(a, analyze.Options{}, "host")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n### %s\n\n| column | unit | meaning |\n|---|---|---|\n", a.Name)
		for _, c := range columns {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Unit, cell(c.Doc))
		}
	}
	b.WriteString("\n## By host, with --compare\n\n| column | unit | meaning |\n|---|---|---|\n")
	for _, c := range diff.HostColumns {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Unit, cell(c.Doc))
	}
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("\n## Rows of a capture\n\nEvery row has `time`, when it happened, and `kind`. Columns that a kind does not\nname are null in its rows.\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "\n### %s\n\nSource `%s`: %s.\n\n| column | unit | meaning |\n|---|---|---|\n", k.Name, k.Source, cell(k.Doc))
		for _, f := range k.Fields {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, f.Unit, cell(f.Doc))
		}
	}
	golden.Check(t, "docs/metrics.md", b.String())
}

// TestFormatDocument keeps the columns of FORMAT.md in step with the programs.
func TestFormatDocument(t *testing.T) {
	t.Chdir("../..")
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(doc), columnsBegin)
	_, tail, ok2 := strings.Cut(rest, columnsEnd)
	if !ok1 || !ok2 {
		t.Fatal("FORMAT.md has lost its markers")
	}
	if want := "version " + format.Version; !strings.Contains(head, want) {
		t.Errorf("FORMAT.md is not of %s", want)
	}
	golden.Check(t, "FORMAT.md", head+columnsBegin+"\n"+columnTable(kinds)+columnsEnd+tail)
}

// TestFleetDocument keeps the columns of the table captures in step.
func TestFleetDocument(t *testing.T) {
	t.Chdir("../..")
	doc, err := os.ReadFile("docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(doc), columnsBegin)
	_, tail, ok2 := strings.Cut(rest, columnsEnd)
	if !ok1 || !ok2 {
		t.Fatal("docs/fleet.md has lost its markers")
	}
	var b strings.Builder
	b.WriteString("| column | unit | meaning |\n|---|---|---|\n")
	for _, c := range dataset.CaptureColumns {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Unit, cell(c.Doc))
	}
	golden.Check(t, "docs/fleet.md", head+columnsBegin+"\n"+b.String()+columnsEnd+tail)
}

const (
	columnsBegin = "<!-- columns: made by go test ./cmd/ebrec -update -->"
	columnsEnd   = "<!-- end of columns -->"
)

// columnTable has a line for each column, in the order of a file of all kinds.
func columnTable(kinds []format.Kind) string {
	var b strings.Builder
	b.WriteString("| column | Arrow type | unit | meaning | kinds |\n|---|---|---|---|---|\n")
	in := map[string][]string{}
	var order []format.Column
	for _, k := range kinds {
		for _, f := range k.Fields {
			if in[f.Name] == nil {
				order = append(order, f.Column)
			}
			in[f.Name] = append(in[f.Name], k.Name)
		}
	}
	for _, c := range order {
		where := strings.Join(in[c.Name], ", ")
		if len(in[c.Name]) == len(kinds) {
			where = "all"
		}
		doc := c.Doc
		if len(c.Values) > 0 {
			doc = strings.TrimPrefix(doc+": ", ": ") + strings.Join(c.Values, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.Name, c.ArrowType(), c.Unit, cell(doc), where)
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

const metricsIntroduction = `# What every number means

Made from the program by ` + "`go test ./cmd/ebrec -update`" + `; do not edit.

Two clocks measure CPU time, and they are never mixed. **CPU time** is the
kernel's task clock (sum_exec_runtime), the sum that getrusage reports. **On
CPU** is wall time from the switch to a thread to the switch away from it. On a
virtual machine on CPU is usually 0.4 to 1% more: it contains stolen time and
interrupts. Of a task that runs only microseconds at a time, CPU time can be
the larger of the two: the task clock starts when the scheduler begins to
choose a task, the switch comes after that, one or two microseconds later.

Switch counts are those within the recording. Run-queue wait counts waits that
ended within it. All sums are exact at the last row of a capture; between two
switches a sum does not change, and a thread that is on a CPU when sums are
read is counted up to that instant.

With ` + "`--from` and `--to`" + ` an analysis counts what happened in that span, and a
slice is analyzed as the span that it is of. cputime is made of sums, which are
read about once a second: its span begins and ends at the last reading before
each bound, and the table says from when to when it is. Reading takes a while on
a busy machine; a thread that runs meanwhile is counted up to when it left its
CPU, so that two spans that meet add up to the whole, but the time of all
threads and idle in one span may differ from that of all CPUs by a fraction of a
percent, which the table states. The other analyses take their bounds to the
nanosecond.
`

// The packages that read captures need neither Linux nor the eBPF library.
func TestReadersAreLight(t *testing.T) {
	t.Chdir("../..")
	out, err := exec.Command("go", "list", "-deps", "./format", "./replay", "./analyze", "./check", "./diff", "./export", "./dataset", "./redact", "./report").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if strings.HasPrefix(pkg, "github.com/cilium/ebpf") || strings.HasSuffix(pkg, "ebrec/record") || strings.HasSuffix(pkg, "ebrec/bpf") {
			t.Errorf("a reader depends on %s", pkg)
		}
	}
	if !strings.Contains(string(out), "github.com/ebrec/ebrec/analyze") {
		t.Errorf("go list did not list the packages:\n%s", out)
	}
}

// Sources have one list in the kernel programs and defaults out of it.
func TestDefaultSourcesExist(t *testing.T) {
	for _, s := range record.DefaultSources() {
		if !strings.Contains(strings.Join(record.AllSources(), " "), s) {
			t.Errorf("default source %q does not exist", s)
		}
	}
}
