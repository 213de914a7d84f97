// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
)

func TestUnsent(t *testing.T) {
	need.BPF(t)
	r := record(t, []string{"-e", "process,tcp"}, "unsent")
	checkUnsent(t, r, returnsAreSeen(t, r.trace))
}

// returnsAreSeen tells whether the kernel lets programs see what connects return;
// a capture from one that does not says so.
func returnsAreSeen(t *testing.T, trace string) bool {
	t.Helper()
	c, err := format.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, m := range c.Meta().Missing {
		if strings.HasSuffix(m.Hook, "_connect") {
			return false
		}
	}
	return true
}

// checkUnsent wants connects that fail before a SYN to have the errors that the
// application saw. Where returns are not seen only that is there which changed its
// state, as one that was given up.
func checkUnsent(t *testing.T, r recording, returns bool) {
	t.Helper()
	got := map[string]int64{}
	for _, c := range replayRows(t, r.trace, "tcp_connect") {
		if errno := c.int(t, "error"); errno != 0 {
			got[fmt.Sprintf("%d to %s port %d", c.int(t, "pid"), c.text("raddr"), c.int(t, "rport"))] = errno
		}
		if returns && c.int(t, "error") != 0 && c.int(t, "connect_ns") != 0 {
			t.Errorf("nothing was sent for %d ns", c.int(t, "connect_ns"))
		}
	}
	want := map[string]int64{}
	for _, c := range r.truth.TCP {
		errno := unix.Errno(c.Errno)
		if !returns && errno == unix.ENETUNREACH {
			continue
		}
		if !returns {
			errno = unix.ECANCELED
		}
		want[fmt.Sprintf("%d to %s port %d", c.PID, c.RAddr, c.RPort)] = int64(errno)
	}
	if diff := cmp.Diff(want, got); len(want) == 0 || diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}
