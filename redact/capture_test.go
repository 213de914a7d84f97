// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

var testKey = bytes.Repeat([]byte{7}, KeySize)

// redacted opens a capture and redacts it.
func redacted(t testing.TB, path string, o Options) (r *Redaction, c, out *format.Capture) {
	t.Helper()
	c = capturetest.Open(t, path)
	r, err := New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "out.arrow")
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := r.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return r, c, capturetest.Open(t, to)
}
