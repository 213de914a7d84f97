// SPDX-License-Identifier: Apache-2.0

package analyze

import "github.com/ebrec/ebrec/replay"

// lastNames are the last names of threads that have a row, or of first threads
// whose process has one.
type lastNames map[threadID]string

// keep follows the name of a task from now on.
func (n lastNames) keep(task replay.Task) threadID {
	id := threadID{task.TID, task.Start}
	n[id] = task.Comm
	return id
}

// update takes the name of whoever has a number now, if it is followed.
func (n lastNames) update(tasks *replay.Tasks, tid uint32) {
	if task := tasks.Find(tid); task != nil {
		id := threadID{tid, task.Start}
		if _, followed := n[id]; followed {
			n[id] = task.Comm
		}
	}
}
