// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/test/truth"
)

// names runs programs and makes cgroups whose names are as long as anything that
// bounds names may take, and longer.
func names(s *stage, _ options) (*truth.Truth, error) {
	self, err := s.link("eb-long")
	if err != nil {
		return nil, err
	}
	t := new(truth.Truth)
	for _, n := range []int{255, 256, unix.PathMax - 1} {
		e, err := execute(padded(self, n), n)
		if err != nil {
			return nil, err
		}
		t.Execs = append(t.Execs, e)
	}
	for _, n := range []int{1022, 1023, 1024} {
		e, err := execute(self, n)
		if err != nil {
			return nil, err
		}
		t.Execs = append(t.Execs, e)
	}
	below, err := s.executeBelow()
	if err != nil {
		return nil, err
	}
	if below.PID != 0 {
		t.Execs = append(t.Execs, below)
	}
	t.Cgroups, err = makeCgroups(self)
	return t, err
}

// mostArgs is what a capture has of arguments at most, bytes.
const mostArgs = 1023

// execute runs a file with arguments of n bytes, blanks between them.
func execute(path string, n int) (truth.Named, error) {
	args := []string{"eb-long", "child", "true"}
	args = append(args, strings.Repeat("a", n-len(strings.Join(args, " "))-1))
	cmd := exec.Cmd{Path: path, Args: args, Stderr: os.Stderr}
	if err := cmd.Run(); err != nil {
		return truth.Named{}, fmt.Errorf("execute a path of %d bytes: %w", len(path), err)
	}
	text := strings.Join(args, " ")
	return truth.Named{PID: cmd.Process.Pid, Name: path, Args: text[:min(n, mostArgs)], More: n > mostArgs}, nil
}

// trueRole reads its input to the end, and does nothing.
func trueRole([]string) error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// belowFD is the file descriptor of the directory that belowRole executes in.
const belowFD = 77

// executeBelow runs a file by its directory and the longest path in it. The kernel
// makes one path of both, which is longer than any that a program can give.
func (s *stage) executeBelow() (truth.Named, error) {
	c, err := s.child("eb-below", "below", s.dir)
	if err != nil {
		return truth.Named{}, err
	}
	if err := c.cmd.Run(); c.cmd.ProcessState != nil && c.cmd.ProcessState.ExitCode() == notThere {
		return truth.Named{}, nil
	} else if err != nil {
		return truth.Named{}, fmt.Errorf("execute in a directory: %w", err)
	}
	name := fmt.Sprintf("/dev/fd/%d/%s", belowFD, longestBelow())
	return truth.Named{PID: c.cmd.Process.Pid, Name: name[:unix.PathMax-1], Cut: true, Args: "eb-long child true"}, nil
}

// notThere is the exit status where the kernel finds no file so: 5.10 does not in a
// guest without /dev/fd.
const notThere = 99

func longestBelow() string {
	const name = "eb-long"
	more := unix.PathMax - 1 - len(name)
	return strings.Repeat("./", more/2) + strings.Repeat("/", more%2) + name
}

// belowRole executes this program anew. Args: DIR.
func belowRole(args []string) error {
	fd, err := unix.Open(args[0], unix.O_PATH, 0)
	if err != nil {
		return err
	}
	if err := unix.Dup3(fd, belowFD, 0); err != nil {
		return err
	}
	path, err := unix.BytePtrFromString(longestBelow())
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings([]string{"eb-long", "child", "true"})
	if err != nil {
		return err
	}
	envp := []*byte{nil}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, belowFD, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])), 0, 0)
	if errno == unix.ENOENT {
		os.Exit(notThere)
	}
	return fmt.Errorf("execveat: %w", errno)
}

// mostLevels is how many cgroups, one in the other, a path has at most in a capture.
const mostLevels = 256

