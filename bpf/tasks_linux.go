// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// initialPIDNS is the inode number of the initial pid namespace
// (include/linux/proc_ns.h, PROC_PID_INIT_INO).
const initialPIDNS = 0xEFFFFFFC

// OwnPIDNamespace tells whether this process is in another pid namespace than
// the initial one: the numbers that it knows processes by are not those of the
// programs then.
var OwnPIDNamespace = sync.OnceValue(func() bool {
	var st unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &st) == nil && st.Ino != initialPIDNS
})

// The programs of walk.h. A round of steps goes on where the one before ended;
// with mostRounds a walk visits a million tasks, those counted that it visits again.
const (
	walkTasks   = "walk_tasks"
	walkCgroups = "walk_cgroups"
	roundSteps  = 1 << 11
	mostRounds  = 1 << 9
)

var errHeldElsewhere = errors.New("the kernel lists files of processes in the recorder's own pid namespace only")

var errWalk = errors.New("list the tasks of other pid namespaces: they change faster than they can be listed")

// Tasks returns every task there is, none when the kernel has no task iterator.
func (p *Programs) Tasks() ([]*ListedTask, error) {
	all, err := p.listTasks("list_tasks")
	if err == nil && len(all) == 0 && p.iters["list_tasks"] != nil {
		err = errListing
	}
	if err != nil || p.iters[walkTasks] == nil {
		return all, err
	}
	var elsewhere []*ListedTask
	err = p.walk(func() error {
		more, err := p.listTasks(walkTasks)
		elsewhere = append(elsewhere, more...)
		return err
	})
	return append(all, once(elsewhere)...), err
}

// walk has a program that walks over all tasks do so from the beginning.
func (p *Programs) walk(read func() error) error {
	if err := p.maps["process"]["walk"].Put(uint32(0), Walk{}); err != nil {
		return fmt.Errorf("begin the walk over tasks: %w", err)
	}
	for range mostRounds {
		if err := read(); err != nil {
			return err
		}
		var w Walk
		if err := p.maps["process"]["walk"].Lookup(uint32(0), &w); err != nil {
			return fmt.Errorf("end the walk over tasks: %w", err)
		}
		if w.Done != 0 {
			return nil
		}
	}
	return errWalk
}

func (p *Programs) listTasks(program string) (all []*ListedTask, err error) {
	data, err := p.iterate(program)
	for rec := range slices.Chunk(data, len(Bytes(new(ListedTask)))) {
		all = append(all, View[ListedTask](rec))
	}
	return all, err
}

// once leaves out the tasks that were listed before: a walk that loses its way
// begins again.
func once(all []*ListedTask) []*ListedTask {
	type id struct {
		tid   uint32
		start uint64
	}
	seen := map[id]bool{}
	return slices.DeleteFunc(all, func(t *ListedTask) bool {
		i := id{t.T.H.TID, t.T.Start}
		was := seen[i]
		seen[i] = true
		return was
	})
}
