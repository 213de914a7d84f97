// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// folding adds up what has the same stack.
type folding struct {
	all     []analyze.ProcessTime
	descent *analyze.Descent
	ns      map[string]uint64
}

// mostAncestors is how many of a process's ancestors are in its stack; a capture
// may have any number.
const mostAncestors = 100

func writeFolded(ctx context.Context, out *bufio.Writer, c *format.Capture) (*Report, error) {
	all, r, err := analyze.CPUTimes(ctx, c)
	if err != nil {
		return nil, err
	}
	f := newFolding(all)
	for i := range all {
		f.add(f.stack(i), all[i].CPUTimeNS)
	}
	return f.write(out, r)
}

func writeFoldedOffCPU(ctx context.Context, out *bufio.Writer, c *format.Capture) (*Report, error) {
	all, r, err := analyze.OffCPUTimes(ctx, c)
	if err != nil {
		return nil, err
	}
	f := newFolding(all)
	for i := range all {
		for _, off := range all[i].OffCPU {
			f.add(f.stack(i)+";["+off.Place+"]", off.NS)
		}
	}
	return f.write(out, r)
}

func newFolding(all []analyze.ProcessTime) *folding {
	descent := analyze.NewDescent(len(all), func(i int) (uint32, int64) { return all[i].PID, all[i].Start })
	return &folding{all, descent, map[string]uint64{}}
}

func (f *folding) add(stack string, ns uint64) {
	if ns > 0 {
		f.ns[stack] += ns
	}
}

// stack is a process behind its ancestors.
func (f *folding) stack(i int) string {
	frames := []string{frame(f.all[i].Comm)}
	for i = f.descent.Parent(i, f.all[i].PPID); i >= 0; i = f.descent.Parent(i, f.all[i].PPID) {
		if len(frames) > mostAncestors {
			frames = append(frames, "[...]")
			break
		}
		frames = append(frames, frame(f.all[i].Comm))
	}
	slices.Reverse(frames)
	return strings.Join(frames, ";")
}

// frame is a name that cannot be taken for more than one.
func frame(comm string) string {
	return strings.ReplaceAll(replay.Clean(comm), ";", `\x3b`)
}

// write writes stacks with their microseconds, by name.
func (f *folding) write(out *bufio.Writer, r *analyze.Result) (*Report, error) {
	report := &Report{Of: "stacks", Loss: r.Loss}
	for _, stack := range slices.Sorted(maps.Keys(f.ns)) {
		us := (f.ns[stack] + 500) / 1000
		if us == 0 {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s %d\n", stack, us); err != nil {
			return nil, err
		}
		report.Count++
	}
	return report, nil
}
