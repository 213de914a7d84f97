// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

var (
	endpointColumns = []string{"conn", "laddr", "lport", "raddr", "rport", "direction", "comm"}
	transferColumns = append(slices.Clip(endpointColumns), figureNames[:segmentsOut]...)
	// Those that captures have from format version 1.2 on.
	newEndpointColumns = []string{"socket_of"}
	newTransferColumns = append(slices.Clip(newEndpointColumns), figureNames[segmentsOut:]...)
)

// figureNames are the kernel's figures of a connection.
var figureNames = []string{"srtt_ns", "min_rtt_ns", "retransmits", "tx_bytes", "rx_bytes", "duration_ns", "segments_out", "segments_in", "sends", "receives", "largest_send_bytes", "largest_receive_bytes"}

// Places of some of them.
const (
	srttAt = iota
	minRTTAt
	retransmitsAt
	txAt
	rxAt
	durationAt
	segmentsOut
	segmentsIn
	sendsAt
	receivesAt
	largestSendAt
	largestReceiveAt
	figures
)

// connNeeds are the rows that say which connections there are.
func connNeeds() []Need {
	return []Need{
		{Kind: "tcp_connect", Columns: append(slices.Clip(endpointColumns), "connect_ns", "error"), Newer: newEndpointColumns, Source: "tcp"},
		{Kind: "tcp_accept", Columns: append(slices.Clip(endpointColumns), "accept_ns"), Newer: newEndpointColumns, Source: "tcp"},
		{Kind: "tcp_close", Columns: append(slices.Clip(transferColumns), "error"), Newer: newTransferColumns, Source: "tcp"},
		{Kind: "tcp_socket", Columns: append(slices.Clip(transferColumns), "error", "tcp_state"), Newer: newTransferColumns, Source: "tcp"},
		{Kind: "tcp_reset", Columns: []string{"conn", "reset_from"}, Source: "tcp", Optional: true},
	}
}

// ownedNeeds are those rows, and the ones that tell apart processes that had the same
// number one after the other.
func ownedNeeds() []Need {
	needs := connNeeds()
	for _, n := range identity() {
		n.Optional = true
		needs = append(needs, n)
	}
	return needs
}

// connColumns define what names a connection, and its owner.
var connColumns = []ColumnSpec{
	{Name: "pid", Some: true, Doc: "process that owns the connection; none when no process touched it, or where rows are not of one process"},
	{Name: "comm", Text: true, Some: true, Doc: "name of the owner's task when it was first seen to use the connection"},
	{Name: "laddr", Text: true, Some: true, Doc: "local address"},
	{Name: "lport", Some: true, Doc: "local port"},
	{Name: "raddr", Text: true, Some: true, Doc: "remote address"},
	{Name: "rport", Some: true, Doc: "remote port"},
	{Name: "direction", Text: true, Some: true, Doc: "who opened the connection: active this side, passive the other; unknown when it is older than the recording"},
	{Name: "socket_of", Text: true, Some: true, Doc: "kernel, when it opened the connection for itself, or mptcp, when the connection carries part of an MPTCP connection; none when it is a process's own"},
}

// conn is what is known of one connection.
type conn struct {
	pid          uint32
	owner        int64 // when the process of that number started, which owns it; 0: not known
	comm         string
	laddr, raddr Value
	lport, rport Value
	direction    string
	socketOf     Value
	connect      Value
	first, last  [figures]uint64 // the kernel's figures: before what counts, and when they were told last
	known        [figures]bool   // of the last ones
	told         int64           // when they were
	based        bool            // the first ones are those of when what counts begins
	ended        bool
	at           int64 // when it ended
	closing      bool  // one side had sent its FIN when it was last seen open
	errno        int64
	aborted      bool // this side reset it, which is no error of its own
	// Of the handshake: when it ended here, with which error, and of one that was
	// accepted how long its answer took (0: not known).
	connectedAt, connectErrno int64
	established               int64
	handshakeRTT              uint64
}

// conns are the connections of a capture.
type conns struct {
	byID   map[uint64]*conn
	order  []*conn // by first sight
	begin  int64   // of what counts
	listed int64   // when all connections had been listed that are older than the recording
	env    *Env
	tasks  *replay.Tasks // nil: owners are numbers

	id, laddr, lport, raddr, rport, direction, socketOf, comm, connect, accept, errno, state, from format.Col
	figures                                                                                        [figures]format.Col
}

