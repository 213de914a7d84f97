// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

// archive writes a cpio archive of the "newc" kind, which the kernel unpacks
// as its first root.
type archive struct {
	w     io.Writer
	count int // files so far, also the inode number
	err   error
}

const (
	typeDir  = 0o040000
	typeFile = 0o100000
)

func (a *archive) dir(name string)               { a.entry(name, typeDir|0o755, nil) }
func (a *archive) file(name string, data []byte) { a.entry(name, typeFile|0o755, data) }

// entry writes one file. Its name has no leading slash.
func (a *archive) entry(name string, mode int, data []byte) {
	a.count++
	const links, zero = 1, 0
	a.printf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.count, mode, zero, zero, links, zero, len(data),
		zero, zero, zero, zero, len(name)+1, zero)
	const header = 110
	a.printf("%s\x00%s", name, padding(header+len(name)+1))
	a.printf("%s%s", data, padding(len(data)))
}

// padding fills n up to a multiple of four.
func padding(n int) string { return "\x00\x00\x00"[:(4-n%4)%4] }

func (a *archive) printf(format string, args ...any) {
	if a.err == nil {
		_, a.err = fmt.Fprintf(a.w, format, args...)
	}
}

// close ends the archive.
func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil)
	return a.err
}

// writeInitramfs writes a compressed archive to path; fill adds the files.
func writeInitramfs(path string, fill func(*archive) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(f)
	zip, _ := gzip.NewWriterLevel(buffered, gzip.BestSpeed) // the level is valid
	a := &archive{w: zip}
	return errors.Join(fill(a), a.close(), zip.Close(), buffered.Flush(), f.Close())
}
