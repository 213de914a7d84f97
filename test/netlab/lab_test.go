// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netlab

import (
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebrec/ebrec/test/need"
)

func newLab(t *testing.T, opts Options) *Lab {
	t.Helper()
	need.Root(t)
	l, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// refusal times a connect to a closed port: one round trip of the kernel's own.
func refusal(t *testing.T, l *Lab, to netip.Addr) time.Duration {
	t.Helper()
	var took time.Duration
	err := l.Client.do(func() error {
		took = connectRefused(t, to)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return took
}

func TestRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name  string
		delay time.Duration
		addr  func(*Lab) netip.Addr
	}{
		{"v4 at 20 ms", 10 * time.Millisecond, func(l *Lab) netip.Addr { return l.Server.V4 }},
		{"v6 at 20 ms", 10 * time.Millisecond, func(l *Lab) netip.Addr { return l.Server.V6 }},
		{"v4 at 0 ms", 0, func(l *Lab) netip.Addr { return l.Server.V4 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t, Options{Delay: tc.delay})
			var all []time.Duration
			for range 21 {
				all = append(all, refusal(t, l, tc.addr(l)))
			}
			slices.Sort(all)
			over := all[len(all)/2] - 2*tc.delay
			t.Logf("over the delay: min %v, median %v, max %v", all[0]-2*tc.delay, over, all[len(all)-1]-2*tc.delay)
			if over < 0 || over > time.Millisecond {
				t.Errorf("median round trip is %v over the delay, want 0 to 1ms", over)
			}
		})
	}
}

func TestDropEvery(t *testing.T) {
	l := newLab(t, Options{DropEvery: 2})
	first := refusal(t, l, l.Server.V4)
	second := refusal(t, l, l.Server.V4)
	// SYNs 2 and 4 are dropped; so is RST 2, the answer to SYN 3.
	there, back := l.Dropped()
	if there != 2 || back != 1 {
		t.Errorf("dropped %d there and %d back, want 2 and 1", there, back)
	}
	if first > time.Second/2 || second < time.Second/2 {
		t.Errorf("connects took %v and %v, want only the second to wait for a retransmit", first, second)
	}
}

func TestStartRunsInside(t *testing.T) {
	l := newLab(t, Options{})
	cmd := exec.Command("/bin/cat", "/proc/net/dev")
	var out strings.Builder
	cmd.Stdout = &out
	if err := l.Server.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "lab0:") {
		t.Errorf("devices inside:\n%s\nwant lab0", &out)
	}
	if _, err := net.InterfaceByName("lab0"); err == nil {
		t.Error("lab0 is visible outside its namespace")
	}
}
