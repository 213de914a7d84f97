// SPDX-License-Identifier: Apache-2.0

package export

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/replay"
)

// chromeEvent is what the format has for an event.
type chromeEvent struct {
	Phase string         `json:"ph"`
	PID   uint64         `json:"pid"`
	TID   uint64         `json:"tid"`
	TS    json.Number    `json:"ts"`
	Dur   json.Number    `json:"dur"`
	ID    uint64         `json:"id"`
	Scope string         `json:"s"`
	Cat   string         `json:"cat"`
	Name  string         `json:"name"`
	Args  map[string]any `json:"args"`
}

func chromeEvents(t *testing.T, data []byte) (events []chromeEvent) {
	t.Helper()
	for _, raw := range strictJSON(t, data).Events {
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.DisallowUnknownFields()
		var e chromeEvent
		if err := d.Decode(&e); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		events = append(events, e)
	}
	return events
}

// A slice is on the lane of its CPU and on that of its thread, to the nanosecond.
func TestChromeSlices(t *testing.T) {
	r := record(t, nil)
	r.task(10, 11, 1, "first")
	r.turn(begin+1234, 3, 0, 11, "R")
	r.turn(begin+4_000_001, 3, 11, 0, "D")
	data, _ := written(t, r.end(begin+second), "chrome-json")
	var got []chromeEvent
	for _, e := range chromeEvents(t, data) {
		if e.Phase == "X" {
			got = append(got, e)
		}
	}
	want := []chromeEvent{
		{Phase: "X", PID: cpusPID, TID: 3, TS: "1000000001.234", Dur: "3998.767", Cat: "cpu", Name: "first", Args: map[string]any{"pid": 10.0, "tid": 11.0, "end_state": "D"}},
		{Phase: "X", PID: 10, TID: 11, TS: "1000000001.234", Dur: "3998.767", Cat: "thread", Name: "on CPU", Args: map[string]any{"cpu": 3.0}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("slices (-want +got):\n%s", diff)
	}
}

// Everything that begins ends, and all phases are those of the format.
func TestChromePairs(t *testing.T) {
	for name, c := range fixtures(t) {
		data, _ := written(t, c, "chrome-json")
		open, turns := map[uint64]int{}, 0
		for _, e := range chromeEvents(t, data) {
			switch e.Phase {
			case "b":
				open[e.ID]++
			case "e":
				open[e.ID]--
				if strings.HasSuffix(e.Cat, " response") {
					turns++
				}
			case "M", "X", "i", "C":
			default:
				t.Errorf("%s: an event of phase %q", name, e.Phase)
			}
			if n := open[e.ID]; n < 0 || n > 1 {
				t.Errorf("%s: %d things at once on lane %d", name, n, e.ID)
			}
		}
		for id, n := range open {
			if n != 0 {
				t.Errorf("%s: lane %d is open in the end", name, id)
			}
		}
		want := 0
		if c.Kind("tcp_response") != nil {
			for _, err := range replay.New(c).Events(replay.Select{Kinds: []string{"tcp_response"}}) {
				if err != nil {
					t.Fatal(err)
				}
				want++
			}
		}
		if turns != want {
			t.Errorf("%s: %d responses, want %d", name, turns, want)
		}
	}
}
