// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// batchRows is the most rows a record batch has, unless more happened at one
// instant. A hot kind's rows of a window share a batch with the other kinds
// when they are few: a batch costs some kilobytes for its columns alone.
const (
	batchRows = 64 << 10
	fewRows   = 4 << 10
	leastRows = 1 << 10 // of half a batch for which there is no room
)

// rowSource makes columns of rows that wait to be written.
type rowSource interface {
	build(keys []key, to *buffers)
	forget(keys []key)
}

// windows holds rows until nothing older will come, puts them in order and
// writes them: the batches of a window follow each other, one for each group
// with rows, and the next window begins where the last one ended.
type windows struct {
	layout  *layout
	source  rowSource
	sink    *sink
	sorter  sorter
	shared  []key
	groups  []group // the shared one, then one for each hot kind
	groupOf []int   // by index of the kind
	flushed uint64  // everything up to it is written
	offset  int64   // what makes Unix times of the keys'
}

func newWindows(l *layout, source rowSource, offset int64) windows {
	w := windows{layout: l, source: source, offset: offset, groups: make([]group, 1)}
	for _, k := range l.kinds {
		if !k.Hot {
			w.groupOf = append(w.groupOf, 0)
			continue
		}
		w.groupOf = append(w.groupOf, len(w.groups))
		w.groups = append(w.groups, group{})
	}
	return w
}

// add notes a row; it tells whether the row came too late for its time.
func (w *windows) add(k key) (late bool) { return w.groups[w.groupOf[k.kind]].add(k, w.flushed) }

// addAll notes the rows of a kind that are in records, which the arena has from
// at on; it counts those that came too late for their time.
func (w *windows) addAll(kind uint16, records []byte, size int, at uint32) (late uint64) {
	g := &w.groups[w.groupOf[kind]]
	from := len(g.keys)
	g.keys = slices.Grow(g.keys, len(records)/size)[:from+len(records)/size]
	last := uint64(0)
	if g.sorted = from == 0 || g.sorted; from > 0 {
		last = g.keys[from-1].time
	}
	for i := range g.keys[from:] {
		time := binary.LittleEndian.Uint64(records[i*size+rawTimeAt:])
		if time < w.flushed {
			time = w.flushed
			late++
		}
		g.sorted = g.sorted && time >= last
		last = time
		g.keys[from+i] = key{time: time, at: at + uint32(i*size), kind: kind}
	}
	return late
}

// written counts the rows in batches, by kind.
func (w *windows) written() map[string]uint64 {
	return w.layout.byName(w.sink.counts(func(c *sinkCounts) []uint64 { return c.rows }))
}

// byName are counts by index of the kind, without zeros and without the metadata's
// row, which is none of the recording.
func (l *layout) byName(counts []uint64) map[string]uint64 {
	byName := map[string]uint64{}
	for i, n := range counts {
		if n > 0 && l.kinds[i].ID != metadataID {
			byName[l.names[i]] = n
		}
	}
	return byName
}

// discard forgets all rows that are not written, and counts the events.
func (w *windows) discard() map[string]uint64 {
	lost := w.sink.forgetDropped()
	for i := range w.groups {
		g := &w.groups[i]
		for _, k := range g.keys {
			if !k.read {
				lost[k.kind]++
			}
		}
		w.source.forget(g.keys)
		g.keys = g.keys[:0]
	}
	return w.layout.byName(lost)
}

func (w *windows) pending() (n int) {
	for i := range w.groups {
		n += len(w.groups[i].keys)
	}
	return n
}

// flush writes every row up to a time.
func (w *windows) flush(until uint64) error {
	for i := range w.groups {
		if g := &w.groups[i]; !g.sorted {
			w.sorter.sort(g.keys)
			g.sorted = true
		}
	}
	for more := true; more; {
		edge := until
		more = false
		for i := range w.groups {
			if e, full := w.groups[i].edge(until); full && e <= edge {
				edge, more = e, true
			}
		}
		if err := w.window(edge); err != nil {
			return err
		}
	}
	w.flushed = max(w.flushed, until)
	return w.sink.failed()
}

