// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"context"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// printer is one of replay's that programs read.
type printer interface {
	Event(replay.Event) error
	Flush() error
}

func writeCSV(ctx context.Context, out *bufio.Writer, c *format.Capture) (*Report, error) {
	p := replay.NewCSVPrinter(out, c)
	if err := p.Header(); err != nil {
		return nil, err
	}
	return writeRows(ctx, c, p)
}

func writeJSONLines(ctx context.Context, out *bufio.Writer, c *format.Capture) (*Report, error) {
	return writeRows(ctx, c, replay.NewJSONPrinter(out, c))
}

// writeRows writes every row of a capture, in time order: also those from before
// the window of a slice.
func writeRows(ctx context.Context, c *format.Capture, p printer) (*Report, error) {
	r, losses := &Report{Of: "rows"}, analyze.NewLosses(c)
	for e, err := range replay.New(c).Events(replay.Select{}) {
		if err == nil && r.Count&0xffff == 0 {
			err = ctx.Err()
		}
		if err == nil {
			err = p.Event(e)
		}
		if err != nil {
			return nil, err
		}
		r.Count++
		if e.Kind().Name == "loss" {
			losses.Add(e)
		}
	}
	r.Loss = losses.All()
	return r, p.Flush()
}
