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
