// SPDX-License-Identifier: Apache-2.0

// Package dataset keeps captures as a data set of Parquet files that query
// engines read as two tables: events, which has the rows of all captures, and
// captures, which has a row for each.
//
//	DIR/events/date=2026-11-21/host=web-1/ID.parquet
//	DIR/captures/date=2026-11-21/host=web-1/ID.parquet
//
// The invariant that bites: a file of captures is there only when the file of
// events beside it is whole. Whoever asks for the captures first, and for events
// by their ids, never sees half of one.
package dataset
