// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Rounds runs the live tests several times in a row beside programs that spin, each
// in a session of its own, so that the scheduler gives it as much as the tests:
//
//	go run ./test/rounds --rounds 20
//
// It prints the result of each round, and all that the tests say of one that failed.
// No test is run again. It needs root and BPF.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 20, "how `often`")
	spinners := flag.Int("spinners", 2, "how `many` programs spin beside them")
	only := flag.String("run", "", "only tests that match this `regexp`")
	flag.Parse()
	if flag.Arg(0) == "spin" {
		spin()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds, *spinners, *only); err != nil {
		fmt.Fprintln(os.Stderr, "rounds: error:", err)
		os.Exit(1)
	}
}

// spin uses a CPU until it is killed.
func spin() {
	for n := 0; ; n++ { // the linter takes an empty loop for a mistake
		_ = n
	}
}

func run(ctx context.Context, rounds, spinners int, only string) error {
	for range spinners {
		end, err := spinApart()
		if err != nil {
			return err
		}
		defer end()
	}
	failed := 0
	for i := range rounds {
		result, ok := round(ctx, only)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if !ok {
			failed++
		}
		fmt.Printf("%s round %d of %d beside %d spinning programs: %s\n", time.Now().UTC().Format(time.DateTime), i+1, rounds, spinners, result)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d rounds failed", failed, rounds)
	}
	return nil
}

// spinApart starts a spinning program.
func spinApart() (end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "spin")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}, nil
}

// round runs the tests once, and returns what they say: one line if none failed.
func round(ctx context.Context, only string) (result string, ok bool) {
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", "20m", "-run", only, "./test/live")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "EBREC_REQUIRE_ROOT=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v\n%s", err, out), false
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return strings.Join(strings.Fields(string(lines[len(lines)-1])), " "), true
}
