// SPDX-License-Identifier: Apache-2.0

package replay

import "slices"

// ByNumber finds things by thread id or CPU number, in a few nanoseconds. Those
// that a kernel gives (below 2^22) are looked up in pages, others in a map: 32 MiB
// are the most that pages take, whatever numbers a capture has. Its zero value is
// empty.
type ByNumber[T any] struct {
	pages [][]*T
	far   map[uint32]*T
}

const (
	pageBits = 8
	near     = 1 << 22 // PID_MAX_LIMIT
)

// Get is what the number has, nil when that is nothing.
func (b *ByNumber[T]) Get(number uint32) *T {
	if number >= near {
		return b.far[number]
	}
	if i := int(number >> pageBits); i < len(b.pages) && b.pages[i] != nil {
		return b.pages[i][number&(1<<pageBits-1)]
	}
	return nil
}

// Set gives the number something.
func (b *ByNumber[T]) Set(number uint32, to *T) {
	if number >= near {
		if b.far == nil {
			b.far = map[uint32]*T{}
		}
		b.far[number] = to
		return
	}
	i := int(number >> pageBits)
	if i >= len(b.pages) {
		b.pages = append(b.pages, make([][]*T, i+1-len(b.pages))...)
	}
	if b.pages[i] == nil {
		b.pages[i] = make([]*T, 1<<pageBits)
	}
	b.pages[i][number&(1<<pageBits-1)] = to
}

// All visits what numbers have, in no order.
func (b *ByNumber[T]) All(visit func(number uint32, has *T)) {
	for i, page := range b.pages {
		for j, has := range page {
			if has != nil {
				visit(uint32(i<<pageBits|j), has)
			}
		}
	}
	for number, has := range b.far {
		visit(number, has)
	}
}

// Numbers are those that have something, in order.
func (b *ByNumber[T]) Numbers() (all []uint32) {
	b.All(func(number uint32, _ *T) { all = append(all, number) })
	slices.Sort(all)
	return all
}
