// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/format"
)

// output is the file being written. It exists before anything attaches, so
// that a path that cannot be written fails first, and it takes the place of an
// older file only once there is something in it.
type output struct {
	file *os.File
	path string // final path; "-" for standard output
	temp string // where it is until begun; empty when it is in place
	done bool   // begun: what it holds is worth keeping

	written   int64 // bytes
	allocated int64 // bytes that the file system has promised
	ending    bool  // what is written now is what the reserve is for

	most int64 // bytes that the file may have; 0: any
	keep int64 // of them, for what its end has
	over bool  // something did not fit in them
}

// reserve is what the end of a file may take: the last sums, the summary, the
// list of batches. allocateBytes are asked for at a time.
const (
	reserve       = 512 << 10
	allocateBytes = 1 << 20
)

// Write adds to the file.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	o.written += int64(n)
	return n, err
}

// Room has the file system promise room for so much and for the end of the
// file. File systems that cannot promise are believed.
func (o *output) Room(bytes int) error {
	if o.most > 0 && !o.ending && o.written+int64(bytes)+o.keep > o.most {
		o.over = true
		return format.ErrFull
	}
	need := o.written + int64(bytes) + reserve
	if o.path == "-" || o.ending || need <= o.allocated {
		return nil
	}
	for _, more := range []int64{allocateBytes, 0} { // the last bit of a disk comes in small pieces
		err := unix.Fallocate(int(o.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, need+more)
		if err == nil {
			o.allocated = need + more
			return nil
		}
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) && !errors.Is(err, unix.EFBIG) {
			return nil
		}
	}
	return format.ErrFull
}

// giveBack returns what the file system promised and the file did not need.
func (o *output) giveBack() error {
	if o.allocated <= o.written {
		return nil
	}
	return o.file.Truncate(o.written)
}

func createOutput(path string, force bool) (*output, error) {
	if path == "-" {
		return &output{file: os.Stdout, path: path, done: true}, nil
	}
	old, err := os.Lstat(path)
	if err == nil && !force {
		return nil, existsError{hinted{fmt.Errorf("create %s: it exists", path), "choose another name with -o, or replace it with --force"}}
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
	o.file, err = os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, hinted{fmt.Errorf("create %s: %w", path, errors.Unwrap(err)), createHint(err)}
	}
	return o, o.giveToCaller()
}

// existsError is that a file is there already.
type existsError struct{ hinted }

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
	if !o.done {
		return errors.Join(o.file.Close(), os.Remove(o.file.Name()))
	}
	return errors.Join(o.giveBack(), o.rescue(), o.file.Close())
}

// rescue saves a file whose name was removed while it was written, perhaps with
// its directory: it copies what there is to the directory for temporary files.
func (o *output) rescue() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(o.file.Fd()), &st); err != nil || st.Nlink > 0 {
		return nil // where links are not counted nothing is known
	}
	to, err := os.CreateTemp("", "*-"+filepath.Base(o.path))
	if err != nil {
		return fmt.Errorf("%s was removed while it was written: %w", o.path, err)
	}
	_, err = io.Copy(to, io.NewSectionReader(o.file, 0, o.written))
	saved := &output{file: to, path: to.Name()}
	if err = errors.Join(err, saved.giveToCaller(), to.Close()); err != nil {
		return fmt.Errorf("%s was removed while it was written: %w", o.path, err)
	}
	return hinted{fmt.Errorf("%s was removed while it was written", o.path), "the capture is in " + to.Name()}
}
