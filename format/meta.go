// SPDX-License-Identifier: Apache-2.0

package format

import "time"

// Metadata is what a capture says of its own making. The writer stores it in
// the Arrow schema, one key an item, under "ebrec.".
type Metadata struct {
	Format     string    // version of the file format, "major.minor"; set by the writer
	Ebrec      string    // version of the recorder
	Host       string    // host name
	Kernel     string    // uname -r
	Arch       string    // uname -m
	CPUs       int       // CPUs online when the recording began
	BootID     string    // the kernel's boot id: tells two boots of one host apart
	Start      time.Time // when the recording began, UTC
	BootOffset int64     // ns: boot time plus this is the Unix time of every row
	UTCOffset  int       // seconds east of UTC at the recorded host
	Command    []string  // command line of the recorder
	Sources    []string  // sources recorded
	Filter     string    // what was left out, empty for a whole machine
	Missing    []Missing // what could not be recorded
}

// Missing is a part of a source that could not be attached.
type Missing struct {
	Source string `json:"source"`
	Hook   string `json:"hook"`   // the program or tracepoint
	Loses  string `json:"loses"`  // what the capture lacks for it
	Reason string `json:"reason"` // what the kernel said
}
