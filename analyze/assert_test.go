// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
)

func TestAssertions(t *testing.T) {
	r := run(t, write(t, machine()...), "cputime", analyze.Options{})
	for text, want := range map[string]string{
		`comm == "sh" && cpu_time < 2s`:                   "[]",
		`comm == "sh" && cpu_time < 99ms`:                 "[sh]",
		`cpu_time_ns == 100000000 || comm != "sh"`:        "[]",
		`comm in ["make", "cat"] && cpu_time < 0.05s`:     "[make]",
		`pid == 20 && (switches > 2 || cpu_percent > 50)`: "[cat]",
		`class == "user" && on_cpu < 150ms`:               "[=cmd()]",
		`comm startsWith "idle/" && run_queue < 1s`:       "[idle/1 idle/0]", // they have none
		`comm == "sh"`:                   "[]",
		`comm != "5ms" && cpu_time < 1h`: "[]",
	} {
		a, err := analyze.ParseAssertion(text, r.Columns)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		failed, err := r.Failed(a)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := []string{}
		for _, row := range failed.Rows {
			got = append(got, row[2].(string))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: rows %v do not meet it, want %s", text, got, want)
		}
	}
}

// Nobody to assert anything of is a failure: a name may have a slip in it.
func TestAssertionOfNobody(t *testing.T) {
	r := run(t, write(t, machine()...), "cputime", analyze.Options{})
	a, err := analyze.ParseAssertion(`comm == "hs" && cpu_time < 2s`, r.Columns)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Failed(a); err == nil || !strings.Contains(err.Error(), "no row") {
		t.Errorf("got %v", err)
	}
}

// What cannot be read is said with its place in the text that was given.
func TestBadAssertions(t *testing.T) {
	for text, column := range map[string]int{
		"":                            1,
		`comm = "sh"`:                 6,
		`cpu_tim < 2s`:                1,
		`cpu_time < 2s && on_cup < 1`: 18,
		`cpu_time < 2s && comm < 3`:   23,
		`cpu_time + 2s`:               1,
		`comm == "sh" && `:            16,
	} {
		_, err := analyze.ParseAssertion(text, find(t, "cputime").Columns)
		var bad *analyze.AssertionError
		if !errors.As(err, &bad) {
			t.Errorf("%q: got %v", text, err)
		} else if bad.Column != column {
			t.Errorf("%q: column %d, want %d: %s", text, bad.Column, column, bad.Message)
		}
	}
}

// A CI job may assert on what a capture says, from Go as from the command line.
func ExampleResult_Failed() {
	c := exampleCapture(
		at(0, "task", id(20, 20, 1, -10, "postgres"), v{"reason": "snapshot"}),
		at(0, "task", id(30, 30, 1, -10, "make"), v{"reason": "snapshot"}),
		sum(900, 20, 20, -10, 700, 710, 5, 2, false),
		sum(900, 30, 30, -10, 80, 81, 5, 2, false),
		end,
	)
	defer c.Close()

	cputime, err := analyze.Find("cputime")
	must(err)
	r, err := analyze.Run(context.Background(), c, cputime, analyze.Options{})
	must(err)
	condition, err := analyze.ParseAssertion(`comm == "postgres" && cpu_time < 500ms`, r.Columns)
	must(err)
	failed, err := r.Failed(condition)
	must(err)
	for _, row := range failed.Rows {
		fmt.Fprintln(os.Stdout, row[2], row[4])
	}
	// Output: postgres 700000000
}

// Names do no harm where markup is read.
func TestMarkdown(t *testing.T) {
	c := write(t,
		at(0, "task", id(20, 20, 1, -10, "<b>|`x`"), v{"reason": "snapshot"}),
		at(0, "task", id(30, 30, 1, -10, "[a](b)*_~"), v{"reason": "snapshot"}),
		sum(900, 20, 20, -10, 70, 71, 5, 2, false), sum(900, 30, 30, -10, 60, 61, 5, 2, false), end)
	out := string(render(t, run(t, c, "cputime", analyze.Options{}), "markdown"))
	for _, want := range []string{"&#60;b&#62;\\|\\`x\\`", `\[a\](b)\*\_\~`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "| 2") || strings.HasPrefix(line, "| 3") {
			header := out[strings.Index(out, "| PID"):]
			header, _, _ = strings.Cut(header, "\n")
			if n := strings.Count(line, "|") - strings.Count(line, "\\|"); n != strings.Count(header, "|") {
				t.Errorf("%d cells in %s", n-1, line)
			}
		}
	}
}

// On a terminal long names are cut, numbers never, and titles stand out.
func TestStyle(t *testing.T) {
	c := write(t,
		at(0, "task", id(20, 20, 1, -10, "sh"), v{"reason": "snapshot"}),
		at(100, "exec", id(20, 20, 1, -10, "sh"), v{"filename": "/usr/local/share/a/very/long/path/to/a/shell"}), end)
	r := run(t, c, "execs", analyze.Options{})
	whole := string(render(t, r, "text"))
	r.Style = analyze.Style{Width: 60}
	cut := string(render(t, r, "text"))
	for line := range strings.Lines(cut[strings.Index(cut, "Execs"):]) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 60 {
			t.Errorf("%d cells in %s", n, line)
		}
	}
	if !strings.Contains(cut, "…") || strings.Contains(whole, "…") || !strings.Contains(whole, "/a/shell") {
		t.Errorf("cut:\n%s\nwhole:\n%s", cut, whole)
	}
	r.Style = analyze.Style{Color: true}
	if out := string(render(t, r, "text")); !strings.Contains(out, "\x1b[1mExecs\x1b[0m") || strings.Contains(whole, "\x1b") {
		t.Errorf("%q", out)
	}
}

// An Arrow file of the rows says what JSON says; another reader opens it.
func TestArrowResult(t *testing.T) {
	r := run(t, write(t, machine()...), "lifetimes", analyze.Options{})
	got := readArrow(t, render(t, r, "arrow"))
	var want []string
	for _, row := range r.Tables[0].Rows {
		want = append(want, fmt.Sprint("Processes ", row[0], " ", row[4], " ", row[8], " ", row[9], " ", orNull(row[10]), " ", orNull(row[12])))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
