// SPDX-License-Identifier: Apache-2.0

package bpf

import "testing"

func TestParseOffset(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0,
		"monotonic           0         0\nboottime            0         0\n":     0,
		"monotonic        1000         5\nboottime         -20 500000000\n":      -19_500_000_000,
		"monotonic           0         0\nboottime     1000000         7\n":      1_000_000_000_000_007,
		"monotonic           0         0\nalarm        1000000         7\nx\n\n": 0,
	} {
		if got := parseOffset(text); got != want {
			t.Errorf("%q: %d ns, want %d", text, got, want)
		}
	}
}
