// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// watch is a trigger and the field of a raw record that it looks at.
type watch struct {
	trigger *Trigger
	field   *format.Field
}

// watch has the drain look for conditions in what it takes; saw is called for
// each record that has one.
func (d *drain) watch(triggers []*Trigger, saw func(t *Trigger, at uint64)) error {
	d.watches, d.saw = map[uint16][]watch{}, saw
	for _, t := range triggers {
		i := slices.IndexFunc(d.kinds, func(k format.Kind) bool { return k.Name == t.kind })
		if i < 0 || d.kinds[i].Field(t.column) == nil {
			return fmt.Errorf("trigger %s: nothing that is recorded has %s", t.Text, t.column)
		}
		w := watch{t, d.kinds[i].Field(t.column)}
		if d.kinds[i].ID == kindSwitch { // they come in batches
			d.waits = append(d.waits, w)
			continue
		}
		d.watches[d.kinds[i].ID] = append(d.watches[d.kinds[i].ID], w)
	}
	return nil
}

// look looks at one record.
func (d *drain) look(h *bpf.Header, rec []byte) {
	for _, w := range d.watches[h.Kind] {
		if w.trigger.holds(w.field.Uint(rec)) {
			d.saw(w.trigger, h.Time)
		}
	}
}
