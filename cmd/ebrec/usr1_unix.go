// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onUSR1 calls f at each SIGUSR1 until the function that it returns is called.
func onUSR1(f func()) (stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	go func() {
		for range c {
			f()
		}
	}()
	return func() {
		signal.Stop(c)
		close(c)
	}
}
