// SPDX-License-Identifier: Apache-2.0

package record

import "github.com/ebrec/ebrec/bpf"

// hiddenParents tells of processes that the kernel's list of tasks lacks, although
// others in it name them as their parent: the machine hides them from tracing.
func (s *session) hiddenParents(all []*bpf.Task) error {
	if s.programs.Filtered() {
		return nil // it does not tell who the parents of its processes are
	}
	listed, hidden := map[uint32]bool{0: true}, map[uint32]bool{}
	for _, t := range all {
		listed[t.H.PID] = true
	}
	for _, t := range all {
		if !listed[t.PPID] && t.Reason != bpf.ReasonExiting {
			hidden[t.PPID] = true
		}
	}
	return s.losses.hid(s.writer, uint64(len(hidden)), bpf.Now())
}
