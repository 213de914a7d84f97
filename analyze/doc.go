// SPDX-License-Identifier: Apache-2.0

// Package analyze turns a capture into tables. Each analysis is one documented
// value in [All]; [Run] reads only the kinds and columns that it needs, and the
// [Result] renders itself as text, JSON or CSV.
//
//	a, err := analyze.Find("cputime")          // *UnknownError suggests the nearest
//	r, err := analyze.Run(ctx, capture, a, analyze.Options{Top: 10, Sort: "on_cpu_ns"})
//	err = r.Render(os.Stdout, "text")          // or "json", "csv": analyze.Formats
//	if !r.Whole() { ... }                      // cut short, or lost what it needed
//	r, err := analyze.Info(ctx, capture)       // ebrec info
//
// The invariant that bites: a table says what it does not cover. Nothing is
// lost in silence, so an analysis whose rows the capture cannot have fails with
// a [MissingError] rather than print an empty table, and the losses and the end
// of a capture that was cut short are part of every result.
//
// The same capture gives the same bytes of output anywhere: no map order, no
// clock, no locale, no path of the file.
package analyze
