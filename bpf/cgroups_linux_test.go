// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"maps"
	"slices"
	"testing"
)

func TestAddPaths(t *testing.T) {
	var data []byte
	add := func(id uint64, cut uint32, names string) {
		row := CgroupNames{ID: id, Bytes: uint32(len(names)), Cut: cut}
		data = append(append(data, Bytes(&row)...), names...)
	}
	add(7, 0, "leaf\x00b\x00")
	add(1, 0, "")
	add(9, 1, "deeper\x00than is told\x00")
	add(8, 0, "x\x00")
	got := map[uint64]string{}
	told := addPaths(got, data)
	if want := map[uint64]string{7: "/b/leaf", 1: "/", 8: "/x", 9: "than is told/deeper"}; !maps.Equal(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
	if want := []uint64{7, 1, 9, 8}; !slices.Equal(told, want) {
		t.Errorf("told of %d, want %d", told, want)
	}
}
