// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/ebrec/ebrec/format"
)

// columns prints what each column of a switch takes, compressed once more on
// its own.
func columns(c *format.Capture) error {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return err
	}
	type share struct {
		name  string
		bytes int
	}
	k := c.Kind("sched_switch")
	shares, rows := make([]share, len(k.Fields)), 0
	widths := map[format.Type]int{format.Uint8: 1, format.Uint16: 2, format.Uint32: 4, format.Timestamp: 8}
	for b, err := range c.Batches(format.Scan{Kinds: []string{k.Name}}) {
		if err != nil {
			return err
		}
		rows += b.Len()
		for i, f := range k.Fields {
			var raw []byte
			col, width := c.Col(f.Name), widths[f.Type]
			for row := range b.Len() {
				if v := b.Uint(col, row); width > 0 {
					raw = append(raw, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
					raw = raw[:len(raw)-8+width]
				} else {
					raw = append(raw, b.Str(col, row)[:1]...)
				}
			}
			shares[i].name = f.Name
			shares[i].bytes += len(e.EncodeAll(raw, nil))
		}
	}
	slices.SortFunc(shares, func(a, b share) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, s := range shares {
		fmt.Printf("  %-12s %.2f B\n", s.name, float64(s.bytes)/float64(max(rows, 1)))
	}
	return nil
}
