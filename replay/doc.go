// SPDX-License-Identifier: Apache-2.0

// Package replay turns a capture back into events in time order: filtered,
// paced if asked, and printed as lines of text or JSON.
//
// The invariant that bites: an [Event] is a view of a batch that the reader
// reuses. It is valid until the loop body that received it returns; keep what
// you need of it, not the event.
package replay
