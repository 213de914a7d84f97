// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

func TestPieces(t *testing.T) {
	for _, c := range []struct {
		class Class
		text  string
		want  string // names in brackets
	}{
		{Comm, "kworker/0:1", "[kworker/0:1]"},
		{Comm, "", ""},
		{Path, "/usr//lib/../x.so", "/[usr]//[lib]/../[x.so]"},
		{Path, "/", "/"},
		{Path, ".", "."},
		{Args, "ls -l --all=no /tmp/a", "[ls] -[l] --[all]=[no] /[tmp]/[a]"},
		{Args, `sh -c 'echo "it'\''s" /etc/x' b`, `[sh] -[c] [echo "it's" ]/[etc]/[x] [b]`},
		{Args, `'' 'cut sh`, ` [cut sh]`},
		{Args, `'`, ``},
		{Args, `a=b=c`, `[a]=[b=c]`},
		{Other, "a/b c", "[a/b c]"},
	} {
		got := ""
		pieces(c.class, c.text, func(piece string, name bool) {
			if name {
				piece = "[" + piece + "]"
			}
			got += piece
		})
		if got != c.want {
			t.Errorf("%s %s: %s, want %s", c.class, c.text, got, c.want)
		}
	}
}

// Of the command line and the filter only what is ebrec's own stays.
func TestMetadata(t *testing.T) {
	v, err := newVocabulary([]string{"-o", "-e", "--comm", "--max-size"})
	if err != nil {
		t.Fatal(err)
	}
	mark := func(_ Class, text string) string { return "[" + text + "]" }
	got := v.command([]string{"/opt/ebrec", "record", "-o", "a/b.arrow", "-e", "cpu,tcp", "--comm=nginx", "--comm", "x,tcp", "-x", "--", "-e", "cpu"}, mark)
	want := []string{"/[opt]/[ebrec]", "record", "-o", "[a]/[b.arrow]", "-e", "cpu,tcp", "--comm=[nginx]", "--comm", "[x,tcp]", "[-x]", "--", "[-e]", "[cpu]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for in, want := range map[string]string{
		"":                                      "",
		"the recorded command and its children": "the recorded command and its children",
		"processes 12 3 and their children":     "processes 12 3 and their children",
		"processes named a, 17 and their children; processes in cgroup /x/17, /y": "processes named [a], [17] and their children; processes in cgroup /[x]/[17], /[y]",
		"processes 4, processes named b, the recorded command and their children": "processes 4, processes named [b], the recorded command and their children",
		"processes named c and their children; of the slice only process 5, 6":    "processes named [c] and their children; of the slice only process 5, 6",
		"something else; of 5": "[something else]; [of 5]",
	} {
		if got := filter(in, mark); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"6.12.1": "6.12.1", "6.12.1-acme": "6.12.1-[acme]", "acme": "[acme]", "6.1+": "6.1[+]", "": ""} {
		if got := kernel(in, mark); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Addresses stay what they were: of IPv4 or IPv6, of this host, private, of the
// link, multicast; and IPv4 is the same in IPv6.
func TestAddresses(t *testing.T) {
	var rows []row
	var all []netip.Addr
	for _, text := range []string{"127.0.0.1", "127.0.0.53", "10.1.2.3", "172.16.9.9", "192.168.1.1", "169.254.1.1", "100.64.0.9", "224.0.0.251", "0.0.0.0", "8.8.8.8", "8.8.4.4",
		"::1", "fe80::1", "fd00::1:2", "ff02::fb", "2001:db8::5", "64:ff9b::808:808"} {
		a := netip.MustParseAddr(text)
		raw := a.As16()
		all = append(all, a)
		rows = append(rows, row{"tcp_connect", values{"laddr": raw[:], "raddr": raw[:]}})
	}
	r, _, out := redacted(t, write(t, smallMeta, rows...), Options{Key: testKey})
	if _, err := r.Prove(t.Context(), out.Path()); err != nil {
		t.Fatal(err)
	}
	kind := func(a netip.Addr) string {
		return fmt.Sprint(a.Is4(), a.IsLoopback(), a.IsPrivate(), a.IsLinkLocalUnicast(), a.IsMulticast(), a.IsUnspecified(), a.IsLinkLocalMulticast())
	}
	seen := map[netip.Addr]bool{}
	i := 0
	for e, err := range replay.New(out).Events(replay.Select{}) {
		if err != nil {
			t.Fatal(err)
		}
		got := netip.MustParseAddr(e.Str(out.Col("raddr")))
		if a := all[i]; kind(got) != kind(a) || (got == a) != everywhere(a) || seen[got] {
			t.Errorf("%s became %s", a, got)
		}
		seen[got] = true
		i++
	}
	if i != len(all) {
		t.Errorf("%d rows", i)
	}
	four := netip.MustParseAddr("8.8.8.8")
	if six := r.names.replace(Address, "::ffff:8.8.8.8"); six != "::ffff:"+r.names.address(four).String() {
		t.Errorf("8.8.8.8 became %s and %s", r.names.address(four), six)
	}
}

// A key gives the same pseudonyms everywhere; without one they are others each
// time.
func TestKey(t *testing.T) {
	dump := func(path string, o Options) string {
		r, _, out := redacted(t, path, o)
		if _, err := r.Prove(t.Context(), out.Path()); err != nil {
			t.Fatal(err)
		}
		return string(arrowText(t, out.Path()))
	}
	path, other := write(t, smallMeta, small...), write(t, format.Metadata{Host: "other"}, small[2:]...)
	one, two := dump(path, Options{Key: testKey}), dump(other, Options{Key: testKey})
	if one != dump(path, Options{Key: testKey}) {
		t.Error("the same key gave others")
	}
	if some, others := dump(path, Options{}), dump(path, Options{}); some == one || some == others {
		t.Error("pseudonyms without a key are the same")
	}
	rows := func(s string) []string { return strings.Split(strings.TrimSpace(s), "\n")[9:] }
	for _, line := range rows(two) {
		if !slices.Contains(rows(one), line) {
			t.Errorf("%s is only in the other", line)
		}
	}
	if _, err := New(t.Context(), capturetest.Open(t, path), Options{Key: []byte("short")}); err == nil {
		t.Error("a short key was taken")
	}
}

// What is kept stays, and is no leak where it stays.
func TestKeep(t *testing.T) {
	path := write(t, smallMeta, append(slices.Clone(small),
		row{"open", values{"comm": "kthreadd", "path": "/proc/secretd/kthreadd"}})...)
	for _, c := range []struct {
		keep      []Class
		has, lost []string
	}{
		{nil, nil, []string{"secretd", "kthreadd", "vault-host", "203.0.113.9", "/home/al", "acme"}},
		{[]Class{Comm}, []string{"secretd", "kthreadd"}, []string{"/home/al", "/proc/", "/secretd", "vault-host"}},
		{[]Class{Kthread}, []string{"kthreadd"}, []string{"secretd", "/proc/"}},
		{[]Class{Path, Address}, []string{"/home/al/diary.txt", "/proc/secretd/kthreadd", "203.0.113.9"}, []string{"vault-host", "hunter2"}},
		{[]Class{Args}, []string{"secretd --token=hunter2hunter2 /home/al"}, []string{"diary.txt"}},
		{[]Class{Host, Kernel, Boot, Command}, []string{"vault-host", "6.1.0-acme", "b00t-b00t", `"--","secretd"`}, []string{"diary.txt"}},
		{[]Class{Port}, nil, []string{"secretd"}},
	} {
		r, _, out := redacted(t, path, Options{Keep: c.keep})
		if _, err := r.Prove(t.Context(), out.Path()); err != nil {
			t.Errorf("keep %v: %v", c.keep, err)
		}
		text := string(arrowText(t, out.Path()))
		for _, s := range c.has {
			if !strings.Contains(text, s) {
				t.Errorf("keep %v: %s is gone", c.keep, s)
			}
		}
		for _, s := range c.lost {
			if strings.Contains(text, s) {
				t.Errorf("keep %v: %s is there", c.keep, s)
			}
		}
	}
	if _, err := Classes([]string{"comm", "word"}); err == nil || !strings.Contains(err.Error(), "comm, kthread") {
		t.Error(err)
	}
}

// Pseudonyms have the room that the names had.
func TestRoom(t *testing.T) {
	long, deep := "/"+strings.Repeat("n", 254), strings.Repeat("/d", 2047)
	args := strings.Repeat("a ", 500)
	r, _, out := redacted(t, write(t, smallMeta, row{"open", values{"path": long}}, row{"open", values{"path": deep}}, row{"open", values{"path": deep[:4000] + "/other"}},
		row{"exec_args", values{"args": args}}, row{"task", values{"comm": "fifteen-letters"}}), Options{})
	if _, err := r.Prove(t.Context(), out.Path()); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for e, err := range replay.New(out).Events(replay.Select{}) {
		if err != nil {
			t.Fatal(err)
		}
		path, args, comm := e.Str(out.Col("path")), e.Str(out.Col("args")), e.Str(out.Col("comm"))
		if len(path) > 4095 || len(args) > 1023 || len(comm) > 15 {
			t.Errorf("%d, %d and %d bytes", len(path), len(args), len(comm))
		}
		paths = append(paths, path)
	}
	if paths[1] == paths[2] || paths[1][:200] != paths[2][:200] || strings.Count(paths[0], "/") != 1 {
		t.Errorf("%q", paths)
	}
}

// Many processes, many CPUs and a long day are nothing special.
func TestLarge(t *testing.T) {
	var rows []row
	for i := range 50_000 {
		rows = append(rows, row{"task", values{"pid": i + 10, "tid": i + 10, "comm": fmt.Sprintf("worker-%d", i), "start": boot, "time": boot + int64(i)}})
	}
	for cpu := range 512 {
		rows = append(rows, row{"cpu_sum", values{"cpu": cpu, "idle_ns": 1000 + cpu, "time": boot + 24*3600e9}})
	}
	rows = append(rows, row{"summary", values{"time": boot + 24*3600e9}})
	r, c, out := redacted(t, write(t, smallMeta, rows...), Options{})
	if _, err := r.Prove(t.Context(), out.Path()); err != nil {
		t.Fatal(err)
	}
	for _, a := range analyze.All {
		if a.Name == "cputime" || a.Name == "lifetimes" {
			sameResult(t, r, a, analyze.Options{}, c, out)
		}
	}
}

// One that is stopped says so.
func TestStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	c := capturetest.Open(t, "../testdata/mixed/trace.arrow")
	r, err := New(ctx, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := r.Write(ctx, discard{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := New(ctx, c, Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
