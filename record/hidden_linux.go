// SPDX-License-Identifier: Apache-2.0

package record

import (
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

// addNeverSeen adds rows for threads without sums, where switches went unseen: that
// their task clocks stand where they stood, or what they may have had.
func (s *session) addNeverSeen(at uint64) error {
	if s.losses.unseen == 0 || !s.programs.Records("cpu") {
		return nil
	}
	all, err := s.programs.Tasks()
	if err != nil {
		return err
	}
	for _, listed := range all {
		t := &listed.T
		if p := processOf(listed); !s.programs.Wanted(p) || s.programs.Joined(p) {
			continue // of one that came while it lived, nobody knows what it had then
		}
		if err := s.sums.addNeverSeen(s.writer, t, at); err != nil {
			return err
		}
	}
	return nil
}

// addNeverSeen adds the row of a thread that was listed in the end, unless it has
// sums.
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
