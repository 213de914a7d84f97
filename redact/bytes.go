// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/ebrec/ebrec/format"
)

// buffers searches what the columns hold, also where no row points to.
func (p *prover) buffers(ctx context.Context) error {
	var texts atomic.Int64
	err := p.copy.Buffers(func(b format.Buffer) error {
		if b.Text {
			texts.Add(int64(len(b.Data)))
			return ctx.Err()
		}
		if b.Column.Type == format.Uint8 || b.Column.Type == format.Enum {
			return nil
		}
		if found, ok := p.raw.any(b.Data); ok {
			return p.leak(found, "the numbers of column "+b.Column.Name)
		}
		return ctx.Err()
	})
	if n := texts.Load() - p.inRows; err == nil && n != 0 {
		err = fmt.Errorf("prove %s: its columns of text hold %d bytes that no row has", p.copy.Path(), n)
	}
	return err
}

func (p *prover) file(ctx context.Context) error { return p.bytes(ctx, p.copy.Path()) }

// bytes searches a file as it is, in parts that overlap.
func (p *prover) bytes(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	parts, overlap := *p.raw, leastRaw
	parts.part = true
	for name := range p.raw.texts {
		overlap = max(overlap, len(name)+2) // what is around an address counts
	}
	chunk := make([]byte, overlap+1<<20)
	n, last := 1, false // nothing is in front of the first byte, nor behind the last
	for !last {
		more, err := io.ReadFull(f, chunk[n:len(chunk)-1])
		if last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !last {
			return err
		}
		if n += more; last {
			chunk[n] = 0
			n++
		}
		if found, ok := parts.any(chunk[:n]); ok {
			return p.leak(found, "the bytes of the file")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n = copy(chunk, chunk[max(0, n-overlap):n])
	}
	return nil
}
