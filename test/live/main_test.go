// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ebrec and workload are the paths of the built programs, set before any test.
var ebrec, workload string

func TestMain(m *testing.M) {
	status, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// waitTogether has more tests run at a time than there are CPUs, unless it was told
// how many: those that say that they may mostly wait.
func waitTogether() error {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if told {
		return nil
	}
	return flag.Set("test.parallel", "8")
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "ebrec-live")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/ebrec", "./test/workload")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build ebrec and workload: %w\n%s", err, out)
	}
	if err := waitTogether(); err != nil {
		return 0, err
	}
	ebrec, workload = filepath.Join(dir, "ebrec"), filepath.Join(dir, "workload")
	return m.Run(), nil
}
