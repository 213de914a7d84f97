// SPDX-License-Identifier: Apache-2.0

package replay

import "github.com/ebrec/ebrec/format"

// Numbers reads columns of numbers of events that come by the million: a block
// of rows at a time, which is several times as fast as [Event.Uint], and stays in
// the processor's cache.
type Numbers struct {
	// Values are the columns' values of the block of the last event, 0 for null.
	Values [][]uint64

	cols  []format.Col
	batch *format.Batch
	first int  // row of the batch that the block begins with
	rows  int  // of the block
	taken int  // events since it was read
	waste int  // times that a block was read for few events
	each  bool // read only the event's own row: batches alternate too much
}

// blockRows is how many rows are read at a time. When that was for nothing too
// often they are read one by one.
const (
	blockRows  = 4096
	mostWaste  = 64
	wastedPart = 16 // less than one row of so many was wanted
)

// NewNumbers reads those columns.
func NewNumbers(cols ...format.Col) *Numbers {
	n := &Numbers{cols: cols, Values: make([][]uint64, len(cols))}
	for i := range n.Values {
		n.Values[i] = make([]uint64, blockRows)
	}
	return n
}

// Row is where an event's numbers are in Values, until it is called again.
func (n *Numbers) Row(e Event) int {
	if at := e.row - n.first; e.batch == n.batch && uint(at) < uint(n.rows) {
		n.taken++
		return at
	}
	if !n.each {
		n.read(e)
	}
	if !n.each {
		return 0
	}
	for i, c := range n.cols {
		n.Values[i][0] = e.Uint(c)
	}
	return 0
}

// Rows is where the numbers of a run's events are in Values, from one event on,
// and of how many events they are there, one behind the other.
func (n *Numbers) Rows(r Run, from int) (first, events int) {
	first = n.Row(r.At(from))
	if n.each {
		return first, 1
	}
	events = min(r.n-from, n.rows-first)
	n.taken += events - 1
	return first, events
}

// read reads the block that an event begins, unless that was in vain too often.
func (n *Numbers) read(e Event) {
	if n.batch != nil && n.taken < n.rows/wastedPart {
		n.waste++
	}
	if n.each = n.waste > mostWaste; n.each {
		n.batch = nil
		return
	}
	n.batch, n.first, n.taken = e.batch, e.row, 1
	n.rows = min(blockRows, e.batch.Len()-e.row)
	for i, c := range n.cols {
		e.batch.Uints(c, e.row, n.Values[i][:n.rows])
	}
}
