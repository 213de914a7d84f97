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
		{Kind: "open", Columns: []string{"comm", "fd", "error", "open_ns", "path"}, Source: "file"},
	},
	Sort: "time",
	Columns: []ColumnSpec{
		{Name: "time", Unit: unitInstant, Doc: "when the call returned"},
		{Name: "comm", Text: true, Doc: "name of the thread"},
		{Name: "pid", Doc: "process id"},
		{Name: "fd", Doc: "file descriptor; none when it failed"},
		{Name: "error", Text: true, Doc: "why it failed, as errno names it; none when it did not"},
		{Name: "open_ns", Unit: unitNS, Doc: "how long the call took"},
		{Name: "path", Text: true, Doc: "path as the process gave it"},
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

type opensPass struct {
	list                   listing
	byPath, byName, byErr  tally
	comm, fd, err, ns, pth format.Col
}

func newOpens(env *Env) Pass {
	c := env.Capture
	p := &opensPass{comm: c.Col("comm"), fd: c.Col("fd"), err: c.Col("error"), ns: c.Col("open_ns"), pth: c.Col("path")}
	p.Begin()
	return p
}

// Begin forgets what was before the window.
func (p *opensPass) Begin() {
	p.list, p.byPath, p.byName, p.byErr = listing{}, tally{}, tally{}, tally{}
}

func (p *opensPass) Event(e replay.Event) error {
	comm, path, errno, ns := e.Str(p.comm), e.Str(p.pth), e.Int(p.err), e.Uint(p.ns)
	fd, name := Value(e.Int(p.fd)), Value(nil)
	if errno != 0 {
		fd, name = nil, replay.Errno(errno)
		p.byErr.add(replay.Errno(errno), ns, true)
	}
	p.byPath.add(path, ns, errno != 0)
	p.byName.add(comm, ns, errno != 0)
	p.list.add(e.Time(), comm, uint64(e.PID()), fd, name, ns, path)
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
