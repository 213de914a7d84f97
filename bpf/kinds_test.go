// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/golden"
)

func kinds(t *testing.T) []format.Kind {
	t.Helper()
	ks, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	if len(ks) == 0 {
		t.Fatal("the objects declare no kinds")
	}
	return ks
}

// The schema is a promise to every file ever written: it may only grow.
func TestSchemaGolden(t *testing.T) {
	var b strings.Builder
	for _, k := range kinds(t) {
		fmt.Fprintf(&b, "%d %s source=%s hot=%v\n", k.ID, k.Name, k.Source, k.Hot)
		for _, f := range k.Fields {
			fmt.Fprintf(&b, "  %s type=%d unit=%s %s\n", f.Name, f.Type, f.Unit, strings.Join(f.Values, ","))
		}
	}
	golden.Check(t, "testdata/schema.golden", b.String())
}

func TestColumnsMeanOneThing(t *testing.T) {
	seen := map[string]format.Column{}
	for _, k := range kinds(t) {
		for _, f := range k.Fields {
			c, ok := seen[f.Name]
			if !ok {
				seen[f.Name] = f.Column
				continue
			}
			if diff := cmp.Diff(c, f.Column); diff != "" {
				t.Errorf("%s.%s differs from the same column elsewhere:\n%s", k.Name, f.Name, diff)
			}
		}
	}
}

func TestKindsAreDocumented(t *testing.T) {
	known := append(Sources(), "recording")
	for _, k := range kinds(t) {
		if k.Doc == "" {
			t.Errorf("%s has no doc", k.Name)
		}
		if !slices.Contains(known, k.Source) {
			t.Errorf("%s: source %q is none of %q", k.Name, k.Source, known)
		}
		if k.Field(format.ColumnTime) == nil || k.Field(format.ColumnKind) == nil {
			t.Errorf("%s lacks time or kind", k.Name)
		}
	}
}

// A hole in a struct would carry stray kernel memory and shift with the compiler.
func TestStructsHaveNoPadding(t *testing.T) {
	names, err := objects.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, n := range names {
		for _, s := range eventStructs(t, n.Name()) {
			checked++
			end := 0
			for _, m := range s.Members {
				if at := int(m.Offset.Bytes()); at != end {
					t.Errorf("struct %s: hole of %d bytes before %s", s.Name, at-end, m.Name)
				}
				size, err := btf.Sizeof(m.Type)
				if err != nil {
					t.Fatal(err)
				}
				end = int(m.Offset.Bytes()) + size
			}
			if end != int(s.Size) {
				t.Errorf("struct %s: hole of %d bytes at its end", s.Name, int(s.Size)-end)
			}
		}
	}
	if checked < 17 {
		t.Errorf("checked %d structs, want at least 17", checked)
	}
}

func eventStructs(t *testing.T, object string) (found []*btf.Struct) {
	t.Helper()
	data, err := objects.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for typ, err := range spec.All() {
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := typ.(*btf.Struct); ok && tag(s.Tags, "kind=") != "" {
			found = append(found, s)
		}
	}
	return found
}

// Numbers that Go repeats because C has them as macros or literals.
func TestNumbersAgree(t *testing.T) {
	if got, want := len(Counters{}.Seen), len(Sources())+1; got != want {
		t.Errorf("programs count %d sources, Go knows %d", got, want)
	}
	if got, want := len(Counters{}.Lost), len(Counters{}.Seen)*lossReasons; got != want {
		t.Errorf("programs have %d loss counters, Go expects %d", got, want)
	}
	ks := kinds(t)
	i := slices.IndexFunc(ks, func(k format.Kind) bool { return k.Name == "loss" })
	want := append([]string{"recording"}, Sources()...)
	if diff := cmp.Diff(want, ks[i].Field("loss_source").Values); diff != "" {
		t.Errorf("sources (-Go +C):\n%s", diff)
	}
	if got := len(ks[i].Field("loss_reason").Values); got != lossReasons {
		t.Errorf("C has %d loss reasons, Go %d", got, lossReasons)
	}
}

func TestEveryHookExists(t *testing.T) {
	for _, h := range hooks {
		data, err := objects.ReadFile(h.object + ".bpf.o")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte(h.program+"\x00")) {
			t.Errorf("object %s has no program %s", h.object, h.program)
		}
		for _, s := range h.sources {
			if !slices.Contains(Sources(), s) {
				t.Errorf("%s serves unknown source %q", h.program, s)
			}
		}
	}
}
