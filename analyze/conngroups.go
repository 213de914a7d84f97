// SPDX-License-Identifier: Apache-2.0

package analyze

// connBy are the groupings of connections: remote is the other side's address,
// port the one that was connected to.
var connBy = []string{"connection", "process", "remote", "port"}

// connGroupColumns are the columns that say what a row is of when that is not one
// connection.
var connGroupColumns = []ColumnSpec{
	{Name: "port", Some: true, Doc: "by port only: the port that was connected to; of connections older than the recording the smaller one"},
	{Name: "connections", Unit: unitCount, Some: true, Doc: "how many; none where each has a row"},
}

// connGroup is what the connections of a row have in common.
type connGroup struct {
	conn *conn // by connection only
	pid  uint32
	born int64 // when that process started
	name string
	port uint64
}

// group is the row that a connection belongs to.
func (c *conn) group(by string) connGroup {
	switch by {
	case "process":
		return connGroup{pid: c.pid, born: c.owner}
	case "remote":
		return connGroup{name: c.remote()}
	case "port":
		return connGroup{port: c.service()}
	}
	return connGroup{conn: c}
}

// grouped puts connections into the rows that they belong to, in the order in
// which the first of each comes.
func grouped[R any](all []*conn, by string, begin func(connGroup, *conn) *R, add func(*R, *conn)) (order []*R) {
	rows := map[connGroup]*R{}
	for _, c := range all {
		g := c.group(by)
		if rows[g] == nil {
			rows[g] = begin(g, c)
			order = append(order, rows[g])
		}
		add(rows[g], c)
	}
	return order
}

// named is the connection that names a row: another one, unless that has no name of its
// owner and this has one.
func (c *conn) named(other *conn) *conn {
	if other == nil || other.comm == "" && c.comm != "" {
		return c
	}
	return other
}

// remote is the other side's address, - when no row tells it.
func (c *conn) remote() string {
	if addr, ok := c.raddr.(string); ok {
		return addr
	}
	return "-"
}

// service is the port that was connected to. Of a connection that is older than
// the recording it is the smaller one, which most often is right.
func (c *conn) service() uint64 {
	local, _ := c.lport.(uint64)
	remote, _ := c.rport.(uint64)
	switch c.direction {
	case "active":
		return remote
	case "passive":
		return local
	}
	return min(local, remote)
}

// cells are those of connColumns and connGroupColumns: what is the same for all n
// connections of a group, one of which is c.
func (g connGroup) cells(by string, c *conn, n uint64) []Value {
	all := c.names()
	row := make([]Value, len(all), len(all)+2)
	switch by {
	case "process":
		row[0], row[1] = all[0], all[1]
	case "remote":
		row[4] = g.name
	case "port":
	default:
		return append(all, nil, nil)
	}
	var port Value
	if g.port != 0 {
		port = g.port
	}
	return append(row, port, n)
}

// titleOf is the title of a table of connections.
func titleOf(by string) string {
	return map[string]string{"": "Connections", "connection": "Connections", "process": "Processes", "remote": "Remote addresses", "port": "Ports"}[by]
}
