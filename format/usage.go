// SPDX-License-Identifier: Apache-2.0

package format

// KindUsage is what one kind takes of a file.
type KindUsage struct {
	Kind  string
	Rows  int64
	Bytes int64 // its share of the file by rows and columns; the kinds' shares add up to the file's size
}

// Usage counts rows and shares out the file's bytes by kind. The file does not
// record which byte belongs to which kind where kinds share a batch; there a
// row counts as many bytes as its kind has columns, and all is scaled to the
// size of the file.
func (c *Capture) Usage() ([]KindUsage, error) {
	rows := make([]int64, len(c.kinds))
	index := map[*Kind]int{}
	for i := range c.kinds {
		index[&c.kinds[i]] = i
	}
	for b, err := range c.Batches(Scan{Columns: []Col{}}) {
		if err != nil {
			return nil, err
		}
		for i := range b.Len() {
			rows[index[b.Kind(i)]]++
		}
	}
	var cells int64
	for i, k := range c.kinds {
		cells += rows[i] * int64(len(k.Fields))
	}
	var usage []KindUsage
	for i, k := range c.kinds {
		if n := rows[i]; n > 0 {
			share := float64(n*int64(len(k.Fields))) / float64(cells)
			usage = append(usage, KindUsage{Kind: k.Name, Rows: n, Bytes: int64(share*float64(c.in.size) + 0.5)})
		}
	}
	return usage, nil
}