// window writes all rows up to a time: what is shared, then each group.
func (w *windows) window(until uint64) error {
	own := w.divide(until)
	nexts, next := make([]uint64, len(own)), until
	for i := len(own) - 1; i >= 0; i-- {
		if nexts[i] = next; len(own[i]) > 0 {
			next = min(next, own[i][0].time)
		}
	}
	for i, rows := range own {
		if len(rows) == 0 {
			continue
		}
		if err := w.write(rows, nexts[i]); err != nil {
			return err
		}
	}
	for i := range w.groups {
		w.source.forget(w.groups[i].taken())
		w.groups[i].forget()
	}
	return nil
}

// divide gives the rows of a window to batches: the first is for all kinds.
func (w *windows) divide(until uint64) [][]key {
	own := make([][]key, len(w.groups))
	w.shared = append(w.shared[:0], w.groups[0].take(until)...)
	alone := len(w.shared)
	for i := 1; i < len(w.groups); i++ {
		rows := w.groups[i].take(until)
		if len(rows) < fewRows && len(w.shared)+len(rows) <= batchRows {
			w.shared = append(w.shared, rows...)
		} else {
			own[i] = rows
		}
	}
	if len(w.shared) > alone {
		w.sorter.sort(w.shared)
	}
	own[0] = w.shared
	return own
}

// write makes a batch of rows; no row of a later batch is earlier than next.
func (w *windows) write(rows []key, next uint64) error {
	bufs, err := w.sink.buffers()
	if err != nil {
		return err
	}
	counts, events := resizeInts(bufs.brief.rows, len(w.layout.kinds)), resizeInts(bufs.events, len(w.layout.kinds))
	for i := range rows {
		counts[rows[i].kind]++
		if !rows[i].read {
			events[rows[i].kind]++
		}
	}
	bufs.events = events
	bufs.brief = brief{w.unix(rows[0].time), w.unix(rows[len(rows)-1].time), w.unix(next), counts}
	w.source.build(rows, bufs)
	if half := len(rows) / 2; half < leastRows {
		w.sink.take(bufs)
	} else if !w.sink.takeWhole(bufs) { // as much of it as there is room for
		if err := w.write(rows[:half], min(next, rows[half].time)); err != nil {
			return err
		}
		return w.write(rows[half:], next)
	}
	return nil
}

// unix is the Unix time of a key; the end of all times stays that.
func (w *windows) unix(time uint64) int64 {
	if time == math.MaxUint64 {
		return math.MaxInt64
	}
	return int64(time) + w.offset
}

// close writes what is pending and the end of the file.
func (w *windows) close() error {
	err := w.flush(math.MaxUint64)
	if closeErr := w.sink.close(); err == nil {
		err = closeErr
	}
	return err
}

// begin writes the schema and the metadata's row, if there is a file.
func (w *windows) begin(out io.Writer, meta *Metadata, o WriterOptions) (err error) {
	pairs, err := encodeMetadata(meta, w.layout.kinds)
	if err != nil {
		return err
	}
	return w.beginAs(out, meta, pairs, o)
}

// beginAs is begin with pairs of metadata that are ready.
func (w *windows) beginAs(out io.Writer, meta *Metadata, pairs []note, o WriterOptions) (err error) {
	if w.sink, err = newSink(out, w.layout, pairs, o); err != nil || out == nil {
		return err
	}
	text, err := metadataText(w.layout, pairs)
	if err != nil {
		return err
	}
	row, err := w.sink.buffers()
	if err != nil {
		return err
	}
	row.metadataRow(w.layout, meta.Start.UnixNano(), text)
	w.sink.take(row)
	return w.sink.failed()
}

func resizeInts(ints []int, n int) []int {
	if cap(ints) < n {
		return make([]int, n)
	}
	clear(ints[:n])
	return ints[:n]
}
