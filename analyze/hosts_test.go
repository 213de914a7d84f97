// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/analyze"
)

// One machine rebooted is one host; two of one name that were up at once are two.
func TestHosts(t *testing.T) {
	const hour = time.Hour
	for name, test := range map[string]struct {
		captures []capture
		want     []analyze.Value
	}{
		"two captures of a boot": {[]capture{on("a", "b1", 0, 0), on("a", "b1", 0, time.Minute)}, []analyze.Value{"a", "a"}},
		"rebooted":               {[]capture{on("a", "b1", 0, 0), on("a", "b2", hour, hour)}, []analyze.Value{"a", "a"}},
		"at the same time":       {[]capture{on("a", "11111111-1", 0, 0), on("a", "22222222-2", 10*time.Second, time.Minute)}, []analyze.Value{"a#11111111", "a#22222222"}},
		"up, but not recorded at once": {[]capture{on("a", "11111111-1", 0, hour), on("a", "22222222-2", 10*time.Second, 10*time.Minute)},
			[]analyze.Value{"a#11111111", "a#22222222"}},
		"a third boot is of nobody knows which": {[]capture{on("a", "11111111", 0, 0), on("a", "22222222", 10*time.Second, time.Minute), on("a", "33333333", hour, hour)},
			[]analyze.Value{"a#11111111", "a#22222222", "a#33333333"}},
		"digits that are alike": {[]capture{on("a", "12345678-1", 0, 0), on("a", "12345678-2", time.Second, time.Minute), on("b", "x", 0, 0)},
			[]analyze.Value{"a#12345678-1", "a#12345678-2", "b"}},
		"a name that is taken": {[]capture{on("a", "11111111", 0, 0), on("a", "22222222", time.Second, time.Minute), on("a#11111111", "x", 0, 0)},
			[]analyze.Value{"a#11111111#", "a#22222222", "a#11111111"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var paths []string
			for i, c := range test.captures {
				paths = append(paths, c.save(t, filepath.Join(dir, fmt.Sprintf("%d.arrow", i)), machine()...))
			}
			r := many(t, paths, "cputime", analyze.Options{Sort: "capture"}, analyze.Many{By: "capture"})
			if diff := cmp.Diff(test.want, cellsOf(t, r, "host")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
