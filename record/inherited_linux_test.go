// SPDX-License-Identifier: Apache-2.0

//go:build !cgo && (amd64 || arm64)

package record

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"testing"

	"golang.org/x/sys/unix"
)

// What the process was started with is known although the runtime has changed
// it: the test runs itself with a signal ignored and few open files.
func TestInherited(t *testing.T) {
	if os.Getenv("EBREC_INHERITED") != "" {
		fmt.Printf("%d %#x %d\n", inherited.noted, inherited.ignored, inherited.limits[unix.RLIMIT_NOFILE].Cur)
		return
	}
	const realTime = unix.Signal(64)
	signal.Ignore(unix.SIGUSR2, unix.SIGPIPE, realTime)
	defer signal.Reset(unix.SIGUSR2, unix.SIGPIPE, realTime)
	cmd := exec.Command("sh", "-c", `ulimit -Sn 123; exec "$@"`, "sh", os.Args[0], "-test.run=^TestInherited$")
	cmd.Env = append(os.Environ(), "EBREC_INHERITED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("1 %#x 123\n", uint64(1)<<(unix.SIGUSR2-1)|1<<(unix.SIGPIPE-1)|1<<(realTime-1))
	if got := string(out[:min(len(out), len(want))]); got != want {
		t.Errorf("%q, want %q", out, want)
	}
}
