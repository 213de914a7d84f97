// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/klauspost/compress/flate"

	"github.com/ebrec/ebrec/replay"
)

// packed is text that the page unpacks: deflate in base64, in which there is
// nothing that a browser could take for markup.
func packed(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return base64.StdEncoding.AppendEncode(nil, b.Bytes()), nil
}

// timelineData is the timeline without its numbers, which are in blocks.
type timelineData struct {
	Switches   bool           `json:"switches"`
	Names      []seriesName   `json:"names"` // of processes
	CPUs       []uint32       `json:"cpus"`
	CPUsMore   int            `json:"cpus_more"`
	CPULevels  []levelData    `json:"cpu_levels"`
	Lanes      []laneData     `json:"lanes"`
	LanesMore  int            `json:"lanes_more"`
	LaneLevels []levelData    `json:"lane_levels"`
	Marks      [][4]any       `json:"marks"` // lane, ns, kind, text
	MarksMore  int            `json:"marks_more"`
	Turns      [][4]any       `json:"turns"` // lane, from ns, to ns, kind
	TurnsMore  int            `json:"turns_more"`
	Threads    [][3]any       `json:"threads"` // tid, name, comm
	Chunks     []int          `json:"chunks"`  // that have slices
	ChunkNS    int64          `json:"chunk_ns"`
	ChunkCount int            `json:"chunk_count"`
	Dropped    map[string]int `json:"dropped"`
}

// levelData is one division of time into buckets.
type levelData struct {
	NS     int64       `json:"ns"` // of a bucket
	Count  int         `json:"count"`
	Scales [][]float64 `json:"scales,omitempty"` // by lane and doing: ns of one step
}

// laneData is the lane of a process.
type laneData struct {
	Name int   `json:"name"`
	Born int64 `json:"born"`
	Died int64 `json:"died"` // 0: it lived on
}

// packer numbers what a page names.
type packer struct {
	l     *lanes
	names map[int32]int        // place in the page's names by process
	at    map[*processLane]int // place in the page's lanes
	data  timelineData
}

// mostNames is how many processes the timeline names at most; others are all
// others. nameRoom is how many bytes of the page there are for each.
const (
	mostNames = 1<<16 - 2
	nameRoom  = 64
)

