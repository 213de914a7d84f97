// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var opens = Analysis{
	Name: "opens",
	Doc:  "Files that were opened, or not: by whom, how long it took, and what failed",
	Needs: []Need{
		{Kind: "open", Columns: []string{"comm", "fd", "error", "open_ns", "path"}, Newer: []string{"cut", "open_call"}, Source: "file"},
	},
	Sort: "time",
	Columns: []ColumnSpec{
		{Name: "time", Unit: unitInstant, Doc: "when the call returned"},
		{Name: "comm", Text: true, Doc: "name of the thread"},
		{Name: "pid", Doc: "process id"},
		{Name: "fd", Doc: "file descriptor; none when it failed, and of a direct descriptor of io_uring"},
		{Name: "error", Text: true, Doc: "why it failed, as errno names it; none when it did not"},
		{Name: "open_ns", Unit: unitNS, Doc: "how long the call took, with all that restarts after signals; of io_uring from the submission to the completion"},
		{Name: "call", Text: true, Doc: "which call it was: openat, openat2, open, creat, open_by_handle_at or io_uring; none in a capture before 1.3"},
		{Name: "path", Text: true, Doc: "path as the process gave it; open_by_handle_at is given none" + cutDoc},
	},
	Also: []Table{
		{Title: "By path", Columns: tallyColumns("path", "path as the process gave it", "opens")},
		{Title: "By name", Columns: tallyColumns("comm", "name of the thread", "opens")},
		{Title: "By error", Columns: tallyColumns("error", "why it failed, as errno names it", "opens")[:2]},
	},
	New: newOpens,
}

// tallyColumns are those of a table that counts by name.
func tallyColumns(name, doc, events string) []ColumnSpec {
	return []ColumnSpec{
		{Name: name, Text: true, Doc: doc},
		{Name: events, Unit: unitCount, Doc: "how many"},
		{Name: "failed", Unit: unitCount, Doc: "how many of them failed"},
		{Name: "average_ns", Unit: unitNS, Doc: "how long one took on average, rounded down"},
	}
}

// noDescriptor is the -1 of column fd.
const noDescriptor = 1<<32 - 1

type opensPass struct {
	list                    listing
	byPath, byName, byErr   tally
	comm, fd, err, ns, call format.Col
	path                    bounded
}

func newOpens(env *Env) Pass {
	c := env.Capture
	p := &opensPass{comm: c.Col("comm"), fd: c.Col("fd"), err: c.Col("error"), ns: c.Col("open_ns"), call: c.Col("open_call"), path: newBounded(c, "open", "path", "open_call")}
	p.Begin()
	return p
}

// Begin forgets what was before the window.
func (p *opensPass) Begin() {
	p.list, p.byPath, p.byName, p.byErr = listing{}, tally{}, tally{}, tally{}
}

func (p *opensPass) Event(e replay.Event) error {
	comm, path, errno, ns := e.Str(p.comm), p.path.of(e), e.Int(p.err), e.Uint(p.ns)
	fd, name, call := Value(e.Int(p.fd)), Value(nil), Value(nil)
	if uint32(e.Uint(p.fd)) == noDescriptor {
		fd = nil
	}
	if !e.Null(p.call) {
		call = e.Str(p.call)
	}
	if errno != 0 {
		name = replay.Errno(errno)
		p.byErr.add(replay.Errno(errno), ns, true)
	}
	p.byPath.add(path, ns, errno != 0)
	p.byName.add(comm, ns, errno != 0)
	p.list.add(e.Time(), comm, uint64(e.PID()), fd, name, ns, call, path)
	return nil
}

// Tables are the list and the summaries.
func (p *opensPass) Tables() []Table {
	return []Table{
		p.list.table("Opens", opens.Columns, "open"),
		p.byPath.table("By path", opens.Also[0].Columns),
		p.byName.table("By name", opens.Also[1].Columns),
		p.byErr.table("By error", opens.Also[2].Columns),
	}
}
