// SPDX-License-Identifier: Apache-2.0

package format

import "errors"

// key is a raw record that waits to be written: when it happened and where in
// the arena it is.
type key struct {
	time uint64 // boot time
	at   uint32 // chunk number, then offset in it
	kind uint16 // index in the layout
	read bool   // the recorder read it: it is no event
}

const (
	chunkBits = 18 // 256 KiB
	chunkMask = 1<<chunkBits - 1
	maxChunks = 1 << (32 - chunkBits)
	maxRecord = 1 << 16
)

var errPending = errors.New("4 GiB of rows wait to be written: flush more often")

// arena holds raw records in chunks that are reused when all of theirs are
// written. Its zero value is empty.
type arena struct {
	chunks []chunk
	free   []int // chunks without records
	filled int   // the chunk being filled
}

type chunk struct {
	data []byte
	live int // records not written
}

// add copies n records in, which are one behind the other.
func (a *arena) add(records []byte, n int) (at uint32, err error) {
	if len(a.chunks) == 0 || len(a.chunks[a.filled].data)+len(records) > chunkMask+1 {
		if err := a.next(); err != nil {
			return 0, err
		}
	}
	c := &a.chunks[a.filled]
	at = uint32(a.filled<<chunkBits | len(c.data))
	c.data = append(c.data, records...)
	c.live += n
	return at, nil
}

// next makes an empty chunk the one being filled.
func (a *arena) next() error {
	if len(a.chunks) > 0 && a.chunks[a.filled].live == 0 {
		a.chunks[a.filled].data = a.chunks[a.filled].data[:0]
		return nil
	}
	if n := len(a.free); n > 0 {
		a.filled, a.free = a.free[n-1], a.free[:n-1]
		return nil
	}
	if len(a.chunks) == maxChunks {
		return errPending
	}
	a.filled = len(a.chunks)
	a.chunks = append(a.chunks, chunk{data: make([]byte, 0, chunkMask+1)})
	return nil
}

// from is the arena from a record on, to the end of its chunk.
func (a *arena) from(at uint32) []byte { return a.chunks[at>>chunkBits].data[at&chunkMask:] }

// forget drops the records of keys. Those that were added together are mostly
// in one chunk.
func (a *arena) forget(keys []key) {
	for len(keys) > 0 {
		i, n := keys[0].at>>chunkBits, 1
		for n < len(keys) && keys[n].at>>chunkBits == i {
			n++
		}
		c := &a.chunks[i]
		if c.live -= n; c.live == 0 && int(i) != a.filled {
			c.data = c.data[:0]
			a.free = append(a.free, int(i))
		}
		keys = keys[n:]
	}
}
