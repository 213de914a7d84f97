// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// publish makes a file that is there when it is whole. Until then it has a hidden
// name beside it, which query engines pass over; what a run that was killed leaves
// behind has such a name, too. When publish returns, the file and its name would
// outlast a crash. Only the owner may read it. What was there is replaced.
func publish(path string, write func(io.Writer) error) error {
	dir := filepath.Dir(path)
	if err := makeDirs(dir); err != nil {
		return &WriteError{dir, cause(err)}
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return &WriteError{path, cause(err)}
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		if err = os.Rename(f.Name(), path); err != nil {
			err = &WriteError{path, cause(err)}
		}
	}
	if err != nil {
		return errors.Join(named(err, f.Name(), path), os.Remove(f.Name()))
	}
	if err := syncDir(dir); err != nil {
		return &WriteError{dir, cause(err)}
	}
	return nil
}

// A WriteError says that a data set cannot be written to: which is so of all
// captures, not of one.
type WriteError struct {
	Path string // in the data set
	Err  error
}

func (e *WriteError) Error() string { return fmt.Sprintf("write %s: %v", e.Path, e.Err) }
func (e *WriteError) Unwrap() error { return e.Err }

// named gives an error of the file the name that it is to have. Others are of what
// is written to it.
func named(err error, hidden, path string) error {
	var of *fs.PathError
	if errors.As(err, &of) && of.Path == hidden {
		return &WriteError{path, of.Err}
	}
	return err
}

// cause is what went wrong, without the names that only we know.
func cause(err error) error {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		return at.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// makeDirs makes a directory and those it is in, so that they outlast a crash.
func makeDirs(dir string) error {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirs(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// syncDir makes the names in a directory outlast a crash, where a system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
