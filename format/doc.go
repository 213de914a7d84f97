// SPDX-License-Identifier: Apache-2.0

// Package format writes and reads captures: one Arrow IPC file with one row
// per event and one flat schema, so that every Arrow tool opens it as it is.
//
// A [Writer] takes raw records, laid out as their [Kind] says, in any order,
// and gathers them into columns. [Open] gives a [Capture], whose batches are
// read with [Capture.Batches]: only the columns asked for are decoded, several
// batches at a time. [Salvage] opens what a damaged file still has, and a
// [Copier] writes rows of one capture to another. Nothing outside this package
// sees Arrow. FORMAT.md at the top of the repository says what the file is.
//
// The invariant that bites: rows are in time order within a batch and within a
// kind, not over the whole file. Package replay merges the batches; see
// [Batch.Next] for the rule.
//
// A capture comes from a stranger: every length is checked against the file
// before memory is taken for it, damage is an error, never a panic, and what
// ebrec wrote has checksums, so that it is never silent either.
package format
