// SPDX-License-Identifier: Apache-2.0

// Package bpf holds ebrec's kernel programs and their door to Go.
//
// The events are declared once, as tagged C structs in ebrec.h. [Kinds] walks
// the BTF of the built objects and derives every kind of row with its columns,
// units and documentation; it needs neither Linux nor privileges. [Load]
// (Linux) loads the programs of the chosen sources, each on its own, so that a
// hook that a kernel lacks costs one feature and not the recording.
//
// The invariant that bites: programs only count within the window that
// [Programs.OpenWindow] opens. Before and after, they are attached
// and silent.
package bpf

//go:generate go run generate.go
