// SPDX-License-Identifier: Apache-2.0

package replay

import "github.com/ebrec/ebrec/format"

// An Event is one row of a capture. It is small, made to be passed by value,
// and valid until the body of the loop that received it returns.
type Event struct {
	batch *format.Batch
	view  *view
	row   int
}

// view is what all events of one iteration share.
type view struct {
	cpu, pid, tid format.Col
	tasks         *Tasks // nil when names are not followed
}

// Time is when it happened, in nanoseconds since the Unix epoch.
func (e Event) Time() int64 { return e.batch.Time(e.row) }

// Kind says what happened. It belongs to the capture and must not be changed.
func (e Event) Kind() *format.Kind { return e.batch.Kind(e.row) }

// CPU is where it happened, -1 when the event has none.
func (e Event) CPU() int {
	if e.Null(e.view.cpu) {
		return -1
	}
	return int(e.Uint(e.view.cpu))
}

// PID is the process, 0 when the event has none or its owner is unknown.
func (e Event) PID() uint32 { return uint32(e.Uint(e.view.pid)) }

// TID is the thread, 0 when the event has none; the idle task is 0 as well.
func (e Event) TID() uint32 { return uint32(e.Uint(e.view.tid)) }

// Null tells whether the event lacks a column. A column that the capture
// lacks, or that was not selected, is null in every event.
func (e Event) Null(c format.Col) bool {
	return c == format.NoCol || e.batch.Null(c, e.row)
}

// Uint is the value of an unsigned column, 0 when null.
func (e Event) Uint(c format.Col) uint64 {
	if e.Null(c) {
		return 0
	}
	return e.batch.Uint(c, e.row)
}

// Int is the value of a signed column or, in nanoseconds since the Unix
// epoch, of an instant; 0 when null.
func (e Event) Int(c format.Col) int64 {
	if e.Null(c) {
		return 0
	}
	return e.batch.Int(c, e.row)
}

// Str is the value of a text, address or enumeration, empty when null. The
// string may be kept. It may hold anything: see [Clean].
func (e Event) Str(c format.Col) string {
	if e.Null(c) {
		return ""
	}
	return e.batch.Str(c, e.row)
}

// Task is the task that has the thread id at this moment of the recording.
// It answers only where [Select] asked for tasks.
func (e Event) Task(tid uint32) (Task, bool) {
	if e.view.tasks == nil {
		return Task{}, false
	}
	return e.view.tasks.Lookup(tid)
}
