// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"fmt"
	"testing"

	"github.com/ebrec/ebrec/diff"
	"github.com/ebrec/ebrec/format"
)

// Captures with hardly anything in them, or with a lot, are compared all the same.
func TestOddCaptures(t *testing.T) {
	base := steady(t, 20, map[int]float64{10: 20}, names, 1).end(20 * second)
	for name, odd := range map[string]*format.Capture{
		"empty":        newWriter(t, 1).end(0),
		"nothing":      newWriter(t, 1).open(0),
		"one event":    oneEvent(t),
		"many":         crowd(t, 50_000),
		"512 CPUs":     manyCPUs(t),
		"a day":        day(t),
		"cut short":    steady(t, 20, map[int]float64{10: 20}, names, 2).open(600),
		"each other's": eachOther(t),
	} {
		t.Run(name, func(t *testing.T) {
			for _, pair := range [][2]*format.Capture{{base, odd}, {odd, odd}} {
				r := compare(t, one(pair[0]), one(pair[1]), diff.Options{})
				if pair[0] == pair[1] && r.Changed() {
					t.Errorf("it changed against itself: %+v", r.Tables)
				}
			}
		})
	}
}

func oneEvent(t *testing.T) *format.Capture {
	w := newWriter(t, 1)
	w.add("fork", second, v{"pid": 7, "tid": 7, "ppid": 1, "start": second, "comm": "x"})
	return w.open(0)
}

// eachOther are processes that started each other, in a damaged capture.
func eachOther(t *testing.T) *format.Capture {
	w := newWriter(t, 1)
	for pid, ppid := range map[int]int{5: 6, 6: 5, 7: 7} {
		w.add("task", 0, v{"pid": pid, "tid": pid, "ppid": ppid, "start": int64(5), "comm": "loop", "reason": "snapshot"})
	}
	return w.end(second)
}

// crowd are processes that each have a name of their own, one below the other by
// the hundred.
func crowd(t *testing.T, n int) *format.Capture {
	w := newWriter(t, 8, "cpu", "process")
	for pid := 1; pid <= n; pid++ {
		w.task(pid, pid-pid%100, fmt.Sprintf("p%d", pid))
	}
	for s := int64(1); s <= 5; s++ {
		for pid := 1; pid <= n; pid++ {
			w.sum(s*second, pid, uint64(s)*10_000, uint64(s))
		}
		w.read(s*second, 8)
	}
	return w.end(5 * second)
}

func manyCPUs(t *testing.T) *format.Capture {
	w := newWriter(t, 512, "cpu", "process")
	w.task(10, 0, "db")
	for s := int64(1); s <= 10; s++ {
		w.sum(s*second, 10, uint64(s*second)*400, uint64(s)*100)
		w.read(s*second, 512)
	}
	return w.end(10 * second)
}

func day(t *testing.T) *format.Capture {
	w := newWriter(t, 2, "cpu", "process")
	w.task(10, 0, "db")
	for s := int64(1); s <= 86_400; s++ {
		w.sum(s*second, 10, uint64(s*second/5), uint64(s)*100)
		w.read(s*second, 2)
	}
	return w.end(86_400 * second)
}
