// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// Words are the texts of ebrec's own that a capture may hold as values: names of
// kernel programs, the hooks that they are for, and what a recording lacks
// without them. Sorted.
func Words() ([]string, error) {
	words := []string{losesTasks, losesHeld, losesOpen}
	for _, h := range hooks {
		words = append(words, h.loses)
	}
	names, err := objects.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		object, err := objects.ReadFile(n.Name())
		if err != nil {
			return nil, err
		}
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", n.Name(), err)
		}
		for name, program := range spec.Programs {
			words = append(words, name, program.SectionName)
		}
	}
	slices.Sort(words)
	return slices.Compact(words), nil
}
