// SPDX-License-Identifier: Apache-2.0

// Package format writes and reads captures: one Arrow IPC file with one row
// per event and one flat schema, so that every Arrow tool opens it as it is.
//
// A [Writer] takes raw records, laid out as their [Kind] says, in any order,
// and gathers them into columns. [Open] gives a [Capture], whose batches are
// read with [Capture.Batches]: only the columns asked for are decoded, several
// batches at a time. Nothing outside this package sees Arrow.
//
// The invariant that bites: rows are in time order within a batch and within a
// group of batches, not over the whole file. Package replay merges the batches
// of a window; see [Batch] for the rule.
//
// A capture comes from a stranger: every length is checked against the file
// before memory is taken for it, and damage is an error, never a panic.
package format
