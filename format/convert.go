// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"fmt"
	"math"
)

// converted tells whether another program gave the column a type of which not
// every value is one that it can have.
func (w *wire) converted() bool {
	return w.form == formFloat || w.form == formBits || w.checked || w.scale > 1
}

// convert makes a column that another program gave another type what it was, or
// says why that cannot be done without changing a value of one of the batch's rows.
func (v *vector) convert(w *wire, rows int, b *Batch) error {
	if v.none || !w.converted() {
		return nil
	}
	switch {
	case w.form == formFloat:
		if err := v.floats(rows, b, w.typ); err != nil {
			return err
		}
	case w.form == formBits:
		v.bits(rows)
	case w.scale > 1:
		return v.rescale(rows, w.scale)
	}
	for i := range b.Len() {
		row := b.at(i)
		if x := v.number(row); !v.null(row) && !w.typ.fits(x, v.signed && int64(x) < 0) {
			return fmt.Errorf("has the value %s, which no %s is", v.decimal(row), w.typ)
		}
	}
	return nil
}

func (v *vector) decimal(row int) string {
	if v.signed {
		return fmt.Sprint(int64(v.number(row)))
	}
	return fmt.Sprint(v.number(row))
}

// Floating-point numbers of 4 and of 8 bytes hold every integer up to these; a
// larger one may be another that was rounded.
const (
	mostExact32 = 1<<24 - 1
	mostExact64 = 1<<53 - 1
)

// floats makes integers of floating-point numbers. What is no number (NaN) is null
// to pandas.
func (v *vector) floats(rows int, b *Batch, t Type) error {
	most := float64(mostExact64)
	if v.width == 4 {
		most = mostExact32
	}
	out := resize(v.memory.wide, 8*rows)
	v.memory.wide = out
	for i := range b.Len() {
		row := b.at(i)
		x := v.float(row)
		switch {
		case v.null(row) || math.IsNaN(x):
			v.lacks(row, rows)
			x = 0
		case x != math.Trunc(x):
			return fmt.Errorf("has the value %v, which no %s is", x, t)
		case math.Abs(x) > most:
			return fmt.Errorf("has the value %.0f, too large for a floating-point number of %d bits to hold every integer: it may have been rounded", x, 8*v.width)
		}
		binary.LittleEndian.PutUint64(out[8*row:], uint64(int64(x)))
	}
	v.form, v.width, v.signed, v.data = formFixed, 8, true, out
	return nil
}

func (v *vector) float(row int) float64 {
	if v.width == 4 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.data[4*row:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v.data[8*row:]))
}

// lacks makes a row null.
func (v *vector) lacks(row, rows int) {
	if v.valid == nil {
		v.valid = resize(v.memory.valid, (rows+7)/8)
		v.memory.valid = v.valid
		fill(v.valid, 0xff)
	}
	v.valid[row>>3] &^= 1 << (row & 7)
}

// bits makes numbers, 0 and 1, of truth values.
func (v *vector) bits(rows int) {
	out := resize(v.memory.wide, rows)
	v.memory.wide = out
	for row := range out {
		out[row] = v.data[row>>3] >> (row & 7) & 1
	}
	v.form, v.width, v.signed, v.data = formFixed, 1, false, out
}

// rescale makes nanoseconds of coarser instants, of all rows: they are put in order
// by them.
func (v *vector) rescale(rows int, scale int64) error {
	for row := range rows {
		x := int64(v.number(row))
		if v.null(row) {
			x = 0
		}
		if x > math.MaxInt64/scale || x < math.MinInt64/scale {
			return fmt.Errorf("has an instant, %d units of %d ns, beyond what nanoseconds can say", x, scale)
		}
		binary.LittleEndian.PutUint64(v.data[8*row:], uint64(x*scale))
	}
	return nil
}
