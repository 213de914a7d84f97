// SPDX-License-Identifier: Apache-2.0

package second

import (
	"errors"
	"math"
	"slices"

	"github.com/ebrec/ebrec/format"
)

// event is a row of a capture as it was read.
type event struct {
	at   int64
	kind string
	v    map[string]any // uint64, int64 or string; none where null
}

func (e *event) n(name string) uint64 { n, _ := e.v[name].(uint64); return n }
func (e *event) i(name string) int64  { n, _ := e.v[name].(int64); return n }
func (e *event) s(name string) string { s, _ := e.v[name].(string); return s }
func (e *event) id(name string) uint32 {
	return uint32(e.n(name))
}

// recording is all of a capture, and the span of it that counts: what happened
// after from and up to to.
type recording struct {
	all        []event
	begin, end int64
	from, to   int64
	cut        bool
	cpus       int  // that were online when the recording began
	filtered   bool // some processes are not recorded
	people     people
	numbers    numbers
	unseen     map[[2]int64]bool // CPU and time of switches before which others went unseen
	lost       []*event          // rows of lost switches
}

// readAll reads a capture.
func readAll(c *format.Capture) (*recording, error) {
	r := &recording{begin: c.Meta().Start.UnixNano(), unseen: map[[2]int64]bool{}, cpus: c.Meta().CPUs, filtered: c.Meta().Filter != ""}
	r.end = r.begin
	for b, err := range c.Batches(format.Scan{}) {
		if err != nil {
			return nil, err
		}
		for i := range b.Len() {
			k := b.Kind(i)
			e := event{b.Time(i), k.Name, map[string]any{}}
			for _, f := range k.Fields {
				col := c.Col(f.Name)
				if f.Name == "time" || f.Name == "kind" || col == format.NoCol || b.Null(col, i) {
					continue
				}
				switch f.Type {
				case format.String, format.Address, format.Enum:
					e.v[f.Name] = b.Str(col, i)
				case format.Int32, format.Int64, format.Timestamp:
					e.v[f.Name] = b.Int(col, i)
				default:
					e.v[f.Name] = b.Uint(col, i)
				}
			}
			r.all = append(r.all, e)
		}
	}
	slices.SortStableFunc(r.all, func(a, b event) int { return int(a.at - b.at) })
	for i := range r.all {
		e := &r.all[i]
		if e.kind == "loss" && e.s("loss_reason") == "unseen" {
			r.unseen[[2]int64{int64(e.n("cpu")), e.at}] = true
		}
		if e.kind == "loss" && e.s("loss_source") == "sched" {
			r.lost = append(r.lost, e)
		}
		if e.kind != "metadata" {
			r.end = max(r.end, e.at)
		}
		if e.kind == "summary" {
			r.begin, r.end = e.i("since"), e.at
		}
	}
	var cut *format.CutError
	if errors.As(c.Cut(), &cut) {
		r.end, r.cut = cut.End.UnixNano(), true
	}
	r.people = meet(r.all)
	r.numbers = r.people.numbers()
	return r.span(0, 0), nil
}

// span is the same with another span; 0: open.
func (r *recording) span(from, to int64) *recording {
	s := *r
	s.from, s.to = from, to
	if to == 0 {
		s.to = math.MaxInt64
	}
	return &s
}

// last is the end of what counts.
func (r *recording) last() int64 { return min(r.to, r.end) }

// first is its beginning.
func (r *recording) first() int64 { return max(r.from, r.begin) }

// counts tells whether something happened in the span.
func (r *recording) counts(at int64) bool { return at > r.from && at <= r.to }

// of are the rows of some kinds up to the end of the span.
func (r *recording) of(kinds ...string) (some []*event) {
	for i := range r.all {
		if e := &r.all[i]; e.at <= r.to && slices.Contains(kinds, e.kind) {
			some = append(some, e)
		}
	}
	return some
}
