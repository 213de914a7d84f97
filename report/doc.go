// SPDX-License-Identifier: Apache-2.0

// Package report makes one page of a capture, to look at: [Make] runs the
// analyses and follows the CPUs, and the [Report] writes itself as HTML or as a
// block of Markdown for an issue.
//
//	r, err := report.Make(ctx, capture, report.Options{})
//	err = r.HTML(w)     // one file, which asks nobody for anything
//	err = r.Markdown(w) // at most MostMarkdown bytes
//
// The invariant that bites: the page has a size that it keeps to whatever the
// capture has. What there was no room for is counted and said where it would
// have been; what is shown is what ebrec analyze says, to the digit.
//
// The page's own sources are in web, and what is made of them in web/dist.
package report
