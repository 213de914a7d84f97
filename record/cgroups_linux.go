// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/bpf"
)

// cgroupMount is where the cgroup v2 hierarchy is mounted; empty: nowhere.
func cgroupMount() string {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if part := strings.Fields(lines.Text()); len(part) > 2 && part[2] == "cgroup2" {
			return part[1]
		}
	}
	return ""
}

// cgroupIDs are the ids of the cgroups asked for and of those below them. A
// path is one below the mount, or that of its directory.
func cgroupIDs(paths []string) (ids []uint64, err error) {
	mount := cgroupMount()
	for _, path := range paths {
		dir := filepath.Join(mount, path)
		var st unix.Statfs_t
		if unix.Statfs(path, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			dir = path
		}
		if mount == "" || unix.Statfs(dir, &st) != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
			return nil, hinted{fmt.Errorf("record cgroup %s: no such cgroup of version 2", path), "give a directory below the cgroup2 mount (mount -t cgroup2), such as system.slice"}
		}
		err = walkCgroups(dir, func(id uint64) { ids = append(ids, id) })
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// walkCgroups visits a cgroup's directory and all below it, also where a path is
// longer than system calls take.
func walkCgroups(dir string, visit func(id uint64)) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("list cgroups: %w", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, fs.ErrPermission) && path != "." {
			return nil // removed meanwhile, or not ours to see
		}
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if info, err := root.Stat(path); err == nil {
			visit(info.Sys().(*syscall.Stat_t).Ino)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list cgroups: %w", err)
	}
	return nil
}

// addCgroups adds the paths of the cgroups that tasks are in.
func (s *session) addCgroups(used map[uint64]bool) error {
	paths, err := s.programs.CgroupPaths()
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(paths)) {
		if !used[id] {
			continue
		}
		if err := s.addCgroup(id, paths[id]); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) addCgroup(id uint64, path string) error {
	row := bpf.CgroupPath{H: bpf.Header{Time: bpf.Now(), Kind: kindCgroupPath}, CgroupID: id}
	setPath(&row, path)
	return s.writer.AddReading(bpf.Bytes(&row))
}

// cgroupOf makes the row of a record, which has the names of the path.
func cgroupOf(rec []byte) *bpf.CgroupPath {
	row := new(bpf.CgroupPath)
	fixed := int(unsafe.Offsetof(row.Cgroup))
	copy(bpf.Bytes(row)[:fixed], rec)
	setPath(row, bpf.PathOf(rec[fixed:], row.Cut != 0))
	return row
}

// setPath fills in a cgroup's path and container. Of a path that has no room, or whose
// beginning the kernel program left out, the end is kept, of whole names. Nothing says
// whether what was cut off names the container: a cut path has none.
func setPath(row *bpf.CgroupPath, path string) {
	if len(path) >= len(row.Cgroup) {
		path = strings.TrimPrefix(path, "/")
	}
	for len(path) >= len(row.Cgroup) {
		_, path, _ = strings.Cut(path, "/")
	}
	setText(row.Cgroup[:], path)
	if strings.HasPrefix(path, "/") {
		setText(row.Container[:], containerOf(path))
	} else {
		row.Cut = 1
	}
}

// setText puts text into a field that ends with a NUL, as much as it holds.
func setText(to []int8, text string) {
	n := min(len(text), len(to)-1)
	for i := range n {
		to[i] = int8(text[i])
	}
	clear(to[n:])
}

// text is what a field that ends with a NUL holds.
func text(field []int8) string {
	b := make([]byte, 0, len(field))
	for _, c := range field {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// Container runtimes name cgroups by the container's id, 64 hexadecimal digits:
// docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope,
// /docker/ID. LXC has lxc.payload.NAME, systemd-nspawn machine-NAME.scope.
var (
	containerID   = regexp.MustCompile(`(?:^|[-/:])([0-9a-f]{64})(?:\.scope)?(?:/|$)`)
	containerName = regexp.MustCompile(`/(?:lxc\.payload[./]|lxc/|machine\.slice/machine-)([^/]+?)(?:\.scope)?(?:/|$)`)
)

// containerOf is the innermost container that a cgroup is of; empty: none.
func containerOf(path string) string {
	for _, shape := range []*regexp.Regexp{containerID, containerName} {
		if all := shape.FindAllStringSubmatch(path, -1); len(all) > 0 {
			return all[len(all)-1][1]
		}
	}
	return ""
}