func newPacker(l *lanes, room int) *packer {
	p := &packer{l: l, names: map[int32]int{}}
	order := make([]int32, 0, len(l.procs))
	for i := range l.procs {
		if l.procs[i].ns > 0 || l.procs[i].lane != nil || i == unknown {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order[1:], func(a, b int32) int { return cmp.Compare(l.procs[b].ns, l.procs[a].ns) })
	most := max(1, min(len(order), mostNames, room/nameRoom))
	for i, proc := range order[:most] {
		p.names[proc] = i
		p.data.Names = append(p.data.Names, seriesName{uint64(l.procs[proc].id.pid), replay.Clean(l.procs[proc].comm)})
	}
	if len(order) > most {
		p.data.Names = append(p.data.Names, seriesName{0, "all others"})
	}
	p.data.Switches = l.stays != nil
	p.lanes()
	return p
}

// name is a process's place, the last for all that have none.
func (p *packer) name(proc int32) int {
	if i, ok := p.names[proc]; ok {
		return i
	}
	return len(p.data.Names) - 1
}

// lanes lists the lanes, those with most time first, and what happened in them.
func (p *packer) lanes() {
	l := p.l
	slices.SortStableFunc(l.lanes, func(a, b *processLane) int {
		x, y := l.procs[a.proc].id, l.procs[b.proc].id
		return cmp.Or(cmp.Compare(l.chosen[y.pid], l.chosen[x.pid]), cmp.Compare(x.pid, y.pid), cmp.Compare(x.start, y.start))
	})
	p.at = map[*processLane]int{}
	for i, lane := range l.lanes {
		p.at[lane] = i
		p.data.Lanes = append(p.data.Lanes, laneData{p.name(lane.proc), lane.born, lane.died})
	}
	p.data.LanesMore = l.others
	p.happened(len(l.marks.all), len(l.turns.all))
}

// happened lists the first so many marks, and the longest so many turns.
func (p *packer) happened(marks, turns int) {
	m, t := &p.l.marks, &p.l.turns
	p.data.Marks, p.data.Turns = nil, nil
	for _, m := range m.all[:marks] {
		p.data.Marks = append(p.data.Marks, [4]any{p.at[m.lane], m.at, m.kind, m.text})
	}
	for _, t := range t.longest(turns) {
		p.data.Turns = append(p.data.Turns, [4]any{p.at[t.lane], t.from, t.to, t.kind})
	}
	p.data.MarksMore, p.data.TurnsMore = m.more+len(m.all)-marks, t.more+len(t.all)-turns
}

// cpuLevels are the buckets of the CPUs, from a level on: for each level and CPU
// who had it longest (two bytes each), their shares and that of all (one byte).
func (p *packer) cpuLevels(finest int) []byte {
	c := &p.l.cpus
	var out []byte
	p.data.CPUs, p.data.CPULevels, p.data.CPUsMore = nil, nil, c.more
	for level := finest; level < len(c.widths); level++ {
		p.data.CPULevels = append(p.data.CPULevels, levelData{NS: c.widths[level], Count: c.counts[level]})
		for _, cpu := range c.byCPU.Numbers() {
			lane := c.byCPU.Get(cpu)
			if len(lane.levels) == 0 {
				continue
			}
			if level == finest {
				p.data.CPUs = append(p.data.CPUs, cpu)
			}
			out = p.cpuLevel(out, lane.levels[level], c.widths[level])
		}
	}
	return out
}

func (p *packer) cpuLevel(out []byte, buckets []bucket, width int64) []byte {
	for i := range topProcesses {
		for j := range buckets {
			id := 0
			if buckets[j].ns[i] > 0 {
				id = p.name(buckets[j].proc[i])
			}
			out = binary.LittleEndian.AppendUint16(out, uint16(id))
		}
	}
	for i := range topProcesses {
		for j := range buckets {
			out = append(out, byteShare(buckets[j].ns[i], width))
		}
	}
	for j := range buckets {
		out = append(out, byteShare(buckets[j].busy, width))
	}
	return out
}

// byteShare is a share in 255ths; what is not zero shows.
func byteShare(part, whole int64) byte { return byte(min(255, (part*255+whole-1)/whole)) }

// laneLevels are the buckets of the processes, from a level on: for each level,
// process and doing two bytes a bucket.
func (p *packer) laneLevels(finest int) []byte {
	p.data.LaneLevels = nil
	if p.l.stays == nil || len(p.l.lanes) == 0 {
		return nil
	}
	width, factor := p.l.lanes[0].width, 1
	for range finest {
		width, factor = width*coarser, factor*coarser
	}
	var out []byte
	for n := len(p.l.lanes[0].spent[0]); ; width, factor = width*coarser, factor*coarser {
		level := levelData{NS: width, Count: (n + factor - 1) / factor}
		for _, lane := range p.l.lanes {
			scales := make([]float64, doings)
			for doing := range doings {
				out, scales[doing] = appendScaled(out, lane.spent[doing], factor)
			}
			level.Scales = append(level.Scales, scales)
		}
		p.data.LaneLevels = append(p.data.LaneLevels, level)
		if level.Count <= leastBuckets {
			return out
		}
	}
}

// appendScaled adds buckets up, so many to one, and writes them in steps of a
// 65,535th of the largest.
func appendScaled(out []byte, buckets []int64, factor int) ([]byte, float64) {
	var sums []int64
	most := int64(0)
	for from := 0; from < len(buckets); from += factor {
		sum := int64(0)
		for _, ns := range buckets[from:min(from+factor, len(buckets))] {
			sum += ns
		}
		sums, most = append(sums, sum), max(most, sum)
	}
	scale := float64(max(most, 1)) / (1<<16 - 1)
	for _, sum := range sums {
		out = binary.LittleEndian.AppendUint16(out, uint16(float64(sum)/scale+0.5))
	}
	return out, scale
}

// seriesLevel is the level of lanes of a capture without switches: sums.
func (p *packer) seriesLevel(r *Report) []byte {
	s := r.series
	if s == nil || len(s.result.Tables) == 0 || len(p.l.lanes) == 0 {
		return nil
	}
	t, n := &s.result.Tables[0], int((r.info.Capture.DurationNS+s.intervalNS-1)/s.intervalNS)
	sums := map[uint64][]int64{}
	for _, row := range t.Rows {
		pid := number(cell(t, row, "pid"))
		if sums[pid] == nil {
			sums[pid] = make([]int64, n)
		}
		at := int(r.since(cell(t, row, "time")) / int64(s.intervalNS))
		sums[pid][min(max(at, 0), n-1)] += int64(number(cell(t, row, "on_cpu_ns")))
	}
	level := levelData{NS: int64(s.intervalNS), Count: n}
	var out []byte
	for _, lane := range p.l.lanes {
		scales := make([]float64, doings)
		for doing := range doings {
			buckets := make([]int64, n)
			if mine := sums[uint64(p.l.procs[lane.proc].id.pid)]; doing == onCPU && mine != nil {
				buckets = mine
			}
			out, scales[doing] = appendScaled(out, buckets, 1)
		}
		level.Scales = append(level.Scales, scales)
	}
	p.data.LaneLevels = []levelData{level}
	return out
}

// header is everything but blocks of numbers, packed.
func (p *packer) header() ([]byte, error) {
	header, err := json.Marshal(&p.data)
	if err != nil {
		return nil, err
	}
	return packed(header)
}

// headerWithin leaves out marks and turns until there is room.
func (p *packer) headerWithin(room int) ([]byte, error) {
	for {
		header, err := p.header()
		if err != nil || len(header) <= room || len(p.data.Marks)+len(p.data.Turns) == 0 {
			return header, err
		}
		p.happened(len(p.data.Marks)/2, len(p.data.Turns)/2)
	}
}
