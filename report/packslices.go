// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/ebrec/ebrec/replay"
)

// slicesPacked are chunks, each packed by itself, that fit into a size.
type slicesPacked struct {
	chunks []packedChunk
	bytes  int
}

type packedChunk struct {
	number int
	text   []byte
}

// perThread is about what naming a thread takes in the page, packed.
const perThread = 16

// slices packs chunks, those with the longest waits first, while there is room.
// It numbers threads as it meets them.
func (p *packer) slices(room int) (*slicesPacked, error) {
	kept := slices.Clone(p.l.chunks.kept)
	slices.SortFunc(kept, func(a, b chunk) int {
		return cmp.Or(cmp.Compare(b.longest, a.longest), cmp.Compare(a.number, b.number))
	})
	numbers := map[int32]int{}
	out := &slicesPacked{}
	for i := range kept {
		before := len(p.data.Threads)
		text, err := packed(p.chunk(&kept[i], numbers))
		if err != nil {
			return nil, err
		}
		size := len(text) + 1 + perThread*(len(p.data.Threads)-before)
		if out.bytes+size > room {
			break
		}
		out.bytes += size
		out.chunks = append(out.chunks, packedChunk{kept[i].number, text})
	}
	slices.SortFunc(out.chunks, func(a, b packedChunk) int { return cmp.Compare(a.number, b.number) })
	p.data.Chunks = []int{}
	for _, c := range out.chunks {
		p.data.Chunks = append(p.data.Chunks, c.number)
	}
	p.data.ChunkNS, p.data.ChunkCount = p.l.chunks.width, p.l.chunks.count
	return out, nil
}

// chunk writes slices CPU by CPU: how many each has, and then column by column
// the gap before each, how long it is, its thread, its wait and its state.
func (p *packer) chunk(c *chunk, numbers map[int32]int) []byte {
	slices.SortStableFunc(c.slices, func(a, b slice) int { return cmp.Or(cmp.Compare(a.cpu, b.cpu), cmp.Compare(a.from, b.from)) })
	var heads, gaps, lengths, threads, waits, states []byte
	begin := int64(c.number) * p.l.chunks.width
	cpus := 0
	for from := 0; from < len(c.slices); cpus++ {
		to, last := from, begin
		for ; to < len(c.slices) && c.slices[to].cpu == c.slices[from].cpu; to++ {
			s := &c.slices[to]
			gaps = binary.AppendVarint(gaps, s.from-last)
			lengths = binary.AppendUvarint(lengths, uint64(max(0, s.to-s.from)))
			threads = binary.AppendUvarint(threads, uint64(p.thread(s.thread, numbers)))
			waits = binary.AppendUvarint(waits, s.wait)
			states = append(states, s.state)
			last = s.to
		}
		heads = binary.AppendUvarint(heads, uint64(c.slices[from].cpu))
		heads = binary.AppendUvarint(heads, uint64(to-from))
		from = to
	}
	return slices.Concat(binary.AppendUvarint(nil, uint64(cpus)), heads, gaps, lengths, threads, waits, states)
}

// thread is a thread's place in the page.
func (p *packer) thread(i int32, numbers map[int32]int) int {
	at, ok := numbers[i]
	if !ok {
		at = len(p.data.Threads)
		numbers[i] = at
		t := &p.l.threads[i]
		p.data.Threads = append(p.data.Threads, [3]any{t.tid, p.name(t.proc), replay.Clean(t.comm)})
	}
	return at
}
