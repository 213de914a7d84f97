// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// Proof says what was searched and not found.
type Proof struct {
	Names     int // private names
	Addresses int // private addresses
	Short     int // names that are too short to be searched among other text: no name of the copy is one of them
	Shared    int // names that are in ebrec's own words, its numbers or what is kept, too: searched only where pseudonyms are
	Bytes     int // of the names and addresses, those searched in the bytes of the file and of its numbers, too
}

// A LeakError says that something private is in what was written.
type LeakError struct {
	Path  string
	Where string
	What  string // what was found there, not by its name
}

func (e *LeakError) Error() string {
	return fmt.Sprintf("prove %s: %s is in %s", e.Path, e.What, e.Where)
}

// Prove searches a file that was written for all that is private in the capture.
// An error other than a *LeakError says that it could not.
func (r *Redaction) Prove(ctx context.Context, path string) (*Proof, error) {
	c, err := format.Open(path)
	if err != nil {
		return nil, r.blame(ctx, err)
	}
	defer c.Close()
	p := &prover{Redaction: r, copy: c, proof: &Proof{Names: len(r.inventory.names), Addresses: len(r.inventory.address)}}
	p.divide()
	for _, step := range []func(context.Context) error{p.schema, p.rows, p.buffers, p.file} {
		if err := step(ctx); err != nil {
			return nil, r.blame(ctx, err)
		}
	}
	return p.proof, nil
}

// blame reads the whole capture when the copy cannot be read: numbers were
// copied without a look at them.
func (r *Redaction) blame(ctx context.Context, err error) error {
	var corrupt *format.CorruptError
	if !errors.As(err, &corrupt) {
		return err
	}
	for _, cause := range r.capture.Batches(format.Scan{}) {
		if cause != nil {
			return cause
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return err
}

// prover looks through one copy.
type prover struct {
	*Redaction
	copy   *format.Capture
	proof  *Proof
	alone  *search // names that are nowhere in ebrec's own words or in what is kept
	raw    *search // those of them, and of addresses, that are searched in bytes
	inRows int64   // bytes of texts
}

// divide tells the names that are in public text, too, from the others.
func (p *prover) divide() {
	shared := map[string]bool{}
	note := func(text string) {
		p.private.each([]byte(text), func(name string) bool { shared[name] = true; return true })
	}
	for _, text := range p.publicTexts() {
		note(text)
	}
	for text := range p.inventory.kept {
		note(text)
	}
	alone, raw := map[string]bool{}, map[string]bool{}
	for name, apart := range p.private.texts {
		if shared[name] || strings.Trim(name, "0123456789") == "" {
			p.proof.Shared++
			continue
		}
		if alone[name] = apart; len(name) >= leastRaw {
			raw[name] = apart
		}
	}
	p.proof.Bytes = len(raw)
	for a := range p.inventory.address {
		if _, bytes := shapes(a); bytes != "" {
			raw[bytes] = false
		}
	}
	for name := range p.inventory.names {
		if len(name) < leastText {
			p.proof.Short++
		}
	}
	p.alone, p.raw = newSearch(leastText, alone), newSearch(leastRaw, raw)
}

// leak is an error about a name or an address.
func (p *prover) leak(found, where string) error {
	what := "an address of the capture"
	for _, c := range classes {
		if p.inventory.names[found]&bit(c) != 0 {
			what = fmt.Sprintf("a text of class %s of %d bytes", c, len(found))
		}
	}
	return &LeakError{p.copy.Path(), where, what}
}

// apart finds a name that is in a text of the copy, or the text itself.
func (p *prover) apart(text, where string) error {
	if found, ok := p.alone.any([]byte(text)); ok {
		return p.leak(found, where)
	}
	return nil
}

// replaced is apart for a text that is a pseudonym.
func (p *prover) replaced(class Class, text, where string) (err error) {
	if p.inventory.isKept(class, text) || text == "" {
		return nil
	}
	if a, not := netip.ParseAddr(text); class == Address && not == nil {
		if a = a.Unmap(); everywhere(a) {
			return nil
		}
		if p.inventory.address[a] {
			return p.leak(a.String(), where)
		}
	}
	if found, ok := p.private.any([]byte(text)); ok {
		return p.leak(found, where)
	}
	pieces(class, text, func(piece string, name bool) {
		if name && p.inventory.names[piece] != 0 {
			err = p.leak(piece, where)
		}
	})
	return err
}

// rows searches every text of every row.
func (p *prover) rows(ctx context.Context) error {
	scan := format.Scan{Kinds: []string{"metadata"}, Columns: []format.Col{}}
	for _, k := range p.copy.Kinds() {
		scan.Kinds = append(scan.Kinds, k.Name)
	}
	columns := p.copy.Columns()
	for i, col := range columns {
		if _, ok := classOf(col); ok && col.Type != format.Enum {
			scan.Columns = append(scan.Columns, format.Col(i))
		}
	}
	scan.Valued = scan.Columns
	done := map[recentText]bool{}
	for b, err := range p.copy.Batches(scan) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for _, at := range scan.Columns {
			if err := p.column(b, at, columns[at], done); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *prover) column(b *format.Batch, at format.Col, col format.Column, done map[recentText]bool) error {
	class, _ := classOf(col)
	where := "column " + col.Name
	for _, text := range b.Texts(at) {
		p.inRows += int64(len(text))
		if done[recentText{class, string(text)}] {
			continue
		}
		remember(done, recentText{class, string(text)}, true)
		var err error
		switch {
		case col.Name == format.ColumnMetadata:
			err = p.again(text)
		case class == Word && p.own.own(string(text)):
		default:
			err = p.replaced(class, string(text), where)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// types wants the types of the metadata's row to be those of the columns.
func (p *prover) types(row map[string]string) error {
	said, ok := row[prefix+"types"]
	if !ok { // before 1.3
		return nil
	}
	delete(row, prefix+"types")
	var types map[string]string
	if err := json.Unmarshal([]byte(said), &types); err != nil {
		return fmt.Errorf("prove %s: read the types of its first row: %w", p.copy.Path(), err)
	}
	for _, c := range p.copy.Columns() {
		if types[c.Name] == c.Type.String() {
			delete(types, c.Name)
		}
	}
	if len(types) > 0 {
		return fmt.Errorf("prove %s: its first row says types of columns that it does not have", p.copy.Path())
	}
	return nil
}

// again wants the metadata's row to say what the schema says.
func (p *prover) again(text []byte) error {
	var row, units map[string]string
	if err := json.Unmarshal(text, &row); err != nil {
		return fmt.Errorf("prove %s: read its first row: %w", p.copy.Path(), err)
	}
	if err := json.Unmarshal([]byte(row[prefix+"units"]), &units); err != nil {
		return fmt.Errorf("prove %s: read the units of its first row: %w", p.copy.Path(), err)
	}
	delete(row, prefix+"units")
	if err := p.types(row); err != nil {
		return err
	}
	for _, c := range p.copy.Columns() {
		if units[c.Name] == c.Unit {
			delete(units, c.Name)
		}
	}
	schema := p.copy.Pairs()
	for key, value := range row {
		if v, ok := schema[key]; ok && v == value {
			delete(row, key)
		}
	}
	if len(row)+len(units) > 0 {
		return fmt.Errorf("prove %s: its first row says other things than its schema", p.copy.Path())
	}
	return nil
}
