// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"

	"github.com/ebrec/ebrec/format"
)

//go:embed *.bpf.o
var objects embed.FS

// Kinds returns every kind of row that ebrec can record, by number, as the
// objects' BTF describes them. The result is shared: do not change it.
func Kinds() ([]format.Kind, error) { return kindsOnce() }

var kindsOnce = sync.OnceValues(deriveAll)

func deriveAll() ([]format.Kind, error) {
	names, err := objects.ReadDir(".")
	if err != nil {
		return nil, err
	}
	byID := map[uint16]format.Kind{}
	for _, n := range names {
		if err := deriveObject(n.Name(), byID); err != nil {
			return nil, fmt.Errorf("derive kinds of %s: %w", n.Name(), err)
		}
	}
	kinds := make([]format.Kind, 0, len(byID))
	for _, k := range byID {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b format.Kind) int { return int(a.ID) - int(b.ID) })
	return kinds, nil
}

func deriveObject(name string, byID map[uint16]format.Kind) error {
	obj, err := objects.ReadFile(name)
	if err != nil {
		return err
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(obj))
	if err != nil {
		return err
	}
	for t, err := range spec.All() {
		if err != nil {
			return err
		}
		s, ok := t.(*btf.Struct)
		if !ok || tag(s.Tags, "kind=") == "" {
			continue
		}
		k, err := derive(s)
		if err != nil {
			return fmt.Errorf("struct %s: %w", s.Name, err)
		}
		if old, ok := byID[k.ID]; ok && old.Name != k.Name {
			return fmt.Errorf("kind %d is both %s and %s", k.ID, old.Name, k.Name)
		}
		byID[k.ID] = k
	}
	return nil
}

// derive turns one tagged struct into a kind.
func derive(s *btf.Struct) (format.Kind, error) {
	id, err := strconv.ParseUint(tag(s.Tags, "kind="), 10, 16)
	if err != nil {
		return format.Kind{}, err
	}
	k := format.Kind{
		ID:     uint16(id),
		Name:   s.Name,
		Source: tag(s.Tags, "source="),
		Doc:    tag(s.Tags, "doc="),
		Hot:    slices.Contains(s.Tags, "hot"),
		Size:   int(s.Size),
	}
	skip := strings.Split(tag(s.Tags, "no="), ",")
	err = eachMember(s, 0, func(m btf.Member, offset int) error {
		doc := tag(m.Tags, "doc=")
		if doc == "" || slices.Contains(skip, m.Name) {
			return nil
		}
		f, err := field(m, offset, doc)
		k.Fields = append(k.Fields, f)
		return err
	})
	last := s.Members[len(s.Members)-1]
	typedef, ok := last.Type.(*btf.Typedef)
	k.Tail = ok && typedef.Name == "path_t"
	return k, err
}

// eachMember visits the members of s, and in place of a struct member its members.
func eachMember(s *btf.Struct, base int, visit func(btf.Member, int) error) error {
	for _, m := range s.Members {
		offset := base + int(m.Offset.Bytes())
		var err error
		if inner, ok := m.Type.(*btf.Struct); ok {
			err = eachMember(inner, offset, visit)
		} else {
			err = visit(m, offset)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// meaning of the contract's typedefs: column type and unit.
var meaning = map[string]format.Column{
	"ns_t":        {Type: format.Uint64, Unit: "ns"},
	"boot_t":      {Type: format.Timestamp, Unit: "ns"},
	"bytes_t":     {Type: format.Uint64, Unit: "bytes"},
	"count_t":     {Type: format.Uint64, Unit: "count"},
	"id_t64":      {Type: format.Uint64},
	"errno_t":     {Type: format.Int32},
	"shift_t":     {Type: format.Int64, Unit: "ns"},
	"bool_t":      {Type: format.Uint8},
	"addr_t":      {Type: format.Address},
	"comm_t":      {Type: format.String},
	"name_t":      {Type: format.String},
	"container_t": {Type: format.String},
	"path_t":      {Type: format.String},
	"args_t":      {Type: format.String},
}

func field(m btf.Member, offset int, doc string) (format.Field, error) {
	size, err := btf.Sizeof(m.Type)
	if err != nil {
		return format.Field{}, err
	}
	c, err := column(m.Type, size)
	if err != nil {
		return format.Field{}, fmt.Errorf("member %s: %w", m.Name, err)
	}
	c.Name, c.Doc = m.Name, doc
	if c.Unit == "" && strings.HasSuffix(m.Name, "_ns") {
		c.Unit = "ns"
	}
	if m.Name == format.ColumnKind {
		c = format.Column{Name: m.Name, Doc: doc, Type: format.Enum}
	}
	return format.Field{Column: c, Offset: offset, Size: size}, nil
}

func column(t btf.Type, size int) (format.Column, error) {
	switch t := t.(type) {
	case *btf.Typedef:
		if c, ok := meaning[t.Name]; ok {
			return c, nil
		}
		return column(t.Type, size)
	case *btf.Enum:
		return enum(t)
	case *btf.Int:
		return integer(size)
	}
	return format.Column{}, fmt.Errorf("no column type for %v", t)
}

func integer(size int) (format.Column, error) {
	types := map[int]format.Type{1: format.Uint8, 2: format.Uint16, 4: format.Uint32, 8: format.Uint64}
	t, ok := types[size]
	if !ok {
		return format.Column{}, errors.New("odd integer size")
	}
	return format.Column{Type: t}, nil
}

// enum takes a C enum whose members are numbered from 0 and named for it.
func enum(t *btf.Enum) (format.Column, error) {
	c := format.Column{Type: format.Enum}
	for i, v := range t.Values {
		if v.Value != uint64(i) {
			return c, fmt.Errorf("enum %s: %s is %d, want %d", t.Name, v.Name, v.Value, i)
		}
		c.Values = append(c.Values, strings.TrimPrefix(v.Name, t.Name+"_"))
	}
	return c, nil
}

// tag returns what follows prefix in the first tag that has it.
func tag(tags []string, prefix string) string {
	for _, t := range tags {
		if rest, ok := strings.CutPrefix(t, prefix); ok {
			return rest
		}
	}
	return ""
}
