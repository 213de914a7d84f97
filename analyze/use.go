// SPDX-License-Identifier: Apache-2.0

package analyze

import "slices"

// A Quantity is what adds up of processes, threads and connections.
type Quantity int

// The quantities; times are in ns.
const (
	CPUTime     Quantity = iota // by the task clock; in parts that are measured by switches time on a CPU
	RunQueue                    // waits for a CPU that ended within the recording
	Switches                    // times it left a CPU
	Involuntary                 // those while runnable
	Alive                       // lives of processes, as far as they are within the recording
	Starts                      // processes that began within the recording
	Connects                    // connections that were opened or accepted, failed ones included
	Failures                    // connects that failed
	Responses                   // times that an answer began to arrive
	Retransmits                 // segments that were sent again
	quantities
)

// A Latency is a duration that has percentiles.
type Latency int

// The latencies.
const (
	Wait     Latency = iota // for a CPU before each time on one, of which the wait is known
	Connect                 // from the first SYN to the end of the handshake, of those that succeeded
	Response                // from the last byte sent to the first that came back
	lasting
)

// Amounts are how much there is of each quantity.
type Amounts [quantities]uint64

// Use is what a process, a thread, several of them, or connections used and did.
type Use struct {
	Total Amounts
	// Least and Most are bounds of the CPU time: the same as that unless sums are
	// missing.
	Least, Most uint64
	// Parts are what of it lies in each of the profile's steps, of which there may
	// be fewer; nil unless kept.
	Parts []Amounts
	// Times are latencies over time; nil where there are none, or it was not kept.
	Times [lasting]*Durations
	// Keep has Measure keep Parts and Times.
	Keep bool
}

// Add adds another's. Nothing of the other is changed, nor shared.
func (u *Use) Add(o *Use) {
	u.Total.add(&o.Total)
	u.Least += o.Least
	u.Most += o.Most
	if u.Parts == nil && o.Parts != nil {
		u.Parts = make([]Amounts, mostSteps)
	}
	for i := range o.Parts {
		u.Parts[i].add(&o.Parts[i])
	}
	for i, d := range o.Times {
		if d == nil {
			continue
		}
		if u.Times[i] == nil {
			u.Times[i] = &Durations{}
		}
		u.Times[i].merge(d)
	}
}

func (a *Amounts) add(o *Amounts) {
	for i := range a {
		a[i] += o[i]
	}
}

// count adds what a thread used.
func (u *Use) count(t *thread, open uint64) {
	used := t.past
	used.add(t.last)
	used.subtract(t.base)
	for q, n := range map[Quantity]uint64{CPUTime: used.cpuTime, RunQueue: used.runQueue, Switches: used.voluntary + used.involuntary, Involuntary: used.involuntary} {
		u.Total[q] += n
	}
	u.Least += used.cpuTime
	u.Most += used.cpuTime + used.unknown + open
}

// part is a step's amounts.
func (u *Use) part(i int) *Amounts {
	if u.Parts == nil {
		u.Parts = make([]Amounts, mostSteps)
	}
	return &u.Parts[i]
}

// times are the durations of one kind.
func (u *Use) times(l Latency) *Durations {
	if u.Times[l] == nil {
		u.Times[l] = &Durations{}
	}
	return u.Times[l]
}

// Steps are intervals that follow each other, by their edges in Unix ns.
type Steps []int64

// Len is how many there are.
func (s Steps) Len() int { return max(0, len(s)-1) }

// Length is how long one of them is, in ns.
func (s Steps) Length(i int) int64 { return s[i+1] - s[i] }

// mostSteps is how many intervals a profile has at most: enough for an estimate
// of noise, and few enough that those that follow each other hardly depend on
// each other.
const mostSteps = 32

// equalSteps divides a span.
func equalSteps(from, to int64) Steps {
	if to-from < mostSteps {
		return nil
	}
	s := make(Steps, mostSteps+1)
	for i := range s {
		s[i] = from + (to-from)/mostSteps*int64(i)
	}
	s[mostSteps] = to
	return s
}

// stepsAt are steps that begin and end at instants, which are in order.
func stepsAt(from, to int64, at []int64) Steps {
	s, least := Steps{from}, (to-from)/mostSteps
	for _, t := range at {
		if t > s[len(s)-1] && t >= s[len(s)-1]+least && t <= to {
			s = append(s, t)
		}
	}
	i, _ := slices.BinarySearch(at, to+1)
	if i > 0 && len(s) > 1 { // the last one is followed by nothing
		s[len(s)-1] = at[i-1]
	}
	return s
}

// at is the step of an instant: an edge belongs to the step that it ends; -1: it
// is in none.
func (s Steps) at(t int64) int {
	if len(s) < 2 || t <= s[0] || t > s[len(s)-1] {
		return -1
	}
	low, high := 0, len(s)-2
	for low < high {
		if mid := (low + high) / 2; t <= s[mid+1] {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// each divides a span among the steps that it lies in.
func (s Steps) each(from, to int64, visit func(i int, ns uint64)) {
	if len(s) < 2 {
		return
	}
	from, to = max(from, s[0]), min(to, s[len(s)-1])
	for i := s.at(from + 1); from < to && i >= 0; i++ {
		end := min(to, s[i+1])
		visit(i, uint64(end-from))
		from = end
	}
}
