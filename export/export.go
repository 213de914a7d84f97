// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// A Format is a way to write a capture.
type Format struct {
	Name  string
	Doc   string // what it is, for whom
	write func(context.Context, *bufio.Writer, *format.Capture) (*Report, error)
}

// Formats are all of them, in the order in which they are listed.
var Formats = []Format{
	{"perfetto", "a trace for ui.perfetto.dev and its trace_processor", writePerfetto},
	{"chrome-json", "the Trace Event Format, for what reads JSON traces", writeChrome},
	{"csv", "every row, with all columns", writeCSV},
	{"jsonl", "every row, one JSON object a line", writeJSONLines},
	{"folded", "CPU time by process and its ancestors, for flame graphs", writeFolded},
	{"folded-offcpu", "time off the CPU by process and reason, for flame graphs", writeFoldedOffCPU},
}

// A Report says what an export has.
type Report struct {
	Count uint64         // rows of the capture that it shows, or of stacks
	Of    string         // "rows" or "stacks"
	Loss  []analyze.Loss // events that the recorder lost
	Notes []string       // what it does not show, a sentence each
}

// Write writes a capture in the format of that name. An error leaves a part of
// the export written.
func Write(ctx context.Context, w io.Writer, c *format.Capture, name string) (*Report, error) {
	for _, f := range Formats {
		if f.Name != name {
			continue
		}
		out := bufio.NewWriterSize(w, 1<<18)
		r, err := f.write(ctx, out, c)
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			return nil, fmt.Errorf("export to %s: %w", name, err)
		}
		return r, nil
	}
	return nil, fmt.Errorf("export to %s: there is no such format", name)
}
