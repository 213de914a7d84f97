// SPDX-License-Identifier: Apache-2.0

package check

// The task clock and the wall clock are read a little apart, and on emulated machines
// they are steps apart; the wall clock may be steered by NTP (at most 500 millionths).
const clockDrift = 1000 // one part in so many

// possible holds a row of sums against the time there was: no thread runs longer
// than it lives, nor on a CPU.
func (s *sums) possible(id *threadID, now *row, t int64) {
	wall := uint64(max(0, t-max(id.start, s.begin)))
	if now[onCPUAt] > wall {
		s.v.find("on_cpu_ns of thread %d is %d at %s, more than the %d ns that it had lived", id.tid, now[onCPUAt], at(t), wall)
	}
	if now[cpuTimeAt] > wall+wall/clockDrift+anOutage {
		s.v.find("cpu_time_ns of thread %d is %d at %s, more than the %d ns that it had lived", id.tid, now[cpuTimeAt], at(t), wall)
	}
}

// What explains that a thread has more CPU time than time on a CPU: the task clock
// begins before the thread's switch is seen, and is brought up to date by ticks.
// Between the two a host may take a virtual CPU away, and not every one tells the
// guest: for long now and then, for a time slice more often.
const (
	anOutage = 100_000_000 // ns
	aSwitch  = 5_000_000   // ns
	clockOff = 50          // one part in so many
)

// explain wants CPU time to be no more than time on a CPU, by more than the two
// clocks explain: the host may have stolen time right where they begin, and what
// went unseen is in the task clock alone. While a machine is suspended the clocks stop
// at other instants.
func (s *sums) explain() {
	if s.suspended {
		return
	}
	open := uint64(anOutage)
	for _, c := range s.cpus {
		open += c.steal + c.unseen
	}
	for _, id := range s.ids() {
		used := s.threads[id].total()
		on := used[onCPUAt]
		most := on + on/clockOff + aSwitch*(used[voluntaryAt]+used[involuntaryAt]) + open
		if used[cpuTimeAt] > most {
			s.v.find("thread %d has %d ns of CPU time and was on a CPU for %d ns: the clocks explain %d ns at most", id.tid, used[cpuTimeAt], on, most-on)
		}
	}
}
