// SPDX-License-Identifier: Apache-2.0

package replay

// Priority is the kernel's own number of a priority. Captures keep a byte of it:
// the deadline class has -1, before all others, and 255 there.
func Priority(kept uint64) int32 {
	if kept == 255 {
		return -1
	}
	return int32(kept)
}
