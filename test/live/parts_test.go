// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/test/need"
	"github.com/ebrec/ebrec/test/truth"
)

// underway is "ebrec record" at work, with what it says.
type underway struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan error
}

func startRecorder(t *testing.T, args ...string) *underway {
	t.Helper()
	need.BPF(t)
	r := &underway{ended: make(chan error, 1)}
	r.cmd = exec.Command(ebrec, append([]string{"record"}, args...)...)
	r.cmd.Stderr = &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	go func() { r.ended <- r.cmd.Wait() }()
	return r
}

// stop ends the recording and wants it to succeed.
func (r *underway) stop(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.wait(t)
}

func (r *underway) wait(t *testing.T) {
	t.Helper()
	if err := <-r.ended; status(t, err, captureOf(r.cmd.Args)) != 0 {
		t.Fatalf("%v: %s", err, r.stderr.String())
	}
}

// death is a shell of this test that ended.
type death struct {
	pid      int
	start    int64 // ns since boot
	code     int64
	from, to time.Time // it ended between these
}

// die has a shell exit with a code.
func die(t *testing.T, code int) death {
	t.Helper()
	cmd := exec.Command("sh", "-c", fmt.Sprintf("exit %d", code))
	d := death{code: int64(code), from: time.Now()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.pid = cmd.Process.Pid
	var err error
	if d.start, err = truth.StartOf(d.pid); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // with its code
	d.to = time.Now()
	return d
}

// exits are those of these shells that end in a capture's own time, by exit code.
func exits(t *testing.T, path string, of []death) (codes []int64) {
	t.Helper()
	all := readLives(t, path)
	for _, d := range of {
		for _, r := range all.find(t, d.pid, d.start) {
			if r.text("state") == "exited" {
				codes = append(codes, r.int(t, "exit_code"))
			}
		}
	}
	slices.Sort(codes)
	return codes
}

// checkExits wants those of these shells in a capture that ended in its own time,
// and no others. Of one that ended just as that began or ended nothing is known.
func checkExits(t *testing.T, path string, of []death) {
	t.Helper()
	const aside = 100 * time.Millisecond // the clock may be set a little
	got, w := exits(t, path, of), analyze(t, "lifetimes", path).Capture
	for _, d := range of {
		switch has := slices.Contains(got, d.code); {
		case !has && d.from.After(w.Start.Add(aside)) && d.to.Before(w.End.Add(-aside)):
			t.Errorf("%s, from %v to %v, lacks exit %d of %v", filepath.Base(path), w.Start, w.End, d.code, d.to)
		case has && (d.to.Before(w.Start.Add(-aside)) || d.from.After(w.End.Add(aside))):
			t.Errorf("%s, from %v to %v, has exit %d of %v", filepath.Base(path), w.Start, w.End, d.code, d.to)
		}
	}
}

func exist(t *testing.T, path string) {
	t.Helper()
	waitUntil(t, path+" is complete", func() bool {
		c, err := format.Open(path)
		if err != nil {
			return false
		}
		defer c.Close()
		return c.Cut() == nil
	})
}

// begun waits until everything is attached and the first rows are written.
func (r *underway) begun(t *testing.T) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/task/", r.cmd.Process.Pid)
	waitUntil(t, "privileges are dropped", func() bool {
		all := statusField(t, dir, "NoNewPrivs")
		return len(all) > 0 && !slices.Contains(all, 0)
	})
}

// A flight recorder writes its newest window when it is asked to, when a
// process ends as the trigger says, and when it ends: each a capture that needs
// no other. The code is hardly another's.
func TestFlightRecorder(t *testing.T) {
	t.Parallel()
	const last = 3 * time.Second
	dir, code := t.TempDir(), 64+os.Getpid()%128
	r := startRecorder(t, "-o", filepath.Join(dir, "trace.arrow"), "--last", last.String(), "--trigger", fmt.Sprint("exit=", code))
	r.begun(t)
	first := []death{die(t, 3), die(t, code)}
	exist(t, filepath.Join(dir, "trace.1.arrow"))
	time.Sleep(time.Until(first[1].to.Add(last + 1500*time.Millisecond))) // none of the later windows has them
	second := die(t, 4)
	if err := r.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	exist(t, filepath.Join(dir, "trace.2.arrow"))
	third := die(t, 5)
	r.stop(t)
	stopped := time.Now()
	all := append(first, second, third)
	for name, must := range map[string]death{"trace.1.arrow": first[1], "trace.2.arrow": second, "trace.arrow": third} {
		file := filepath.Join(dir, name)
		checkWhole(t, file)
		checkExits(t, file, all)
		w := analyze(t, "cputime", file).Capture
		if early := must.from.Sub(w.End); early > 0 {
			t.Errorf("%s ends %v before what it is for", name, early)
		}
		if span := w.End.Sub(w.Start); span > 2*last || name == "trace.arrow" && span < min(last, stopped.Sub(third.to)) {
			t.Errorf("%s is of %v", name, span)
		}
		checkShare(t, file)
	}
	if got := exits(t, filepath.Join(dir, "trace.1.arrow"), all); !slices.Equal(got, []int64{3, int64(code)}) {
		t.Errorf("the first window has exits %v, want 3 and %d", got, code)
	}
	if said := r.stderr.String(); !strings.Contains(said, fmt.Sprint("because trigger exit=", code)) || !strings.Contains(said, "because asked to") {
		t.Errorf("it does not say what it wrote and why:\n%s", said)
	}
}

