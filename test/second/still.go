// SPDX-License-Identifier: Apache-2.0

package second

// still is who is on the CPUs that no switch up to the end of the span tells of, the idle
// task if that is 0: whom the first switch after it says, or what the sums say of a CPU
// that never switched.
func (r *recording) still() map[uint64]uint32 {
	who := map[uint64]uint32{}
	seen := r.open()
	for i := range r.all {
		e := &r.all[i]
		if _, switched := seen[e.n("cpu")]; switched {
			continue
		}
		switch {
		case e.kind == "sched_switch":
			who[e.n("cpu")], seen[e.n("cpu")] = e.id("tid"), e
		case e.kind == "cpu_sum":
			who[e.n("cpu")] = r.alone(e)
		}
	}
	return who
}

// alone is who was on a CPU all the time up to a row of its sums.
func (r *recording) alone(cpu *event) uint32 {
	if cpu.n("idle_ns") > 0 {
		return 0
	}
	for i := range r.all {
		e := &r.all[i]
		if e.kind == "task_sum" && e.at == cpu.at && e.n("voluntary")+e.n("involuntary") == 0 && int64(e.n("on_cpu_ns")) == cpu.at-r.begin {
			return e.id("tid")
		}
	}
	return 0
}
