// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var execs = Analysis{
	Name: "execs",
	Doc:  "Files that were executed: by which process, as whose child, with which arguments",
	Needs: []Need{
		{Kind: "exec", Columns: append([]string{"filename"}, identityColumns...), Newer: []string{"cut"}, Source: "process"},
		{Kind: "exec_args", Columns: []string{"args"}, Newer: []string{"cut"}, Source: "args", Optional: true},
		{Kind: "task", Columns: identityColumns, Source: "recording"},
		{Kind: "fork", Columns: identityColumns, Source: "process"},
	},
	Sort: "time",
	Columns: []ColumnSpec{
		{Name: "time", Unit: unitInstant, Doc: "when the new program began"},
		{Name: "comm", Text: true, Doc: "name that the process took with it"},
		{Name: "pid", Doc: "process id"},
		{Name: "ppid", Doc: "process id of the parent then"},
		{Name: "filename", Text: true, Doc: "file executed" + cutDoc},
		{Name: "args", Text: true, Doc: "arguments, quoted as a shell would need them, at most 1,023 bytes; none unless recorded with --args"},
	},
	Also: []Table{
		{Title: "By file", Columns: tallyColumns("filename", "file executed", "execs")[:2]},
		{Title: "By name of the parent", Columns: tallyColumns("parent", "name of the parent's first thread; ? when it is not known", "execs")[:2]},
	},
	New: newExecs,
}

type execsPass struct {
	tasks            *replay.Tasks
	list             listing
	byFile, byParent tally
	args             execArgs

	comm, ppid     format.Col
	filename, text bounded
}

func newExecs(env *Env) Pass {
	c := env.Capture
	p := &execsPass{
		tasks: replay.NewTasks(c), args: newExecArgs(),
		comm: c.Col("comm"), ppid: c.Col("ppid"), filename: newBounded(c, "exec", "filename", "cut"), text: newBounded(c, "exec_args", "args", "cut"),
	}
	_ = p.tasks.Preload(c) // what cannot be read ends the pass itself
	p.Begin()
	return p
}

// Begin forgets what was before the window.
func (p *execsPass) Begin() { p.list, p.byFile, p.byParent = listing{}, tally{}, tally{} }

func (p *execsPass) Event(e replay.Event) error {
	p.tasks.Update(e)
	switch e.Kind().Name {
	case "exec_args":
		p.args.args(e, p.text.of(e))
	case "exec":
		p.executed(e)
	}
	return nil
}

func (p *execsPass) executed(e replay.Event) {
	pid, ppid, file := e.PID(), uint32(e.Uint(p.ppid)), p.filename.of(e)
	parent := "?"
	if t, ok := p.tasks.Lookup(ppid); ok {
		parent = t.Comm
	}
	p.byFile.add(file, 0, false)
	p.byParent.add(parent, 0, false)
	row := []Value{e.Time(), e.Str(p.comm), uint64(pid), uint64(ppid), file, nil}
	p.args.exec(e, &row[5])
	p.list.add(row...)
}

// Tables are the list and the summaries.
func (p *execsPass) Tables() []Table {
	return []Table{
		p.list.table("Execs", execs.Columns, "exec"),
		p.byFile.table("By file", execs.Also[0].Columns),
		p.byParent.table("By name of the parent", execs.Also[1].Columns),
	}
}
