// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// An Assertion is a condition that the rows of a result are to meet:
//
//	comm == "postgres" && cpu_time < 2s
//
// Columns have the names of the result's, with or without the unit behind them
// (cpu_time is cpu_time_ns), and numbers may have a unit: ns, us, ms, s, m, h, KB,
// MB, GB. The parts joined by && that compare a name or a number that identifies
// (comm == "x", pid == 1, filename startsWith "/tmp", comm in ["a", "b"]) choose
// rows, and the others have to hold for each row that was chosen. Without such a
// part all rows are. That no row is chosen fails, too. The language is that of
// github.com/expr-lang/expr.
type Assertion struct {
	Text    string
	columns []ColumnSpec
	chooses []*vm.Program
	holds   []*vm.Program
}

// An AssertionError says what is wrong with the text of an assertion.
type AssertionError struct {
	Text    string
	Column  int // of the error, from 1
	Message string
}

func (e *AssertionError) Error() string {
	return fmt.Sprintf("assertion %q, column %d: %s", e.Text, e.Column, e.Message)
}

// ParseAssertion reads an assertion about the rows of an analysis. The error is
// an *AssertionError.
func ParseAssertion(text string, columns []ColumnSpec) (*Assertion, error) {
	a := &Assertion{Text: text, columns: columns}
	plain, back := plainNumbers(text)
	fail := func(err error) error {
		var at *file.Error
		if !errors.As(err, &at) {
			return &AssertionError{text, 1, err.Error()}
		}
		return &AssertionError{text, back(at.Column) + 1, at.Message}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &AssertionError{text, 1, "it is empty"}
	}
	env := expr.Env(a.types())
	if _, err := expr.Compile(plain, env, expr.AsBool()); err != nil {
		return nil, fail(err)
	}
	tree, err := parser.Parse(plain)
	if err != nil {
		return nil, fail(err)
	}
	for _, part := range conjuncts(tree.Node) {
		program, err := expr.Compile(part.String(), env, expr.AsBool())
		if err != nil {
			return nil, fail(err)
		}
		if a.identifies(part) {
			a.chooses = append(a.chooses, program)
		} else {
			a.holds = append(a.holds, program)
		}
	}
	return a, nil
}

// conjuncts are the parts that && joins.
func conjuncts(n ast.Node) []ast.Node {
	b, ok := n.(*ast.BinaryNode)
	if !ok || b.Operator != "&&" && b.Operator != "and" {
		return []ast.Node{n}
	}
	return append(conjuncts(b.Left), conjuncts(b.Right)...)
}

// choosing are the operators that choose rows.
var choosing = []string{"==", "in", "matches", "startsWith", "endsWith", "contains"}

// identifies tells whether a part compares what a row is of.
func (a *Assertion) identifies(n ast.Node) bool {
	b, ok := n.(*ast.BinaryNode)
	if !ok || !slices.Contains(choosing, b.Operator) {
		return false
	}
	id, ok := b.Left.(*ast.IdentifierNode)
	if !ok {
		return false
	}
	i, err := indexOf(a.columns, id.Value)
	return err == nil && (a.columns[i].Text || a.columns[i].Unit == "")
}

// types has a value of the type of each column, by its names.
func (a *Assertion) types() map[string]any {
	env := map[string]any{}
	for i := range a.columns {
		var v any = 0
		switch {
		case a.columns[i].Text:
			v = ""
		case a.columns[i].Unit == unitPercent || a.columns[i].Unit == "1/s":
			v = 0.0
		}
		a.set(env, i, v)
	}
	return env
}

// set gives a column a value, under both of its names.
func (a *Assertion) set(env map[string]any, i int, v any) {
	name := a.columns[i].Name
	env[name] = v
	for _, unit := range []string{"_ns", "_bytes"} {
		if short, ok := strings.CutSuffix(name, unit); ok {
			env[short] = v
		}
	}
}

// Failed are the rows that do not meet an assertion, in a table of their own.
// It is an error when there is no row that it is about.
func (r *Result) Failed(a *Assertion) (*Table, error) {
	chosen, failed := a.judge(r.rows())
	if chosen == 0 {
		return nil, a.about()
	}
	return &Table{Title: a.failedTitle(), Columns: r.Columns, Rows: failed}, nil
}

// judge counts the rows that an assertion is about, and finds those that do not meet
// it.
func (a *Assertion) judge(rows [][]Value) (chosen int, failed [][]Value) {
	for _, row := range rows {
		env := map[string]any{}
		for i, v := range row {
			a.set(env, i, exprValue(v))
		}
		if !all(a.chooses, env) {
			continue
		}
		if chosen++; !all(a.holds, env) {
			failed = append(failed, row)
		}
	}
	return chosen, failed
}

func (a *Assertion) failedTitle() string { return "Rows that do not meet " + a.Text }

// about is the error of an assertion that is about no row.
func (a *Assertion) about() error {
	return fmt.Errorf("assertion %q: there is no row that it is about", a.Text)
}

// all tells whether conditions hold; one about a value that is not there does not.
func all(programs []*vm.Program, env map[string]any) bool {
	for _, p := range programs {
		if ok, err := expr.Run(p, env); err != nil || ok != true {
			return false
		}
	}
	return true
}

func exprValue(v Value) any {
	if n, ok := v.(uint64); ok {
		return int(min(n, 1<<63-1))
	}
	if n, ok := v.(int64); ok {
		return int(n)
	}
	if a, ok := v.(Amount); ok {
		return a.Value
	}
	return v
}

var quantity = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`" + `|\b(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|KB|MB|GB)\b`)

var unitValues = map[string]float64{"ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "KB": 1e3, "MB": 1e6, "GB": 1e9}

// plainNumbers writes numbers with units out. Where a column of the new text was
// in the old one, back tells.
func plainNumbers(text string) (plain string, back func(column int) int) {
	type shift struct{ at, by int }
	var shifts []shift
	var b strings.Builder
	last := 0
	for _, m := range quantity.FindAllStringSubmatchIndex(text, -1) {
		if m[2] < 0 { // a string
			continue
		}
		n, _ := strconv.ParseFloat(text[m[2]:m[3]], 64) // the pattern is a number's
		b.WriteString(text[last:m[0]])
		b.WriteString(strconv.FormatFloat(n*unitValues[text[m[4]:m[5]]], 'f', -1, 64))
		last = m[1]
		shifts = append(shifts, shift{b.Len(), b.Len() - last})
	}
	b.WriteString(text[last:])
	return b.String(), func(column int) int {
		by := 0
		for _, s := range shifts {
			if column >= s.at {
				by = s.by
			}
		}
		return max(0, column-by)
	}
}
