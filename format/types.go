// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Other programs rewrite captures with other column types: pandas makes
// floating-point numbers of integers that may be null. The metadata's row says
// which types the columns had, so that a reader can undo that.
const keyTypes = keyPrefix + "types"

// typeNames are the types as the metadata says them.
var typeNames = map[Type]string{
	Uint8: "uint8", Uint16: "uint16", Uint32: "uint32", Uint64: "uint64", Int32: "int32", Int64: "int64",
	Timestamp: "timestamp", String: "string", Address: "string", Enum: "name",
}

// String is the type's name in the metadata.
func (t Type) String() string { return typeNames[t] }

// typesBefore are the types of the columns of versions 1.0 to 1.2, whose
// metadata does not say them. The list is complete: it never changes.
var typesBefore = map[Type]string{
	Timestamp: "time start since",
	Enum:      "kind prev_state reason direction socket_of tcp_state loss_source loss_reason cgroup_reason reset_from from_state turn_part",
	String:    "comm filename laddr raddr path args cgroup container program metadata",
	Uint8:     "prev_prio next_prio preempted kernel_thread exited cut online",
	Uint16:    "cpu lport rport",
	Uint32:    "tid next_tid delay_ns pid ppid ns_pid pid_namespace exit_code signal retransmits flags fd woken_tid segments",
	Uint64: "cgroup_id total_cpu_ns lifetime_ns cpu_time_ns on_cpu_ns run_queue_ns voluntary involuntary migrations idle_ns switches " +
		"conn connect_ns srtt_ns accept_ns response_ns ack_ns turn_tx_bytes tx_bytes rx_bytes min_rtt_ns duration_ns " +
		"segments_out segments_in sends receives largest_send_bytes largest_receive_bytes open_ns " +
		"lost seen written reordered left_out drains wakeups file_bytes own_cpu_ns max_rss_bytes uncertainty_ns runs run_ns measured_ns " +
		"steal_ns irq_ns softirq_ns suspended_ns read_ns think_ns turn_rx_bytes payload_bytes state_ns from_ns sum_ns largest_ns turns",
	Int32: "error",
	Int64: "wall_offset_ns",
}

func typesOfBefore() map[string]Type {
	types := map[string]Type{}
	for t, names := range typesBefore {
		for _, name := range strings.Fields(names) {
			types[name] = t
		}
	}
	return types
}

// declaredTypes are the types by column that a capture's metadata says.
func declaredTypes(said string) (map[string]Type, error) {
	types := map[string]Type{}
	if said == "" {
		return types, nil
	}
	var names map[string]string
	if err := json.Unmarshal([]byte(said), &names); err != nil {
		return nil, fmt.Errorf("types of columns: %w", err)
	}
	byName := map[string]Type{}
	for t, name := range typeNames {
		if t != Address {
			byName[name] = t
		}
	}
	for column, name := range names {
		if t, ok := byName[name]; ok { // another one is of a later version
			types[column] = t
		}
	}
	return types, nil
}

// ColumnError says that another program gave a column a type or values that the
// column of a capture cannot have.
type ColumnError struct{ Column, Reason string }

func (e *ColumnError) Error() string { return fmt.Sprintf("column %s %s", e.Column, e.Reason) }

// declare says of which types the columns were before another program rewrote
// the file. Those that cannot be read as that are refused.
func (s *fileSchema) declare(types map[string]Type) {
	for i := range s.columns {
		c, w := &s.columns[i], &s.wires[i]
		t, ok := types[c.Name]
		if !ok {
			continue
		}
		if !w.become(t) {
			s.refused[c.Name] = fmt.Sprintf("has type %s, which cannot be read as %s", w.arrow, t)
			continue
		}
		c.Type = t
	}
}

// become makes a wire give values of a type; it tells whether it can.
func (w *wire) become(t Type) bool {
	ok := w.can(t)
	if ok {
		w.encoded = t == Enum && (w.form == formText || w.form == formView)
		w.checked = w.checked || w.form == formFixed && w.typ != t && t != Timestamp
		w.typ = t
	}
	return ok
}

func (w *wire) can(t Type) bool {
	switch {
	case w.form == formNull:
		return true
	case t == Timestamp:
		return w.scale > 0
	case t == String:
		return w.form == formText || w.form == formView || w.form == formWords
	case t == Enum:
		return w.form == formText || w.form == formView || w.form == formWords
	case w.scale > 0:
		return false
	}
	return w.form == formFixed || w.form == formFloat || w.form == formBits
}

// fits tells whether a number is one of a type.
func (t Type) fits(x uint64, negative bool) bool {
	switch t {
	case Uint8:
		return x < 1<<8
	case Uint16:
		return x < 1<<16
	case Uint32:
		return x < 1<<32
	case Uint64:
		return !negative
	case Int32:
		return int64(x) == int64(int32(x)) && negative == (int64(x) < 0)
	}
	return negative == (int64(x) < 0)
}

// converted checks that another program's columns can be read as what they were.
// A column of its own is none of the capture's and is passed over.
func (c *Capture) converted(entries []kindEntry) error {
	ours := map[string]bool{}
	for _, e := range entries {
		for _, name := range e.Columns {
			ours[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.schema.refused)) {
		if ours[name] {
			return &ColumnError{name, c.schema.refused[name]}
		}
	}
	c.schema.leaveOut(func(name string) bool { return !ours[name] })
	if err := c.useColumns(); err != nil {
		return err
	}
	for i := range c.schema.wires {
		if w := &c.schema.wires[i]; w.scale > 1 && ours[c.columns[i].Name] && !c.meta.whole(w.scale) {
			return &ColumnError{c.columns[i].Name, fmt.Sprintf("has type %s, and the instants of the recording were nanoseconds: they were cut off", w.arrow)}
		}
	}
	return c.encodeTexts()
}

// leaveOut drops columns that ebrec does not write, of those that are chosen.
func (s *fileSchema) leaveOut(chosen func(name string) bool) {
	columns, wires := s.columns, s.wires
	s.columns, s.wires = nil, nil
	for i := range columns {
		if (wires[i].converted() || wires[i].form == formNull) && chosen(columns[i].Name) {
			continue
		}
		s.columns, s.wires = append(s.columns, columns[i]), append(s.wires, wires[i])
	}
}

// whole tells whether the instants that the metadata tells of are multiples of a
// unit, so that those of the rows can be, too.
func (m *Metadata) whole(scale int64) bool {
	return m.Start.UnixNano()%scale == 0 && m.BootOffset%scale == 0 && m.Window.From%scale == 0 && m.Window.To%scale == 0
}
