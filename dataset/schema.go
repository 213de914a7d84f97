// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"github.com/ebrec/ebrec/format"
)

// knownColumns are the columns of all kinds of rows, whatever a capture has of
// them, so that every file of events has the same schema. A test makes them from
// the kernel programs, which this package must not read: it works without the
// eBPF library.
//
//go:embed columns.json
var knownColumns []byte

// A Column is one column of a table.
type Column struct {
	Name string      `json:"name"`
	Type format.Type `json:"type"` // text of any kind is a String
	Unit string      `json:"unit,omitempty"`
	Doc  string      `json:"doc"`

	required bool // never null
}

// Names of the columns that captures do not have.
const (
	columnCapture = "capture"
	columnComm    = "comm"
	prevComm      = "prev_comm"
	nextComm      = "next_comm"
	wokenComm     = "woken_comm"
)

// added are the columns of events that a capture does not have.
var added = []Column{
	{Name: prevComm, Type: format.String, Doc: "name of tid in rows of kind sched_switch; idle for the idle task; null when it is not known"},
	{Name: nextComm, Type: format.String, Doc: "name of next_tid; idle for the idle task; null when it is not known"},
	{Name: wokenComm, Type: format.String, Doc: "name of woken_tid; null when it is not known"},
}

// EventColumns are the columns of the table events, in order.
func EventColumns() ([]Column, error) {
	var known []Column
	if err := json.Unmarshal(knownColumns, &known); err != nil {
		return nil, fmt.Errorf("read the columns of events: %w", err)
	}
	all := []Column{{Name: columnCapture, Type: format.String, Doc: "which capture the row is of: capture of the table captures", required: true}}
	for _, c := range known {
		c.required = c.Name == format.ColumnTime || c.Name == format.ColumnKind
		all = append(all, c)
	}
	return append(all, added...), nil
}

// node is the column as Parquet describes it.
func (c *Column) node() (schema.Node, error) {
	often := parquet.Repetitions.Optional
	if c.required {
		often = parquet.Repetitions.Required
	}
	whole := func(bits int8, signed bool, as parquet.Type) (schema.Node, error) {
		return schema.NewPrimitiveNodeLogical(c.Name, often, schema.NewIntLogicalType(bits, signed), as, 0, -1)
	}
	switch c.Type {
	case format.Uint8:
		return whole(8, false, parquet.Types.Int32)
	case format.Uint16:
		return whole(16, false, parquet.Types.Int32)
	case format.Uint32:
		return whole(32, false, parquet.Types.Int32)
	case format.Uint64:
		return whole(64, false, parquet.Types.Int64)
	case format.Int32:
		return whole(32, true, parquet.Types.Int32)
	case format.Int64:
		return whole(64, true, parquet.Types.Int64)
	case format.Timestamp:
		instant := schema.NewTimestampLogicalType(true, schema.TimeUnitNanos)
		return schema.NewPrimitiveNodeLogical(c.Name, often, instant, parquet.Types.Int64, 0, -1)
	}
	return schema.NewPrimitiveNodeLogical(c.Name, often, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, -1)
}

func (c *Column) isText() bool { return c.Type == format.String }

func (c *Column) signed() bool {
	return c.Type == format.Int32 || c.Type == format.Int64 || c.Type == format.Timestamp
}

// packed tells whether numbers have a dictionary: where rows that come by the
// million have few different ones, that takes fewest bits.
func (c *Column) packed() bool {
	switch c.Name {
	case format.ColumnCPU, "prev_prio", "next_prio", "preempted":
		return true
	}
	return false
}

// varies tells whether hardly two values are the same: to search long for what
// repeats makes a chunk of durations larger.
func (c *Column) varies() bool { return c.Unit == "ns" }

// encoding is how values without a dictionary are written.
func (c *Column) encoding() parquet.Encoding {
	if c.Name == format.ColumnTime {
		return parquet.Encodings.DeltaBinaryPacked
	}
	return parquet.Encodings.Plain
}

// root is the schema of a table.
func root(columns []Column) (*schema.GroupNode, error) {
	var nodes schema.FieldList
	for i := range columns {
		n, err := columns[i].node()
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", columns[i].Name, err)
		}
		nodes = append(nodes, n)
	}
	return schema.NewGroupNode("schema", parquet.Repetitions.Required, nodes, -1)
}
