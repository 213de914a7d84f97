// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
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
	var names []string
	for rec := range slices.Chunk(data, len(Bytes(new(CgroupPart)))) {
		part := View[CgroupPart](rec)
		if len(told) == 0 || told[len(told)-1] != part.ID {
			told, names = append(told, part.ID), nil
		}
		if part.Root == 0 {
			names = append(names, unix.ByteSliceToString(rec[len(rec)-len(part.Name):]))
			continue
		}
		slices.Reverse(names)
		paths[part.ID], names = "/"+strings.Join(names, "/"), nil
	}
	return told
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
