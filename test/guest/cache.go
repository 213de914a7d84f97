// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Cache is the directory that holds unpacked packages between runs.
type Cache struct{ dir string }

// DefaultCache is the user's cache directory for ebrec.
func DefaultCache() (Cache, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return Cache{}, err
	}
	return Cache{filepath.Join(base, "ebrec")}, nil
}

// unpacked returns the directory called name, which fill makes on first use.
// It appears whole or not at all.
func (c Cache) unpacked(name string, fill func(dir string) error) (string, error) {
	dir := filepath.Join(c.dir, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(c.dir, name+".new")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := fill(fresh); err != nil {
		return "", fmt.Errorf("prepare %s: %w", name, err)
	}
	err = os.Rename(fresh, dir)
	if os.IsExist(err) {
		err = nil // another run was first
	}
	return dir, err
}

// packagesFile lists what was unpacked into a directory: "NAME VERSION" lines.
const packagesFile = "PACKAGES"

// packages reads what was unpacked into dir.
func packages(dir string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(dir, packagesFile))
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n"), nil
}
