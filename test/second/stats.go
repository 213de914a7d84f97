// SPDX-License-Identifier: Apache-2.0

package second

// stat tells what /proc/stat says of a CPU, as a virtual machine has it.
func (w *world) stat(c *cpu) {
	if w.IntN(4) == 0 { // it cannot be read
		return
	}
	c.steal += w.Int64N(3) * 10_000_000
	w.rows = append(w.rows, row{w.now, "cpu_stat", v{"cpu": c.number, "steal_ns": c.steal, "irq_ns": c.steal / 2, "softirq_ns": c.steal / 5}})
}

// err has the sums of one thread id be wrong, as a recorder with a fault would.
func (w *world) err() {
	if w.IntN(8) > 0 {
		return
	}
	tid := w.threads[w.IntN(len(w.threads))].tid
	for _, r := range w.rows {
		if r.kind == "task_sum" && r.values["tid"] == tid {
			r.values["on_cpu_ns"] = r.values["on_cpu_ns"].(int64) + 7
		}
	}
}
