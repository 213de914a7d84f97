// SPDX-License-Identifier: Apache-2.0

package record

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// hiddenParents tells of processes that the kernel's list of tasks lacks, although
// others in it name them as their parent: the machine hides them from tracing.
func (s *session) hiddenParents(all []*bpf.ListedTask) error {
	if s.programs.Filtered() {
		return nil // it does not tell who the parents of its processes are
	}
	listed, hidden := map[uint32]bool{0: true}, map[uint32]bool{}
	for _, t := range all {
		listed[t.T.H.PID] = true
	}
	for _, t := range all {
		if !listed[t.T.PPID] && t.T.Reason != bpf.ReasonExiting {
			hidden[t.T.PPID] = true
		}
	}
	return s.losses.hid(s.writer, uint64(len(hidden)), bpf.Now())
}

// addUnseenTime adds what threads may have had on CPUs that no program saw, where switches
// went unseen. What a thread had before it was seen to leave a CPU last is in its sums.
func (s *session) addUnseenTime(at uint64) error {
	if s.losses.unseen == 0 || !s.programs.Records("cpu") {
		return nil
	}
	all, err := s.programs.Tasks()
	if err != nil {
		return err
	}
	for cpu := range s.losses.last {
		for range s.losses.untold(cpu) {
			s.sums.unseen.untold = true
		}
	}
	clocks := map[thread]uint64{}
	for _, listed := range all {
		t := &listed.T
		clocks[thread{t.H.TID, t.Start}] = t.TotalCPUNS
		if p := processOf(listed); !s.programs.Wanted(p) || s.programs.Joined(p) {
			continue // of one that came while it lived, nobody knows what it had then
		}
		if err := s.sums.addNeverSeen(s.writer, t, at); err != nil {
			return err
		}
	}
	return s.sums.addSinceSeen(s.writer, clocks, at)
}

// addNeverSeen adds the row of a thread that was listed in the end, unless it has sums:
// that its task clock stands where it stood, or what it may have had.
func (a *accounts) addNeverSeen(w *format.Writer, t *bpf.Task, at uint64) error {
	if last := a.written[t.H.TID]; last.start == t.Start || t.H.TID == 0 || t.Start > at {
		return nil
	}
	had, _, listed := a.listed.find(t.H.TID, t.Start)
	if t.TotalCPUNS > had && a.readClock(t.H.PID, t.H.TID, t.Start).zombie {
		return nil // its last row has been written, and the rest of its process lives
	}
	if !listed && t.Start < a.opens {
		return nil // it was on a CPU, and is again
	}
	row := bpf.TaskSum{
		H: bpf.Header{Time: at, Kind: kindTaskSum, PID: t.H.PID, TID: t.H.TID}, Start: t.Start,
		CPUUnknownNS: min(t.TotalCPUNS-min(t.TotalCPUNS, had), at-max(a.opens, t.Start)),
	}
	return w.AddReading(bpf.Bytes(&row))
}

// addSinceSeen adds rows for threads that may have had more since they were seen to leave
// a CPU last: those whose task clocks say so, and those that have none any more, since
// nobody saw how they left for good.
func (a *accounts) addSinceSeen(w *format.Writer, clocks map[thread]uint64, at uint64) error {
	var firstErr error
	err := a.programs.Sums(func(tid uint32, s *bpf.Sum) {
		if c := a.running[tid]; c != nil && c.On.Start == s.Start || s.Dead != 0 || s.Parted != 0 || s.LastOut >= at {
			return
		}
		most := min(a.unseen.since(s.LastOut), at-s.LastOut)
		if clock, listed := clocks[thread{tid, s.Start}]; listed {
			most = min(most, clock-min(clock, s.CPUTimeBase+s.CPUTimeNS))
		}
		if most == 0 {
			return
		}
		row := a.row(tid, s, at)
		row.CPUUnknownNS += most
		last := a.written[tid]
		row.CPUTimeNS, last.again = max(row.CPUTimeNS, last.cpuTime), true
		a.written[tid] = last
		firstErr = cmp.Or(firstErr, a.addRow(w, &row, false))
	})
	return cmp.Or(err, firstErr)
}

// unseenGrain is how exactly intervals with unseen switches are remembered, in ns.
const unseenGrain = 100_000_000

// unseenTime is how long CPUs were in intervals with unseen switches, by when these ended.
type unseenTime struct {
	ns      map[uint64]uint64 // by the end, in units of unseenGrain
	untold  bool              // there were intervals that no row tells of
	ends    []uint64          // in order, once since was asked
	further []uint64          // ns of those and all later ones
}

// add remembers an interval.
func (u *unseenTime) add(from, to uint64) {
	if u.ns == nil {
		u.ns = map[uint64]uint64{}
	}
	u.ns[to/unseenGrain] += to - min(from, to)
}

// since is how much of that may lie after an instant, at most. Nothing may be added later.
func (u *unseenTime) since(t uint64) uint64 {
	if u.untold {
		return math.MaxUint64
	}
	if u.ends == nil {
		u.ends = slices.Sorted(maps.Keys(u.ns))
		u.further = make([]uint64, len(u.ends)+1)
		for i := len(u.ends) - 1; i >= 0; i-- {
			u.further[i] = u.further[i+1] + u.ns[u.ends[i]]
		}
	}
	i, _ := slices.BinarySearch(u.ends, t/unseenGrain)
	return u.further[i]
}
