// SPDX-License-Identifier: Apache-2.0

package second

import (
	"fmt"
	"math"
	"slices"
)

// family is the life of a process, with its row.
type family struct {
	id     identity
	parent uint32 // that started it
	row    []any
}

// families are the lives that have rows, by start.
func (r *recording) families() (all []family) {
	for id, said := range r.people {
		if id.tid != said[0].pid || said[0].at > r.to {
			continue
		}
		if row := r.life(id); row != nil {
			all = append(all, family{id, uint32(row[2].(uint64)), row})
		}
	}
	slices.SortFunc(all, func(a, b family) int { return int(a.id.start - b.id.start) })
	return all
}

// shortLives are processes that began and ended within the span, by a name.
func (r *recording) shortLives(name func(f *family) any) (rows [][]any) {
	lives, failed, cpu := map[any]durations{}, map[any]uint64{}, map[any]uint64{}
	for _, f := range r.families() {
		if f.row[14] == uint64(1) || f.row[13] != "exited" {
			continue
		}
		k := name(&f)
		lives[k] = append(lives[k], f.row[9].(uint64))
		if f.row[10] != uint64(0) || f.row[11] != uint64(0) {
			failed[k]++
		}
		if n, known := f.row[12].(uint64); known {
			cpu[k] += n
		}
	}
	for k, d := range lives {
		rate := math.Round(float64(len(d))/float64(r.last()-r.first())*1e12) / 1000
		rows = append(rows, []any{k, uint64(len(d)), rate, failed[k], d.rank(50), d.rank(100), cpu[k]})
	}
	return rows
}

// shortByParent are those by the name of who started them then.
func shortByParent(r *recording, _ string) [][]any {
	return r.shortLives(func(f *family) any {
		if id, known := r.who(f.parent, r.people[f.id][0].at); known {
			return r.people.at(id, r.people[f.id][0].at).comm
		}
		return "?"
	})
}

// shortByFile are those by the file that they executed last.
func shortByFile(r *recording, _ string) [][]any {
	return r.shortLives(func(f *family) any { return f.row[5] })
}

// tree is each process below the one that started it, in order.
func tree(r *recording) (rows [][]any) {
	all := r.families()
	below := map[identity][]*family{}
	for i := range all {
		var parent identity
		for _, f := range all {
			if f.id.tid == all[i].parent && (f.id.start < all[i].id.start || f.id.start == all[i].id.start && f.id.tid < all[i].id.tid) {
				parent = f.id // the last of that number
			}
		}
		below[parent] = append(below[parent], &all[i])
	}
	var draw func(of identity, depth int, lines string)
	draw = func(of identity, depth int, lines string) {
		for i, f := range below[of] {
			front, further := lines+"├─ ", lines+"│  "
			if i == len(below[of])-1 {
				front, further = lines+"└─ ", lines+"   "
			}
			if depth == 0 {
				front, further = "", ""
			}
			rows = append(rows, []any{f.row[0], uint64(depth), front + f.row[4].(string), f.row[9], f.row[12], f.status(), f.row[5], f.row[7]})
			draw(f.id, depth+1, further)
		}
	}
	draw(identity{}, 0, "")
	return rows
}

// status is how a process ended.
func (f *family) status() string {
	switch {
	case f.row[10] == nil:
		return f.row[13].(string)
	case f.row[11] != uint64(0):
		return fmt.Sprint("signal ", f.row[11])
	}
	return fmt.Sprint("exit ", f.row[10])
}
