// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ebrec/ebrec/analyze"
)

// asserted are the assertions about a result.
type asserted struct {
	list   []*analyze.Assertion
	failed int // rows
}

func assertions(texts []string, columns []analyze.ColumnSpec) (*asserted, error) {
	a := &asserted{}
	for _, text := range texts {
		one, err := analyze.ParseAssertion(text, columns)
		if err != nil {
			return nil, usage(err)
		}
		a.list = append(a.list, one)
	}
	return a, nil
}

// all has every row be there for the assertions.
func (a *asserted) all(o analyze.Options) analyze.Options {
	if len(a.list) > 0 {
		o.Top = 0
	}
	return o
}

// failures leaves only rows that do not meet an assertion; without assertions
// it leaves the result as it is.
func (a *asserted) failures(r *analyze.Result, top int) (*analyze.Result, error) {
	if len(a.list) == 0 {
		return r, nil
	}
	var tables []analyze.Table
	for _, one := range a.list {
		t, err := r.Failed(one)
		if err != nil {
			return nil, err
		}
		if n := len(t.Rows); n > 0 {
			a.failed += n
			t.Cut(top)
			tables = append(tables, *t)
		}
	}
	r.Tables = tables
	return r, nil
}

// verdict is the error of a command that printed what failed.
func (a *asserted) verdict(err error) error {
	var incomplete *statusError
	if a.failed == 0 || err != nil && !errors.As(err, &incomplete) {
		return err
	}
	return fmt.Errorf("%d rows do not meet what was asserted", a.failed)
}
