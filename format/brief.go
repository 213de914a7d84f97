// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// brief is what a batch's message says of its rows, so that a reader can pass
// over it without its body. Times are Unix times in ns.
type brief struct {
	first, last int64 // of its rows
	next        int64 // no row of a later batch is earlier
	rows        []int // by index of the kind in the dictionary
}

const (
	keyTime = keyPrefix + "time" // "FIRST LAST NEXT"
	keyRows = keyPrefix + "rows" // "KIND=ROWS KIND=ROWS"
)

func (b *brief) total() (n int) {
	for _, rows := range b.rows {
		n += rows
	}
	return n
}

// notes writes a brief as custom metadata.
func (b *brief) notes(kinds []string) []note {
	var rows []string
	for i, n := range b.rows {
		if n > 0 {
			rows = append(rows, kinds[i]+"="+strconv.Itoa(n))
		}
	}
	return []note{{keyTime, fmt.Sprint(b.first, b.last, b.next)}, {keyRows, strings.Join(rows, " ")}}
}

var errBrief = errors.New("what it says of its rows cannot be read")

// parseBrief is the way back.
func parseBrief(notes map[string]string, kinds []string, rows int) (b brief, err error) {
	b.rows = make([]int, len(kinds))
	times := strings.Fields(notes[keyTime])
	if len(times) != 3 {
		return b, errBrief
	}
	for i, to := range []*int64{&b.first, &b.last, &b.next} {
		if *to, err = strconv.ParseInt(times[i], 10, 64); err != nil {
			return b, errBrief
		}
	}
	for _, pair := range strings.Fields(notes[keyRows]) {
		name, number, _ := strings.Cut(pair, "=")
		i := slices.Index(kinds, name)
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || i < 0 {
			return b, errBrief
		}
		b.rows[i] += int(n)
	}
	if b.total() != rows || b.first > b.last {
		return b, errBrief
	}
	return b, nil
}

// promise fills in next of briefs in file order.
func promise(briefs []brief) {
	next := int64(math.MaxInt64)
	for i := len(briefs) - 1; i >= 0; i-- {
		briefs[i].next = next
		if briefs[i].total() > 0 {
			next = min(next, briefs[i].first)
		}
	}
}
