// SPDX-License-Identifier: Apache-2.0

package check

// structure tells whether every byte that matters is sound: opening the
// capture verified each message and decoded every column.
func structure(r *recording) Verdict {
	v := Verdict{Check: "structure", Does: "every message and column can be read and has its checksum"}
	v.says("%d bytes, %d columns", r.Size(), len(r.Columns()))
	if r.Sealed() {
		v.says("with checksums")
	} else {
		v.says("rewritten by another program: there are no checksums")
	}
	if r.Cut() != nil {
		v.says("cut short")
	} else {
		v.says("whole")
	}
	for _, d := range r.damage {
		v.find("%d bytes at %d: %s", d.Bytes, d.Offset, d.Reason)
	}
	if repair := r.Meta().Repair; repair != nil {
		for _, d := range repair.Damage {
			v.find("%d bytes at %d were lost before it was repaired: %s", d.Bytes, d.Offset, d.Reason)
		}
	}
	return v
}
