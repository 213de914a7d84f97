// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var tcpstates = Analysis{
	Name: "tcpstates",
	Doc:  "TCP connections' changes of state, and how long they were in each",
	Needs: append(connNeeds(),
		Need{Kind: "tcp_state_change", Columns: []string{"conn", "state_ns", "from_state", "tcp_state"}, Source: "tcpstates"},
	),
	Sort: "time",
	Columns: slices.Concat([]ColumnSpec{{Name: "time", Unit: unitInstant, Doc: "when the state changed"}}, connColumns, []ColumnSpec{
		{Name: "from_state", Text: true, Doc: "state that the connection left"},
		{Name: "tcp_state", Text: true, Doc: "state that it came to"},
		{Name: "state_ns", Unit: unitNS, Doc: "how long it was in the one that it left; 0 when it was not seen to come to it"},
	}),
	Also: []Table{{Title: "By state", Columns: []ColumnSpec{
		{Name: "from_state", Text: true, Doc: "state that connections left"},
		{Name: "changes", Unit: unitCount, Doc: "how often"},
		{Name: "state_p50_ns", Unit: unitNS, Doc: "how long they were in it, where it was seen: median (nearest rank)"},
		{Name: "state_p99_ns", Unit: unitNS, Doc: "the same, 99th percentile (nearest rank)"},
		{Name: "state_max_ns", Unit: unitNS, Doc: "the same, longest"},
	}}},
	New: newTCPStates,
}

// inState is how long connections were in a state.
type inState struct {
	latencies
	changes uint64
}

type tcpStatesPass struct {
	conns  conns
	list   happenings
	states map[string]*inState

	from, ns format.Col
}

func newTCPStates(env *Env) Pass {
	c := env.Capture
	return &tcpStatesPass{conns: newConns(env), states: map[string]*inState{}, from: c.Col("from_state"), ns: c.Col("state_ns")}
}

// Begin forgets what was before the window.
func (p *tcpStatesPass) Begin() {
	p.conns.open()
	p.list, p.states = happenings{}, map[string]*inState{}
}

func (p *tcpStatesPass) Event(e replay.Event) error {
	c := p.conns.event(e)
	if e.Kind().Name != "tcp_state_change" {
		return nil
	}
	from, ns := e.Str(p.from), e.Uint(p.ns)
	s := p.states[from]
	if s == nil {
		s = &inState{}
		p.states[from] = s
	}
	if s.changes++; ns > 0 {
		s.add(ns)
	}
	p.list.add(c, e, from, e.Str(p.conns.state), ns)
	return nil
}

// Tables are the list and the states.
func (p *tcpStatesPass) Tables() []Table {
	by := Table{Title: tcpstates.Also[0].Title, Columns: tcpstates.Also[0].Columns, Own: true}
	folded := false
	for _, name := range slices.SortedFunc(maps.Keys(p.states), func(a, b string) int {
		return cmp.Or(cmp.Compare(p.states[b].changes, p.states[a].changes), cmp.Compare(a, b))
	}) {
		s := p.states[name]
		folded = folded || s.folded()
		by.Rows = append(by.Rows, []Value{name, s.changes, s.percentile(50), s.percentile(99), s.max()})
	}
	if folded {
		by.Notes = append(by.Notes, foldedNote("changes"))
	}
	return []Table{p.list.table("Changes of state", tcpstates.Columns, "tcp_state_change"), by}
}
