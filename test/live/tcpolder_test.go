// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
	"github.com/ebrec/ebrec/test/truth"
)

// TestOlderConnections has connections that are older than the recording: one had
// carried 50 MB before, and another never carries anything.
func TestOlderConnections(t *testing.T) {
	need.BPF(t)
	dir := t.TempDir()
	r := recording{trace: filepath.Join(dir, "older.arrow")}
	file := filepath.Join(dir, "older.json")
	out, err := exec.Command(workload, "older", "--truth", file, "--", ebrec, "record", "-a", "-e", "process,tcp,tcpturns", "-o", r.trace, "--", workload, "nudge").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r.truth, err = truth.Read(file); err != nil {
		t.Fatal(err)
	}
	checkWhole(t, r.trace)
	checkOlder(t, r)
}

// checkOlder wants each connection to be there with what it carried within the
// recording, and nothing to be missing that lists them.
func checkOlder(t *testing.T, r recording) {
	t.Helper()
	c, err := format.Open(r.trace)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, m := range c.Meta().Missing {
		if strings.HasPrefix(m.Hook, "iter/") {
			t.Errorf("missing: %+v", m)
		}
	}
	if len(r.truth.TCP) != 4 {
		t.Fatalf("%d ends, want 4", len(r.truth.TCP))
	}
	top, lat := analyze(t, "tcptop", r.trace, "--by", "connection"), analyze(t, "tcplat", r.trace)
	for _, want := range r.truth.TCP {
		row := findConn(t, top, want)
		if row == nil {
			continue
		}
		if got := row.text("direction"); got != "unknown" {
			t.Errorf("%s: direction %s", want.Side, got)
		}
		total := want.TxBytes + want.RxBytes
		for column, n := range map[string]int64{"tx_bytes": want.TxBytes, "rx_bytes": want.RxBytes, "total_bytes": total, "total_min_bytes": total, "total_max_bytes": total} {
			if got := row.int(t, column); got != n {
				t.Errorf("%s %d --> %d: %s %d, want %d", want.Side, want.LPort, want.RPort, column, got, n)
			}
		}
		if row := findConn(t, lat, want); row != nil && want.TxBytes == 0 && row.int(t, "requests") != 0 {
			t.Errorf("%s: %d requests of one that idled", want.Side, row.int(t, "requests"))
		}
	}
}
