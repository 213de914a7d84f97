// SPDX-License-Identifier: Apache-2.0

package format

// KindUsage is what one kind takes of a file.
type KindUsage struct {
	Kind  string
	Rows  int64
	Bytes int64 // its share of the file; the kinds' shares add up to the file's size, as far as rounding lets them
}

// Usage counts rows and shares out the file's bytes by kind. A batch does not
// say which byte belongs to which kind where kinds share it: of all such
// batches a row counts as many bytes as its kind has columns. Bytes outside of
// batches are shared out like those within. Kinds without rows are left out.
func (c *Capture) Usage() ([]KindUsage, error) {
	t := tally{rows: make([]int64, len(c.series)), mixed: make([]int64, len(c.series)), own: make([]int64, len(c.series))}
	d := c.decoder(Scan{Columns: []Col{}})
	for _, at := range c.batches {
		if err := d.decode(at, c.mostMemory()); err != nil {
			return nil, c.corrupt(at, err)
		}
		t.add(d.batch, at.end-at.at)
	}
	bytes := t.share(c.series)
	total := float64(max(t.bytes, 1))
	var usage []KindUsage
	for i, k := range c.series {
		if t.rows[i] > 0 && k.kind != nil {
			usage = append(usage, KindUsage{k.kind.Name, t.rows[i], int64(bytes[i]*float64(c.in.size)/total + 0.5)})
		}
	}
	return usage, nil
}

// tally counts by index of the kind column's dictionary.
type tally struct {
	rows, mixed []int64 // rows, and those of batches that kinds share
	own         []int64 // bytes of batches of one kind
	shared      int64   // bytes of batches that kinds share
	bytes       int64   // of all batches with rows
}

func (t *tally) add(b *Batch, size int64) {
	if b.rows == 0 {
		return
	}
	t.bytes += size
	if first := b.kinds.number(0); b.uniform(first) {
		t.rows[first] += int64(b.rows)
		t.own[first] += size
		return
	}
	t.shared += size
	for i := range b.rows {
		t.rows[b.kinds.number(i)]++
		t.mixed[b.kinds.number(i)]++
	}
}

// share is the bytes of each kind.
func (t *tally) share(kinds []series) []float64 {
	bytes, cells := make([]float64, len(kinds)), 0.0
	for i, k := range kinds {
		bytes[i] = float64(t.mixed[i])
		if k.kind != nil {
			bytes[i] *= float64(len(k.kind.Fields))
		}
		cells += bytes[i]
	}
	for i := range bytes {
		if cells > 0 {
			bytes[i] *= float64(t.shared) / cells
		}
		bytes[i] += float64(t.own[i])
	}
	return bytes
}