func newConns(env *Env) conns {
	c := env.Capture
	p := conns{
		env: env, byID: map[uint64]*conn{}, begin: c.Meta().Start.UnixNano(), listed: listedBy(c),
		id: c.Col("conn"), laddr: c.Col("laddr"), lport: c.Col("lport"), raddr: c.Col("raddr"), rport: c.Col("rport"),
		direction: c.Col("direction"), socketOf: c.Col("socket_of"), comm: c.Col("comm"), connect: c.Col("connect_ns"), accept: c.Col("accept_ns"), errno: c.Col("error"), state: c.Col("tcp_state"), from: c.Col("reset_from"),
	}
	for i, name := range figureNames {
		p.figures[i] = c.Col(name)
	}
	return p
}

// tell takes an event when it says who a task is: owners are processes from then on.
func (p *conns) tell(e replay.Event) bool {
	switch e.Kind().Name {
	case "task", "fork", "exec", "exit", "thread_start", "thread_exit":
		p.tasks.Update(e)
		return true
	}
	return false
}

// newOwnedConns are connections whose owners are told apart by their start, too.
func newOwnedConns(env *Env) conns {
	p := newConns(env)
	p.tasks = replay.NewTasks(env.Capture)
	_ = p.tasks.Preload(env.Capture) // what cannot be read ends the pass itself
	return p
}

// event takes what an event says of its connection, which it returns.
func (p *conns) event(e replay.Event) *conn {
	c := p.of(e)
	switch e.Kind().Name {
	case "tcp_connect":
		c.connect = e.Uint(p.connect)
		c.errno = e.Int(p.errno)
		c.ended, c.at = c.errno != 0, e.Time()
		c.connectedAt, c.connectErrno = e.Time(), c.errno
	case "tcp_accept":
		if ns := e.Uint(p.accept); ns < uint64(e.Time()) {
			c.established, c.handshakeRTT = e.Time()-int64(ns), e.Uint(p.figures[srttAt])
		}
	case "tcp_close":
		p.count(c, e)
		c.ended, c.at, c.errno = true, e.Time(), e.Int(p.errno)
	case "tcp_reset":
		c.aborted = c.aborted || e.Str(p.from) == "local"
	case "tcp_socket":
		p.count(c, e)
		c.closing = slices.Contains(closingStates, e.Str(p.state))
	}
	return c
}

// listedBy is when the list of the connections that are older than the recording
// was complete: the first reading of the wall clock follows it. Captures of format 1.0
// and those that were cut short at once have none.
func listedBy(c *format.Capture) int64 {
	soon := c.Meta().Start.UnixNano() + readingReach
	if c.Kind("clock") == nil {
		return soon
	}
	for e, err := range replay.New(c).Events(replay.Select{Kinds: []string{"clock"}, Columns: []format.Col{}}) {
		if err != nil { // the pass will say so
			break
		}
		return e.Time()
	}
	return soon
}

// readingReach is how far from a span's beginning or end the kernel's figures may have
// been read to count as those of then: a listing takes a while.
const readingReach = int64(250 * time.Millisecond)

// of finds a connection and takes what the event says of its ends and owner.
func (p *conns) of(e replay.Event) *conn {
	id := e.Uint(p.id)
	c := p.byID[id]
	if c == nil {
		c = &conn{direction: "unknown"}
		p.byID[id] = c
		p.order = append(p.order, c)
	}
	if !e.Null(p.laddr) {
		c.laddr, c.raddr = e.Str(p.laddr), e.Str(p.raddr)
		c.lport, c.rport = e.Uint(p.lport), e.Uint(p.rport)
		c.direction = e.Str(p.direction)
		if of := e.Str(p.socketOf); of != "process" && of != "" {
			c.socketOf = of
		}
	}
	if pid := e.PID(); pid != 0 && c.pid == 0 && owners(e) {
		c.pid = pid
		if p.tasks != nil {
			task, _ := p.tasks.Lookup(pid)
			c.owner = task.Start
		}
	}
	if comm := e.Str(p.comm); comm != "" && c.comm == "" {
		c.comm = comm
	}
	return c
}

// owners tells whether an event's process is the one that owns its connection: reads
// and replies are of whoever read and sent, which may be another.
func owners(e replay.Event) bool {
	kind := e.Kind().Name
	return kind != "tcp_read" && kind != "tcp_reply"
}

// count takes the kernel's figures; the last ones are the total. Those of a connection
// that began within what counts are 0 at first, and those of one that is older are
// what the list that the recording begins with has of it.
func (p *conns) count(c *conn, e replay.Event) {
	told := c.told != 0
	for i, col := range p.figures {
		if !e.Null(col) {
			c.last[i], c.known[i] = e.Uint(col), true
		}
	}
	c.told = e.Time()
	began := e.Time() - int64(min(e.Uint(p.figures[durationAt]), uint64(max(0, e.Time()))))
	switch {
	case c.based || told:
	case c.direction != "unknown" && began >= p.begin:
		c.based = true
	case e.Kind().Name == "tcp_socket" && c.direction == "unknown" && e.Time() <= p.listed:
		c.first, c.based = c.last, true
	}
}

