// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"github.com/ebrec/ebrec/test/netlab"
)

const (
	farServer   = "10.77.0.2" // of netlab
	farRequests = 8000
)

// distant measures what recorders take from requests that travel for a
// millisecond, there and back.
func (b *bench) distant() (err error) {
	lab, err := netlab.New(netlab.Options{Delay: time.Millisecond / 2})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	server := b.command("redis-server", "--port", "7379", "--protected-mode", "no", "--save", "", "--dir", b.dir)
	if err := lab.Server.Start(server); err != nil {
		return err
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait() // it was killed
	}()
	within := func(cmd *exec.Cmd) (float64, error) {
		begun := time.Now()
		if err := lab.Client.Start(cmd); err != nil {
			return 0, err
		}
		err := cmd.Wait()
		return time.Since(begun).Seconds(), err
	}
	for try := 0; ; try++ {
		if _, err := within(b.command("redis-cli", "-h", farServer, "-p", "7379", "ping")); err == nil {
			break
		} else if try == 100 {
			return fmt.Errorf("the server does not answer: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Printf("redis-benchmark -n %d -c 10 -t get with a round trip of 1 ms, seconds; medians of %d pairs\n", farRequests, noisyPairs)
	return b.compare(onRequests, noisyPairs, func() (float64, error) {
		return within(b.command("redis-benchmark", "-h", farServer, "-p", "7379", "-q", "-t", "get", "-n", strconv.Itoa(farRequests), "-c", "10"))
	}, func(_, with float64) string { return fmt.Sprintf("%.0f requests/s", farRequests/with) })
}
