// SPDX-License-Identifier: Apache-2.0

package format

import "encoding/binary"

// footer makes the end of a file: the Footer of Arrow's File.fbs, its length,
// the magic. schema is the flatbuffer of a message with the schema, table where
// the schema's table is in it.
func (e *encoder) footer(x *index, schema []byte, table int) []byte {
	f := e.flat
	fields := e.embed(schema, table)
	e.blocks(x.batches)
	batches := f.EndVector(len(x.batches))
	e.blocks(x.dictionaries)
	dictionaries := f.EndVector(len(x.dictionaries))
	custom := e.custom()
	f.StartObject(5)
	f.PrependUOffsetTSlot(footerSchemaSlot, fields, 0)
	f.PrependUOffsetTSlot(footerDictionaries, dictionaries, 0)
	f.PrependUOffsetTSlot(footerBatches, batches, 0)
	f.PrependUOffsetTSlot(footerCustom, custom, 0)
	f.PrependInt16Slot(messageVersion, metadataV5, 0)
	e.head = e.head[:0]
	e.finish(f.EndObject())
	n := len(e.head)
	return append(binary.LittleEndian.AppendUint32(e.head, uint32(n)), magic...)
}

// blocks adds a vector of where messages are.
func (e *encoder) blocks(blocks []block) {
	f := e.flat
	f.StartVector(blockSize, len(blocks), alignment)
	for i := len(blocks) - 1; i >= 0; i-- {
		b := blocks[i]
		f.Prep(alignment, blockSize)
		f.PrependInt64(b.end - b.body)
		f.PrependInt64(b.body - b.at) // an int32 and padding
		f.PrependInt64(b.at)
	}
}
