// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"maps"
	"slices"
	"testing"
)

func TestAddPaths(t *testing.T) {
	var data []byte
	add := func(id uint64, root uint32, name string) {
		part := CgroupPart{ID: id, Root: root}
		for i := range name {
			part.Name[i] = int8(name[i])
		}
		data = append(data, Bytes(&part)...)
	}
	add(7, 0, "leaf")
	add(7, 0, "b")
	add(7, 1, "")
	add(1, 1, "")
	add(9, 0, "deeper than is told")
	add(8, 0, "x")
	add(8, 1, "")
	add(8, 0, "x") // told twice
	add(8, 1, "")
	got := map[uint64]string{}
	told := addPaths(got, data)
	if want := map[uint64]string{7: "/b/leaf", 1: "/", 8: "/x"}; !maps.Equal(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
	if want := []uint64{7, 1, 9, 8}; !slices.Equal(told, want) {
		t.Errorf("told of %d, want %d", told, want)
	}
}
