// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotCapture says that a file is something else than a capture.
var ErrNotCapture = errors.New("not an ebrec capture")

// ErrSeveral says that a file holds the rows of several recordings. Another
// program put them together: each has times, thread ids and sums of its own.
var ErrSeveral = errors.New("rows of several recordings, of which each is a capture of its own")

// ErrFull says that what a capture is written to has no room for more than the
// end of the file.
var ErrFull = errors.New("no room for more")

// CorruptError says where a capture is damaged.
type CorruptError struct {
	Path   string
	Offset int64 // byte in the file; of the batch, when the damage is inside one
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: damaged at byte %d: %v", e.Path, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// CutError says that a capture was not finished and where it ends. What it
// holds up to there is good.
type CutError struct {
	Path   string
	Offset int64     // byte in the file after the last whole batch
	End    time.Time // of the last whole batch; zero when there is none
}

func (e *CutError) Error() string {
	if e.End.IsZero() {
		return e.Path + ": cut short before its first rows"
	}
	return fmt.Sprintf("%s: recording ends at %s, cut short", e.Path, e.End.UTC().Format("2006-01-02T15:04:05.000Z"))
}
