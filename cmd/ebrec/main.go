// SPDX-License-Identifier: Apache-2.0

// Ebrec records what a machine does and analyzes the recording anywhere.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// usualMemory is how much memory garbage may bring the program to: beyond it is
// collected earlier, and what is in use may still take more.
const usualMemory = 208 << 20

// version names the release that this tree is or will be.
var version = "0.1.0"

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(usualMemory)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr))
}
