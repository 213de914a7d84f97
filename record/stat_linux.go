// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// tick is the grain of /proc/stat: USER_HZ is 100 wherever ebrec runs.
const tick = 10_000_000 // ns

// stolen is what took a CPU's time from its threads, in ticks since boot.
type stolen struct{ steal, irq, softirq uint64 }

// stats turns /proc/stat into rows.
type stats struct {
	base, last map[int]stolen // by CPU
}

func (s *stats) begin() (err error) {
	s.base, err = readStat()
	s.last = map[int]stolen{}
	return err
}

// forget has the next rows be of all CPUs, also of those where nothing changed.
func (s *stats) forget() { clear(s.last) }

// write adds a row for every CPU of which something changed.
func (s *stats) write(w *format.Writer, at uint64) error {
	now, err := readStat()
	if err != nil {
		return err
	}
	for cpu := range now {
		n := now[cpu]
		if last, ok := s.last[cpu]; ok && last == n {
			continue
		}
		if _, ok := s.base[cpu]; !ok { // it went online meanwhile
			s.base[cpu] = n
		}
		s.last[cpu] = n
		base := s.base[cpu]
		row := bpf.CPUStat{
			H:       bpf.Header{Time: at, Kind: kindCPUStat, CPU: uint16(cpu)},
			StealNS: since(n.steal, base.steal), IrqNS: since(n.irq, base.irq), SoftirqNS: since(n.softirq, base.softirq),
		}
		if err := w.AddReading(bpf.Bytes(&row)); err != nil {
			return err
		}
	}
	return nil
}

// since is the nanoseconds between two readings of a counter; some kernels let
// steal run backwards by a little.
func since(now, base uint64) uint64 { return (max(now, base) - base) * tick }

func readStat() (map[int]stolen, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, fmt.Errorf("read the CPUs' times: %w", err)
	}
	return parseStat(data), nil
}

// parseStat reads the lines of single CPUs; columns that a kernel lacks are 0.
func parseStat(data []byte) map[int]stolen {
	all := map[int]stolen{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 9 || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		cpu, err := strconv.Atoi(fields[0][len("cpu"):])
		if err != nil {
			continue // the line of all CPUs
		}
		var ticks [9]uint64
		for i := range ticks[1:] {
			ticks[i+1], _ = strconv.ParseUint(fields[i+1], 10, 64) // not a number: as if it were not there
		}
		all[cpu] = stolen{irq: ticks[6], softirq: ticks[7], steal: ticks[8]}
	}
	return all
}
