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
	n := len(c.series)
	t := tally{rows: make([]int64, n), mixed: make([]int64, n), own: make([]int64, n)}
	l := c.loader(0)
	for i, at := range c.batches {
		b, err := c.briefOf(l, i)
		if err != nil {
			return nil, c.corrupt(at, err)
		}
		t.add(&b, at.end-at.at)
	}
	bytes := t.share(c.series)
	total := float64(max(t.bytes, 1))
	var usage []KindUsage
	for i, k := range c.series {
		if t.rows[i] > 0 && k != nil {
			usage = append(usage, KindUsage{k.Name, t.rows[i], int64(bytes[i]*float64(c.in.size)/total + 0.5)})
		}
	}
	return usage, nil
}

// briefOf reads a batch's message, not its rows.
func (c *Capture) briefOf(l *loader, i int) (brief, error) {
	if !c.sealed {
		return c.briefs[i], nil
	}
	m, err := l.open(c.batches[i], headerBatch, true)
	if err != nil {
		return brief{}, err
	}
	rb, err := parseBatch(m.flat, m.header, c.schema)
	if err != nil {
		return brief{}, err
	}
	return parseBrief(m.notes, c.names, rb.rows)
}

// tally counts by index of the kind column's dictionary.
type tally struct {
	rows, mixed []int64 // rows, and those of batches that kinds share
	own         []int64 // bytes of batches of one kind
	shared      int64   // bytes of batches that kinds share
	bytes       int64   // of all batches with rows
}

func (t *tally) add(b *brief, size int64) {
	total := b.total()
	if total > 0 {
		t.bytes += size
	}
	shared := false
	for kind, n := range b.rows {
		t.rows[kind] += int64(n)
		switch {
		case n == 0:
		case n == total:
			t.own[kind] += size
		default:
			shared = true
			t.mixed[kind] += int64(n)
		}
	}
	if shared {
		t.shared += size
	}
}

// share is the bytes of each kind.
func (t *tally) share(kinds []*Kind) []float64 {
	bytes, cells := make([]float64, len(kinds)), 0.0
	for i, k := range kinds {
		bytes[i] = float64(t.mixed[i])
		if k != nil {
			bytes[i] *= float64(len(k.Fields))
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
