// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// A Profile is what a capture says of its processes, threads and remote ends, in
// total and over time, by name and place: what comparisons of captures are made
// of. [NewProfile] finds the totals, which takes the sums alone; Measure then
// reads everything of those that are to be kept.
type Profile struct {
	Recording Recording // what the totals are of: up to the last reading of sums where the capture is cut short
	Loss      []Loss
	// Root has all processes below it that nobody is known to have started.
	Root *Place
	// Remotes are the other ends of connections, by name: address and port of
	// those that this side opened, the local port of those that it accepted.
	Remotes map[string]*Use
	// MoreRemotes is how many connections are not in Remotes: there were too many
	// others.
	MoreRemotes int
	// Steps are the intervals of CPU time, waits for a CPU and switches: equal
	// ones where all switches were recorded, else from reading to reading of the
	// sums. Equal are those of all else. Both are empty before Measure.
	Steps, Equal Steps
	// Lacks says why there are no sums (source cpu), switches (sched), births of
	// processes (process) or connections (tcp); a source that is there has no entry.
	Lacks map[string]string

	capture  *format.Capture
	uses     map[threadID]*use
	kin      map[processID]*kin
	sources  []string
	readings []int64 // of sums; nil where switches tell more
}

// use is where a thread counts.
type use struct {
	place *Place
	to    *Use
}

// NewProfile finds who there is in a capture and what each used in total.
func NewProfile(ctx context.Context, c *format.Capture, o Options) (*Profile, error) {
	p := &Profile{Root: newPlace(nil, ""), Lacks: map[string]string{}, Remotes: map[string]*Use{}, capture: c, uses: map[threadID]*use{}}
	s, lineage, err := pass(ctx, c, &lineage, o)
	if err != nil {
		return nil, err
	}
	p.kin, p.sources = lineage.(*lineagePass).kin, s.sources
	p.take(s)
	p.lacks()
	l, err := p.sums(ctx, o)
	if err != nil {
		return nil, err
	}
	p.settle(l)
	return p, nil
}

// take keeps what a scan found out about the recording.
func (p *Profile) take(s *scan) {
	p.Recording, p.Loss = s.recording, s.account.lost.All()
	for _, source := range s.sources {
		if !slices.Contains(p.sources, source) {
			p.sources = append(p.sources, source)
		}
	}
}

// Manner is how a source was recorded, where that is not the usual way; captures
// of which it is not the same differ for that, too.
func (p *Profile) Manner(source string) string {
	var all []string
	c := p.capture
	for _, m := range c.Meta().Missing {
		if m.Source == source {
			all = append(all, "without "+m.Hook)
		}
	}
	switch {
	case source == "sched" && (c.Meta().Before12() || !recorded(c, "cpu")):
		all = append(all, "waits from the last move on")
	case source == "sched" && recorded(c, "wakeups"):
		all = append(all, "waits from the wakeup on")
	case source == "tcp" && c.Kind("tcp_retransmit") == nil:
		all = append(all, "without tcp_retransmit")
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// Whole tells whether the capture is complete and lost nothing of the sources
// that the profile is made of.
func (p *Profile) Whole() bool {
	return p.capture.Cut() == nil && p.Recording.Complete && p.Lost(p.sources...) == 0
}

// Lost is how many events of these sources the recorder lost.
func (p *Profile) Lost(sources ...string) uint64 { return p.lost(false, sources) }

// Unseen is how many events of these sources, at least, the kernel did not hand
// to the recorder.
func (p *Profile) Unseen(sources ...string) uint64 { return p.lost(true, sources) }

func (p *Profile) lost(unseen bool, sources []string) (n uint64) {
	for _, l := range p.Loss {
		if l.Unseen() == unseen && slices.Contains(sources, l.Source) {
			n += l.Lost
		}
	}
	return n
}

// lacks notes which sources are not there, and why.
func (p *Profile) lacks() {
	for source, a := range map[string]*Analysis{"cpu": &sumsOnly, "sched": &switchesOnly, "process": &birthsOnly, "tcp": &connsOnly} {
		var missing *MissingError
		switch err := checkNeeds(p.capture, a); {
		case err == nil:
		case errors.As(err, &missing) && missing.Reason != "":
			p.Lacks[source] = "could not be recorded there: " + missing.Reason
		default:
			p.Lacks[source] = "was not recorded: record -e " + source
		}
	}
}

// What the sources give that a profile needs.
var (
	sumsOnly = Analysis{Name: "cputime", Needs: append([]Need{
		{Kind: "task_sum", Columns: taskSumColumns, Newer: newTaskSumColumns, Source: "cpu"},
		{Kind: "cpu_sum", Columns: []string{"idle_ns"}, Source: "cpu"},
	}, identity()...), Sums: true, New: newCPUTime}
	switchesOnly = Analysis{Needs: []Need{{Kind: "sched_switch", Columns: switchColumns, Source: "sched"}}}
	birthsOnly   = Analysis{Needs: []Need{{Kind: "fork", Columns: identityColumns, Source: "process"}, {Kind: "exit", Columns: identityColumns, Source: "process"}}}
	connsOnly    = Analysis{Needs: remoteNeeds()}
)

// sums adds the sums of all threads up: of a capture that is cut short to the
// last reading, behind which nothing is known. It is nil where there are none.
func (p *Profile) sums(ctx context.Context, o Options) (*cpuTimePass, error) {
	if p.Lacks["cpu"] != "" {
		return nil, nil
	}
	if !p.Recording.Complete {
		at, err := lastReading(p.capture)
		if err != nil {
			return nil, err
		}
		o.To = at
	}
	s, sums, err := pass(ctx, p.capture, &sumsOnly, o)
	if err != nil {
		return nil, err
	}
	p.take(s)
	return sums.(*cpuTimePass), nil
}
