// SPDX-License-Identifier: Apache-2.0

package format

import (
	"maps"
	"runtime"
	"sync"
)

// Pairs are the metadata of the schema as the file has them, those that ebrec
// does not know included.
func (c *Capture) Pairs() map[string]string { return maps.Clone(c.schema.metadata) }

// A Buffer is a part of a column of a batch, inflated.
type Buffer struct {
	Column *Column
	Text   bool // the texts of a String or Address column, one behind the other
	Data   []byte
}

// Buffers visits all that the batches hold, also what no row points to. Several
// goroutines visit different batches at a time; what they are given is valid
// until they return. Of small buffers with the same bytes in the file one is
// visited, unless they are texts.
func (c *Capture) Buffers(visit func(Buffer) error) error {
	n := runtime.GOMAXPROCS(0)
	errs := make([]error, n)
	var group sync.WaitGroup
	for part := range n {
		group.Go(func() {
			p := inflation{capture: c, loader: c.loader(0), seen: map[string]bool{}}
			for i := part; i < len(c.batches) && errs[part] == nil; i += n {
				errs[part] = p.batch(c.batches[i], visit)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// inflation is what inflates buffers on one goroutine.
type inflation struct {
	capture *Capture
	loader  *loader
	data    []byte
	seen    map[string]bool // compressed bytes of small buffers
}

const (
	smallBuffer = 256 // bytes, compressed
	mostSeen    = 4096
)

func (p *inflation) batch(at block, visit func(Buffer) error) error {
	c := p.capture
	m, err := p.loader.open(at, headerBatch, c.sealed)
	if err != nil {
		return c.corrupt(at, err)
	}
	b, err := parseBatch(m.flat, m.header, c.schema)
	if err != nil {
		return c.corrupt(at, err)
	}
	p.loader.codec = b.codec
	for i := range c.schema.wires {
		w := &c.schema.wires[i]
		parts := w.buffers
		if w.form == formView {
			parts += b.variadic(w.variadic)
		}
		for part := range parts {
			p.loader.budget = c.mostMemory()
			text := w.form == formText && part == 2 || w.form == formView && part > 0
			fresh, err := p.inflate(b.span(w, part), text)
			if err != nil {
				return c.corrupt(at, err)
			}
			if !fresh {
				continue
			}
			if err := visit(Buffer{&c.columns[i], text, p.data}); err != nil {
				return err
			}
		}
	}
	return nil
}

// inflate makes p.data what a buffer holds; it tells whether that is worth a
// visit.
func (p *inflation) inflate(s span, text bool) (fresh bool, err error) {
	if s.length == 0 {
		return false, nil
	}
	l := p.loader
	raw, n, packed, err := l.fetch(s, 0, maxInflated)
	if err == nil && packed && !text && len(l.packed) <= smallBuffer {
		if p.seen[string(l.packed)] {
			return false, nil
		}
		if len(p.seen) == mostSeen {
			clear(p.seen)
		}
		p.seen[string(l.packed)] = true
	}
	if err == nil {
		p.data, err = l.unpack(p.data, raw, n, packed)
	}
	return true, err
}
