// SPDX-License-Identifier: Apache-2.0

// Package redact writes a capture again with pseudonyms in place of the names,
// paths, arguments and addresses that it holds, and proves that none is left.
//
// [New] reads a capture and counts what it holds, [Redaction.Write] writes it
// with pseudonyms, and [Redaction.Prove] searches what was written for all that
// should be gone. Rows and numbers stay, so that analyses give the same figures.
//
// The invariant that bites: what is not known is replaced. A column, a word or a
// pair of metadata stays only where this version of ebrec knows that it is its
// own; whoever adds a column of text decides in class.go what it is.
package redact
