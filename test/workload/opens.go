// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ebrec/ebrec/test/truth"
	"golang.org/x/sys/unix"
)

// nobody is the user that may not read the secret file.
const nobody = 65534

// opens runs a process that opens files with every kind of result, and one of
// another user that may not open its file.
func opens(s *stage, _ options) (*truth.Truth, error) {
	dir := filepath.Join(s.dir, "opens")
	if err := scenery(s.dir, dir); err != nil {
		return nil, err
	}
	t := new(truth.Truth)
	for _, uid := range []int{os.Geteuid(), nobody} {
		c, err := s.child(fmt.Sprintf("eb-open-%d", uid), "open", dir, strconv.Itoa(uid))
		if err != nil {
			return nil, err
		}
		if err := c.cmd.Run(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		var done []truth.Open
		if err := json.Unmarshal(c.stdout.Bytes(), &done); err != nil {
			return nil, fmt.Errorf("read report of %s: %w", c.name, err)
		}
		t.Opens = append(t.Opens, done...)
	}
	return t, nil
}

// scenery makes the files that are opened.
func scenery(stage, dir string) error {
	for _, path := range []string{stage, dir} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "present"), []byte("here\n"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), nil, 0o600); err != nil {
		return err
	}
	return os.Symlink("present", filepath.Join(dir, "link"))
}

// attempt is one open and the result it must have.
type attempt struct {
	call    string
	path    string
	flags   int
	resolve uint64 // of openat2
	errno   unix.Errno
}

func attempts(dir string, uid int) []attempt {
	in := func(name string) string { return filepath.Join(dir, name) }
	if uid != os.Geteuid() {
		return []attempt{
			{call: "openat", path: in("secret"), flags: unix.O_RDONLY, errno: unix.EACCES},
			{call: "openat2", path: in("secret"), flags: unix.O_RDWR, errno: unix.EACCES},
		}
	}
	return []attempt{
		{call: "openat", path: in("present"), flags: unix.O_RDONLY},
		{call: "openat", path: in("new"), flags: unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_CLOEXEC},
		{call: "openat", path: "present", flags: unix.O_RDONLY},
		{call: "openat", path: in("missing"), flags: unix.O_RDONLY, errno: unix.ENOENT},
		{call: "openat", path: in("present"), flags: unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL, errno: unix.EEXIST},
		{call: "openat", path: in("present"), flags: unix.O_RDONLY | unix.O_DIRECTORY, errno: unix.ENOTDIR},
		{call: "openat", path: dir, flags: unix.O_WRONLY, errno: unix.EISDIR},
		{call: "openat", path: in("link"), flags: unix.O_RDONLY | unix.O_NOFOLLOW, errno: unix.ELOOP},
		{call: "openat2", path: in("present"), flags: unix.O_RDWR | unix.O_APPEND},
		{call: "openat2", path: in("missing"), flags: unix.O_RDONLY, errno: unix.ENOENT},
		{call: "openat2", path: in("present"), flags: unix.O_RDONLY, resolve: unix.RESOLVE_BENEATH, errno: unix.EXDEV},
		{call: "openat", path: padded(in("present"), 255), flags: unix.O_RDONLY},
		{call: "openat2", path: padded(in("present"), 256), flags: unix.O_RDONLY},
		{call: "openat", path: padded(in("present"), unix.PathMax-1), flags: unix.O_RDONLY},
		{call: "openat", path: padded(in("present"), unix.PathMax), flags: unix.O_RDONLY, errno: unix.ENAMETOOLONG},
		{call: "open_by_handle_at", errno: unix.EINVAL},
		{call: "io_uring", path: in("present"), flags: unix.O_RDONLY},
		{call: "io_uring", path: in("missing"), flags: unix.O_RDWR, errno: unix.ENOENT},
		{call: "io_uring", path: padded(in("present"), unix.PathMax-1), flags: unix.O_RDONLY},
	}
}

// padded is an absolute path of n bytes to the same file.
func padded(path string, n int) string {
	more := n - len(path)
	return strings.Repeat("/", more%2) + strings.Repeat("/.", more/2) + path
}

// openRole makes the attempts of one user. Args: DIR UID.
func openRole(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want DIR UID, have %q", args)
	}
	uid, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	todo := append(attempts(args[0], uid), oldAttempts(args[0], uid)...)
	if err := become(uid); err != nil {
		return err
	}
	dirFD, err := unix.Open(args[0], unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", args[0], err)
	}
	var log []truth.Open
	for _, a := range todo {
		if err := a.do(dirFD); err != nil {
			return err
		}
		log = append(log, truth.Open{
			PID: os.Getpid(), Syscall: a.call, Path: a.path[:min(len(a.path), unix.PathMax-1)], Cut: len(a.path) >= unix.PathMax, Flags: a.flags, Errno: int(a.errno),
		})
	}
	return json.NewEncoder(os.Stdout).Encode(log)
}

// become gives privileges up for those of another user.
func become(uid int) error {
	if uid == os.Geteuid() {
		return nil
	}
	if err := unix.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("become uid %d (needs root): %w", uid, err)
	}
	return nil
}

// do opens the file and checks the result. Relative paths start at dirFD.
func (a attempt) do(dirFD int) error {
	var fd int
	var err error
	switch a.call {
	case "openat":
		fd, err = unix.Openat(dirFD, a.path, a.flags, 0o600)
	case "openat2":
		how := unix.OpenHow{Flags: uint64(a.flags), Resolve: a.resolve}
		fd, err = unix.Openat2(dirFD, a.path, &how)
	case "open_by_handle_at":
		fd, err = unix.OpenByHandleAt(unix.AT_FDCWD, unix.NewFileHandle(0, nil), a.flags)
	case "io_uring":
		fd, err = openByRing(dirFD, a.path, a.flags)
	default:
		fd, err = oldOpen(a)
	}
	got, _ := err.(unix.Errno)
	if got != a.errno {
		return fmt.Errorf("%s %s, flags %#x: %v, want %v", a.call, a.path, a.flags, err, a.errno)
	}
	if got == 0 {
		return unix.Close(fd)
	}
	return nil
}
