// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	parts := map[string]func(*bench) error{
		"size": (*bench).size, "read": (*bench).read, "memory": (*bench).memory,
		"cost": (*bench).cost, "throughput": (*bench).throughput, "limits": (*bench).limits, "sched": (*bench).sched, "kills": (*bench).kills,
		"requests": (*bench).requests, "tcp": (*bench).tcp, "distant": (*bench).distant, "diff": (*bench).diff,
		"fleet": (*bench).fleet, "hundred": (*bench).hundred,
	}
	if len(args) != 1 || parts[args[0]] == nil {
		return fmt.Errorf("say one of %s", strings.Join(slices.Sorted(maps.Keys(parts)), ", "))
	}
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{ctx: ctx, dir: dir}
	if err := b.build(); err != nil {
		return err
	}
	return parts[args[0]](b)
}

// bench is one measurement with a directory of its own.
type bench struct {
	ctx context.Context
	dir string
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// build makes the programs that are measured, as they are released.
func (b *bench) build() error {
	for _, pkg := range []string{"./cmd/ebrec", "./test/generate", "./test/workload"} {
		cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.dir+"/", pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

// command is a command that runs in the directory and ends with the context.
func (b *bench) command(name string, args ...string) *exec.Cmd {
	if own := b.path(name); name == "ebrec" || name == "generate" {
		name = own
	}
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Dir = b.dir
	return cmd
}

// output runs a command and returns what it prints.
func (b *bench) output(name string, args ...string) ([]byte, error) {
	cmd := b.command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w\n%s", name, args, err, stderr.Bytes())
	}
	return out, nil
}

// took is how long a command runs.
func (b *bench) took(name string, args ...string) (time.Duration, error) {
	begin := time.Now()
	_, err := b.output(name, args...)
	return time.Since(begin), err
}

func size(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}
