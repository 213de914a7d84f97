// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"slices"

	"github.com/ebrec/ebrec/format"
)

// Occupants tells who was on CPUs from the beginning of a recording on, by number of
// the CPU; 0 is the idle task. It has those CPUs that no switch up to an instant (0:
// the end) tells of: a CPU may be idle for long, and a thread that is the only one
// there need not ever leave it.
func Occupants(c *format.Capture, to int64) (map[int]uint32, error) {
	who := map[int]uint32{}
	still, err := stillCPUs(c)
	if err != nil || still.cpus == nil {
		return who, err
	}
	busy := still.occupy(who)
	if len(busy) > 0 {
		threads, err := stillThreads(c, still.begin)
		if err != nil {
			return nil, err
		}
		// Which of them was on which CPU makes no difference to any of their times.
		for i := range min(len(busy), len(threads)) {
			who[busy[i]] = threads[i]
		}
	}
	if to != 0 {
		err = still.leaveAfter(c, to, who)
	}
	return who, err
}

// leaveAfter tells who leaves each CPU that switches after an instant for the first
// time.
func leaveAfter(c *format.Capture, to int64) (map[int]uint32, error) {
	who := map[int]uint32{}
	still, err := stillCPUs(c)
	if err != nil || still.cpus == nil {
		return who, err
	}
	return who, still.leaveAfter(c, to, who)
}

// stills are the last rows of sums of CPUs.
type stills struct {
	begin int64
	cpus  map[int]cpuRow
}

type cpuRow struct{ switches, idle, unseen uint64 }

func stillCPUs(c *format.Capture) (*stills, error) {
	s := &stills{begin: c.Meta().Start.UnixNano()}
	cpu, switches, idle, unseen := c.Col(format.ColumnCPU), c.Col("switches"), c.Col("idle_ns"), c.Col("unseen_ns")
	if c.Kind("cpu_sum") == nil || c.Kind("sched_switch") == nil || switches == format.NoCol {
		return s, nil
	}
	s.cpus = map[int]cpuRow{}
	for b, err := range c.Batches(format.Scan{Kinds: []string{"cpu_sum"}, Columns: []format.Col{cpu, switches, idle, unseen}}) {
		if err != nil {
			return s, err
		}
		for i := range b.Len() {
			s.cpus[int(b.Uint(cpu, i))] = cpuRow{b.Uint(switches, i), b.Uint(idle, i), b.Uint(unseen, i)}
		}
	}
	return s, nil
}

// occupy notes the CPUs that were idle all the time, or had by nobody knows whom, and
// returns those that never switched and were not.
func (s *stills) occupy(who map[int]uint32) (busy []int) {
	for cpu, r := range s.cpus {
		switch {
		case r.switches > 0:
		case r.idle+r.unseen > 0:
			who[cpu] = 0
		default:
			busy = append(busy, cpu)
		}
	}
	slices.Sort(busy)
	return busy
}

// stillThreads are those that were on a CPU from the beginning to their last row, and
// never left it.
func stillThreads(c *format.Capture, begin int64) (all []uint32, err error) {
	tid, onCPU, voluntary, involuntary := c.Col(format.ColumnTID), c.Col("on_cpu_ns"), c.Col("voluntary"), c.Col("involuntary")
	for b, err := range c.Batches(format.Scan{Kinds: []string{"task_sum"}, Columns: []format.Col{tid, onCPU, voluntary, involuntary}}) {
		if err != nil {
			return nil, err
		}
		for i := range b.Len() {
			t := uint32(b.Uint(tid, i))
			at, found := slices.BinarySearch(all, t)
			switch still := b.Uint(voluntary, i)+b.Uint(involuntary, i) == 0 && b.Uint(onCPU, i) == uint64(b.Time(i)-begin); {
			case still && !found:
				all = slices.Insert(all, at, t)
			case !still && found:
				all = slices.Delete(all, at, at+1)
			}
		}
	}
	return all, nil
}

// leaveAfter adds those to who.
func (s *stills) leaveAfter(c *format.Capture, to int64, who map[int]uint32) error {
	seen := map[int]bool{}
	for cpu, r := range s.cpus {
		if r.switches == 0 {
			seen[cpu] = true
		}
	}
	cpu, tid := c.Col(format.ColumnCPU), c.Col(format.ColumnTID)
	for b, err := range c.Batches(format.Scan{Kinds: []string{"sched_switch"}, Columns: []format.Col{cpu, tid}}) {
		if err != nil {
			return err
		}
		for i := range b.Len() {
			n := int(b.Uint(cpu, i))
			if seen[n] {
				continue
			}
			if seen[n] = true; b.Time(i) > to {
				who[n] = uint32(b.Uint(tid, i))
			}
		}
		if len(seen) >= len(s.cpus) {
			break
		}
	}
	return nil
}
