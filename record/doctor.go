// SPDX-License-Identifier: Apache-2.0

package record

// A Finding is one thing that recording needs or uses, and whether it is there.
type Finding struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Says   string `json:"says"`             // what was found
	Remedy string `json:"remedy,omitempty"` // what to do; empty when nothing needs doing
}

// State is how a finding is.
type State string

// The states. A source that lacks a hook is Partial: it records less.
const (
	Available State = "available"
	Partial   State = "partial"
	Missing   State = "missing"
)
