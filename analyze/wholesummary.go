// SPDX-License-Identifier: Apache-2.0

package analyze

// summaryParts are the columns that a host's summary has of each of the analyses that
// it is made of, by their place among summarized.
var summaryParts = []struct {
	of      int
	prefix  string
	columns []ColumnSpec
	names   []string
}{
	{0, "", cpuWhole, []string{"threads", "cpu_time_ns", "on_cpu_ns", "idle_ns", "cpu_percent", "run_queue_ns", "switches"}},
	{2, "wait_", waitWhole, []string{"p50_ns", "p99_ns", "max_ns"}},
	{1, "", livesWhole, []string{"processes", "started", "failed"}},
	{3, "", tcpWhole, []string{"connections", "requests", "response_p50_ns", "response_p99_ns", "response_max_ns", "retransmits", "tx_bytes", "rx_bytes"}},
}

var summaryWhole = summaryColumns()

func summaryColumns() (all []ColumnSpec) {
	for _, part := range summaryParts {
		for _, c := range pick(part.columns, part.names...) {
			c.Name, c.Some = part.prefix+c.Name, true // where it was recorded
			all = append(all, c)
		}
	}
	return all
}

// summarySum has the sums of summarized, in their order; nil where the capture has not
// what one needs.
type summarySum [4]sum

func (p *summaryPass) whole(o *Options) (sum, []string) {
	if !p.begun {
		p.beginOthers()
	}
	var s summarySum
	var notes []string
	for i, one := range p.passes {
		if one == nil {
			continue
		}
		var more []string
		s[i], more = one.(summer).whole(o)
		notes = append(notes, more...)
		p.passes[i] = nil
	}
	return &s, notes
}

func (s *summarySum) add(other sum) {
	for i, o := range other.(*summarySum) {
		switch {
		case o == nil:
		case s[i] == nil:
			s[i] = o
		default:
			s[i].add(o)
		}
	}
}

// values are those of the columns that are shown, nil where nothing was recorded.
func (s *summarySum) values(recordedNS uint64) (row []Value) {
	for _, part := range summaryParts {
		var all []Value
		if s[part.of] != nil {
			all = s[part.of].values(recordedNS)
		}
		for _, name := range part.names {
			if at, err := indexOf(part.columns, name); all != nil && err == nil {
				row = append(row, all[at])
			} else {
				row = append(row, nil)
			}
		}
	}
	return row
}
