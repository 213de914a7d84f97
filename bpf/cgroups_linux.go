// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
)

// CgroupPaths returns the paths of the cgroups of version 2 that tasks are in, by
// id, from the root of the hierarchy, whatever this process sees of it.
func (p *Programs) CgroupPaths() (map[uint64]string, error) {
	paths := map[uint64]string{}
	var told []uint64
	read := func(program string) error {
		data, err := p.iterate(program)
		told = append(told, addPaths(paths, data)...)
		return err
	}
	err := read("list_cgroups")
	if err == nil && p.iters[walkCgroups] != nil {
		err = p.walk(func() error { return read(walkCgroups) })
	}
	return paths, errors.Join(err, p.forgetCgroups(told))
}

// addPaths adds the paths that a listing tells of, and returns their cgroups.
func addPaths(paths map[uint64]string, data []byte) (told []uint64) {
	for len(data) > 0 {
		row := View[CgroupNames](data)
		names := data[unsafe.Sizeof(*row):][:row.Bytes]
		paths[row.ID], told = PathOf(names, row.Cut != 0), append(told, row.ID)
		data = data[len(Bytes(row))+len(names):]
	}
	return told
}

// PathOf makes a cgroup's path of its names as the programs tell them: innermost
// first, each with its NUL. One whose beginning is cut has no slash before it.
func PathOf(names []byte, cut bool) string {
	all := strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00")
	slices.Reverse(all)
	path := strings.Join(all, "/")
	if cut {
		return path
	}
	return "/" + path
}

// forgetCgroups has the next listing tell of cgroups again.
func (p *Programs) forgetCgroups(ids []uint64) error {
	for _, id := range ids {
		if err := p.maps["process"]["told_cgroups"].Delete(id); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("list cgroups: %w", err)
		}
	}
	return nil
}
