// SPDX-License-Identifier: Apache-2.0

package record

import "testing"

// A wait in a run queue has 32 bits in a switch: what is longer would never hold.
func TestTriggerThatNeverHolds(t *testing.T) {
	for text, want := range map[string]bool{"runq>4s": true, "runq>4.29s": true, "runq>5s": false, "tcp>5s": true, "connect>1h": true} {
		if _, err := ParseTrigger(text); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
