// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// memory runs the commands that read a whole file over captures that grow.
func (b *bench) memory() error {
	for _, n := range []int{1_000_000, 10_000_000, 100_000_000} {
		if _, err := b.output("generate", "--switches", fmt.Sprint(n), "-o", "big.arrow"); err != nil {
			return err
		}
		fmt.Printf("%d switches, %d MB\n", n, size(b.path("big.arrow"))>>20)
		for _, line := range []string{
			"info big.arrow", "check big.arrow", "slice big.arrow --from +1s --to +2s -o slice.arrow --force",
			"analyze cputime big.arrow", "analyze cputime big.arrow --from +1s", "analyze lifetimes big.arrow", "analyze runqlat big.arrow",
			"analyze offcpu big.arrow", "analyze audit big.arrow", "analyze summary big.arrow", "analyze tcplat big.arrow",
		} {
			if err := b.resident(line, n); err != nil {
				return err
			}
		}
		if err := b.firstRow(); err != nil {
			return err
		}
	}
	return nil
}

// resident prints the largest resident set of a command, the shortest of three
// times it took, and the switches a second that this is.
func (b *bench) resident(line string, switches int) error {
	args := strings.Fields(line)
	rss, least := int64(0), time.Duration(0)
	for range 3 {
		cmd := b.command("ebrec", args...)
		begin := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("ebrec %s: %w", line, err)
		}
		if took := time.Since(begin); least == 0 || took < least {
			least = took
		}
		rss = max(rss, maxRSS(cmd))
	}
	fmt.Printf("  %-40s %4d MB  %8s  %5.1f M/s\n", strings.ReplaceAll(line, "big.arrow ", ""), rss>>10, least.Round(time.Millisecond), float64(switches)/1e6/least.Seconds())
	return nil
}

func maxRSS(cmd *exec.Cmd) int64 { return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss }

// firstRow prints how long it takes from starting the program to its first
// event, with the file in memory.
func (b *bench) firstRow() error {
	cmd := b.command("ebrec", "replay", "--kind", "sched_switch", "big.arrow")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	r := bufio.NewReader(out)
	for range 2 { // the names of the columns, the first row
		if _, err := r.ReadString('\n'); err != nil {
			return err
		}
	}
	fmt.Printf("  first row                            %s\n", time.Since(begin).Round(100*time.Microsecond))
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	return nil
}
