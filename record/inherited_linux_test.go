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
// it: the test runs itself with three signals ignored and few open files. Its
// own surroundings may have others ignored, so the truth is what the kernel
// says of the shell, which becomes the process.
func TestInherited(t *testing.T) {
	if os.Getenv("EBREC_INHERITED") != "" {
		fmt.Printf("%d %016x %d\n", inherited.noted, inherited.ignored, inherited.limits[unix.RLIMIT_NOFILE].Cur)
		return
	}
	const realTime = unix.Signal(64)
	signal.Ignore(unix.SIGUSR2, unix.SIGPIPE, realTime)
	defer signal.Reset(unix.SIGUSR2, unix.SIGPIPE, realTime)
	cmd := exec.Command("sh", "-c", `grep SigIgn /proc/$$/status; ulimit -Sn 123; exec "$@"`, "sh", os.Args[0], "-test.run=^TestInherited$")
	cmd.Env = append(os.Environ(), "EBREC_INHERITED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var noted, limit, truth, ignored uint64
	if _, err := fmt.Sscanf(string(out), "SigIgn:\t%x\n%d %x %d\n", &truth, &noted, &ignored, &limit); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	const asked = uint64(1)<<(unix.SIGUSR2-1) | 1<<(unix.SIGPIPE-1) | 1<<(realTime-1)
	if noted != 1 || ignored != truth || ignored&asked != asked || limit != 123 {
		t.Errorf("%q: the kernel says %#x, of which %#x were ignored here", out, truth, asked)
	}
}
