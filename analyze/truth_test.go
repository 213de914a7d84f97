// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/truth"
)

// The recorded workloads know how their processes ended and what they sent:
// what the analyses say must be the same, whatever the goldens hold.
func TestFixturesTellTheTruth(t *testing.T) {
	paths, err := filepath.Glob("../testdata/*/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			want, err := truth.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := format.Open(filepath.Join(filepath.Dir(path), "trace.arrow"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.Kind("exit") != nil {
				checkEndings(t, c, want)
				checkCPUTime(t, c, want)
			}
			if len(want.TCP) > 0 {
				checkConnections(t, c, want)
			}
		})
	}
}

func checkEndings(t *testing.T, c *format.Capture, want *truth.Truth) {
	got := rows(t, run(t, c, "lifetimes", analyze.Options{}), "pid", "ppid", "comm", "exit_code", "signal", "state")
	for _, p := range want.Processes {
		line := fmt.Sprint(p.PID, " ", p.PPID, " ", p.Comm, " ", p.ExitCode, " ", p.Signal, " exited")
		if !slices.Contains(got, line) {
			t.Errorf("lifetimes lacks %s", line)
		}
	}
}

// checkCPUTime compares with what the processes read just before their end:
// no process may have less, and of what comes after nothing is known.
func checkCPUTime(t *testing.T, c *format.Capture, want *truth.Truth) {
	if c.Kind("task_sum") == nil {
		return
	}
	r := run(t, c, "lifetimes", analyze.Options{})
	pids, used := column(t, r, "pid"), column(t, r, "cpu_time_ns")
	for _, p := range want.Processes {
		if i := slices.Index(pids, analyze.Value(uint64(p.PID))); i >= 0 && int64(used[i].(uint64)) < p.SelfCPUNS {
			t.Errorf("process %d used %d ns, more than lifetimes' %d", p.PID, p.SelfCPUNS, used[i])
		}
	}
}

func checkConnections(t *testing.T, c *format.Capture, want *truth.Truth) {
	r := run(t, c, "tcplat", analyze.Options{})
	var lines []string
	for _, conn := range want.TCP {
		var line string
		switch {
		case conn.Errno == 111:
			line = fmt.Sprint(conn.PID, " ", conn.RAddr, " ", conn.RPort, " 0 <nil> <nil> active refused")
		case conn.Side == "client":
			line = fmt.Sprint(conn.PID, " ", conn.RAddr, " ", conn.RPort, " ", len(conn.GotNS), " ", conn.TxBytes, " ", conn.RxBytes, " active closed")
		default: // its first request answers nothing
			line = fmt.Sprint(conn.PID, " ", conn.RAddr, " ", conn.RPort, " ", len(conn.GotNS)-1, " ", conn.TxBytes, " ", conn.RxBytes, " passive closed")
		}
		lines = append(lines, line)
	}
	got := rows(t, r, "pid", "raddr", "rport", "requests", "tx_bytes", "rx_bytes", "direction", "outcome")
	slices.Sort(lines)
	slices.Sort(got)
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
}
