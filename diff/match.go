// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"maps"
	"slices"

	"github.com/ebrec/ebrec/analyze"
)

// Sides of a comparison.
const (
	atBase = iota
	atHead
	sides
)

// node is a place of the process tree in all captures.
type node struct {
	name     string
	parent   *node // nil: the root
	children map[string]*node
	places   [sides][]*analyze.Place // by capture; nil where it is not there
	moved    string                  // where it is at head, when that is another place

	// The largest share of a CPU that any capture has of it, and with all below it.
	own, whole float64
}

func newNode(parent *node, name string, captures [sides]int) *node {
	n := &node{name: name, parent: parent, children: map[string]*node{}}
	for side := range n.places {
		n.places[side] = make([]*analyze.Place, captures[side])
	}
	return n
}

// match puts the trees of all captures on each other.
func match(profiles [sides][]*analyze.Profile) *node {
	captures := [sides]int{len(profiles[atBase]), len(profiles[atHead])}
	root := newNode(nil, "", captures)
	for side := range profiles {
		for i, p := range profiles[side] {
			root.lay(p.Root, side, i, captures)
		}
	}
	root.find()
	return root
}

// lay puts a capture's place and all below it here.
func (n *node) lay(p *analyze.Place, side, i int, captures [sides]int) {
	n.places[side][i] = p
	for name, below := range p.Children {
		if n.children[name] == nil {
			n.children[name] = newNode(n, name, captures)
		}
		n.children[name].lay(below, side, i, captures)
	}
}

// on tells whether any capture of a side has it.
func (n *node) on(side int) bool {
	return slices.ContainsFunc(n.places[side], func(p *analyze.Place) bool { return p != nil })
}

// lone tells whether one side alone has it, and which.
func (n *node) lone() (side int, only bool) {
	base, head := n.on(atBase), n.on(atHead)
	if base {
		return atBase, !head
	}
	return atHead, head
}

// ordered are the nodes below, by name.
func (n *node) ordered() (all []*node) {
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		all = append(all, n.children[name])
	}
	return all
}

// each visits a node and all below it, those further up first.
func (n *node) each(visit func(*node)) {
	for todo := []*node{n}; len(todo) > 0; todo = todo[1:] {
		visit(todo[0])
		todo = append(todo, todo[0].ordered()...)
	}
}

// find matches what was started from elsewhere: where each side has one place of a
// name that the other side lacks, the two are one.
func (n *node) find() {
	byName := [sides]map[string][]*node{{}, {}}
	var order []*node
	n.each(func(n *node) {
		side, only := n.lone()
		if !only || n.nested() {
			return
		}
		byName[side][n.name] = append(byName[side][n.name], n)
		if side == atBase {
			order = append(order, n)
		}
	})
	for _, base := range order {
		head := byName[atHead][base.name]
		if len(head) != 1 || len(byName[atBase][base.name]) != 1 {
			continue
		}
		_, still := base.lone()
		if _, both := head[0].lone(); still && both && head[0].parent.children[base.name] == head[0] {
			delete(head[0].parent.children, base.name)
			base.merge(head[0])
		}
	}
}

// nested tells whether one above it, which is of the same side alone, has the same
// name: whoever finds that one finds this one.
func (n *node) nested() bool {
	for above := n.parent; above != nil; above = above.parent {
		if _, only := above.lone(); !only {
			return false
		}
		if above.name == n.name {
			return true
		}
	}
	return false
}

// merge takes what another node has at head, and those below it.
func (n *node) merge(head *node) {
	n.places[atHead] = head.places[atHead]
	for _, p := range n.places[atHead] {
		if p != nil {
			n.moved = p.Path()
		}
	}
	for name, c := range head.children {
		if own := n.children[name]; own == nil {
			n.children[name], c.parent = c, n
		} else {
			own.merge(c)
		}
	}
}

// path is what a node is called.
func (n *node) path() string {
	for side := range n.places {
		for _, p := range n.places[side] {
			if p != nil {
				return p.Path()
			}
		}
	}
	return ""
}
