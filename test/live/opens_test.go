// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOpens(t *testing.T) {
	r := record(t, []string{"-e", "file"}, "opens")
	checkOpens(t, r)
}

// opened is what an open event and the truth both hold.
type opened struct {
	PID   int
	Path  string
	Flags int
	Error int
}

// checkOpens wants every open of the truth, in order, among the opens of its
// process; the Go runtime opens files of its own.
func checkOpens(t *testing.T, r recording) {
	t.Helper()
	mine := map[opened]bool{}
	var want []opened
	for _, o := range r.truth.Opens {
		w := opened{PID: o.PID, Path: o.Path, Flags: o.Flags, Error: o.Errno}
		want, mine[w] = append(want, w), true
	}
	var got []opened
	for _, o := range replayOpens(t, r.trace) {
		if mine[o] {
			got = append(got, o)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("opens (-truth +recorded):\n%s", diff)
	}
}

// replayOpens reads the open events of a capture.
func replayOpens(t *testing.T, trace string) []opened {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(run(t, "replay", "--kind", "open", "--format", "json", trace)))
	var all []opened
	for {
		var o opened
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		all = append(all, o)
	}
}
