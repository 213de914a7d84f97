// SPDX-License-Identifier: Apache-2.0

package analyze

import "fmt"

// turnNotes say how exact percentiles are; of so many rows they are of buckets.
func (p *tcpLatPass) turnNotes(folded int) (notes []string) {
	if folded > 0 {
		notes = append(notes, fmt.Sprintf("%d of the rows have more than %d times of a kind: their percentiles are within 0.4%%, all other figures are exact.", folded, exactLimit))
	}
	if all := p.uncounted(); all > 0 {
		notes = append(notes, fmt.Sprintf("%d responses were more than --max-turns allows to be recorded one by one: they are in percentiles as averages of durations that differ by less than a quarter.", all))
	}
	return notes
}

// uncounted are the responses that have no rows of their own.
func (p *tcpLatPass) uncounted() (n uint64) {
	for _, t := range p.turns {
		n += t.uncounted
	}
	return n
}

// notes say what the table of where the time went does not cover.
func (p *tcpLatPass) notes() []string {
	switch {
	case p.env.Missing("tcp_read") || !recorded(p.env.Capture, "tcpturns"):
		return []string{"Reads and answers were not recorded, only responses: ebrec record -e tcp,tcpturns,sched"}
	case p.uncounted() > 0:
		return []string{"Reads that were more than --max-turns allows to be recorded one by one are not in it."}
	case !p.splitter.sched:
		return []string{"Switches were not recorded, so that waits for a CPU count as time of the application: ebrec record -e tcp,tcpturns,sched"}
	}
	return nil
}
