// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"slices"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
)

// A listing of connections must have the canary, and loses it.
func TestListingsHaveTheirCanary(t *testing.T) {
	conn := TCPSocket{Conn: 7}
	rows := append(slices.Clone(Bytes(&conn)), Bytes(new(TCPSocket))...)
	if got, err := withoutCanary(rows); err != nil || !slices.Equal(got, Bytes(&conn)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for name, rows := range map[string][]byte{"empty": nil, "with connections alone": Bytes(&conn)} {
		if _, err := withoutCanary(rows); !errors.Is(err, errListing) {
			t.Errorf("a listing %s: %v", name, err)
		}
	}
}

// A listing that finds nothing is missing: from 6.1 on, that of files does when it is
// given a map.
func TestEmptyListingIsMissing(t *testing.T) {
	need.BPF(t)
	proper := slices.Clone(listings)
	t.Cleanup(func() { listings = proper })
	for _, over := range []string{"", "conns"} {
		listings = slices.Clone(proper)
		i := slices.IndexFunc(listings, func(l listing) bool { return l.program == "list_held" })
		listings[i].over = over
		p, err := Load(Config{Sources: []string{"tcp"}})
		if err != nil {
			t.Fatal(err)
		}
		missing := slices.ContainsFunc(p.Missing(), func(m format.Missing) bool { return m.Loses == losesHeld })
		if err := p.Release(); err != nil {
			t.Fatal(err)
		}
		if over != "" && !takesThreads(t) {
			t.Skip("before 6.1 the kernel's listing of files takes no number of a thread")
		}
		if missing != (over != "") {
			t.Errorf("given map %q: missing %v", over, missing)
		}
	}
}

// takesThreads tells whether a listing of tasks can be of one thread: then what says so
// has members for it.
func takesThreads(t *testing.T) bool {
	t.Helper()
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var info *btf.Union
	if err := kernel.TypeByName("bpf_iter_link_info", &info); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(info.Members, func(m btf.Member) bool { return m.Name == "task" })
}
