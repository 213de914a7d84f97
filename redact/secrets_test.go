// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"fmt"
	"index/suffixarray"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// vault makes secrets, and remembers them.
type vault struct {
	*rand.Rand
	names     []string
	addresses []netip.Addr
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,:;=+@ '\"\\$%&()[]{}<>!?*~^|`#äß漢"

// name is a secret of so many bytes at most, without a character.
func (v *vault) name(least, most int, without string) string {
	from := []rune(letters)
	n := least + v.IntN(most-least+1)
	var b strings.Builder
	for b.Len() < n {
		r := from[v.IntN(len(from))]
		if b.Len()+len(string(r)) > most || strings.ContainsRune(without, r) {
			r = 'q'
		}
		b.WriteRune(r)
	}
	v.names = append(v.names, b.String())
	return b.String()
}

func (v *vault) path() string {
	s := ""
	for range 1 + v.IntN(5) {
		s += "/" + v.name(4, 40, "/")
	}
	return s
}

// args are quoted as the recorder does it.
func (v *vault) args() string {
	var all []string
	for range 1 + v.IntN(6) {
		switch v.IntN(4) {
		case 0:
			all = append(all, quoted("--"+v.name(4, 12, "-=/")+"="+v.name(4, 20, "/")))
		case 1:
			all = append(all, quoted("-"+v.path()))
		case 2:
			all = append(all, v.name(4, 30, "-=/ '"))
		default:
			all = append(all, quoted(v.name(4, 30, "-=/")))
		}
	}
	text := strings.Join(all, " ")
	return text[:min(len(text), 1000)]
}

func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func (v *vault) address() []byte {
	var raw [16]byte
	switch v.IntN(4) {
	case 0:
		raw = netip.AddrFrom4([4]byte{10, byte(v.IntN(256)), byte(v.IntN(256)), byte(v.IntN(256))}).As16()
	case 1:
		raw = netip.AddrFrom4([4]byte{byte(v.IntN(256)), byte(v.IntN(256)), byte(v.IntN(256)), byte(v.IntN(256))}).As16()
	case 2:
		raw = netip.AddrFrom4([4]byte{192, 168, byte(v.IntN(256)), byte(v.IntN(256))}).As16()
	default:
		for i := range raw {
			raw[i] = byte(v.IntN(256))
		}
	}
	v.addresses = append(v.addresses, netip.AddrFrom16(raw).Unmap())
	return raw[:]
}

// text is a secret for a column.
func (v *vault) text(f *format.Field) any {
	switch columnClasses[f.Name] {
	case Address:
		return v.address()
	case Path, Cgroup:
		return clip(v.path(), f.Size-1)
	case Args:
		return clip(v.args(), f.Size-1)
	default:
		return v.name(4, min(f.Size-1, 64), "")
	}
}

// clip cuts as the kernel does, but not within a character.
func clip(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }

// fullOfSecrets writes a capture with n rows of every kind that has text, a
// secret in each of their fields.
func fullOfSecrets(t testing.TB, n int) (path string, v *vault) {
	t.Helper()
	v = &vault{Rand: random(1)}
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	meta := &format.Metadata{
		Ebrec: v.name(8, 20, ""), Host: v.name(8, 20, ""), Kernel: "6.1.0-" + v.name(8, 20, "-+._~"), Arch: v.name(8, 12, ""), BootID: v.name(36, 36, ""),
		CPUs: 2, Start: begin, BootOffset: begin.UnixNano() - 1e12, Sources: bpf.Sources(),
		Command: []string{"/" + v.name(8, 9, "/"), "record", "-o", v.name(8, 20, "/"), "--comm=" + v.name(8, 12, "/"), "--", v.path(), v.args(), "--" + v.name(8, 12, "/")},
		Filter:  "processes 12 34, processes named " + v.name(8, 12, ",;/") + ", " + v.name(8, 12, ",;/") + " and their children; processes in cgroup " + strings.ReplaceAll(strings.ReplaceAll(v.path(), ";", "q"), ",", "q"),
		Missing: []format.Missing{{Source: "tcp", Hook: v.name(8, 20, ""), Loses: v.name(8, 20, ""), Reason: v.name(8, 60, "")}},
		Repair:  &format.Repair{Damage: []format.Damage{{Offset: 7, Bytes: 9, Reason: v.name(8, 60, "")}}},
	}
	path = filepath.Join(t.TempDir(), "secret.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := format.NewWriter(f, meta, kinds, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range kinds {
		if err := v.rows(w, &kinds[i], n); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path, v
}

func (v *vault) rows(w *format.Writer, k *format.Kind, n int) error {
	if !slices.ContainsFunc(k.Fields, func(f format.Field) bool { _, ok := columnClasses[f.Name]; return ok }) {
		return nil
	}
	for i := range n {
		values := map[string]any{"time": int64(1e12) + int64(i)*1000, "pid": 1000 + i%3000, "tid": 1000 + i%3000, "conn": i % 5000}
		for j := range k.Fields {
			if f := &k.Fields[j]; f.Type == format.String || f.Type == format.Address {
				values[f.Name] = v.text(f)
			}
		}
		for name := range values {
			if k.Field(name) == nil {
				delete(values, name)
			}
		}
		raw, err := k.Encode(values)
		if err == nil {
			err = w.Add(raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const secretsEach = 10_000

// No secret of any field is left: as the proof says, and as the Arrow library
// and a suffix array see it.
func TestSecrets(t *testing.T) {
	path, v := fullOfSecrets(t, secretsEach)
	r, c, out := redacted(t, path, Options{})
	proof, err := r.Prove(t.Context(), out.Path())
	if err != nil {
		t.Fatal(err)
	}
	if proof.Names < secretsEach || proof.Addresses < secretsEach || proof.Bytes < secretsEach {
		t.Errorf("%+v", proof)
	}
	text := arrowText(t, out.Path())
	before, after, looked := suffixarray.New(arrowText(t, path)), suffixarray.New(text), 0
	for _, name := range v.names {
		if len(before.Lookup([]byte(name), 1)) == 0 {
			continue // it was cut, or is escaped
		}
		if looked++; len(after.Lookup([]byte(name), 1)) > 0 {
			t.Errorf("%q is there: %q, was %q", name, around(text, name), around(arrowText(t, path), name))
		}
	}
	if looked < len(v.names)*9/10 {
		t.Errorf("of %d secrets %d were looked for", len(v.names), looked)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		lines[strings.TrimSpace(line)] = true
	}
	for _, a := range v.addresses {
		if lines[a.String()] {
			t.Fatalf("%s is there", a)
		}
	}
	for _, a := range analyze.All {
		sameResult(t, r, a, analyze.Options{}, c, out)
	}
}

// arrowText is all text of a file as the Arrow library reads it, a line for each:
// what is in the rows, and the metadata but for ebrec's own.
func arrowText(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	for _, key := range []string{"version", "host", "kernel", "arch", "boot_id", "filter", "command", "missing", "repair"} {
		value, _ := r.Schema().Metadata().GetValue(prefix + key)
		fmt.Fprintln(&b, value)
	}
	for i := range r.NumRecords() {
		record, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		for c := range record.NumCols() {
			texts, ok := record.Column(int(c)).(*array.String)
			if !ok || record.ColumnName(int(c)) == format.ColumnMetadata {
				continue
			}
			for row := range texts.Len() {
				if texts.IsValid(row) {
					fmt.Fprintln(&b, texts.Value(row))
				}
			}
		}
	}
	return b.Bytes()
}

// around is the line of a text that a name is in.
func around(text []byte, name string) []byte {
	at := bytes.Index(text, []byte(name))
	from, to := bytes.LastIndexByte(text[:at], '\n'), bytes.IndexByte(text[at:], '\n')
	return text[from+1 : at+to]
}
