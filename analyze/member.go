// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

// A Member is one capture of a result of many.
type Member struct {
	Host    string           `json:"host"`
	Name    string           `json:"capture"`
	BootID  string           `json:"boot_id"`
	Capture Recording        `json:"recording"`
	Loss    []Loss           `json:"loss"`
	Missing []format.Missing `json:"missing"`
	Lossy   bool             `json:"lossy"` // events were lost of what was analyzed
	Index   int              `json:"-"`     // in the order of the captures
	Lacks   []string         `json:"-"`     // in words, what the capture lacks; with its path
	Notes   []string         `json:"-"`     // what its numbers do not cover
}

// A Skipped is a capture that was left out.
type Skipped struct {
	Name   string `json:"capture"`
	Reason string `json:"reason"`
	Err    error  `json:"-"` // the reason with the path
}

// member is a capture on its way into a result.
type member struct {
	Member
	path, name string
	size       int64 // bytes
	boot       int64 // when the machine was booted, Unix ns
	until      int64 // the last that is known of it, Unix ns
	bad        error
}

// survey finds out which machine a member is of, and whether it has what the
// analysis needs.
func (f *fleet) survey(_ context.Context, m *member) error {
	c, err := format.Open(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := checkNeeds(c, f.analysis); err != nil {
		return err
	}
	meta := c.Meta()
	m.Name, m.Host, m.BootID, m.size = m.name, meta.Host, meta.BootID, c.Size()
	m.boot, m.until = meta.BootOffset, meta.Start.UnixNano()
	m.Capture, m.Loss, m.Missing = newRecording(c), []Loss{}, []format.Missing{}
	for _, hook := range meta.Missing {
		if slices.ContainsFunc(f.analysis.Needs, func(n Need) bool { return n.Source == hook.Source }) {
			m.Missing = append(m.Missing, hook)
		}
	}
	var short *format.CutError
	if errors.As(c.Cut(), &short) {
		m.until = max(m.until, short.End.UnixNano())
	}
	for e, err := range replay.New(c).Events(replay.Select{Kinds: []string{"summary"}}) {
		if err != nil {
			return err
		}
		m.until = max(m.until, e.Time())
	}
	return nil
}

// take keeps what a result says of its capture.
func (m *member) take(r *Result) {
	m.Capture, m.Loss, m.Notes = r.Capture, append([]Loss{}, r.Loss...), r.notes()
	m.Lossy = r.lossy()
}

// Lacking says in words what a capture lacks, or has that is not known: it was cut
// short, or repaired. What events it lost is in results.
func Lacking(c *format.Capture) (all []string) {
	if c.Newer() {
		all = append(all, fmt.Sprintf("%s: its file format is %s, this ebrec knows %s: what is new in it is not shown", c.Path(), c.Meta().Format, format.Version))
	}
	if cut := c.Cut(); cut != nil {
		all = append(all, cut.Error())
	}
	if repair := c.Meta().Repair; repair != nil {
		for _, d := range repair.Damage {
			all = append(all, fmt.Sprintf("%s: it was repaired: %d bytes were damaged and are left out (%s)", c.Path(), d.Bytes, d.Reason))
		}
	}
	return all
}

// LostWords say what a capture at a path lost.
func LostWords(path string, all []Loss) (words []string) {
	for _, l := range all {
		words = append(words, path+": "+l.words())
	}
	return words
}

// captureNames are the base names of paths, with as many directories in front as
// it takes to tell those apart that are alike.
func captureNames(paths []string) []string {
	names := make([]string, len(paths))
	parts := make([][]string, len(paths))
	alike := map[string][]int{}
	for i, path := range paths {
		if whole, err := filepath.Abs(path); err == nil {
			path = whole
		}
		parts[i] = strings.Split(filepath.ToSlash(path), "/")
		names[i] = filepath.Base(path)
		alike[names[i]] = append(alike[names[i]], i)
	}
	for _, some := range alike {
		for n := 2; len(some) > 1; n++ {
			some = lengthen(names, parts, some, n)
		}
	}
	return names
}

// lengthen names some paths by their last n parts, and returns those that are still
// alike.
func lengthen(names []string, parts [][]string, some []int, n int) (still []int) {
	count := map[string]int{}
	longer := false
	for _, i := range some {
		longer = longer || n <= len(parts[i])
		names[i] = strings.Join(parts[i][max(0, len(parts[i])-n):], "/")
		count[names[i]]++
	}
	if !longer { // the very same path
		return nil
	}
	return slices.DeleteFunc(slices.Clone(some), func(i int) bool { return count[names[i]] == 1 })
}

// A SameError says that two files are one capture: it would count twice.
type SameError struct{ Path, Other string }

func (e *SameError) Error() string {
	return fmt.Sprintf("analyze %s: it is the same capture as %s, which would count twice", e.Other, e.Path)
}

// sameTwice looks for two files with the same content. Only those of one machine, one
// start and one size are read for it.
func (f *fleet) sameTwice() error {
	type identity struct {
		host, boot string
		start      int64
		size       int64
	}
	type content struct {
		identity
		sum [sha256.Size]byte
	}
	alike := map[identity][]*member{}
	for i := range f.members {
		if m := &f.members[i]; m.bad == nil {
			id := identity{m.Host, m.BootID, m.Capture.Start.UnixNano(), m.size}
			alike[id] = append(alike[id], m)
		}
	}
	first := map[content]*member{}
	for i := range f.members {
		m := &f.members[i]
		id := identity{m.Host, m.BootID, m.Capture.Start.UnixNano(), m.size}
		if m.bad != nil || len(alike[id]) < 2 {
			continue
		}
		sum, err := checksum(m.path)
		if err != nil {
			return err
		}
		if other := first[content{id, sum}]; other != nil {
			return &SameError{other.path, m.path}
		}
		first[content{id, sum}] = m
	}
	return nil
}

func checksum(path string) (sum [sha256.Size]byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, file)
	return [sha256.Size]byte(h.Sum(nil)), err
}
