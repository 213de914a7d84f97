// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outputError says why a file cannot be written, and what to do.
type outputError struct {
	err  error
	hint string
}

func (e *outputError) Error() string { return e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// writeFile makes a capture at a path. It is there when it is complete: until
// then it has a hidden name beside it, and nothing is left behind when write
// fails. What is at the path is only replaced when asked to. Only the owner may
// read it.
func writeFile(path string, force bool, write func(*os.File) error) error {
	if err := vacant(path, force); err != nil {
		return err
	}
	at := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return createError(path, err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = publish(at, path, force)
	}
	if err != nil {
		return errors.Join(err, os.Remove(at))
	}
	return nil
}

// vacant wants nothing at a path, unless it may be replaced.
func vacant(path string, force bool) error {
	if _, err := os.Lstat(path); err == nil && !force {
		return createError(path, fs.ErrExist)
	}
	return nil
}

// publish gives a file the name that it is for.
func publish(at, path string, force bool) error {
	if force {
		return os.Rename(at, path)
	}
	switch err := os.Link(at, path); {
	case err == nil:
		return os.Remove(at)
	case errors.Is(err, fs.ErrExist):
		return createError(path, err)
	}
	// A file system without links: somebody else may have taken the name since.
	if err := vacant(path, force); err != nil {
		return err
	}
	return os.Rename(at, path)
}

func createError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return &outputError{fmt.Errorf("create %s: it exists", path), "choose another name with -o, or replace it with --force"}
	case errors.Is(err, fs.ErrNotExist):
		return &outputError{fmt.Errorf("create %s: its directory does not exist", path), "make the directory first, or choose another with -o"}
	}
	return &outputError{fmt.Errorf("create %s: %w", path, errors.Unwrap(err)), "choose a place you may write to with -o"}
}
