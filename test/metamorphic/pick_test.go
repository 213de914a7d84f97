// SPDX-License-Identifier: Apache-2.0

package metamorphic

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// With --pid and --comm an analysis has the rows that it has of them anyway.
func TestPicksAreRows(t *testing.T) {
	onFixtures(t, func(t *testing.T, path string) {
		c := capturetest.Open(t, path)
		for _, a := range analyze.All {
			if !a.Picks {
				continue
			}
			for _, by := range []string{"process", "thread"} {
				all := run(t, c, a, analyze.Options{By: by})
				if all == nil {
					continue
				}
				for _, pid := range pidsOf(all) {
					same(t, a.Name+" --pid by "+by, rowsOf(all, pid), exactly(run(t, c, a, analyze.Options{By: by, PIDs: []uint32{uint32(pid)}})))
				}
			}
		}
	})
}

// What a slice of one process says of it is what the whole says of it.
func TestSliceOfProcess(t *testing.T) {
	onFixtures(t, func(t *testing.T, path string) {
		c := capturetest.Open(t, path)
		compared := 0
		pids := map[uint64]bool{}
		for _, name := range []string{"cputime", "lifetimes", "execs", "opens", "tcptop"} {
			if r := run(t, c, find(t, name), analyze.Options{}); r != nil {
				for _, pid := range pidsOf(r)[:min(3, len(pidsOf(r)))] {
					pids[pid] = pid != 0
				}
			}
		}
		for pid, is := range pids {
			if !is {
				continue
			}
			slice := capturetest.Open(t, sliced(t, path, replay.Slice{PIDs: []uint32{uint32(pid)}}))
			for name, without := range ownRows {
				a := find(t, name)
				all, one := run(t, c, a, analyze.Options{}), run(t, slice, a, analyze.Options{})
				if all == nil || one == nil {
					continue
				}
				compared++
				want, got := blank(a, rowsOf(all, pid), without), blank(a, mainRows(one), without)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s of process %d (-whole +slice):\n%s", name, pid, diff)
				}
			}
		}
		if compared == 0 {
			t.Error("nothing was compared")
		}
	})
}

// ownRows are the analyses whose rows of a process need rows of no other, and the
// columns that do. Changes of state from before a connection had an owner are of
// nobody, so tcpstates is none.
var ownRows = map[string][]string{
	"cputime": nil, "lifetimes": nil, "execs": nil, "opens": nil, "runqlat": nil,
	"offcpu":  {"preempter", "preempter_share"},
	"tcplife": nil, "tcpconn": nil, "tcptop": nil, "tcpretrans": nil,
}

// blank takes columns out of rows.
func blank(a *analyze.Analysis, rows [][]string, without []string) [][]string {
	out := make([][]string, 0, len(rows))
	for _, row := range rows {
		row = slices.Clone(row)
		for _, name := range without {
			row[column(a.Columns, name)] = ""
		}
		out = append(out, row)
	}
	return out
}

func find(t *testing.T, name string) *analyze.Analysis {
	t.Helper()
	a, err := analyze.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// pidsOf are the processes that have rows.
func pidsOf(r *analyze.Result) (pids []uint64) {
	at := column(r.Columns, "pid")
	for _, table := range r.Tables {
		if table.Own {
			continue
		}
		for _, row := range table.Rows {
			if pid, ok := row[at].(uint64); ok {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// rowsOf are those of a process.
func rowsOf(r *analyze.Result, pid uint64) (rows [][]string) {
	at := column(r.Columns, "pid")
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			if !table.Own && row[at] == pid {
				rows = append(rows, words(row))
			}
		}
	}
	return rows
}

// mainRows are those that name a process.
func mainRows(r *analyze.Result) (rows [][]string) {
	for _, pid := range pidsOf(r) {
		if pid != 0 {
			rows = append(rows, rowsOf(r, pid)...)
		}
	}
	return rows
}
