// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/capturetest"
)

const (
	second = int64(time.Second)
	boot   = 1_000_000 * second // Unix time when the machine booted
	begin  = 1000 * second      // of recordings, after that
)

// values are those of a row; time, start and since in ns after the boot.
type values = map[string]any

// recorder writes a capture.
type recorder struct {
	t     testing.TB
	kinds map[string]*format.Kind
	buf   bytes.Buffer
	w     *format.Writer
}

func record(t testing.TB, change func(*format.Metadata)) *recorder {
	t.Helper()
	all, err := bpf.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{t: t, kinds: map[string]*format.Kind{}}
	for i := range all {
		r.kinds[all[i].Name] = &all[i]
	}
	m := &format.Metadata{
		Ebrec: "test", Host: "test", Kernel: "6.12.0", Arch: "x86_64", CPUs: 2, BootID: "b007", BootOffset: boot,
		Start: time.Unix(0, boot+begin).UTC(), Sources: []string{"cpu", "sched", "process", "tcp", "wakeups"},
	}
	if change != nil {
		change(m)
	}
	if r.w, err = format.NewWriter(&r.buf, m, all, format.WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *recorder) add(at int64, kind string, v values) {
	r.t.Helper()
	if v == nil {
		v = values{}
	}
	v["time"] = at
	raw, err := r.kinds[kind].Encode(v)
	if err == nil {
		err = r.w.Add(raw)
	}
	if err == nil && r.w.Pending() > 1<<15 {
		err = r.w.Flush(uint64(at))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// task is a thread that was there when the recording began.
func (r *recorder) task(pid, tid, ppid int, comm string) {
	r.add(begin, "task", values{"pid": pid, "tid": tid, "ppid": ppid, "start": 10 * second, "comm": comm, "reason": "snapshot"})
}

// turn is a switch.
func (r *recorder) turn(at int64, cpu, prev, next int, state string) {
	r.add(at, "sched_switch", values{"cpu": cpu, "tid": prev, "next_tid": next, "prev_state": state, "prev_prio": 120, "next_prio": 120})
}

// end ends the recording.
func (r *recorder) end(at int64) *format.Capture {
	r.t.Helper()
	r.add(at, "summary", values{"since": begin})
	if err := r.w.Close(); err != nil {
		r.t.Fatal(err)
	}
	return openBytes(r.t, r.buf.Bytes())
}

// cut is the capture as a killed recorder leaves it.
func (r *recorder) cut() *format.Capture {
	r.t.Helper()
	if err := r.w.Flush(math.MaxUint64); err != nil {
		r.t.Fatal(err)
	}
	return openBytes(r.t, r.buf.Bytes())
}

func openBytes(t testing.TB, data []byte) *format.Capture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.arrow")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return capturetest.Open(t, path)
}

// fixtures are the captures of testdata, by name.
func fixtures(t testing.TB) map[string]*format.Capture {
	t.Helper()
	paths, err := filepath.Glob("../testdata/*/trace.arrow")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d captures in testdata, %v", len(paths), err)
	}
	all := map[string]*format.Capture{}
	for _, path := range paths {
		all[filepath.Base(filepath.Dir(path))] = capturetest.Open(t, path)
	}
	return all
}

// written is an export.
func written(t testing.TB, c *format.Capture, to string) ([]byte, *Report) {
	t.Helper()
	var b bytes.Buffer
	r, err := Write(t.Context(), &b, c, to)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), r
}
