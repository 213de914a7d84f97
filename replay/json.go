// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bufio"
	"io"
	"strconv"
	"time"

	"github.com/ebrec/ebrec/format"
)

// A JSONPrinter writes events as JSON, one object a line. Keys are the names
// of the columns, in the order of the file; columns without a value are left
// out. An instant comes twice: as RFC 3339 text in UTC, and under its name with
// _ns as nanoseconds since the Unix epoch.
type JSONPrinter struct {
	w       *bufio.Writer
	line    []byte
	plans   map[*format.Kind][]item
	capture *format.Capture
}

// item is a column to write with its ready-made key.
type item struct {
	key, keyNS string
	col        format.Col
	typ        format.Type
}

// NewJSONPrinter writes to w. Output is buffered: Flush it.
func NewJSONPrinter(w io.Writer, c *format.Capture) *JSONPrinter {
	return &JSONPrinter{w: bufio.NewWriter(w), plans: map[*format.Kind][]item{}, capture: c}
}

// Flush hands over what is buffered.
func (p *JSONPrinter) Flush() error { return p.w.Flush() }

// Event writes the line of an event.
func (p *JSONPrinter) Event(e Event) error {
	b := append(p.line[:0], `{"time":`...)
	b = appendInstant(b, `,"time_ns":`, e.Time())
	b = append(b, `,"kind":`...)
	b = AppendJSON(b, e.Kind().Name)
	for _, it := range p.plan(e.Kind()) {
		if !e.Null(it.col) {
			b = it.append(b, e)
		}
	}
	p.line = append(b, "}\n"...)
	_, err := p.w.Write(p.line)
	return err
}

func (p *JSONPrinter) plan(k *format.Kind) []item {
	if plan, ok := p.plans[k]; ok {
		return plan
	}
	var plan []item
	for i := range k.Fields {
		f := &k.Fields[i]
		if f.Name == format.ColumnTime || f.Name == format.ColumnKind {
			continue
		}
		key := "," + string(AppendJSON(nil, f.Name)) + ":"
		keyNS := "," + string(AppendJSON(nil, f.Name+"_ns")) + ":"
		plan = append(plan, item{key: key, keyNS: keyNS, col: p.capture.Col(f.Name), typ: f.Type})
	}
	p.plans[k] = plan
	return plan
}

func (it *item) append(b []byte, e Event) []byte {
	b = append(b, it.key...)
	switch it.typ {
	case format.Timestamp:
		return appendInstant(b, it.keyNS, e.Int(it.col))
	case format.String, format.Address, format.Enum:
		return AppendJSON(b, e.Str(it.col))
	case format.Int32, format.Int64:
		return strconv.AppendInt(b, e.Int(it.col), 10)
	}
	return strconv.AppendUint(b, e.Uint(it.col), 10)
}

func appendInstant(b []byte, keyNS string, ns int64) []byte {
	b = append(b, '"')
	b = time.Unix(0, ns).UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	b = append(b, keyNS...)
	return strconv.AppendInt(b, ns, 10)
}
