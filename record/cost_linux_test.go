// SPDX-License-Identifier: Apache-2.0

package record

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// The largest resident set is the program's own, also when a larger program
// started it.
func TestPeakMemoryIsOwn(t *testing.T) {
	if os.Getenv("EBREC_TEST_PEAK") != "" {
		_, most := ownCost()
		os.Stdout.WriteString(strconv.FormatInt(most, 10))
		os.Exit(0)
	}
	const large = 256 << 20
	held := make([]byte, large)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestPeakMemoryIsOwn$")
	cmd.Env = append(os.Environ(), "EBREC_TEST_PEAK=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.ParseInt(string(out), 10, 64)
	if err != nil || most <= 0 || most >= large {
		t.Errorf("a small program started by one of %d bytes had %q bytes at most", len(held), out)
	}
	if _, most := ownCost(); most < int64(len(held)) {
		t.Errorf("this one had %d bytes at most, and holds %d", most, len(held))
	}
}
