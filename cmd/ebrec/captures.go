// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mostCaptures is how many captures a command takes.
const mostCaptures = 100_000

// captureList are the captures of a command line: paths, and of each @list the paths
// in that file, one a line and relative to its directory. Empty lines and those that
// begin with # are passed over. A path that comes again is left out and is in again.
func captureList(args []string) (paths, again []string, err error) {
	seen := map[string]bool{}
	add := func(path string) error {
		if len(paths) == mostCaptures {
			return usage(fmt.Errorf("more than %d captures", mostCaptures))
		}
		at, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		if seen[at] {
			again = append(again, path)
			return nil
		}
		seen[at] = true
		paths = append(paths, path)
		return nil
	}
	for _, arg := range args {
		list, isList := strings.CutPrefix(arg, "@")
		if isList {
			err = readList(list, add)
		} else {
			err = add(arg)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return paths, again, nil
}

// readList calls a function for each path of a list.
func readList(list string, add func(path string) error) error {
	f, err := os.Open(list)
	if err != nil {
		return fmt.Errorf("open list of captures: %w", err)
	}
	defer f.Close()
	lines, n, some := bufio.NewScanner(f), 0, false
	for lines.Scan() {
		n++
		path := strings.TrimSpace(lines.Text())
		if path == "" || strings.HasPrefix(path, "#") {
			continue
		}
		if strings.ContainsRune(path, 0) {
			return fmt.Errorf("read list of captures %s: line %d: it is no list: a path has no zero byte", list, n)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(list), path)
		}
		if err := add(path); err != nil {
			return err
		}
		some = true
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = errors.New("it is longer than a path can be")
		}
		return fmt.Errorf("read list of captures %s: line %d: %w", list, n+1, err)
	}
	if !some {
		return fmt.Errorf("read list of captures %s: it has no paths", list)
	}
	return nil
}
