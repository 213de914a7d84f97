// SPDX-License-Identifier: Apache-2.0

// Package diff compares captures: what each process, thread, branch of the process
// tree and remote end used and how long it waited, whether that changed, stayed
// the same, or cannot be told from noise.
//
//	r, err := diff.Run(ctx, base, head, diff.Options{}) // captures of each side
//	if r.Changed() { ... }
//	err = r.Result().Render(os.Stdout, "text")          // analyze.Formats
//
// A [Report] is a plain value: tables of rows that hold numbers, a verdict and the
// reason for it.
//
// The invariant that bites: no verdict without evidence. That nothing was found
// does not make two captures the same, and what chance, a lost event or the
// threshold could explain is no change.
package diff
