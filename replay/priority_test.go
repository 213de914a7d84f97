// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"testing"

	"github.com/ebrec/ebrec/replay"
)

// A capture keeps a byte of the kernel's number; the deadline class has -1.
func TestPriority(t *testing.T) {
	for kept, want := range map[uint64]int32{0: 0, 49: 49, 120: 120, 139: 139, 255: -1} {
		if got := replay.Priority(kept); got != want {
			t.Errorf("priority %d is %d, want %d", kept, got, want)
		}
	}
}
