// SPDX-License-Identifier: Apache-2.0

package record

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/ebrec/ebrec/bpf"
)

func TestContainerOf(t *testing.T) {
	id, inner := strings.Repeat("0123456789abcdef", 4), strings.Repeat("f", 64)
	for path, want := range map[string]string{
		"/":                                     "",
		"/system.slice/nginx.service":           "",
		"/docker/" + id:                         id,
		"/system.slice/docker-" + id + ".scope": id,
		"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope": id,
		"/kubepods/burstable/pod-1/" + id + "/sub":                            id,
		"/machine.slice/libpod-" + id + ".scope/container":                    id,
		"/docker/" + id + "/docker/" + inner:                                  inner,
		"/kubepods.slice/crio-" + id + ".scope":                               id,
		"/x/" + id + "0":                                                      "",
		"/lxc.payload.web/system.slice":                                       "web",
		"/machine.slice/machine-build.scope/payload":                          "build",
	} {
		if got := containerOf(path); got != want {
			t.Errorf("containerOf(%s) = %q, want %q", path, got, want)
		}
	}
}

// rawCgroup is what the kernel program sends of a path: its names, innermost first.
func rawCgroup(path string) []byte {
	row := bpf.CgroupPath{CgroupID: 7}
	names := strings.Split(strings.Trim(path, "/"), "/")
	slices.Reverse(names)
	return append(bpf.Bytes(&row)[:unsafe.Offsetof(row.Cgroup)], strings.Join(names, "\x00")+"\x00"...)
}

// A path is whole up to the longest there is; beyond, the end is kept, and names no
// container.
func TestCgroupOf(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	deep := func(n int) string {
		end := "/docker/" + id
		rest := n - len(end) - 1
		first := 254 - rest%2
		return "/" + strings.Repeat("n", first) + strings.Repeat("/d", (rest-first)/2) + end
	}
	for _, c := range []struct {
		path, want, container string
		cut                   uint8
	}{
		{"/", "/", "", 0},
		{"/a/b", "/a/b", "", 0},
		{deep(4095), deep(4095), id, 0},
		{deep(4096), deep(4096)[1:], "", 1},
		{deep(4097), deep(4097)[strings.Index(deep(4097), "n/")+2:], "", 1},
	} {
		got := cgroupOf(rawCgroup(c.path))
		if text(got.Cgroup[:]) != c.want || text(got.Container[:]) != c.container || got.Cut != c.cut || got.CgroupID != 7 {
			t.Errorf("path of %d bytes: %d bytes, container %q, cut %d, want %d, %q, %d", len(c.path), len(text(got.Cgroup[:])), text(got.Container[:]), got.Cut, len(c.want), c.container, c.cut)
		}
	}
}

// Directories are listed however long their paths are.
func TestWalkDeep(t *testing.T) {
	top := t.TempDir()
	root, err := os.OpenRoot(top)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	path := "."
	for range 20 {
		path = filepath.Join(path, strings.Repeat("d", 250))
		if err := root.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = root.RemoveAll(strings.Repeat("d", 250)) })
	info, err := root.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []uint64
	if err := walkCgroups(top, func(id uint64) { found = append(found, id) }); err != nil {
		t.Fatal(err)
	}
	if want := info.Sys().(*syscall.Stat_t).Ino; len(found) != 21 || found[20] != want {
		t.Errorf("directories %d, want 21, the last %d", found, want)
	}
}
