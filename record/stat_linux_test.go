// SPDX-License-Identifier: Apache-2.0

package record

import (
	"maps"
	"testing"
)

// Of /proc/stat the lines of CPUs count; columns that a kernel lacks, and what is
// no number, are 0.
func TestParseStat(t *testing.T) {
	got := parseStat([]byte("cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\ncpu12 1 2 3 4 5 16 17 18 19 20\ncpu3 1 2 3\ncpu4 1 2 3 4 5 x 7 8\nintr 5 6 7 8 9 10 11 12 13\nctxt 99\n"))
	want := map[int]stolen{0: {steal: 8, irq: 6, softirq: 7}, 12: {steal: 18, irq: 16, softirq: 17}, 4: {steal: 8, softirq: 7}}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if all, err := readStat(); err != nil || len(all) < len(onlineCPUs()) {
		t.Errorf("this machine's has %d CPUs, %v", len(all), err)
	}
	if n := since(5, 7); n != 0 {
		t.Errorf("a counter that runs backwards gives %d ns", n)
	}
}
