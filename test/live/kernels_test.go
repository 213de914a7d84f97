// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	recorder "github.com/ebrec/ebrec/record"
	"github.com/ebrec/ebrec/test/guest"
	"github.com/ebrec/ebrec/test/truth"
)

const guestCPUs = 2

// guestWork is what a guest records: options of record, and the workload.
var guestWork = map[string][2]string{
	"mixed":     {"-a", "mixed --procs 8 --for 2s"},
	"forkstorm": {"-a", "forkstorm --procs 100"},
	"failing":   {"", "failing"},
	"tcp":       {"", "tcp --requests 10 --connections 2 --refused 2"},
	"opens":     {"-e file", "opens"},
}

// TestKernels records on other kernels and holds the captures, read here, to
// the truth. It runs for the kernels named in EBREC_TEST_KERNELS.
func TestKernels(t *testing.T) {
	names := strings.Fields(os.Getenv("EBREC_TEST_KERNELS"))
	if len(names) == 0 {
		t.Skip("EBREC_TEST_KERNELS names no kernel; there are " + strings.Join(guest.Kernels(), ", "))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := bootAndRecord(t, name)
			t.Run("cputime", func(t *testing.T) {
				r := brought(t, dir, "mixed")
				checkCPUTime(t, r)
				checkSwitches(t, r)
				checkOnCPU(t, r, guestCPUs)
			})
			t.Run("lifetimes", func(t *testing.T) {
				checkLifetimes(t, brought(t, dir, "forkstorm"))
				checkLifetimes(t, brought(t, dir, "failing"))
			})
			t.Run("tcplat", func(t *testing.T) { checkConns(t, brought(t, dir, "tcp"), 0) })
			t.Run("doctor", func(t *testing.T) {
				out, err := os.ReadFile(filepath.Join(dir, "doctor.json"))
				if err != nil {
					t.Fatal(err)
				}
				for name, f := range findings(t, out) {
					if f.State == recorder.Missing {
						t.Errorf("%s: %+v", name, f)
					}
				}
			})
			t.Run("opens", func(t *testing.T) { checkOpens(t, brought(t, dir, "opens")) })
		})
	}
}

// bootAndRecord runs every workload in one guest and returns where its files are.
func bootAndRecord(t *testing.T, kernel string) string {
	t.Helper()
	cache, err := guest.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	o := guest.Options{
		Kernel:   kernel,
		Programs: map[string]string{"ebrec": ebrec, "workload": workload},
		Out:      t.TempDir(),
		CPUs:     guestCPUs,
	}
	for name, w := range guestWork {
		o.Commands = append(o.Commands, fmt.Sprintf(
			"ebrec record -o %s.arrow %s -- workload %s --truth %s.json", name, w[0], w[1], name))
	}
	o.Commands = append(o.Commands, "ebrec doctor --format json >doctor.json || test $? = 3")
	r, err := cache.Boot(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != 0 {
		t.Fatalf("a command ended with %d:\n%s", r.Status, r.Console)
	}
	return o.Out
}

// brought is a recording that a guest made.
func brought(t *testing.T, dir, name string) recording {
	t.Helper()
	tr, err := truth.Read(filepath.Join(dir, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := recording{trace: filepath.Join(dir, name+".arrow"), truth: tr}
	run(t, "check", r.trace)
	return r
}
