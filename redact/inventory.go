// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// What a capture may hold for its names to be kept in memory.
const (
	mostNames     = 2 << 20
	mostNameBytes = 128 << 20
)

var errNames = errors.New("it has more than 2 million different names, or 128 MB of them: redact parts of it (ebrec slice) with one --key")

// Content is how much of a class a capture holds.
type Content struct {
	Class    Class
	Values   uint64 // in rows, metadata and schema
	Distinct uint64 // different names, for which paths and arguments are taken apart; of ports 0: they are not told apart
	Kept     bool
}

// inventory is what a capture holds.
type inventory struct {
	own      *vocabulary
	keep     map[Class]bool
	contents map[Class]*Content
	names    map[string]classSet // private ones
	kept     map[string]classSet // values of classes that are kept
	address  map[netip.Addr]bool // private ones, IPv4 never as IPv6
	threads  map[string]uint8    // task names: who has them
	bytes    int
	recent   map[recentText]bool // need not be taken apart again
}

// classSet has a bit for each of classes.
type classSet uint32

func bit(c Class) classSet { return 1 << slices.Index(classes, c) }

// Who has a task name.
const (
	ofUsers uint8 = 1 << iota
	ofKernel
)

type recentText struct {
	class Class
	text  string
}

// What is remembered so as not to be done again.
const (
	mostRecent  = 1 << 14
	longestText = 1 << 10 // bytes
)

func remember[V any](in map[recentText]V, key recentText, value V) {
	if len(key.text) > longestText {
		return
	}
	if len(in) == mostRecent {
		clear(in)
	}
	in[key] = value
}

func newInventory(own *vocabulary, keep []Class) *inventory {
	v := &inventory{own: own, keep: map[Class]bool{Port: true}, contents: map[Class]*Content{}, names: map[string]classSet{}, kept: map[string]classSet{},
		address: map[netip.Addr]bool{}, threads: map[string]uint8{}, recent: map[recentText]bool{}}
	for _, c := range keep {
		v.keep[c] = true
	}
	v.keep[Kthread] = v.keep[Kthread] || v.keep[Comm]
	for _, c := range classes {
		v.contents[c] = &Content{Class: c, Kept: v.keep[c]}
	}
	return v
}

// add counts a text; it is a replacer that replaces nothing.
func (v *inventory) add(class Class, text string) string {
	if text == "" {
		return ""
	}
	v.contents[class].Values++
	key := recentText{class, text}
	if v.recent[key] {
		return text
	}
	remember(v.recent, key, true)
	switch {
	case v.keep[class]:
		v.note(v.kept, class, text)
	case class == Address && v.addAddress(text):
	default:
		pieces(class, text, func(piece string, name bool) {
			if name {
				v.note(v.names, class, piece)
			}
		})
	}
	return text
}

func (v *inventory) note(in map[string]classSet, class Class, text string) {
	old, ok := in[text]
	if !ok {
		v.bytes += len(text)
	}
	in[text] = old | bit(class)
}

// addAddress notes an address; it tells whether it is one.
func (v *inventory) addAddress(text string) bool {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return false
	}
	if a = a.Unmap(); !everywhere(a) {
		v.address[a] = true
	}
	return true
}

// settle is called when all is read: names that users have, too, are theirs.
func (v *inventory) settle() {
	for name, who := range v.threads {
		from, to := bit(Kthread), bit(Comm)
		if who == ofKernel {
			from, to = to, from
		}
		if set, ok := v.names[name]; ok && set&(from|to) != 0 {
			v.names[name] = set&^from | to
		}
		if set, ok := v.kept[name]; ok && set&bit(Kthread) != 0 && who != ofKernel && !v.keep[Comm] {
			v.names[name] |= bit(Comm)
			if v.kept[name] = set &^ bit(Kthread); v.kept[name] == 0 {
				delete(v.kept, name)
			}
		}
	}
	for name, set := range v.names {
		if v.isKept(Comm, name) {
			if set &^= bit(Comm) | bit(Kthread); set == 0 {
				delete(v.names, name)
			} else {
				v.names[name] = set
			}
		}
	}
	for _, in := range []map[string]classSet{v.names, v.kept} {
		for _, set := range in {
			for i, c := range classes {
				v.contents[c].Distinct += uint64(set >> i & 1)
			}
		}
	}
	v.contents[Address].Distinct += uint64(len(v.address))
	v.recent = nil
}

// isKept tells whether a text of a class stays as it is.
func (v *inventory) isKept(class Class, text string) bool {
	return v.keep[class] || class == Comm && v.keep[Kthread] && v.threads[text] == ofKernel
}

func (v *inventory) full() error {
	if len(v.names)+len(v.address)+len(v.kept) > mostNames || v.bytes > mostNameBytes {
		return errNames
	}
	return nil
}

// read counts what is in the rows.
func (v *inventory) read(ctx context.Context, c *format.Capture) error {
	scan := format.Scan{Kinds: []string{"metadata"}, Columns: []format.Col{}}
	for _, k := range c.Kinds() {
		scan.Kinds = append(scan.Kinds, k.Name)
	}
	ports := []format.Col{}
	for i, col := range c.Columns() {
		at := format.Col(i)
		if _, isText := classOf(col); isText && col.Name != format.ColumnKind {
			scan.Columns = append(scan.Columns, at)
		} else if col.Name == "lport" || col.Name == "rport" {
			ports = append(ports, at)
		}
	}
	flag := c.Col("kernel_thread")
	reads := scan
	reads.Valued = slices.Concat(scan.Columns, ports)
	reads.Columns = append(slices.Clip(reads.Valued), flag)
	for b, err := range c.Batches(reads) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for _, col := range scan.Columns {
			v.column(b, col, c.Columns()[col], flag)
		}
		for _, col := range ports {
			v.contents[Port].Values += uint64(b.Count(col))
		}
		if err := v.full(); err != nil {
			return err
		}
	}
	return nil
}

func (v *inventory) column(b *format.Batch, at format.Col, col format.Column, flag format.Col) {
	class, _ := classOf(col)
	if col.Name == format.ColumnMetadata || class == Word && col.Type == format.Enum {
		return // the metadata and the dictionaries are looked at as such
	}
	for i, text := range b.Texts(at) {
		of := class
		switch {
		case class == Word && v.own.own(string(text)):
			continue
		case class == Comm && !b.Null(flag, i):
			of = v.thread(string(text), b.Uint(flag, i) != 0)
		}
		if v.recent[recentText{of, string(text)}] {
			v.contents[of].Values++
		} else {
			v.add(of, string(text))
		}
	}
}

// thread notes who has a task name.
func (v *inventory) thread(name string, kernel bool) Class {
	who, class := ofUsers, Comm
	if kernel {
		who, class = ofKernel, Kthread
	}
	if old := v.threads[name]; old|who != old {
		v.threads[name] = old | who
	}
	return class
}