// open begins what counts: it leaves out connections that ended before, and takes
// what others had carried by then where it was read just before.
func (p *conns) open() {
	maps.DeleteFunc(p.byID, func(_ uint64, c *conn) bool { return c.ended })
	p.order = slices.DeleteFunc(p.order, func(c *conn) bool { return c.ended })
	p.begin = max(p.begin, p.env.asked.from)
	for _, c := range p.order {
		c.first, c.based = c.last, c.told != 0 && p.begin-c.told <= readingReach
	}
}

// all are the connections that something tells whose they are: their ends or their owner.
// Of one that a filter left out, or whose rows with the ends were lost, there
// may be neither. They are in the order of first sight; the rest is how many others.
func (p *conns) all() (named []*conn, others int) {
	for _, c := range p.order {
		if c.laddr != nil || c.pid != 0 {
			named = append(named, c)
		}
	}
	return named, len(p.order) - len(named)
}

// namelessNote says how many connections a table leaves out.
func namelessNote(n int) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d connections are left out: no row tells their addresses or their owner.", n)}
}

// settle forgets figures that are not those of the end of what counts: of a connection
// that was open then, and was not listed shortly before.
func (p *conns) settle() {
	for _, c := range p.order {
		if !c.settled(p.env.end()) {
			c.known = [figures]bool{}
		}
	}
}

// figure is one of the kernel's figures, nil when it is not known.
func (c *conn) figure(i int) Value {
	if !c.known[i] {
		return nil
	}
	return c.last[i]
}

// largest tells whether a figure is the largest of something, and does not count.
func largest(figure int) bool { return figure == largestSendAt || figure == largestReceiveAt }

// settled tells whether what is told last of a connection is what it was at the
// end of what counts.
func (c *conn) settled(end int64) bool { return c.ended || end-c.told <= readingReach }

// unused tells whether a connection never carried anything: it was not connected.
func (c *conn) unused() bool { return c.connectErrno != 0 }

// carried is how much of a figure is of what counts; nil: not known. The largest of
// something is what it is.
func (c *conn) carried(i int) Value {
	switch {
	case largest(i):
		return c.figure(i)
	case !c.known[i] || !c.based:
		return nil
	}
	return c.last[i] - min(c.last[i], c.first[i])
}

// least is what of a figure surely is of what counts.
func (c *conn) least(i int) uint64 {
	if !c.based {
		return 0
	}
	return c.last[i] - min(c.last[i], c.first[i])
}

// most is what it is at most; nil: nobody knows.
func (c *conn) most(i int) Value {
	if !c.known[i] {
		return nil
	}
	return c.last[i] - min(c.last[i], c.first[i])
}

// names are the cells of connColumns.
func (c *conn) names() []Value {
	var pid, comm Value
	if c.pid != 0 {
		pid = uint64(c.pid)
	}
	if c.comm != "" {
		comm = c.comm
	}
	return []Value{pid, comm, c.laddr, c.lport, c.raddr, c.rport, c.direction, c.socketOf}
}

// closingStates are those in which a side has said that it will send no more.
var closingStates = []string{"fin_wait1", "fin_wait2", "closing", "last_ack", "time_wait"}

// outcomeDoc defines outcome.
const outcomeDoc = "closed; closing or open when it was told of last; refused, timed out, reset, unreachable, or failed with another error; unknown when no row tells its addresses"

// outcome says how a connection ended, by the socket's error (Linux numbers).
// EPIPE is a reset too: one that came after the peer's FIN.
func (c *conn) outcome() string {
	switch {
	case c.laddr == nil:
		return "unknown"
	case !c.ended && c.closing:
		return "closing"
	case !c.ended:
		return "open"
	case c.errno == 0 && c.aborted:
		return "reset"
	case c.errno == 0:
		return "closed"
	}
	return failure(c.errno)
}

// failure says what an error means for a connection.
func failure(errno int64) string {
	switch replay.Errno(errno) {
	case "ECONNREFUSED":
		return "refused"
	case "ETIMEDOUT":
		return "timed out"
	case "ECONNRESET", "EPIPE":
		return "reset"
	case "ENETUNREACH", "EHOSTUNREACH", "EHOSTDOWN", "ENETDOWN":
		return "unreachable"
	}
	return "failed"
}
