// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netlab

import (
	"net"
	"net/netip"
	"os/exec"
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
			l := newLab(t, Options{Delay: tc.delay, Network: 1234})
			// On a busy machine most may wait for a CPU, but not all.
			least := time.Hour
			for began := time.Now(); least > time.Millisecond && time.Since(began) < time.Minute; {
				for range 21 {
					over := refusal(t, l, tc.addr(l)) - 2*tc.delay
					if over < 0 {
						t.Fatalf("a round trip took %v less than twice the delay", -over)
					}
					least = min(least, over)
				}
			}
			t.Logf("least over the delay: %v", least)
			if least > time.Millisecond {
				t.Errorf("round trips take at least %v over the delay, want 1ms at most", least)
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
