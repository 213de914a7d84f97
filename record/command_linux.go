// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// command is a process that is to be recorded from its exec on. It is forked
// before the window opens, so that the programs know its pid, and waits to
// execute its file until the recording has begun. It has all that it would have
// without the recorder: environment, descriptors, limits, signals, priority.
// A nil command is none.
type command struct {
	name    string
	process *os.Process
	gate    *os.File
	exited  chan struct{} // closed when it has been waited for
	status  int
}

// notStarted makes a StartError of the reason why a file was not executed.
func notStarted(name string, why error) error {
	status, hint := 126, "check the command after --"
	switch {
	case errors.Is(why, exec.ErrNotFound), errors.Is(why, fs.ErrNotExist):
		status = 127
	case errors.Is(why, fs.ErrPermission):
		hint = "make it executable, for the user that it runs as (--as-root: root)"
	}
	return &StartError{hinted{fmt.Errorf("run %s: %w", name, why), hint}, status}
}

// find is the path of the file that a command executes.
func find(args []string) (string, error) {
	path, err := exec.LookPath(args[0])
	if errors.Is(err, exec.ErrDot) { // a shell takes it, too
		err = nil
	}
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return "", notStarted(args[0], errno)
	case err != nil:
		return "", notStarted(args[0], errors.Unwrap(err))
	}
	return path, nil
}

func checkCommand(args []string) error {
	if len(args) == 0 {
		return nil
	}
	_, err := find(args)
	return err
}

// startCommand forks the command that the options have, with a nice value of its
// own.
func startCommand(o Options, nice int) (*command, error) {
	args := o.Command
	if len(args) == 0 {
		return nil, nil
	}
	path, err := find(args)
	if err != nil {
		return nil, err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", args[0], err)
	}
	c := &command{name: args[0], gate: os.NewFile(uintptr(ends[0]), "gate"), exited: make(chan struct{})}
	defer unix.Close(ends[1])
	proc := &child{
		gate: uintptr(ends[1]), close: uintptr(ends[0]), nice: uintptr(nice), quiet: sigaction{handler: ignoreSignal},
		ignored: inherited.ignored, limits: changedLimits(), says: o.Output == "-",
	}
	env := environment()
	if !o.AsRoot {
		env, err = proc.becomeCaller(env)
	}
	err = errors.Join(err, proc.executes(path, args, env))
	if err == nil {
		err = c.start(proc)
	}
	if err != nil {
		return nil, errors.Join(err, c.gate.Close())
	}
	return c, nil
}

func (c *command) start(proc *child) error {
	pid, errno := proc.fork()
	if errno != 0 {
		return fmt.Errorf("run %s: fork: %w", c.name, errno)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("run %s: %w", c.name, err)
	}
	c.process = process
	go c.wait()
	return nil
}

// executes sets what the child executes.
func (c *child) executes(path string, args, env []string) error {
	script := append([]string{"/bin/sh", path}, args[1:]...)
	paths, err := syscall.SlicePtrFromStrings([]string{path})
	if err == nil {
		c.path = paths[0]
		c.argv, err = syscall.SlicePtrFromStrings(args)
	}
	if err == nil {
		c.script, err = syscall.SlicePtrFromStrings(script)
	}
	if err == nil {
		c.env, err = syscall.SlicePtrFromStrings(env)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", args[0], err)
	}
	return nil
}

// environment is what this process was started with, to the byte: package os
// leaves out what has no name, or the name of another.
func environment() []string {
	raw, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return os.Environ()
	}
	if len(raw) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimSuffix(raw, []byte{0})), "\x00")
}

// changedLimits are the limits that are not what they were, as they were.
func changedLimits() (all []limit) {
	for i, was := range inherited.limits {
		var now unix.Rlimit
		if inherited.noted != 0 && unix.Getrlimit(i, &now) == nil && now != was {
			all = append(all, limit{uintptr(i), was})
		}
	}
	return all
}

// becomeCaller makes the command run as the user behind sudo: recording needs
// privileges, what is recorded does not. It returns the environment for that.
func (c *child) becomeCaller(env []string) ([]string, error) {
	uid, gid, ok := caller()
	if !ok {
		return env, nil
	}
	c.become, c.uid, c.gid = true, uintptr(uid), uintptr(gid)
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return env, nil // a number without a name has no further groups and no home
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("run the command as %s: %w", u.Username, err)
	}
	for _, g := range groups {
		if n, err := strconv.ParseUint(g, 10, 32); err == nil {
			c.groups = append(c.groups, uint32(n))
		}
	}
	for _, own := range []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username} {
		name, _, _ := strings.Cut(own, "=")
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		env = append(env, own)
	}
	return env, nil
}

// caller is the user behind sudo; ok is false when there is none.
func caller() (uid, gid int, ok bool) {
	uid, err1 := strconv.Atoi(os.Getenv("SUDO_UID"))
	gid, err2 := strconv.Atoi(os.Getenv("SUDO_GID"))
	return uid, gid, err1 == nil && err2 == nil && os.Geteuid() == 0
}

func (c *command) wait() {
	state, err := c.process.Wait()
	if err == nil {
		ws := state.Sys().(syscall.WaitStatus)
		c.status = ws.ExitStatus()
		if ws.Signaled() {
			c.status = 128 + int(ws.Signal())
		}
	}
	close(c.exited)
}

func (c *command) pid() uint32 { return uint32(c.process.Pid) }

// open lets the command execute its file, and returns once it has, or why it
// could not.
func (c *command) open() error {
	if c == nil {
		return nil
	}
	_, err := c.gate.Write([]byte{1})
	if err != nil && !errors.Is(err, syscall.EPIPE) { // it is gone: its status says how
		return fmt.Errorf("run %s: %w", c.name, err)
	}
	told, err := io.ReadAll(c.gate) // ends as the exec closes the other end
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("run %s: %w", c.name, err)
	}
	if len(told) < 4 {
		return nil
	}
	errno := syscall.Errno(binary.NativeEndian.Uint32(told))
	if errno == syscall.ENOENT { // the file was there when it was looked for
		return &StartError{hinted{fmt.Errorf("run %s: the program that interprets it is not there", c.name), "check its first line (#!), or with ldd what it is linked for"}, 127}
	}
	return notStarted(c.name, errno)
}

// done is closed when the command has exited; nil, so never, without one.
func (c *command) done() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.exited
}

// end makes sure that the command is gone: asked to end, as by a shell's kill,
// when the recording ends before it, and then waited for.
func (c *command) end() error {
	if c == nil {
		return nil
	}
	_ = c.gate.Close() // a command that never ran exits at this
	select {
	case <-c.exited:
	default:
		if err := c.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("end %s: %w", c.name, err)
		}
		<-c.exited
	}
	return nil
}
