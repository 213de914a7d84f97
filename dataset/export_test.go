// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebrec/ebrec/format"
)

// files are those of a data set that engines see, with their contents.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+"/")] = string(data)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

func add(t *testing.T, dir string, paths ...string) (results []*Result) {
	t.Helper()
	return slices.Collect(Add(t.Context(), dir, paths, Options{}))
}

// The same captures give the same bytes, once, under whatever names.
func TestAddAgain(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy.arrow")
	all := captures(t)
	data, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, r := range add(t, dir, append(all, copied)...) {
		if r.Err != nil || r.There || (r.Same != "") != (i == len(all)) || r.Same != "" && r.Same != all[0] {
			t.Errorf("%s: %v, there %v, same as %q", r.Path, r.Err, r.There, r.Same)
		}
	}
	first := files(t, dir)
	if len(first) != 2*len(all) {
		t.Errorf("%d files of %d captures", len(first), len(all))
	}
	for _, r := range add(t, dir, append([]string{copied}, all...)...) {
		if r.Err != nil || !r.There && r.Same == "" {
			t.Errorf("again %s: %v, there %v", r.Path, r.Err, r.There)
		}
	}
	for r := range Add(t.Context(), dir, all, Options{Replace: true}) {
		if r.Err != nil || r.There || r.Rows == 0 {
			t.Errorf("replacing %s: %v, there %v", r.Path, r.Err, r.There)
		}
	}
	if diff := cmp.Diff(first, files(t, dir)); diff != "" {
		t.Errorf("written again (-first +second):\n%.1000s", diff)
	}
}

// Only the owner may read what is in it.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "set")
	r := add(t, dir, captures(t)[0])[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, r.File: 0o600} {
		if st, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && st.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", path, st.Mode(), err, want)
		}
	}
}

// Whoever names a host cannot leave the directory, and the name comes back.
func TestHostileHosts(t *testing.T) {
	for _, host := range []string{"web-1.example.org", "../../../etc", ".", "..", "a/b\\c", "host=x", "%2e", "ä 雪", "\x00\n\x1b[31m", "'; drop table", nobody, ""} {
		p, err := newPlace("set", "id", host, begun)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join("set", "events", "date=2026-11-21"); filepath.Dir(filepath.Dir(p.of(Events))) != want {
			t.Errorf("%q is at %q", host, p.of(Events))
		}
		name := strings.TrimPrefix(filepath.Base(filepath.Dir(p.of(Events))), "host=")
		if back, err := url.PathUnescape(name); host != "" && (err != nil || back != host) {
			t.Errorf("%q comes back as %q, %v", host, back, err)
		}
		if host == "" && name != nobody {
			t.Errorf("no name is %q", name)
		}
	}
	if _, err := newPlace("set", "id", strings.Repeat("x", 300), begun); err == nil {
		t.Error("a name of 300 bytes has a directory")
	}
	dir := t.TempDir()
	path := write(t, format.Metadata{Host: "../\xffx"}, extremes()...)
	if r := add(t, dir, path)[0]; r.Err != nil || !strings.HasPrefix(r.File, dir+"/events/date=2026-11-21/host=..%2F") {
		t.Errorf("%v: %s", r.Err, r.File)
	}
}

// What is written to is whole or not there.
func TestPublish(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "x.parquet")
	err := publish(path, func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return errFull
	})
	if !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A run that is killed leaves nothing that an engine sees, and the next one is as
// if it had not been.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("EBREC_TEST_DATASET"); dir != "" {
		block := func(done, all float64) {
			fmt.Println("writing")
			select {}
		}
		for range Add(context.Background(), dir, captures(t)[:3], Options{Progress: block}) {
		}
		return
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "EBREC_TEST_DATASET="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "writing\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	hidden, err := filepath.Glob(dir + "/events/*/*/.*.tmp")
	if seen := files(t, dir); len(seen) != 0 || len(hidden) == 0 || err != nil {
		t.Errorf("%d files are seen, %d are hidden, %v", len(seen), len(hidden), err)
	}
	for _, r := range add(t, dir, captures(t)[:3]...) {
		if r.Err != nil || r.There {
			t.Errorf("%s: %v, there %v", r.Path, r.Err, r.There)
		}
	}
	if seen := files(t, dir); len(seen) != 6 {
		t.Errorf("%d files", len(seen))
	}
}

// A capture that grows while it is written is not taken for the one that its id
// is of.
func TestChangedMeanwhile(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "trace.arrow")
	data, err := os.ReadFile(captures(t)[0])
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	grow := func(_, _ float64) {
		if err := os.WriteFile(path, append(data, 0), 0o600); err != nil {
			t.Error(err)
		}
	}
	for r := range Add(t.Context(), dir, []string{path}, Options{Progress: grow}) {
		if r.Err == nil || !strings.Contains(r.Err.Error(), "it changed meanwhile") || len(files(t, dir)) != 0 {
			t.Errorf("%v, %d files", r.Err, len(files(t, dir)))
		}
	}
}

// Without the row of its capture a file of events is not taken for whole.
func TestHalf(t *testing.T) {
	dir := t.TempDir()
	r := add(t, dir, captures(t)[0])[0]
	if err := os.Remove(strings.Replace(r.File, "/events/", "/captures/", 1)); err != nil {
		t.Fatal(err)
	}
	if r := add(t, dir, captures(t)[0])[0]; r.Err != nil || r.There || len(files(t, dir)) != 2 {
		t.Errorf("%v, there %v, %d files", r.Err, r.There, len(files(t, dir)))
	}
}

// The row says what info says.
func TestCaptureRow(t *testing.T) {
	dir := t.TempDir()
	path := write(t, format.Metadata{Host: "web-1", Kernel: "6.1.0", Arch: "x86_64", BootID: "b", Ebrec: "0.1", Window: format.Window{From: begun.UnixNano() + 5}, Command: []string{"ebrec", "<&>"}},
		row{"loss", 10, values{"lost": 3, "loss_source": "sched", "loss_reason": "ring_full", "since": boot}},
		row{"loss", 20, values{"lost": 4, "loss_source": "tcp", "loss_reason": "ring_full", "since": boot}},
		row{"summary", 1000, values{"since": boot, "seen": 9, "written": 2, "own_cpu_ns": 77, "max_rss_bytes": 88}})
	if r := add(t, dir, path)[0]; r.Err != nil || len(r.Loss) != 2 {
		t.Fatalf("%v, losses %v", r.Err, r.Loss)
	}
	for name, data := range files(t, dir) {
		if !strings.HasPrefix(name, Captures) {
			continue
		}
		r := read(t, []byte(data))
		for column, want := range map[string]any{
			"file": "trace.arrow", "host_name": "web-1", "kernel": "6.1.0", "cpus": int64(2), "rows": int64(3), "lost": int64(7), "seen": int64(9), "own_cpu_ns": int64(77),
			"losses":  `[{"source":"sched","reason":"ring_full","lost":3},{"source":"tcp","reason":"ring_full","lost":4}]`,
			"missing": "[]", "command": "[\"ebrec\",\"\\u003c\\u0026\\u003e\"]", "window_from": begun.UnixNano() + 5, "window_to": nil, "complete": int64(1),
			"start": begun.UnixNano() + 6, "stop": begun.UnixNano() + 1000, "duration_ns": int64(995),
		} {
			if got := columnOf(t, r, column)[0]; got != want {
				t.Errorf("%s is %v, want %v", column, got, want)
			}
		}
	}
}
