// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/ebrec/ebrec/format"
)

// size has both record the same minute of a server under load, a scheduler
// benchmark and a compiler.
func (b *bench) size() error {
	ebrec := b.command("ebrec", "record", "-a", "-e", "cpu,process,sched", "-o", "trace.arrow")
	perf := b.command("perf", "record", "-q", "-z", "-a", "-e", "sched:sched_switch", "-o", "perf.data")
	perf.Env = append(os.Environ(), "HOME="+b.dir)
	if err := errors.Join(ebrec.Start(), perf.Start()); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // both are there
	loadErr := b.load()
	err := errors.Join(loadErr, finish(ebrec), finish(perf))
	if err != nil {
		return err
	}
	return b.sizes()
}

// finish ends a recording as Ctrl-C does.
func finish(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGINT {
		return nil // perf ends so
	}
	return err
}

// load runs the three workloads at once.
func (b *bench) load() error {
	stop, err := b.redis()
	if err != nil {
		return err
	}
	defer stop()
	build := exec.CommandContext(b.ctx, "go", "build", "-o", os.DevNull, "net/http")
	build.Env = append(os.Environ(), "GOCACHE="+b.path("cache"))
	jobs := []*exec.Cmd{
		b.command("redis-benchmark", "-s", b.path("redis.sock"), "-n", "200000", "-c", "20", "-q", "-t", "get,set"),
		b.command("perf", "bench", "sched", "messaging", "-g", "2", "-l", "4000"),
		build,
	}
	var errs []error
	for _, j := range jobs {
		errs = append(errs, j.Start())
	}
	for _, j := range jobs {
		errs = append(errs, j.Wait())
	}
	return errors.Join(errs...)
}

func (b *bench) sizes() error {
	c, err := format.Open(b.path("trace.arrow"))
	if err != nil {
		return err
	}
	defer c.Close()
	usage, err := c.Usage()
	if err != nil {
		return err
	}
	switches, share := int64(0), int64(0)
	for _, u := range usage {
		if u.Kind == "sched_switch" {
			switches, share = u.Rows, u.Bytes
		}
	}
	script, err := b.output("perf", "script", "-i", "perf.data", "-F", "event")
	if err != nil {
		return err
	}
	events := int64(bytes.Count(script, []byte("\n")))
	ours, theirs := float64(c.Size())/float64(switches), float64(size(b.path("perf.data")))/float64(events)
	fmt.Printf("ebrec record -e cpu,process,sched   %d switches, %d bytes, %.2f B a switch all included, %.2f of them for switches\n",
		switches, c.Size(), ours, float64(share)/float64(switches))
	fmt.Printf("perf record -z -e sched:sched_switch  %d switches, %d bytes, %.2f B a switch\n", events, size(b.path("perf.data")), theirs)
	fmt.Printf("perf / ebrec  %.2f\n", theirs/ours)
	return columns(c)
}
