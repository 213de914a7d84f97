// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"net"
	"strconv"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// remoteNeeds are the rows of connections and of what they did.
func remoteNeeds() []Need {
	return append(connNeeds()[:4:4],
		Need{Kind: "tcp_response", Columns: []string{"conn", "response_ns"}, Source: "tcp"},
		Need{Kind: "tcp_fold", Columns: []string{"conn", "sum_ns", "largest_ns", "turns", "turn_part"}, Source: "tcp", Optional: true},
		Need{Kind: "tcp_retransmit", Columns: []string{"conn", "segments"}, Source: "tcp", Optional: true})
}

// mostRemotes is how many remote ends are told apart.
const mostRemotes = 1000

// remotes adds connections up by their other end.
type remotes struct {
	p     *Profile
	conns map[uint64]*Use   // of those that are open
	older map[uint64]string // names of those of which no row of their beginning is there

	id, laddr, raddr, lport, rport, direction, connect, errno, response, sum, largest, turns, part, segments format.Col
}

func newRemotes(c *format.Capture, p *Profile) (*remotes, error) {
	r := &remotes{
		p: p, conns: map[uint64]*Use{}, older: map[uint64]string{},
		id: c.Col("conn"), laddr: c.Col("laddr"), raddr: c.Col("raddr"), lport: c.Col("lport"), rport: c.Col("rport"), direction: c.Col("direction"),
		connect: c.Col("connect_ns"), errno: c.Col("error"), response: c.Col("response_ns"), sum: c.Col("sum_ns"), largest: c.Col("largest_ns"),
		turns: c.Col("turns"), part: c.Col("turn_part"), segments: c.Col("segments"),
	}
	return r, r.findOlder(c)
}

// findOlder finds the names of connections that are older than the recording:
// what happened with them may come before the row that names them.
func (r *remotes) findOlder(c *format.Capture) error {
	took, begin := c.Col("duration_ns"), c.Meta().Start.UnixNano()
	s := replay.Select{Kinds: []string{"tcp_close", "tcp_socket"}, Columns: []format.Col{r.id, r.laddr, r.raddr, r.lport, r.rport, r.direction, took}}
	for e, err := range replay.New(c).Events(s) {
		if err != nil {
			return err
		}
		if e.Str(r.direction) == "unknown" || e.Time()-int64(e.Uint(took)) < begin {
			r.older[e.Uint(r.id)] = r.name(e)
		}
	}
	return nil
}

// name is what a connection's other end is called.
func (r *remotes) name(e replay.Event) string {
	c := conn{direction: e.Str(r.direction), lport: e.Uint(r.lport), rport: e.Uint(r.rport)}
	if port := c.service(); c.direction == "passive" || c.direction != "active" && port == e.Uint(r.lport) {
		return fmt.Sprintf("accepted on port %d", port)
	}
	return net.JoinHostPort(e.Str(r.raddr), strconv.FormatUint(e.Uint(r.rport), 10))
}

// of is where a connection counts; nil: there are too many others.
func (r *remotes) of(e replay.Event) *Use {
	id := e.Uint(r.id)
	u, known := r.conns[id]
	if known {
		return u
	}
	name := r.older[id]
	if !e.Null(r.laddr) {
		name = r.name(e)
	}
	if name == "" { // of one that a row in front was lost of
		return nil
	}
	if u = r.p.Remotes[name]; u == nil && len(r.p.Remotes) < mostRemotes {
		u = &Use{}
		r.p.Remotes[name] = u
	}
	if u == nil {
		r.p.MoreRemotes++
	}
	r.conns[id] = u
	return u
}

func (r *remotes) event(e replay.Event) {
	u, steps := r.of(e), r.p.Equal
	kind, failed := e.Kind().Name, e.Int(r.errno) != 0
	if kind == "tcp_close" || kind == "tcp_connect" && failed {
		delete(r.conns, e.Uint(r.id))
	}
	i := steps.at(e.Time())
	if u == nil || i < 0 {
		return
	}
	count := func(q Quantity, n uint64) {
		u.Total[q] += n
		u.part(i)[q] += n
	}
	switch kind {
	case "tcp_connect":
		count(Connects, 1)
		if failed {
			count(Failures, 1)
		} else {
			u.times(Connect).add(i, e.Uint(r.connect))
		}
	case "tcp_accept":
		count(Connects, 1)
	case "tcp_response":
		count(Responses, 1)
		u.times(Response).add(i, e.Uint(r.response))
	case "tcp_fold":
		if e.Str(r.part) == "response" {
			count(Responses, e.Uint(r.turns))
			u.times(Response).addMany(i, e.Uint(r.turns), e.Uint(r.sum), e.Uint(r.largest))
		}
	case "tcp_retransmit":
		count(Retransmits, e.Uint(r.segments))
	}
}
