// SPDX-License-Identifier: Apache-2.0

package record

import (
	"cmp"
	"slices"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// toldLosses are the loss rows that may not be in the file yet. When the disk is
// full, what waits to be written is given up, but a loss must still be told.
type toldLosses struct {
	writer *format.Writer
	rows   []bpf.Loss
	before uint64 // rows of the writer's file that are forgotten here
}

// add hands a loss row to the writer.
func (t *toldLosses) add(w *format.Writer, row *bpf.Loss) error {
	if t.writer != w { // a further file: those before are whole
		*t = toldLosses{writer: w}
	}
	t.rows = append(t.rows, *row)
	return w.AddReading(bpf.Bytes(row))
}

// forget forgets the rows that the file has: it has them in the order of time.
func (t *toldLosses) forget() {
	if t.writer == nil {
		return
	}
	slices.SortStableFunc(t.rows, func(a, b bpf.Loss) int { return cmp.Compare(a.H.Time, b.H.Time) })
	n := min(t.writer.Stats().Rows["loss"]-t.before, uint64(len(t.rows)))
	t.rows = slices.Delete(t.rows, 0, int(n))
	t.before += n
}

// again adds the rows once more that the file does not have, together where they
// are alike: what the writer held was given up.
func (t *toldLosses) again(w *format.Writer, at uint64) error {
	t.forget()
	rows := t.rows
	t.rows = nil
	slices.SortStableFunc(rows, func(a, b bpf.Loss) int {
		return cmp.Or(cmp.Compare(a.H.CPU, b.H.CPU), cmp.Compare(a.LossSource, b.LossSource), cmp.Compare(a.LossReason, b.LossReason))
	})
	for i := 0; i < len(rows); i++ {
		row := rows[i]
		for i+1 < len(rows) && alike(&row, &rows[i+1]) {
			i++
			row.Lost += rows[i].Lost
			row.Since = min(row.Since, rows[i].Since)
		}
		row.H.Time = at
		if err := t.add(w, &row); err != nil {
			return err
		}
	}
	return nil
}

// dropped adds those rows again that a flush up to a time had no room for; later
// ones wait with the writer.
func (t *toldLosses) dropped(w *format.Writer, until uint64) error {
	if t.writer != w {
		return nil
	}
	t.forget()
	n := slices.IndexFunc(t.rows, func(l bpf.Loss) bool { return l.H.Time > until })
	if n < 0 {
		n = len(t.rows)
	}
	waiting := slices.Clone(t.rows[n:])
	t.rows = t.rows[:n]
	err := t.again(w, until)
	t.rows = append(t.rows, waiting...)
	return err
}

func alike(a, b *bpf.Loss) bool {
	return a.H.CPU == b.H.CPU && a.LossSource == b.LossSource && a.LossReason == b.LossReason
}