// checkShare wants most of the time of all CPUs to be somebody's.
func checkShare(t *testing.T, path string) {
	t.Helper()
	tb := analyze(t, "cputime", path)
	sum := tb.sum(t, "on_cpu_ns", nil)
	if share := float64(sum) / float64(tb.Capture.DurationNS); share < 0.98 {
		t.Errorf("%s: rows add up to %.3f CPUs", filepath.Base(path), share)
	}
}

// Of the windows that a flight recorder wrote as many stay as it is told.
func TestFlightRecorderKeeps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := startRecorder(t, "-o", filepath.Join(dir, "trace.arrow"), "--last", "1s", "--rotate", "2")
	r.begun(t)
	for i := range 3 {
		if err := r.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		exist(t, filepath.Join(dir, fmt.Sprintf("trace.%d.arrow", i+1)))
	}
	r.stop(t)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if want := []string{"trace.2.arrow", "trace.3.arrow", "trace.arrow"}; !slices.Equal(files, want) {
		t.Errorf("there are %v, want %v", files, want)
	}
}

// A window that does not fit into its memory is shorter.
func TestFlightRecorderIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.arrow")
	const most = 1 << 20
	r := startRecorder(t, "-o", path, "-e", "cpu,sched,process", "--last", "18s", "--max-size", fmt.Sprint(most), "-d", "8s")
	if err := echo(t, r.ended); status(t, err, path) != 0 {
		t.Fatalf("%v: %s", err, r.stderr.String())
	}
	exist(t, path)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if begun := analyze(t, "cputime", path).Capture.DurationNS; begun > 6e9 || st.Size() > most {
		t.Errorf("%d bytes of %v kept", st.Size(), time.Duration(begun))
	}
}

// Files that follow each other: none larger than allowed, the newest stay, and
// what each counts adds up.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	const most, keep, shells = 1 << 20, 1000, 40
	r := startRecorder(t, "-o", filepath.Join(dir, "trace.arrow"), "-e", "cpu,process,sched", "--max-size", fmt.Sprint(most), "--rotate", fmt.Sprint(keep))
	began := func(n int) bool {
		st, err := os.Stat(filepath.Join(dir, fmt.Sprintf("trace.%d.arrow", n)))
		return err == nil && st.Size() > 0
	}
	waitUntil(t, "the first file begins", func() bool { return began(1) })
	var mine []death
	stop := busy(t)
	for n := 1; n < 5; n++ { // some in each file
		for range shells / 4 {
			mine = append(mine, die(t, len(mine)+1))
		}
		waitUntil(t, "another file begins", func() bool { return began(n + 1) })
	}
	stop()
	r.stop(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.arrow"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v: %s", len(files), err, r.stderr.String())
	}
	var got, want []int64
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() > most {
			t.Errorf("%s has %d bytes, at most %d are allowed", filepath.Base(f), st.Size(), most)
		}
		if !regexp.MustCompile(`trace\.\d+\.arrow$`).MatchString(f) {
			t.Errorf("a file is named %s", f)
		}
		exist(t, f)
		got = append(got, exits(t, f, mine)...)
	}
	for i := range shells {
		want = append(want, int64(i+1))
	}
	saysWhatThereIs(t, r.stderr.String(), files)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("exits of all files: %v, want each of 1 to %d once", got, shells)
	}
}

// saysWhatThereIs wants the recorder's totals to be those of its files, which all
// stayed: of each and of all together.
func saysWhatThereIs(t *testing.T, says string, files []string) {
	t.Helper()
	var allRows, allBytes int64
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		rows := rowsIn(t, f)
		allRows, allBytes = allRows+rows, allBytes+st.Size()
		if len(files) == 1 {
			break
		}
		if want := fmt.Sprintf(": %s rows, %s\n", humanize.Comma(rows), humanize.Bytes(uint64(st.Size()))); !regexp.MustCompile(regexp.QuoteMeta("wrote "+f) + ", because [^:]*" + regexp.QuoteMeta(want)).MatchString(says) {
			t.Errorf("%s: it does not say %q:\n%s", f, want, says)
		}
	}
	if want := fmt.Sprintf(": %s rows, %s, ", humanize.Comma(allRows), humanize.Bytes(uint64(allBytes))); !strings.Contains(says, want) {
		t.Errorf("it does not say %q of all %d files:\n%s", want, len(files), says)
	}
}

// rowsIn counts the rows of a capture.
func rowsIn(t *testing.T, path string) (rows int64) {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for b, err := range c.Batches(format.Scan{Columns: []format.Col{}}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += int64(b.Len())
	}
	return rows
}

// Of the files that follow each other, only the newest stay.
func TestRotateKeeps(t *testing.T) {
	dir := t.TempDir()
	r := startRecorder(t, "-o", filepath.Join(dir, "trace.arrow"), "-e", "cpu,sched", "--max-size", "256KiB", "--rotate", "2")
	stop := busy(t)
	waitUntil(t, "the fourth file begins", func() bool { _, err := os.Stat(filepath.Join(dir, "trace.4.arrow")); return err == nil })
	stop()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, <-r.ended); code != 0 && code != statusLossy { // more may come at once than a small file takes
		t.Fatalf("status %d: %s", code, r.stderr.String())
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.arrow"))
	if len(files) != 2 || slices.Contains(files, filepath.Join(dir, "trace.1.arrow")) {
		t.Errorf("files %v, want the two newest: %s", files, r.stderr.String())
	}
	for _, f := range files {
		if st, err := os.Stat(f); err != nil || st.Size() > 256<<10 {
			t.Errorf("%s has more than 256 KiB: %v", f, err)
		}
	}
}
