// SPDX-License-Identifier: Apache-2.0

package second

import (
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// boot is the boot time when recordings begin, begin the Unix time.
const boot = int64(1000 * time.Second)

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// sources are those that generated captures have.
var sources = []string{"cpu", "sched", "process", "tcp", "file", "args", "wakeups", "tcpstates", "tcpturns"}

// generate writes the capture of a seed, with the clock that much later, and without rows
// of a kind.
func generate(out io.Writer, seed uint64, later time.Duration, without string) error {
	w := newWorld(seed)
	w.live(120 + w.IntN(240))
	w.lose()
	w.err()
	end := w.now // when the sums were read last
	kinds, err := bpf.Kinds()
	if err != nil {
		return err
	}
	to, err := format.NewWriter(out, &format.Metadata{
		Ebrec: "generated", Host: "odd", Kernel: "6.12.0", Arch: "x86_64", CPUs: len(w.cpus), BootID: "0dd", Start: begin.Add(later),
		BootOffset: begin.Add(later).UnixNano() - boot, Sources: sources,
	}, kinds, format.WriterOptions{})
	if err != nil {
		return err
	}
	byName := map[string]*format.Kind{}
	for i := range kinds {
		byName[kinds[i].Name] = &kinds[i]
	}
	slices.SortStableFunc(w.rows, func(a, b row) int { return int(a.at - b.at) })
	for _, r := range w.rows {
		if r.kind == without {
			continue
		}
		for len(w.flushes) > 0 && w.flushes[0] < r.at {
			if err := to.Flush(uint64(boot + w.flushes[0])); err != nil {
				return err
			}
			w.flushes = w.flushes[1:]
		}
		if err := put(to, byName, r); err != nil {
			return err
		}
	}
	if w.cut {
		return to.Flush(math.MaxUint64)
	}
	if err := put(to, byName, row{end, "summary", v{"since": int64(0), "seen": len(w.rows), "written": len(w.rows)}}); err != nil {
		return err
	}
	return to.Close()
}

func put(to *format.Writer, kinds map[string]*format.Kind, r row) error {
	values := maps.Clone(r.values)
	values["time"] = boot + r.at
	for _, name := range []string{"start", "since"} {
		if at, ok := values[name].(int64); ok {
			values[name] = boot + at
		}
	}
	raw, err := kinds[r.kind].Encode(values)
	if err != nil {
		return err
	}
	return to.Add(raw)
}

// losable are the kinds of rows that are lost, and how few of them.
var losable = []struct {
	kind, source string
	oneIn        int
}{
	{"sched_switch", "sched", 40}, {"sched_waking", "sched", 40},
	{"tcp_connect", "tcp", 12}, {"tcp_accept", "tcp", 12}, {"tcp_close", "tcp", 12}, {"tcp_response", "tcp", 20}, {"tcp_fold", "tcp", 20}, {"tcp_reset", "tcp", 12},
	{"tcp_state_change", "tcpstates", 12}, {"tcp_read", "tcpturns", 20}, {"tcp_reply", "tcpturns", 20},
}

// lose leaves rows out, and says so.
func (w *world) lose() {
	if !w.lossy {
		return
	}
	for _, lost := range losable {
		n, last := 0, int64(0)
		w.rows = slices.DeleteFunc(w.rows, func(r row) bool {
			if r.kind != lost.kind || w.IntN(lost.oneIn) > 0 {
				return false
			}
			n, last = n+1, r.at
			return true
		})
		if n > 0 {
			w.rows = append(w.rows, row{last, "loss", v{"cpu": 65535, "since": int64(0), "lost": n, "loss_source": lost.source, "loss_reason": "ring_full"}})
		}
	}
}
