// SPDX-License-Identifier: Apache-2.0

package metamorphic

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/replay"
	"github.com/ebrec/ebrec/test/capturetest"
)

// What an analysis says of a slice is what it says of that span of the whole.
func TestSliceIsSpan(t *testing.T) {
	onFixtures(t, func(t *testing.T, path string) {
		c := capturetest.Open(t, path)
		at, tried := cuts(t, c), 0
		for i, from := range at {
			for _, span := range [][2]int64{{from, 0}, {0, from}, {from, at[(i+3)%len(at)]}} {
				if span[1] != 0 && span[0] >= span[1] {
					continue
				}
				slice := capturetest.Open(t, sliced(t, path, replay.Slice{From: span[0], To: span[1]}))
				for _, a := range analyze.All {
					if a.Whole {
						continue
					}
					for _, by := range groupings(a) {
						want := run(t, c, a, analyze.Options{From: span[0], To: span[1], By: by})
						got := run(t, slice, a, analyze.Options{By: by})
						if want == nil || got == nil {
							continue
						}
						tried++
						if diff := cmp.Diff(string(rendered(t, want, "json")), string(rendered(t, got, "json"))); diff != "" {
							t.Errorf("%s by %q of %v (-span +slice):\n%s", a.Name, by, span, diff)
						}
					}
				}
			}
		}
		if tried < 20 {
			t.Errorf("only %d comparisons", tried)
		}
	})
}

// A slice of a slice is the slice of the span that both have.
func TestSliceOfSlice(t *testing.T) {
	onFixtures(t, func(t *testing.T, path string) {
		at := cuts(t, capturetest.Open(t, path))
		from, middle, to := at[0], at[len(at)/2], at[len(at)-1]
		if from >= middle || middle >= to {
			t.Skipf("the recording is too short: %v", at)
		}
		for _, inner := range [][2]int64{{middle, 0}, {0, middle}} {
			want := capturetest.Open(t, sliced(t, path, replay.Slice{From: max(from, inner[0]), To: min(to, cmpOr(inner[1], to))}))
			outer := sliced(t, path, replay.Slice{From: from, To: to})
			got := capturetest.Open(t, sliced(t, outer, replay.Slice{From: inner[0], To: inner[1]}))
			for _, a := range analyze.All {
				if a.Whole {
					continue
				}
				one, two := run(t, want, a, analyze.Options{}), run(t, got, a, analyze.Options{})
				if one == nil || two == nil {
					continue
				}
				if diff := cmp.Diff(string(rendered(t, one, "json")), string(rendered(t, two, "json"))); diff != "" {
					t.Errorf("%s of %v (-slice +slice of slice):\n%s", a.Name, inner, diff)
				}
			}
		}
	})
}

func cmpOr(a, b int64) int64 {
	if a != 0 {
		return a
	}
	return b
}

func rendered(t *testing.T, r *analyze.Result, as string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Render(&b, as); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
