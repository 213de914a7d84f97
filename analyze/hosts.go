// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"maps"
	"slices"
)

// boot is the time between a machine's start and the next one, as far as captures
// tell: from when it was booted to the last that is known of it, Unix ns.
type boot struct {
	host, id    string
	from, until int64
}

// nameHosts gives captures the names of their hosts. Machines of one name are told
// apart by their boots: two boots of one machine follow each other, so where two
// overlap they are of two machines. Then nobody can tell which boot of that name is
// of which machine, and each is a host of its own: its name is followed by the first
// digits of the boot id.
func nameHosts(members []member) {
	type key struct{ host, id string }
	boots := map[key]*boot{}
	for i := range members {
		m := &members[i]
		if m.bad != nil {
			continue
		}
		k := key{m.Host, m.BootID}
		b := boots[k]
		if b == nil {
			b = &boot{host: m.Host, id: m.BootID, from: m.boot, until: m.until}
			boots[k] = b
		}
		b.from, b.until = min(b.from, m.boot), max(b.until, m.until)
	}
	byHost := map[string][]*boot{}
	for _, b := range boots {
		byHost[b.host] = append(byHost[b.host], b)
	}
	named, taken := map[key]string{}, map[string]bool{}
	for host := range byHost {
		taken[host] = true
	}
	for _, host := range slices.Sorted(maps.Keys(byHost)) {
		all := byHost[host]
		if !overlap(all) {
			continue
		}
		n := digits(all)
		for _, b := range all {
			name := host + "#" + b.id[:min(n, len(b.id))]
			for taken[name] { // somebody called a machine so
				name += "#"
			}
			taken[name], named[key{host, b.id}] = true, name
		}
	}
	for i := range members {
		m := &members[i]
		if name, ok := named[key{m.Host, m.BootID}]; ok && m.bad == nil {
			m.Host = name
		}
	}
}

// clockSlack is how far a wall clock may be set from one recording to the next, and
// two boots of one machine still not overlap, ns.
const clockSlack = 1_000_000_000

// overlap tells whether two of several boots were at the same time.
func overlap(all []*boot) bool {
	slices.SortFunc(all, func(a, b *boot) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.id, b.id)) })
	until := all[0].until
	for _, b := range all[1:] {
		if b.from+clockSlack < until {
			return true
		}
		until = max(until, b.until)
	}
	return false
}

// digits is how many of the first digits of boot ids tell them apart, eight at
// least.
func digits(all []*boot) int {
	for n := 8; ; n++ {
		seen, longer := map[string]bool{}, false
		for _, b := range all {
			seen[b.id[:min(n, len(b.id))]] = true
			longer = longer || len(b.id) > n
		}
		if len(seen) == len(all) || !longer {
			return n
		}
	}
}