// makeCgroups makes cgroups with long paths, and has a process in each.
func makeCgroups(self string) (made []truth.Named, err error) {
	mount, err := cgroup2()
	if err != nil || mount == "" {
		return nil, err
	}
	for i, chain := range [][]string{
		ofBytes(255), ofBytes(256), ofBytes(1100), ofBytes(unix.PathMax - 1), ofBytes(unix.PathMax), ofBytes(unix.PathMax + 1),
		make([]string, mostLevels-1), make([]string, mostLevels),
	} {
		top := fmt.Sprintf("eb-names-%07d-%d", os.Getpid(), i)
		for level := range chain {
			if chain[level] == "" {
				chain[level] = "x"
			}
		}
		c, err := visit(mount, append([]string{top}, chain...), self)
		if err != nil {
			return nil, fmt.Errorf("cgroup %d: %w", i, err)
		}
		made = append(made, c)
	}
	return made, nil
}

// ofBytes are names below one of those that makeCgroups makes which make a path of n bytes.
// The last but one is a container's.
func ofBytes(n int) (chain []string) {
	container := "docker-" + strings.Repeat("0123456789abcdef", 4) + ".scope"
	rest := n - len("/eb-names-0000000-0") - len("/"+container) - len("/z")
	for rest > 0 {
		size := min(rest, 200)
		if rest-size == 1 {
			size--
		}
		chain, rest = append(chain, strings.Repeat("d", size-1)), rest-size
	}
	return append(chain, container, "z")
}

// cgroup2 is where the hierarchy is mounted; empty: nowhere.
func cgroup2() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		if part := strings.Fields(line); len(part) > 2 && part[2] == "cgroup2" {
			return part[1], nil
		}
	}
	return "", nil
}

// visit makes a chain of cgroups, moves a process to the innermost, ends it and
// removes them.
func visit(mount string, chain []string, self string) (named truth.Named, err error) {
	fds := make([]int, 1, len(chain)+1)
	if fds[0], err = unix.Open(mount, unix.O_PATH, 0); err != nil {
		return named, err
	}
	defer func() { err = errors.Join(err, removeChain(fds, chain)) }()
	for i, name := range chain {
		if err := unix.Mkdirat(fds[i], name, 0o755); err != nil {
			return named, err
		}
		fd, err := unix.Openat(fds[i], name, unix.O_PATH, 0)
		if err != nil {
			return named, errors.Join(err, unix.Unlinkat(fds[i], name, unix.AT_REMOVEDIR))
		}
		fds = append(fds, fd)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fds[len(chain)], &st); err != nil {
		return named, err
	}
	named = truth.Named{ID: st.Ino, Name: "/" + filepath.Join(chain...)}
	if named.Cut = len(named.Name) >= unix.PathMax || len(chain) > mostLevels; named.Cut {
		rest := chain[max(0, len(chain)-mostLevels):]
		for named.Name = filepath.Join(rest...); len(named.Name) >= unix.PathMax; named.Name = filepath.Join(rest...) {
			rest = rest[1:]
		}
	}
	return named, stay(fds[len(chain)], self)
}

// stay has a process in a cgroup.
func stay(cgroup int, self string) error {
	cmd := exec.Command(self, "child", "true")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	fd, err := unix.Openat(cgroup, "cgroup.procs", unix.O_WRONLY, 0)
	if err == nil {
		_, err = unix.Write(fd, fmt.Append(nil, cmd.Process.Pid))
		err = errors.Join(err, unix.Close(fd))
	}
	return errors.Join(err, in.Close(), cmd.Wait())
}

// removeChain closes the directories and removes the cgroups, innermost first.
func removeChain(fds []int, chain []string) (err error) {
	for i := len(fds) - 1; i > 0; i-- {
		err = errors.Join(err, unix.Close(fds[i]), unix.Unlinkat(fds[i-1], chain[i-1], unix.AT_REMOVEDIR))
	}
	return errors.Join(err, unix.Close(fds[0]))
}
