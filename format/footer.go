// SPDX-License-Identifier: Apache-2.0

package format

import "encoding/binary"

// The footer of the file format is written by hand: it holds the schema a
// second time, and a flatbuffer may hold another one's bytes, since all places
// in it are relative.
const (
	footerVtable  = 4
	footerTable   = 16
	footerSchema  = footerTable + 8
	footerDicts   = footerTable + 12
	footerRecords = footerTable + 16
	footerLists   = footerTable + 20
)

// encodeFooter makes the end of a file: the footer, its length, the magic.
// schema is the flatbuffer of the schema's message, table where the schema's
// table is in it.
func encodeFooter(x *index, schema []byte, table int) []byte {
	le := binary.LittleEndian
	b := make([]byte, footerLists)
	le.PutUint32(b, footerTable)
	for i, v := range []uint16{12, 20, 4, 8, 12, 16} { // sizes of vtable and table, places of the fields
		le.PutUint16(b[footerVtable+2*i:], v)
	}
	le.PutUint32(b[footerTable:], footerTable-footerVtable)
	le.PutUint16(b[footerTable+4:], metadataV5)
	b = appendBlocks(b, footerDicts, x.dictionaries)
	b = append(b, 0, 0, 0, 0) // blocks begin at multiples of eight
	b = appendBlocks(b, footerRecords, x.batches)
	le.PutUint32(b[footerSchema:], uint32(len(b)+table-footerSchema))
	b = pad(append(b, schema...))
	n := len(b)
	return append(le.AppendUint32(b, uint32(n)), magic...)
}

// appendBlocks adds a vector of blocks and makes the field at a place lead to it.
func appendBlocks(b []byte, field int, blocks []block) []byte {
	le := binary.LittleEndian
	le.PutUint32(b[field:], uint32(len(b)-field))
	b = le.AppendUint32(b, uint32(len(blocks)))
	for _, x := range blocks {
		b = le.AppendUint64(b, uint64(x.at))
		b = le.AppendUint64(b, uint64(x.body-x.at))
		b = le.AppendUint64(b, uint64(x.end-x.body))
	}
	return b
}
