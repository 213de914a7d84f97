// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// memory runs every analysis over captures that grow.
func (b *bench) memory() error {
	for _, n := range []int{1_000_000, 10_000_000, 100_000_000} {
		if _, err := b.output("generate", "--switches", fmt.Sprint(n), "-o", "big.arrow"); err != nil {
			return err
		}
		fmt.Printf("%d switches, %d MB\n", n, size(b.path("big.arrow"))>>20)
		for _, args := range [][]string{
			{"info", "big.arrow"}, {"analyze", "cputime", "big.arrow"}, {"analyze", "lifetimes", "big.arrow"},
			{"check", "big.arrow"}, {"slice", "big.arrow", "--from", "+1s", "--to", "+2s", "-o", "slice.arrow", "--force"},
		} {
			if err := b.resident(args...); err != nil {
				return err
			}
		}
		if err := b.firstRow(); err != nil {
			return err
		}
	}
	return nil
}

// resident prints the largest resident set of a command.
func (b *bench) resident(args ...string) error {
	cmd := b.command("ebrec", args...)
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ebrec %q: %w", args, err)
	}
	fmt.Printf("  %-28s %4d MB  %s\n", fmt.Sprint(args[:min(2, len(args)-1)]), maxRSS(cmd)>>10, time.Since(begin).Round(time.Millisecond))
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
