// SPDX-License-Identifier: Apache-2.0

// Package capturetest opens captures for tests, and has what they make some of.
package capturetest

import (
	"testing"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// Open opens a capture until the end of t.
func Open(t testing.TB, path string) *format.Capture {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Kinds are those of rows, as a writer wants them and by name.
func Kinds(t testing.TB) (kinds []format.Kind, byName map[string]*format.Kind) {
	t.Helper()
	kinds, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	byName = map[string]*format.Kind{}
	for i := range kinds {
		byName[kinds[i].Name] = &kinds[i]
	}
	return kinds, byName
}
