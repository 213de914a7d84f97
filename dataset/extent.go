// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// extent is the least and the greatest number of a chunk, for readers that pass
// over what they do not need.
type extent struct {
	signed          bool
	some            bool
	least, greatest uint64 // of signed numbers with the sign bit turned, so that they compare alike
	nulls           int
}

const signBit = 1 << 63

// add takes the values of rows.
func (e *extent) add(values []uint64, rows int) {
	e.nulls += rows - len(values)
	if len(values) == 0 {
		return
	}
	turn := uint64(0)
	if e.signed {
		turn = signBit
	}
	if !e.some {
		e.some, e.least, e.greatest = true, values[0]^turn, values[0]^turn
	}
	least, greatest := e.least, e.greatest
	for _, x := range values {
		least, greatest = min(least, x^turn), max(greatest, x^turn)
	}
	e.least, e.greatest = least, greatest
}

// statistics are what Parquet keeps of it.
func (e *extent) statistics(as parquet.Type) metadata.EncodedStatistics {
	s := metadata.EncodedStatistics{HasNullCount: true, NullCount: int64(e.nulls)}
	if !e.some {
		return s
	}
	turn := uint64(0)
	if e.signed {
		turn = signBit
	}
	size := 8
	if as == parquet.Types.Int32 {
		size = 4
	}
	plain := func(x uint64) []byte { return binary.LittleEndian.AppendUint64(nil, x^turn)[:size] }
	s.SetMin(plain(e.least)).SetMax(plain(e.greatest))
	return s
}
