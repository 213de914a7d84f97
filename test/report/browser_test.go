// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/report"
)

// browser is Chromium, driven by a program in a directory that is kept.
type browser struct{ dir, path string }

// job is what to do with a page: see browse.mjs.
type job struct {
	Browser string   `json:"browser"`
	URL     string   `json:"url"`
	Width   int      `json:"width"`
	Scheme  string   `json:"scheme"`
	Jobs    []string `json:"jobs"`
	Section string   `json:"section"`
	Column  string   `json:"column"`
	Search  string   `json:"search"`
	Shots   string   `json:"shots"`
}

// seen is what it found.
type seen struct {
	Errors        []string `json:"errors"`
	Requests      []string `json:"requests"`
	Dialogs       int      `json:"dialogs"`
	InteractiveMS float64  `json:"interactiveMS"`
	ReadyMS       float64  `json:"readyMS"`

	Wide     int      `json:"wide"`
	Elements []string `json:"elements"`
	Charts   []struct {
		Label string `json:"label"`
		Drawn bool   `json:"drawn"`
	} `json:"charts"`
	Sections []string `json:"sections"`
	Text     string   `json:"text"`
	Unnamed  int      `json:"unnamed"`

	Tables []struct {
		Section string   `json:"section"`
		Title   string   `json:"title"`
		CSV     string   `json:"csv"`
		Shown   []string `json:"shown"`
	} `json:"tables"`

	First, Second, Searched struct {
		Sort  string     `json:"sort"`
		Rows  [][]string `json:"rows"`
		Count string     `json:"count"`
	}

	Spans       map[string]string `json:"spans"`
	None, Found string
	Row         []string  `json:"row"`
	Details     string    `json:"details"`
	ZoomMS      []float64 `json:"zoomMS"`
}

const installed = "installed"

// setUp installs what drives the browser, if a run before did not.
func setUp(t testing.TB) *browser {
	t.Helper()
	if os.Getenv("EBREC_BROWSER") == "" {
		t.Skip("set EBREC_BROWSER=1 (make browser): it needs Chromium, and installs a Node package")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("install chromium: ", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	files := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json"} {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		hash.Write(files[name])
	}
	b := &browser{filepath.Join(cache, "ebrec", "browser-"+hex.EncodeToString(hash.Sum(nil)[:8])), path}
	if _, err := os.Stat(filepath.Join(b.dir, installed)); err != nil {
		b.install(t, files)
	}
	program, err := os.ReadFile("browse.mjs")
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, "browse.mjs"), program, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) install(t testing.TB, files map[string][]byte) {
	t.Helper()
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b.must(t, "npm", "ci", "--no-audit", "--no-fund")
	if err := os.WriteFile(filepath.Join(b.dir, installed), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *browser) must(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = b.dir
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// open does a job with a page. Whatever it does, the page must be silent.
func (b *browser) open(t testing.TB, page string, j job) *seen {
	t.Helper()
	j.Browser, j.URL = b.path, "file://"+page
	if j.Width == 0 {
		j.Width, j.Scheme = 1400, "light"
	}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	if err := json.Unmarshal(b.must(t, "node", "browse.mjs", string(text)), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Errors)+len(s.Requests)+s.Dialogs > 0 {
		t.Errorf("the page said %q, asked for %q and opened %d dialogs", s.Errors, s.Requests, s.Dialogs)
	}
	return &s
}

// shots is where pictures go; empty: nobody looks.
func shots(name string) string {
	dir := os.Getenv("EBREC_SHOTS")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// pageOf makes the page of a capture.
func pageOf(t testing.TB, capture string, o report.Options) string {
	t.Helper()
	c, err := format.Open(capture)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := report.Make(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, page.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// generated is a synthetic capture.
func generated(t testing.TB, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.arrow")
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "../generate", "-o", path}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	return path
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../testdata/" + name + "/trace.arrow")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// words are those of a line, one blank between.
func words(line string) string { return strings.Join(strings.Fields(line), " ") }
