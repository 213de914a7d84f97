// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// release says where Debian keeps a kernel. The patterns match one package
// each after the highest version is taken; %s is the version of the first.
type release struct {
	name     string
	suite    string
	packages []string
}

// releases are the kernels that can be asked for by name.
var releases = []release{
	{"5.10", "bullseye", []string{`^linux-image-5[.]10[.].*-cloud-amd64$`}},
	{"6.1", "bookworm", []string{`^linux-image-6[.]1[.].*-cloud-amd64$`}},
	{"6.12", "trixie", []string{`^linux-image-6[.]12[.].*-cloud-amd64$`}},
	// Since 7.0 the image is split, and linux-image-* is empty.
	{"newest", "sid", []string{`^linux-binary-[0-9.]+.*-cloud-amd64$`, `^linux-modules-%s$`}},
}

// Kernels are the names that Kernel takes, oldest first.
func Kernels() []string {
	var names []string
	for _, r := range releases {
		names = append(names, r.name)
	}
	return names
}

// Kernel is an unpacked kernel.
type Kernel struct {
	Packages []string // "NAME VERSION" of each Debian package

	image   string // path of vmlinuz
	modules string // path of lib/modules/VERSION
}

// Kernel returns a kernel by name, fetching it on first use.
func (c Cache) Kernel(ctx context.Context, name string) (*Kernel, error) {
	r, err := findRelease(name)
	if err != nil {
		return nil, err
	}
	dir, err := c.unpacked("kernel-"+name, func(dir string) error { return r.fetch(ctx, dir) })
	if err != nil {
		return nil, err
	}
	k := new(Kernel)
	if k.Packages, err = packages(dir); err != nil {
		return nil, err
	}
	if k.image, err = one(dir, "boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"); err != nil {
		return nil, err
	}
	dep, err := one(dir, "lib/modules/*/kernel", "usr/lib/modules/*/kernel")
	k.modules = filepath.Dir(dep)
	return k, err
}

func findRelease(name string) (release, error) {
	for _, r := range releases {
		if r.name == name {
			return r, nil
		}
	}
	return release{}, fmt.Errorf("no kernel %q: choose one of %s", name, strings.Join(Kernels(), ", "))
}

// fetch unpacks the release's packages into dir.
func (r release) fetch(ctx context.Context, dir string) error {
	return withSuite(ctx, r.suite, func(s *suite) error {
		var flavour string
		for _, pattern := range r.packages {
			if strings.Contains(pattern, "%s") {
				pattern = fmt.Sprintf(pattern, strings.ReplaceAll(flavour, "+", "[+]"))
			}
			name, version, err := s.newest(ctx, pattern)
			if err != nil {
				return err
			}
			flavour = strings.TrimPrefix(name, "linux-binary-")
			if err := s.unpack(ctx, name, version, dir); err != nil {
				return err
			}
		}
		return nil
	})
}

// withSuite runs f with a suite whose index is dropped afterwards.
func withSuite(ctx context.Context, name string, f func(*suite) error) error {
	dir, err := os.MkdirTemp("", "ebrec-apt")
	if err != nil {
		return err
	}
	s, err := openSuite(ctx, name, dir)
	if err == nil {
		err = f(s)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// one returns the single file under dir that matches one of the patterns.
func one(dir string, patterns ...string) (string, error) {
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, p))
		if err != nil {
			return "", err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("no single %s under %s", strings.Join(patterns, " or "), dir)
}
