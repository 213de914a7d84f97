// SPDX-License-Identifier: Apache-2.0

// Package export writes captures in formats of other programs: Perfetto's trace,
// the Trace Event Format, folded stacks, and rows as CSV or JSON lines.
//
//	r, err := export.Write(ctx, file, capture, "perfetto") // export.Formats
//	r.Loss, r.Notes                                        // what it lacks, and what it cannot show
//
// The invariant that bites: an export is written while the capture is read. What
// is held is who lives, which connections are open and a few thousand events of
// each CPU, never the recording.
package export
