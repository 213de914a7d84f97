// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ebrec/ebrec/format"
)

// damaged are captures as they must not be.
func damaged(t *testing.T) map[string]*format.Capture {
	empty := record(t, nil)
	one := record(t, nil)
	one.turn(begin+5, 1, 3, 4, "S")
	many := record(t, nil)
	for i := range 50_000 {
		many.task(i+2, i+2, i+1, fmt.Sprint("p", i))
	}
	many.turn(begin+5, 0, 50_000, 50_001, "S")
	many.add(begin+9, "task_sum", values{"pid": 50_001, "tid": 50_001, "start": 10 * second, "cpu_time_ns": 5_000_000})
	cpus := record(t, func(m *format.Metadata) { m.CPUs = 512 })
	for i := range 512 {
		cpus.turn(begin+int64(i)+5, i, 0, i+1, "R")
	}
	day := record(t, nil)
	for i := range 24 * 60 {
		day.turn(begin+int64(i)*60*second+5, 0, i%2, (i+1)%2, "S")
	}
	killed := record(t, nil)
	killed.task(10, 10, 1, "first")
	killed.turn(begin+5, 0, 0, 10, "R")
	wild := record(t, nil)
	for i, kind := range []string{"exit", "thread_exit", "tcp_close", "tcp_read", "tcp_reset", "loss", "task_sum", "cpu_sum", "suspended", "clock", "tcp_fold", "tcp_rtt", "sched_waking", "exec"} {
		wild.add(begin+int64(i), kind, values{})
	}
	wild.add(begin+50, "loss", values{"cpu": 65535, "lost": 1, "loss_source": "sched", "since": begin + 99})
	wild.add(begin+60, "tcp_response", values{"pid": 7, "conn": 1, "response_ns": uint64(1) << 63})
	return map[string]*format.Capture{
		"empty": empty.end(begin), "one event": one.end(begin + 10), "50,000 processes": many.end(begin + 10), "512 CPUs": cpus.end(begin + 1000),
		"24 hours": day.end(begin + 24*3600*second), "killed": killed.cut(), "wild": wild.end(begin + 100),
	}
}

// Every export of them works, or says why not.
func TestDamaged(t *testing.T) {
	for name, c := range damaged(t) {
		for _, f := range Formats {
			var b bytes.Buffer
			_, err := Write(t.Context(), &b, c, f.Name)
			if err != nil {
				t.Errorf("%s to %s: %v", name, f.Name, err)
			}
			switch f.Name {
			case "perfetto":
				decode(t, b.Bytes())
			case "chrome-json":
				strictJSON(t, b.Bytes())
			}
		}
	}
}

// A recording that begins before its machine booted is not one.
func TestBeforeBoot(t *testing.T) {
	c := record(t, func(m *format.Metadata) { m.Start = time.Unix(0, boot-1) }).end(begin)
	for _, to := range []string{"perfetto", "chrome-json"} {
		if _, err := Write(t.Context(), io.Discard, c, to); err == nil || !strings.Contains(err.Error(), "begins before its machine booted") {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// An export ends when nobody wants it any more, or when its disk is full.
func TestGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := record(t, nil)
	for i := range 200_000 {
		r.turn(begin+int64(i), 0, i%2, (i+1)%2, "S")
	}
	c := r.end(begin + second)
	for _, f := range Formats {
		if _, err := Write(ctx, io.Discard, c, f.Name); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", f.Name, err)
		}
		if strings.HasPrefix(f.Name, "folded") {
			continue // nothing of this capture
		}
		if _, err := Write(t.Context(), full{}, c, f.Name); !errors.Is(err, errFull) {
			t.Errorf("%s on a full disk: %v", f.Name, err)
		}
	}
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
