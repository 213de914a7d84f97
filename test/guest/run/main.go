// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Run boots a Debian kernel in QEMU and runs shell commands there:
//
//	go run ./test/guest/run --kernel 6.12 --program PATH... --out DIR 'uname -r >version' 'dmesg >log'
//
// Programs are static and come to the guest's /bin. The files that commands
// leave in their working directory come back to DIR. The console goes to
// standard output; the exit status is that of the command that failed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ebrec/ebrec/test/guest"
)

func main() {
	status, err := run(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest: error:", err)
		status = 1
	}
	os.Exit(status)
}

func run(ctx context.Context, args []string) (int, error) {
	o := guest.Options{Programs: map[string]string{}}
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	f.StringVar(&o.Kernel, "kernel", "6.12", strings.Join(guest.Kernels(), ", "))
	f.StringVar(&o.Out, "out", "", "put the guest's files into `DIR`")
	f.IntVar(&o.CPUs, "cpus", 2, "number of CPUs")
	f.DurationVar(&o.Timeout, "timeout", 2*time.Minute, "give up after")
	f.Func("program", "put the static program `PATH` into /bin (repeatable)", func(path string) error {
		o.Programs[filepath.Base(path)] = path
		return nil
	})
	if err := f.Parse(args); err != nil {
		return 2, nil // flag has said why
	}
	o.Commands = f.Args()
	cache, err := guest.DefaultCache()
	if err != nil {
		return 1, err
	}
	r, err := cache.Boot(ctx, o)
	if err != nil {
		return 1, err
	}
	fmt.Print(r.Console)
	return r.Status, nil
}
