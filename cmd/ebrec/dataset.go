// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ebrec/ebrec/dataset"
)

// toParquet is the export that takes a directory and any number of captures.
const toParquet = "parquet"

// exportDataset adds captures to a data set.
func (a *app) exportDataset(ctx context.Context, dir string, captures []string, f exportFlags) error {
	bar := a.progress("export")
	bar.unit = "B"
	var one sync.Mutex
	o := dataset.Options{Replace: f.force, Progress: func(done, all float64) {
		one.Lock()
		defer one.Unlock()
		bar.set(int64(done), int64(all))
	}}
	bad, lacking := 0, false
	for r := range dataset.Add(ctx, dir, captures, o) {
		var full *dataset.WriteError
		if r.Err != nil && (!f.skipBad || ctx.Err() != nil || errors.As(r.Err, &full)) {
			bar.end()
			return r.Err
		}
		one.Lock()
		bar.clear()
		if r.Err != nil {
			a.warn(r.Err.Error())
			bad++
		} else if err := a.added(r, &lacking); err != nil {
			one.Unlock()
			return err
		}
		one.Unlock()
	}
	bar.end()
	if bad > 0 {
		a.warn(fmt.Sprintf("%d of %d captures were skipped", bad, len(captures)))
	}
	if bad > 0 || lacking {
		return &statusError{status: exitIncomplete}
	}
	return nil
}

// added says what became of a capture.
func (a *app) added(r *dataset.Result, lacking *bool) error {
	if r.Same != "" {
		_, err := fmt.Fprintf(a.stdout, "same capture as %s: %s\n", r.Same, r.Path)
		return err
	}
	for _, n := range r.Notes {
		a.warn(fmt.Sprintf("%s: %s", r.Path, n))
	}
	if a.lacking(r.Capture) || len(r.Loss) > 0 {
		*lacking = true
	}
	a.lost(r.Capture, r.Loss)
	if r.There {
		_, err := fmt.Fprintf(a.stdout, "already there: %s of %s\n", r.File, r.Path)
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "wrote %s: %d rows of %s\n", r.File, r.Rows, r.Path)
	return err
}
