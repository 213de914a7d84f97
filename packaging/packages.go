// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages makes the packages of a binary.
func (r *release) packages(binary, arch string) error {
	contents, err := r.contents(binary)
	if err != nil {
		return err
	}
	for _, format := range []string{"deb", "rpm"} {
		info := nfpm.WithDefaults(&nfpm.Info{
			Name: "ebrec", Arch: arch, Platform: "linux", Version: r.version, Release: "1",
			Section: "admin", Priority: "optional", License: "Apache-2.0", MTime: r.date,
			Maintainer: "the ebrec developers <ebrec@example.org>", Vendor: "ebrec", Homepage: "https://github.com/ebrec/ebrec",
			Description: "record what a Linux machine does, analyze it anywhere\n" +
				"Attaches small eBPF programs and writes one compressed Apache Arrow file of\n" +
				"CPU time, process lifetimes, scheduling and TCP latency. The file is analyzed\n" +
				"anywhere, without root.",
			Overridables: nfpm.Overridables{
				Contents: contents, Recommends: []string{},
				Deb: nfpm.Deb{Compression: "zstd"},
				RPM: nfpm.RPM{Summary: "record what a Linux machine does, analyze it anywhere", Compression: "zstd"},
			},
		})
		if err := r.write(format, info); err != nil {
			return fmt.Errorf("make %s for %s: %w", format, arch, err)
		}
	}
	return nil
}

func (r *release) write(format string, info *nfpm.Info) error {
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	f, err := os.Create(r.path(packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	return errors.Join(packager.Package(info, f), f.Close())
}

// contents are the files of a package.
func (r *release) contents(binary string) (files.Contents, error) {
	all := files.Contents{
		r.file(binary, "/usr/bin/ebrec", 0o755),
		r.file(r.extra("bash"), "/usr/share/bash-completion/completions/ebrec", 0o644),
		only("deb", r.file(r.extra("zsh"), "/usr/share/zsh/vendor-completions/_ebrec", 0o644)),
		only("rpm", r.file(r.extra("zsh"), "/usr/share/zsh/site-functions/_ebrec", 0o644)),
		r.file(r.extra("fish"), "/usr/share/fish/vendor_completions.d/ebrec.fish", 0o644),
		r.file(filepath.Join(root, "LICENSE"), "/usr/share/doc/ebrec/copyright", 0o644),
		r.file("fleet/ebrec-flight.service", "/usr/lib/systemd/system/ebrec-flight.service", 0o644),
		r.file("fleet/tmpfiles.conf", "/usr/lib/tmpfiles.d/ebrec.conf", 0o644),
		r.file("fleet/daemonset.yaml", "/usr/share/doc/ebrec/daemonset.yaml", 0o644),
	}
	for pattern, to := range map[string]string{
		r.extra("man/*.gz"):                 "/usr/share/man/man1",
		filepath.Join(root, "docs/*.md"):    "/usr/share/doc/ebrec/docs",
		filepath.Join(root, "[RF][EO]*.md"): "/usr/share/doc/ebrec",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			return nil, errors.Join(fmt.Errorf("nothing is %s", pattern), err)
		}
		for _, path := range found {
			all = append(all, r.file(path, filepath.Join(to, filepath.Base(path)), 0o644))
		}
	}
	return all, nil
}

func (r *release) file(from, to string, mode os.FileMode) *files.Content {
	return &files.Content{Source: from, Destination: to, FileInfo: &files.ContentFileInfo{Mode: mode, MTime: r.date}}
}

// only is a file of packages of one format.
func only(format string, f *files.Content) *files.Content {
	f.Packager = format
	return f
}
