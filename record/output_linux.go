// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// output is the file being written. It exists before anything attaches, so
// that a path that cannot be written fails first, and it takes the place of an
// older file only once there is something in it.
type output struct {
	file *os.File
	path string // final path; "-" for standard output
	temp string // where it is until begun; empty when it is in place
	done bool   // begun: what it holds is worth keeping
}

func createOutput(path string, force bool) (*output, error) {
	if path == "-" {
		return &output{file: os.Stdout, path: path, done: true}, nil
	}
	old, err := os.Lstat(path)
	if err == nil && !force {
		return nil, hinted{fmt.Errorf("create %s: it exists", path), "choose another name with -o, or replace it with --force"}
	}
	if err == nil && !old.Mode().IsRegular() {
		return nil, hinted{fmt.Errorf("create %s: it is not a regular file", path), "choose another name with -o"}
	}
	o := &output{path: path}
	at := path
	if err == nil {
		at = filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), os.Getpid()))
		o.temp = at
	}
	o.file, err = os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, hinted{fmt.Errorf("create %s: %w", path, errors.Unwrap(err)), createHint(err)}
	}
	return o, o.giveToCaller()
}

func createHint(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "make the directory first, or choose another with -o"
	}
	return "choose a place you may write to with -o"
}

// giveToCaller makes the user behind sudo the owner: the file is theirs to
// read and to attach.
func (o *output) giveToCaller() error {
	uid, gid, ok := caller()
	if !ok {
		return nil
	}
	if err := o.file.Chown(uid, gid); err != nil {
		return fmt.Errorf("give %s to user %d: %w", o.path, uid, err)
	}
	return nil
}

// begun puts the file in its place: from here on it is kept whatever happens.
func (o *output) begun() error {
	o.done = true
	if o.temp == "" {
		return nil
	}
	temp := o.temp
	o.temp = ""
	if err := os.Rename(temp, o.path); err != nil {
		return fmt.Errorf("replace %s: %w", o.path, err)
	}
	return nil
}

// finish closes the file, and removes it when the recording never began.
func (o *output) finish() error {
	if o.path == "-" {
		return nil
	}
	err := o.file.Close()
	if !o.done {
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	return err
}
