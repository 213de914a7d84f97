// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
)

// TestRelease makes a release, and installs it where nothing else is.
func TestRelease(t *testing.T) {
	if os.Getenv("EBREC_PACKAGING") == "" {
		t.Skip("EBREC_PACKAGING is not set: this builds packages and installs one in a system of its own (root, debootstrap, rpm)")
	}
	out := filepath.Join(t.TempDir(), "release")
	if err := run(out); err != nil {
		t.Fatal(err)
	}
	t.Run("checksums", func(t *testing.T) {
		shell(t, out, `sha256sum --check --strict SHA256SUMS; test $(wc -l < SHA256SUMS) = $(ls | grep -vc SHA256SUMS)`)
	})
	t.Run("bill", func(t *testing.T) { checkBill(t, one(t, out, "ebrec-*-linux-"+runtime.GOARCH+".cdx.json")) })
	t.Run("rpm", func(t *testing.T) {
		for _, arch := range []string{"x86_64", "aarch64"} {
			list := shell(t, out, "rpm -qlp "+filepath.Base(one(t, out, "*."+arch+".rpm")))
			for _, path := range []string{"/usr/bin/ebrec", "/usr/share/man/man1/ebrec-record.1.gz", "/usr/share/zsh/site-functions/_ebrec"} {
				if !strings.Contains(list, path+"\n") {
					t.Errorf("%s: no %s in\n%s", arch, path, list)
				}
			}
		}
	})
	t.Run("deb", func(t *testing.T) { checkInstalls(t, one(t, out, "*_"+runtime.GOARCH+".deb")) })
}

// The same sources make the same packages.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds ebrec")
	}
	r := &release{extras: t.TempDir()}
	if err := r.prepare(); err != nil {
		t.Fatal(err)
	}
	var sums []string
	for range 2 {
		r.out = t.TempDir()
		if err := r.packages(r.extra("ebrec"), runtime.GOARCH); err != nil {
			t.Fatal(err)
		}
		sums = append(sums, shell(t, r.out, "sha256sum *"))
	}
	if sums[0] != sums[1] || sums[0] == "" {
		t.Errorf("packages differ:\n%s%s", sums[0], sums[1])
	}
}

func checkBill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var doc cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(f, cyclonedx.BOMFileFormatJSON).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, c := range *doc.Components {
		listed[c.Name] = true
	}
	for _, name := range []string{"std", "github.com/cilium/ebpf", "github.com/apache/arrow/go/v17", "github.com/klauspost/compress"} {
		if !listed[name] {
			t.Errorf("%s is not listed", name)
		}
	}
}

// checkInstalls installs a package in a minimal Debian, records and analyzes
// there, and removes it. Nothing of it may stay.
func checkInstalls(t *testing.T, deb string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	shell(t, "", "debootstrap --variant=minbase bookworm "+root+" >&2")
	shell(t, "", "cp "+deb+" "+root+"/ebrec.deb")
	// Mounts of this end with its mount namespace.
	said := shell(t, root, `exec unshare --mount --propagation private sh -ec '
		for d in proc sys dev; do mount --rbind /$d $d; done
		exec chroot . sh -ec "
			find / -xdev -path /proc -prune -o -path /tmp -prune -o -print | sort > /tmp/before
			dpkg -i /ebrec.deb >&2
			ebrec --version
			zcat /usr/share/man/man1/ebrec-record.1.gz | grep -q NAME
			bash -n /usr/share/bash-completion/completions/ebrec
			test -s /usr/share/doc/ebrec/FORMAT.md
			cd /tmp
			ebrec record -o trace.arrow -- sleep 0.2 >&2
			ebrec check trace.arrow >&2
			ebrec analyze cputime trace.arrow
			dpkg -r ebrec >&2
			dpkg -P ebrec >&2 2>/dev/null || true
			find / -xdev -path /proc -prune -o -path /tmp -prune -o -print | sort > /tmp/after
			diff /tmp/before /tmp/after | grep -v /var/ || true
		"'`)
	if !strings.HasPrefix(said, "ebrec") || !strings.Contains(said, "sleep") {
		t.Errorf("what was installed said\n%s", said)
	}
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "> ") {
			t.Errorf("removing it left %s", line[2:])
		}
	}
}

// one is the one file of a pattern.
func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d files are %s, %v", len(found), pattern, err)
	}
	return found[0]
}

// shell runs a script in a directory and returns what it prints.
func shell(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out, stderr.Bytes())
	}
	return string(out)
}
