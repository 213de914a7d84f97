// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"testing"

	"github.com/ebrec/ebrec/analyze"
)

// Rows that are cut off are counted with those that were before.
func TestCutTwice(t *testing.T) {
	table := analyze.Table{Rows: make([][]analyze.Value, 10), Hidden: 3}
	for _, n := range []int{0, 6, 6, 2} {
		table.Cut(n)
	}
	if len(table.Rows) != 2 || table.Hidden != 11 {
		t.Errorf("%d rows and %d hidden, want 2 and 11", len(table.Rows), table.Hidden)
	}
}
