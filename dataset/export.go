// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// Options say how captures are added.
type Options struct {
	Replace  bool                    // write what is there already anew
	Progress func(done, all float64) // hears how many bytes of captures are written; several goroutines call it
}

// A Result is what became of one capture.
type Result struct {
	Path  string   // of the capture
	Err   error    // why it was not added; what was there is as it was
	Same  string   // path of an earlier capture with the same bytes, which stands for both
	There bool     // it was there already: nothing was written
	File  string   // of its events
	Rows  int64    // of its events; of one that was there 0
	Notes []string // what the data set does not have of it, a sentence each

	Capture *format.Capture // closed; what it says of itself may be asked
	Loss    []analyze.Loss
}

// atOnce is how many captures are written at a time: what each takes is bounded,
// and together they are to stay below 256 MB.
const atOnce = 2

// Add adds captures to the data set in a directory, which is made if there is
// none, and ranges over what became of each, in the order given. Those that are
// worked on when the iteration is left are given up.
func Add(ctx context.Context, dir string, paths []string, o Options) iter.Seq[*Result] {
	return func(yield func(*Result) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		a := &adding{dir: dir, Options: o, first: map[string]string{}}
		all := a.start(ctx, paths)
		for i, x := range all {
			<-x.done
			all[i] = nil // there may be many, each with what its capture says
			if !yield(&x.Result) {
				cancel()
				all = all[i+1:]
				break
			}
		}
		for _, x := range all {
			if x != nil {
				<-x.done
			}
		}
	}
}

// adding is captures that are being added.
type adding struct {
	Options
	dir   string
	first map[string]string // paths by id
	size  float64           // of all
	bytes atomic.Int64      // that are written
}

// one of them.
type one struct {
	Result
	id     string
	before os.FileInfo // of the file when it was identified
	size   int64
	done   chan struct{}
}

// start works on captures, some at a time, and closes done of each.
func (a *adding) start(ctx context.Context, paths []string) []*one {
	all := make([]*one, len(paths))
	for i, path := range paths {
		all[i] = &one{Result: Result{Path: path}, done: make(chan struct{})}
		if st, err := os.Stat(path); err == nil {
			all[i].size = st.Size()
			a.size += float64(st.Size())
		}
	}
	turn, todo := make(chan *one), slices.Clone(all)
	go func() {
		defer close(turn)
		for i, x := range todo {
			todo[i] = nil
			if a.identify(ctx, x) {
				turn <- x
			} else {
				close(x.done)
			}
		}
	}()
	for range min(atOnce, runtime.GOMAXPROCS(0)) {
		go func() {
			for x := range turn {
				x.Err = a.add(ctx, x)
				close(x.done)
			}
		}()
	}
	return all
}

// identify tells whether a capture is to be worked on.
func (a *adding) identify(ctx context.Context, x *one) bool {
	if x.before, x.Err = os.Stat(x.Path); x.Err != nil {
		x.Err = fmt.Errorf("open capture: %w", x.Err)
		return false
	}
	if x.id, x.Err = identify(ctx, x.Path); x.Err != nil {
		return false
	}
	if first, ok := a.first[x.id]; ok && x.id != "" {
		x.Same = first
		return false
	}
	a.first[x.id] = x.Path
	return true
}

func (a *adding) add(ctx context.Context, x *one) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c, err := format.Open(x.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	x.Capture = c
	if err := a.write(ctx, x); err != nil {
		return fmt.Errorf("export %s: %w", x.Path, err)
	}
	return nil
}

// write writes both files of a capture, unless they are there.
func (a *adding) write(ctx context.Context, x *one) error {
	info, err := analyze.Info(ctx, x.Capture)
	if err != nil {
		return err
	}
	x.Loss = info.Loss
	p, err := newPlace(a.dir, x.id, x.Capture.Meta().Host, info.Capture.Start)
	if err != nil {
		return err
	}
	if err := x.note(); err != nil {
		return err
	}
	x.File = p.of(Events)
	if x.There = p.there() && !a.Replace; x.There {
		a.told(x.size)
		return nil
	}
	err = publish(x.File, func(w io.Writer) (err error) {
		if x.Rows, err = writeEvents(ctx, w, x.Capture, x.id, info.Details.Rows, a.share(x, info.Details.Rows)); err != nil {
			return err
		}
		return x.unchanged()
	})
	if err != nil {
		return err
	}
	row, err := describe(x.Capture, x.id, info, x.Rows)
	if err != nil {
		return err
	}
	return publish(p.of(Captures), func(w io.Writer) error { return writeCapture(w, row) })
}

// unchanged wants the file as it was when its id was made.
func (x *one) unchanged() error {
	after, err := os.Stat(x.Path)
	if err == nil && (after.Size() != x.before.Size() || !after.ModTime().Equal(x.before.ModTime())) {
		err = errors.New("it changed meanwhile")
	}
	return err
}

// note says what has no place in the tables.
func (x *one) note() error {
	unknown, err := Unknown(x.Capture)
	for _, name := range unknown {
		x.Notes = append(x.Notes, fmt.Sprintf("column %s is left out: this ebrec does not know it", name))
	}
	return err
}

// share counts bytes of a capture by its rows.
func (a *adding) share(x *one, rows int64) func(int64) {
	done, told := int64(0), int64(0)
	return func(n int64) {
		done += n
		now := int64(float64(x.size) * float64(done) / float64(max(rows, done, 1)))
		a.told(now - told)
		told = now
	}
}

func (a *adding) told(bytes int64) {
	if n := a.bytes.Add(bytes); a.Progress != nil {
		a.Progress(float64(n), a.size)
	}
}
