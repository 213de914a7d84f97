// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options says what to show of an analysis.
type Options struct {
	Top         int           // rows of each table; 0: all
	Sort        string        // column: numbers largest first, text and instants from the first; empty: the analysis's own order
	By          string        // what rows are of, one of Analysis.By; empty: the first of them
	From, To    int64         // count only what happened between these instants, in Unix ns; 0: open
	MinDuration time.Duration // leave out what lived shorter; only where Analysis.MinDuration says so
}

func (o *Options) check(a *Analysis) error {
	if o.Top < 0 {
		return fmt.Errorf("top %d: the number of rows cannot be negative", o.Top)
	}
	if o.By != "" && !slices.Contains(a.By, o.By) {
		return unknown("grouping", o.By, a.By)
	}
	if o.From != 0 && o.To != 0 && o.From >= o.To {
		return errors.New("the span to analyze ends before it begins")
	}
	if o.MinDuration < 0 {
		return errors.New("the least duration cannot be negative")
	}
	if o.MinDuration != 0 && !a.MinDuration {
		return fmt.Errorf("%s does not take a least duration", a.Name)
	}
	if o.Sort != "" {
		_, err := indexOf(a.Columns, o.Sort)
		return err
	}
	return nil
}
