// SPDX-License-Identifier: Apache-2.0

// Ebrec records what a machine does and analyzes the recording anywhere.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version names the release that this tree is or will be.
var version = "0.1.0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr))
}
