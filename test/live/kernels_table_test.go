// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	recorder "github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/test/guest"
)

var update = flag.Bool("update", false, "rewrite the table of kernels in the README")

const (
	readme     = "../../README.md"
	tableBegin = "<!-- kernels: make test-kernels writes this -->\n"
	tableEnd   = "<!-- end of kernels -->\n"
)

// checkKernelTable holds a kernel's row of the README's table against what
// doctor found in a guest: a column for each source.
func checkKernelTable(t *testing.T, kernel, doctor string) {
	t.Helper()
	out, err := os.ReadFile(doctor)
	if err != nil {
		t.Fatal(err)
	}
	found := findings(t, out)
	row := []string{"Linux " + kernel}
	for _, source := range recorder.AllSources() {
		f := found["source "+source]
		state := string(f.State)
		if f.State == recorder.Partial {
			state = f.Says
		}
		row = append(row, state)
	}
	line := "| " + strings.Join(row, " | ") + " |\n"
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(line)) {
		return
	}
	if !*update {
		t.Errorf("the README's table has no row %s", line)
		return
	}
	if err := os.WriteFile(readme, withRow(t, string(data), kernel, line), 0o644); err != nil {
		t.Fatal(err)
	}
}

// withRow puts a kernel's row in place; rows are in the order of the kernels.
func withRow(t *testing.T, text, kernel, line string) []byte {
	t.Helper()
	before, rest, ok1 := strings.Cut(text, tableBegin)
	table, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatal("the README has no place for the table of kernels")
	}
	rows := map[string]string{kernel: line}
	for row := range strings.Lines(table) {
		for _, k := range guest.Kernels() {
			if k != kernel && strings.HasPrefix(row, "| Linux "+k+" |") {
				rows[k] = row
			}
		}
	}
	sources := recorder.AllSources()
	table = "| kernel | " + strings.Join(sources, " | ") + " |\n|" + strings.Repeat("---|", len(sources)+1) + "\n"
	for _, k := range guest.Kernels() {
		table += rows[k]
	}
	return fmt.Append(nil, before, tableBegin, table, tableEnd, after)
}
