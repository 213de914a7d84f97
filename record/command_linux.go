// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// command is a process that is to be recorded from its exec on. It is started
// behind a gate, so that the programs know its pid before it does anything.
// A nil command is none.
type command struct {
	cmd    *exec.Cmd
	gate   *os.File
	exited chan struct{} // closed when it has been waited for
	status int
}

func checkCommand(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return hinted{fmt.Errorf("run %s: %w", args[0], errors.Unwrap(err)), "check the command after --"}
	}
	return nil
}

// startCommand starts a command with a nice value of its own.
func startCommand(args []string, asRoot bool, nice int) (*command, error) {
	if len(args) == 0 {
		return nil, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", args[0], err)
	}
	defer r.Close()
	// The shell waits for a line, then becomes the command: same pid.
	c := &command{gate: w, exited: make(chan struct{})}
	c.cmd = exec.Command("/bin/sh", append([]string{"-c", `read -r _ <&3 || exit 1; exec 3<&-; exec "$@"`, "sh"}, args...)...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.cmd.ExtraFiles = []*os.File{r}
	if !asRoot {
		if err := c.becomeCaller(); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("run %s: %w", args[0], err), w.Close())
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, c.cmd.Process.Pid, nice) // less urgent than ours, so allowed
	go c.wait()
	return c, nil
}

// becomeCaller makes the command run as the user behind sudo: recording needs
// privileges, what is recorded does not.
func (c *command) becomeCaller() error {
	uid, gid, ok := caller()
	if !ok {
		return nil
	}
	cred := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return nil // a number without a name has no further groups and no home
	}
	groups, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("run the command as %s: %w", u.Username, err)
	}
	for _, g := range groups {
		if n, err := strconv.ParseUint(g, 10, 32); err == nil {
			cred.Groups = append(cred.Groups, uint32(n))
		}
	}
	c.cmd.Env = append(os.Environ(), "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
	return nil
}

// caller is the user behind sudo; ok is false when there is none.
func caller() (uid, gid int, ok bool) {
	uid, err1 := strconv.Atoi(os.Getenv("SUDO_UID"))
	gid, err2 := strconv.Atoi(os.Getenv("SUDO_GID"))
	return uid, gid, err1 == nil && err2 == nil && os.Geteuid() == 0
}

func (c *command) wait() {
	_ = c.cmd.Wait() // the state tells more than the error
	ws := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	c.status = ws.ExitStatus()
	if ws.Signaled() {
		c.status = 128 + int(ws.Signal())
	}
	close(c.exited)
}

func (c *command) pid() uint32 { return uint32(c.cmd.Process.Pid) }

// open lets the command run.
func (c *command) open() error {
	if c == nil {
		return nil
	}
	_, err := c.gate.WriteString("\n")
	return errors.Join(err, c.gate.Close())
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
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("end %s: %w", c.cmd.Args[4], err)
		}
		<-c.exited
	}
	return nil
}
