// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/test/truth"
)

// Names are whole up to the longest that the kernel takes, and marked beyond.
func TestNames(t *testing.T) {
	r := record(t, []string{"-e", "process", "--args"}, "names")
	if n := len(r.truth.Execs); n != 7 {
		t.Errorf("the workload tells of %d files, want 7", n)
	}
	checkNames(t, r)
}

func checkNames(t *testing.T, r recording) {
	t.Helper()
	checkExecs(t, r)
	checkCgroups(t, r)
}

func checkExecs(t *testing.T, r recording) {
	t.Helper()
	var got []truth.Named
	args := map[int64]row{}
	for _, a := range replayRows(t, r.trace, "exec_args") {
		args[a.int(t, "pid")] = a // the last, as of what was executed
	}
	for _, e := range replayRows(t, r.trace, "exec") {
		a := args[e.int(t, "pid")]
		if !slices.ContainsFunc(r.truth.Execs, func(w truth.Named) bool { return w.PID == int(e.int(t, "pid")) }) || strings.HasSuffix(e.text("filename"), "/eb-below") {
			continue
		}
		got = append(got, truth.Named{
			PID: int(e.int(t, "pid")), Name: e.text("filename"), Cut: e.int(t, "cut") != 0, Args: a.text("args"), More: a.int(t, "cut") != 0,
		})
	}
	if diff := gocmp.Diff(r.truth.Execs, got); diff != "" {
		t.Errorf("execs (-truth +recorded):\n%s", diff)
	}
}

func checkCgroups(t *testing.T, r recording) {
	t.Helper()
	if len(r.truth.Cgroups) == 0 {
		t.Fatal("no cgroups of version 2 here")
	}
	reasons := map[uint64][]string{}
	for _, c := range replayRows(t, r.trace, "cgroup_path") {
		id := uint64(c.int(t, "cgroup_id"))
		i := slices.IndexFunc(r.truth.Cgroups, func(w truth.Named) bool { return w.ID == id })
		if i < 0 {
			continue
		}
		want := r.truth.Cgroups[i]
		container := ""
		if before, after, found := strings.Cut(want.Name, "/docker-"); found && before != "" && !want.Cut {
			container = after[:64]
		}
		reasons[id] = append(reasons[id], c.text("cgroup_reason"))
		if got := (truth.Named{ID: id, Name: c.text("cgroup"), Cut: c.int(t, "cut") != 0}); got != want || c.text("container") != container {
			t.Errorf("cgroup of %d bytes: %+v, container %q, want %+v, %q", len(want.Name), got, c.text("container"), want, container)
		}
	}
	for _, w := range r.truth.Cgroups {
		if got := slices.Sorted(slices.Values(reasons[w.ID])); !slices.Equal(got, []string{"entered", "made"}) {
			t.Errorf("cgroup of %d bytes has rows %v", cmp.Or(len(w.Name), 1), got)
		}
	}
}
