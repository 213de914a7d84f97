// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"strings"

	"github.com/ebrec/ebrec/replay"
)

// An UnknownError says that there is no thing of that name.
type UnknownError struct {
	What    string // "analysis", "column", "format"
	Name    string
	Nearest string   // a name that may have been meant, empty when none is near
	Known   []string // the names there are
}

func (e *UnknownError) Error() string {
	s := fmt.Sprintf("unknown %s %q", e.What, replay.Clean(e.Name))
	if e.Nearest != "" {
		return s + fmt.Sprintf(", did you mean %s?", e.Nearest)
	}
	return s + ": there are " + strings.Join(e.Known, ", ")
}

func unknown(what, name string, known []string) *UnknownError {
	return &UnknownError{What: what, Name: name, Nearest: Nearest(name, known), Known: known}
}

// Nearest returns the candidate that name is most likely a slip of, empty when
// none is near: more than a third of it would have to change.
func Nearest(name string, candidates []string) string {
	best, least := "", len(name)/3+2
	for _, c := range candidates {
		d := distance(strings.ToLower(name), c)
		if strings.HasPrefix(c, name) && name != "" {
			d = min(d, 1)
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
