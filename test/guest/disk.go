// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// unpackDisk reads the archive that the guest wrote to its disk: the exit
// status comes first, then the tree out, whose regular files go to dir unless
// that is empty.
func unpackDisk(disk, dir string) (status int, err error) {
	f, err := os.Open(disk)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := tar.NewReader(f)
	if status, err = readStatus(r); err != nil {
		return 0, err
	}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return status, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read disk: %w", err)
		}
		if dir == "" || h.Typeflag != tar.TypeReg {
			continue
		}
		if err := writeFile(r, dir, strings.TrimPrefix(h.Name, "out/")); err != nil {
			return 0, err
		}
	}
}

func readStatus(r *tar.Reader) (int, error) {
	h, err := r.Next()
	if err != nil || h.Name != "status" {
		return 0, errors.New("ended before it wrote its disk")
	}
	data, err := io.ReadAll(io.LimitReader(r, 16))
	if err != nil {
		return 0, fmt.Errorf("read status: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

// writeFile writes the entry at hand below dir.
func writeFile(r io.Reader, dir, name string) error {
	target := filepath.Join(dir, filepath.FromSlash(path.Clean("/"+name)))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.Create(target)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
