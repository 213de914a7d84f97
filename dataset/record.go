// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

// CaptureColumns are the columns of the table captures, in order. It has a row
// for each file.
var CaptureColumns = []Column{
	{Name: columnCapture, Type: format.String, Doc: "id of the capture: the first 128 bits of the SHA-256 of its file, in hexadecimal digits", required: true},
	{Name: "file", Type: format.String, Doc: "name of the file, without its directory", required: true},
	{Name: "host_name", Type: format.String, Doc: "name of the recorded host; empty when it is not known", required: true},
	{Name: "boot_id", Type: format.String, Doc: "the kernel's boot id", required: true},
	{Name: "kernel", Type: format.String, Doc: "release of the kernel (uname -r)", required: true},
	{Name: "arch", Type: format.String, Doc: "architecture (uname -m)", required: true},
	{Name: "cpus", Type: format.Uint32, Doc: "CPUs online when the recording began", required: true},
	{Name: "format", Type: format.String, Doc: "version of the capture's format", required: true},
	{Name: "ebrec", Type: format.String, Doc: "version of the recorder", required: true},
	{Name: "start", Type: format.Timestamp, Unit: "ns", Doc: "when what counts begins; of a slice the beginning of its window", required: true},
	{Name: "stop", Type: format.Timestamp, Unit: "ns", Doc: "when it ends; of a capture that is cut short the time of its last row", required: true},
	{Name: "duration_ns", Type: format.Uint64, Unit: "ns", Doc: "how long what counts took", required: true},
	{Name: "window_from", Type: format.Timestamp, Unit: "ns", Doc: "of a slice: rows up to this time say who lives and what was used before; null: open"},
	{Name: "window_to", Type: format.Timestamp, Unit: "ns", Doc: "of a slice: rows after this time do not count; null: open"},
	{Name: "rows", Type: format.Uint64, Unit: "count", Doc: "rows of the table events", required: true},
	{Name: "file_size_bytes", Type: format.Uint64, Unit: "bytes", Doc: "size of the capture", required: true},
	{Name: "sources", Type: format.String, Doc: "JSON list of the sources that were recorded", required: true},
	{Name: "filter", Type: format.String, Doc: "what was left out, in words; empty for a whole machine", required: true},
	{Name: "command", Type: format.String, Doc: "JSON list: the command line of the recorder", required: true},
	{Name: "missing", Type: format.String, Doc: "JSON list of {source, hook, loses, reason}: what could not be attached", required: true},
	{Name: "complete", Type: format.Uint8, Doc: "1 when the capture was not cut short and nothing in it was damaged", required: true},
	{Name: "lost", Type: format.Uint64, Unit: "count", Doc: "events that are not in the capture: those of the rows of kind loss", required: true},
	{Name: "losses", Type: format.String, Doc: "JSON list of {source, reason, lost}", required: true},
	{Name: "seen", Type: format.Uint64, Unit: "count", Doc: "events that the kernel programs saw; null when the recording was cut short, as all that follows"},
	{Name: "written", Type: format.Uint64, Unit: "count", Doc: "event rows that the recorder wrote"},
	{Name: "reordered", Type: format.Uint64, Unit: "count", Doc: "rows that came too late and carry the edge of the reordering window as their time"},
	{Name: "left_out", Type: format.Uint64, Unit: "count", Doc: "events of the recorder itself, which were not recorded"},
	{Name: "own_cpu_ns", Type: format.Uint64, Unit: "ns", Doc: "CPU time of the recorder itself"},
	{Name: "max_rss_bytes", Type: format.Uint64, Unit: "bytes", Doc: "largest resident set of the recorder"},
}

// values is a row: text, numbers, or nothing for null.
type values map[string]any

// describe makes the row of a capture.
func describe(c *format.Capture, id string, info *analyze.Result, rows int64) (values, error) {
	m, r, d := c.Meta(), &info.Capture, info.Details
	v := values{
		columnCapture: id, "file": filepath.Base(c.Path()), "host_name": m.Host, "boot_id": m.BootID, "kernel": m.Kernel, "arch": m.Arch,
		"cpus": uint64(m.CPUs), "format": m.Format, "ebrec": m.Ebrec, "filter": m.Filter,
		"start": uint64(r.Start.UnixNano()), "stop": uint64(r.End.UnixNano()), "duration_ns": r.DurationNS,
		"rows": uint64(rows), "file_size_bytes": uint64(c.Size()), "complete": uint64(0),
	}
	if r.Complete {
		v["complete"] = uint64(1)
	}
	if m.Window.From != 0 {
		v["window_from"] = uint64(m.Window.From)
	}
	if m.Window.To != 0 {
		v["window_to"] = uint64(m.Window.To)
	}
	lost := uint64(0)
	for _, l := range info.Loss {
		lost += l.Lost
	}
	v["lost"] = lost
	if s := d.Summary; s != nil {
		v["seen"], v["written"], v["reordered"], v["left_out"] = s.Seen, s.Written, s.Reordered, s.LeftOut
		v["own_cpu_ns"], v["max_rss_bytes"] = s.OwnCPUNS, s.MaxRSSBytes
	}
	var errs []error
	for name, list := range map[string]any{"sources": m.Sources, "command": m.Command, "missing": m.Missing, "losses": info.Loss} {
		text, err := json.Marshal(list)
		if string(text) == "null" {
			text = []byte("[]")
		}
		v[name] = string(text)
		errs = append(errs, err)
	}
	return v, errors.Join(errs...)
}

// writeCapture writes a row of the table captures as a file.
func writeCapture(w io.Writer, v values) error {
	t, err := newTable(w, CaptureColumns, 1)
	if err != nil {
		return err
	}
	if err := t.begin(); err != nil {
		return err
	}
	t.rows = 1
	s := new(scratch)
	for i := range t.chunks {
		c := &t.chunks[i]
		switch x := v[CaptureColumns[i].Name].(type) {
		case nil:
			c.none(1)
		case string:
			c.words.add(c.words.code(strings.ToValidUTF8(x, "\ufffd")))
		case uint64:
			if err := c.numbers([]uint64{x}, allLevels[:1], s); err != nil {
				return err
			}
		}
	}
	return t.close()
}
