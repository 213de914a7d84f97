// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/ebrec/ebrec/analyze"
)

// Folded stacks add up to what the analyses say.
func TestFolded(t *testing.T) {
	for name, c := range fixtures(t) {
		for to, analysis := range map[string]string{"folded": "cputime", "folded-offcpu": "offcpu"} {
			a, err := analyze.Find(analysis)
			if err != nil {
				t.Fatal(err)
			}
			want, err := analyze.Run(t.Context(), c, a, analyze.Options{})
			var missing *analyze.MissingError
			if errors.As(err, &missing) {
				if _, err := Write(t.Context(), io.Discard, c, to); !errors.As(err, &missing) {
					t.Errorf("%s to %s: %v", name, to, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			out, r := written(t, c, to)
			total := uint64(0)
			for line := range strings.Lines(string(out)) {
				i := strings.LastIndexByte(line, ' ')
				us, err := strconv.ParseUint(strings.TrimSpace(line[i:]), 10, 64)
				if err != nil || i == 0 {
					t.Fatalf("%s: %q", name, line)
				}
				total += us * 1000
			}
			sum := tableSum(want, to == "folded-offcpu")
			if slack := 1000 * (r.Count + 20); total+slack < sum || sum+slack < total || sum == 0 {
				t.Errorf("%s to %s: %d ns, and the analysis has %d", name, to, total, sum)
			}
		}
	}
}

// tableSum is the CPU time of all processes, or the time off the CPU.
func tableSum(r *analyze.Result, off bool) (sum uint64) {
	for _, table := range r.Tables {
		if table.Own {
			continue
		}
		for _, row := range table.Rows {
			for i, c := range r.Columns {
				ns, _ := row[i].(uint64)
				switch {
				case !off && c.Name == "cpu_time_ns", off && c.Name == "wall_ns":
					sum += ns
				case off && c.Name == "on_cpu_ns":
					sum -= ns
				}
			}
		}
	}
	return sum
}

// A stack is a process below those that started it, by start and not by number
// alone.
func TestFoldedParents(t *testing.T) {
	r := record(t, nil)
	id := func(pid, ppid int, start int64, comm string) values {
		return values{"pid": pid, "tid": pid, "ppid": ppid, "start": start, "comm": comm}
	}
	r.task(1, 1, 0, "init")
	r.task(5, 5, 1, "old")
	r.add(begin+10, "fork", id(9, 5, begin+10, "child of old"))
	r.add(begin+20, "fork", id(5, 1, begin+20, "new")) // the number again
	r.add(begin+30, "fork", id(10, 5, begin+30, "child of new"))
	for _, pid := range []int{9, 10} {
		r.add(begin+40, "task_sum", values{"pid": pid, "tid": pid, "start": begin + 10 + int64(pid-9)*20, "cpu_time_ns": 1_500_499})
	}
	out, _ := written(t, r.end(begin+second), "folded")
	if want := "init;new;child of new 1500\ninit;old;child of old 1500\n"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
