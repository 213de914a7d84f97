// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Programs that rewrite an Arrow file often drop the schema's metadata, but not
// rows. So the metadata is the file's first row too, as JSON.
const (
	metadataID     = 0 // no raw record has it
	metadataName   = "metadata"
	ColumnMetadata = "metadata" // String, of the metadata's row only
	keyUnits       = keyPrefix + "units"
)

// metadataKind is the kind of the metadata's row, with the columns that every
// kind has.
func metadataKind(kinds []Kind) Kind {
	k := Kind{ID: metadataID, Name: metadataName, Source: "recording", Doc: "the metadata of the file, for programs that lose the schema's"}
	for i := range kinds {
		t, name := kinds[i].Field(ColumnTime), kinds[i].Field(ColumnKind)
		if t != nil && name != nil {
			k.Fields = []Field{*t, *name}
			break
		}
	}
	k.Fields = append(k.Fields, Field{Column: Column{Name: ColumnMetadata, Type: String, Doc: "JSON object with the schema's metadata; only in the first row"}})
	return k
}

// metadataText is what the metadata's row says.
func metadataText(l *layout, pairs []note) ([]byte, error) {
	object, units, types := map[string]string{}, map[string]string{}, map[string]string{}
	for _, n := range pairs {
		object[n.key] = n.value
	}
	for _, c := range l.columns {
		types[c.Name] = c.Type.String()
		if c.Unit != "" {
			units[c.Name] = c.Unit
		}
	}
	lists := map[string]map[string]string{keyUnits: units}
	if m := (&Metadata{Format: object[keyPrefix+"format"]}); !m.Before13() { // it may be a copy of an earlier one
		lists[keyTypes] = types
	}
	for key, of := range lists {
		list, err := json.Marshal(of)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", key, err)
		}
		object[key] = string(list)
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return text, nil
}

// metadataRow makes a batch of the metadata's row.
func (b *buffers) metadataRow(l *layout, at int64, text []byte) {
	kind := len(l.kinds) - 1
	b.rows, b.brief = 1, brief{at, at, math.MinInt64, make([]int, len(l.kinds))}
	b.brief.rows[kind] = 1
	var z zeros
	for c := range b.columns {
		col, to := &l.columns[c], &b.columns[c]
		*to = columnBuffers{memory: to.memory}
		switch col.Name {
		case ColumnTime:
			to.data = binary.LittleEndian.AppendUint64(nil, uint64(at))
		case ColumnKind:
			to.data = make([]byte, col.width())
			putNumber(to.data, col.width(), uint64(kind))
		case ColumnMetadata:
			to.data = text
			to.ends = binary.LittleEndian.AppendUint32(make([]byte, 4), uint32(len(text)))
		default:
			z.fill(to, col, 1)
		}
	}
}

// metadataRow finds the metadata among the rows.
func (c *Capture) metadataRow() (map[string]string, error) {
	col := c.Col(ColumnMetadata)
	c.series = make([]*Kind, len(c.names))
	if i := slices.Index(c.names, metadataName); i >= 0 {
		c.series[i] = &Kind{Name: metadataName}
	}
	if col == NoCol || c.columns[col].Type != String {
		return nil, fmt.Errorf("%w, its schema has no metadata of ebrec", ErrNotCapture)
	}
	d := c.decoder(Scan{Kinds: []string{metadataName}, Columns: []Col{col}})
	for i := range c.batches {
		if err := d.decode(i, c.mostMemory()); err != nil {
			return nil, c.corrupt(c.batches[i], err)
		}
		if d.batch.Len() > 0 {
			return c.parseMetadataRow(d.batch.Str(col, 0))
		}
	}
	return nil, fmt.Errorf("%w, its schema has no metadata and its rows neither", ErrNotCapture)
}

func (c *Capture) parseMetadataRow(text string) (pairs map[string]string, err error) {
	var units map[string]string
	err = json.Unmarshal([]byte(text), &pairs)
	if err == nil && pairs[keyUnits] != "" {
		err = json.Unmarshal([]byte(pairs[keyUnits]), &units)
	}
	if err != nil {
		return nil, fmt.Errorf("metadata in the first row: %w", err)
	}
	types, err := declaredTypes(pairs[keyTypes])
	if err != nil {
		return nil, fmt.Errorf("metadata in the first row: %w", err)
	}
	if !c.sealed {
		c.schema.declare(types)
	}
	for i := range c.columns {
		if unit, ok := units[c.columns[i].Name]; ok {
			c.columns[i].Unit = unit
		}
	}
	return pairs, nil
}
