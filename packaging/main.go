// SPDX-License-Identifier: Apache-2.0

// Command packaging makes what is released of ebrec: static binaries, packages for
// Debian and for RPM, what each binary consists of (CycloneDX), and checksums of
// all. It is a module of its own, so that nothing it needs is a dependency of
// ebrec.
//
//	go run . -out ../dist/release
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	out := flag.String("out", "../dist/release", "write into `DIRECTORY`, which is emptied first")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

// root is the module of ebrec.
const root = ".."

// release is what is being made.
type release struct {
	out     string
	version string
	date    time.Time // of the commit: the same sources make the same files
	extras  string    // directory of man pages and completions
}

// architectures are those that BPF objects and tests exist for.
var architectures = []string{"amd64", "arm64"}

func run(out string) error {
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	extras, err := os.MkdirTemp("", "packaging")
	if err != nil {
		return err
	}
	defer os.RemoveAll(extras)
	r := &release{out: out, extras: extras}
	if err := r.prepare(); err != nil {
		return err
	}
	for _, arch := range architectures {
		binary := r.path(fmt.Sprintf("ebrec-%s-linux-%s", r.version, arch))
		if err := build(binary, arch); err != nil {
			return err
		}
		if err := r.bill(binary); err != nil {
			return err
		}
		if err := r.packages(binary, arch); err != nil {
			return err
		}
	}
	return sums(out)
}

func (r *release) path(name string) string { return filepath.Join(r.out, name) }
