// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"io"
	"strings"

	"github.com/emicklei/dot"

	"github.com/ebrec/ebrec/replay"
)

// dot writes who wakes whom as a graph for Graphviz: an edge for each row, with
// how often and the median latency, and the wider the oftener.
func (r *Result) dot(w io.Writer) error {
	if r.Analysis != wakeups.Name {
		return fmt.Errorf("%s is no graph: --format dot is for %s", r.Analysis, wakeups.Name)
	}
	g := dot.NewGraph(dot.Directed)
	g.Attr("rankdir", "LR")
	most := uint64(1)
	for _, row := range r.rows() {
		most = max(most, row[6].(uint64))
	}
	for _, row := range r.rows() {
		n := row[6].(uint64)
		label := fmt.Sprint(n)
		if p50, ok := row[9].(uint64); ok {
			label += "\n" + duration(p50)
		}
		edge := g.Edge(node(g, row[0:3]), node(g, row[3:6]), label)
		edge.Attr("penwidth", fmt.Sprintf("%.1f", 1+4*float64(n)/float64(most)))
	}
	for line := range strings.Lines(g.String() + "\n") {
		if line = strings.TrimSpace(line); line == "" { // no name has a line break
			continue
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// node is that of a process, thread or name: pid, tid, comm.
func node(g *dot.Graph, of []Value) dot.Node {
	id, label := "", "?"
	if comm, ok := of[2].(string); ok {
		label = replay.Clean(comm)
		id = label
	}
	for _, v := range of[:2] {
		if n, ok := v.(uint64); ok {
			label += fmt.Sprintf("\n%d", n)
		}
		id += fmt.Sprint(" ", v)
	}
	return g.Node(id).Label(label)
}
