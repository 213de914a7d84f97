// SPDX-License-Identifier: Apache-2.0

package analyze

import "github.com/ebrec/ebrec/replay"

// execArgs finds the arguments of an exec. They have a row of their own, which has
// its time, and either may be first.
type execArgs struct {
	text map[uint32]argsAt // by pid
	last map[uint32]*executed
}

// argsAt are arguments of an exec whose row may come next.
type argsAt struct {
	at   int64
	text string
}

// executed is the last exec of a process.
type executed struct {
	at   int64
	args *Value // where its arguments belong
}

func newExecArgs() execArgs {
	return execArgs{text: map[uint32]argsAt{}, last: map[uint32]*executed{}}
}

// args takes a row of kind exec_args.
func (a *execArgs) args(e replay.Event, text string) {
	if x := a.last[e.PID()]; x != nil && x.at == e.Time() {
		*x.args = text
		return
	}
	a.text[e.PID()] = argsAt{e.Time(), text}
}

// exec takes a row of kind exec, and where its arguments belong.
func (a *execArgs) exec(e replay.Event, args *Value) {
	pid := e.PID()
	if t, ok := a.text[pid]; ok && t.at == e.Time() {
		*args = t.text
	}
	delete(a.text, pid)
	a.last[pid] = &executed{e.Time(), args}
}
