// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ebrec/ebrec/analyze"

// processBuckets is how finely a process's time is divided.
const processBuckets = 4096

// What a process's threads do, in the order of the page.
const (
	onCPU = iota
	runnable
	blocked // uninterruptible sleep
	doings
)

// processLane is what the threads of one process did. Where nothing is drawn
// between its start and its end, all of them slept.
type processLane struct {
	proc       int32
	born, died int64 // ns since the recording began, as far as it lies in it; died 0: it lived on
	width      int64 // of a bucket, ns
	spent      [doings][]int64
}

func newProcessLane(s span, proc int32, start int64, switches bool) *processLane {
	l := &processLane{proc: proc, born: min(max(start-s.begin, 0), s.ns())}
	if !switches {
		return l
	}
	l.width = max(1, (s.ns()+processBuckets-1)/processBuckets)
	n := (s.ns() + l.width - 1) / l.width
	for i := range l.spent {
		l.spent[i] = make([]int64, n)
	}
	return l
}

// add gives time to the buckets that it lies in.
func (l *processLane) add(doing int, from, to int64) {
	buckets := l.spent[doing]
	for from < to {
		i := from / l.width
		if i >= int64(len(buckets)) {
			return
		}
		end := min(to, (i+1)*l.width)
		buckets[i] += end - from
		from = end
	}
}

// stay takes a time of a thread on a CPU, its wait, and what it slept before
// that so deeply that no signal wakes it.
func (l *processLane) stay(s span, t *analyze.Stay, now *running) {
	from, to := s.clip(t.From, t.To)
	l.add(onCPU, from, to)
	if t.Open || !t.WaitKnown {
		return
	}
	queued := t.From - int64(min(t.Wait, uint64(max(0, t.From-s.begin))))
	from, to = s.clip(queued, t.From)
	l.add(runnable, from, to)
	if now.state == 'D' && now.left > 0 {
		from, to = s.clip(now.left, queued)
		l.add(blocked, from, to)
	}
}
