// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/ebrec/ebrec/format"
)

// KeySize is how long a key must be, in bytes, and how long one is that is made.
const KeySize = 32

// Options says how to redact.
type Options struct {
	// Key makes the pseudonyms: the same in every capture that is redacted with
	// it. Who has it can find out who is behind one by trying names. Empty: a
	// random one, which is forgotten.
	Key   []byte
	Keep  []Class  // classes that stay as they are, of Keepable
	Flags []string // of ebrec record, such as --output: they stay in its command line
}

// Redaction is a capture with what is private in it. Not for concurrent use.
type Redaction struct {
	capture   *format.Capture
	own       *vocabulary
	inventory *inventory
	private   *search // names and addresses that are long enough to be searched
	names     *pseudonyms
}

// New reads a capture, which stays the caller's to close.
func New(ctx context.Context, c *format.Capture, o Options) (*Redaction, error) {
	key := o.Key
	if len(key) == 0 {
		key = make([]byte, KeySize)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
	}
	if len(key) < KeySize {
		return nil, fmt.Errorf("a key of %d bytes: it needs %d at least", len(key), KeySize)
	}
	own, err := newVocabulary(o.Flags)
	if err != nil {
		return nil, err
	}
	r := &Redaction{capture: c, own: own, inventory: newInventory(own, o.Keep)}
	if err := r.look(ctx); err != nil {
		return nil, fmt.Errorf("redact %s: %w", c.Path(), err)
	}
	r.names = newPseudonyms(key, r.inventory, r.private)
	return r, nil
}

// look finds everything that is text.
func (r *Redaction) look(ctx context.Context) error {
	v := r.inventory
	if err := v.read(ctx, r.capture); err != nil {
		return err
	}
	r.own.metadata(r.capture.Meta(), v.add)
	r.own.kinds(r.capture.Kinds(), v.add)
	for _, c := range r.capture.Columns() {
		r.own.column(c, v.add) // also of those that no kind has
	}
	for key, value := range r.capture.Pairs() {
		if !decided(key) {
			v.add(Dropped, value)
		}
	}
	v.settle()
	if err := v.full(); err != nil {
		return err
	}
	long := map[string]bool{}
	for name := range v.names {
		if len(name) >= leastText {
			long[name] = false
		}
	}
	for a := range v.address {
		texts, _ := shapes(a)
		for _, t := range texts {
			if _, isName := long[t]; !isName && len(t) >= leastText {
				long[t] = true
			}
		}
	}
	r.private = newSearch(leastText, long)
	return nil
}

// Contents lists what the capture holds.
func (r *Redaction) Contents() []Content {
	var all []Content
	for _, c := range classes {
		if content := r.inventory.contents[c]; content.Values > 0 {
			all = append(all, *content)
		}
	}
	return all
}

// Write writes the capture with pseudonyms and returns its rows by kind. Of a
// capture that was cut short it writes what there is, and says so in it.
func (r *Redaction) Write(ctx context.Context, w io.Writer) (rows map[string]uint64, err error) {
	c := r.capture
	meta := r.own.metadata(c.Meta(), r.names.replace)
	var cut *format.CutError
	if errors.As(c.Cut(), &cut) {
		repair := format.Repair{}
		if meta.Repair != nil {
			repair = *meta.Repair
		}
		repair.Cut, repair.End = true, cut.End
		meta.Repair = &repair
	}
	kinds := r.own.kinds(c.Kinds(), r.names.replace)
	of := make([]Class, len(c.Columns()))
	for i, col := range c.Columns() {
		of[i], _ = classOf(col)
	}
	rows, err = c.Rewrite(&stoppable{ctx, w}, format.Rewriting{Meta: meta, Kinds: kinds, Text: func(at format.Col, text []byte) string {
		if of[at] == Word {
			return r.own.word(string(text), r.names.replace)
		}
		return r.names.replace(of[at], string(text))
	}})
	if err == nil {
		err = r.names.err
	}
	if err != nil {
		return nil, fmt.Errorf("redact %s: %w", c.Path(), err)
	}
	return rows, nil
}

// stoppable is a writer that ends with a context.
type stoppable struct {
	ctx context.Context
	to  io.Writer
}

func (s *stoppable) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.to.Write(p)
}
