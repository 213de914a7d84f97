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
	Window     Window    // of a slice of a longer recording
	Repair     *Repair   // what a repaired capture lacks; nil when it was never repaired
}

// Before12 tells whether the capture was recorded in a format before 1.2, whose
// rows of switches lack the part of a wait before a move to another CPU's queue.
func (m *Metadata) Before12() bool { return m.Format == "1.0" || m.Format == "1.1" }

// Before13 tells whether the capture was recorded in a format before 1.3, which
// does not tell of switches that went unseen, and counts the slice in which a
// thread takes its process's number for that number instead of its own.
func (m *Metadata) Before13() bool { return m.Before12() || m.Format == "1.2" }

// Window is a span of time within a recording, in Unix ns, both ends included.
// The zero value is the whole recording. A slice has rows outside of its
// window too: who its tasks are, what their sums were when it began, and the
// recording's summary.
type Window struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Repair is what a capture lacks that was repaired.
type Repair struct {
	Cut    bool      `json:"cut"` // the recording was cut short
	End    time.Time `json:"end"` // of its last row, when it was
	Damage []Damage  `json:"damage,omitempty"`
}

// Damage is a part of a file that cannot be read.
type Damage struct {
	Offset int64  `json:"offset"` // byte in the damaged file
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason"`
}

// Missing is a part of a source that could not be attached.
type Missing struct {
	Source string `json:"source"`
	Hook   string `json:"hook"`   // the program or tracepoint
	Loses  string `json:"loses"`  // what the capture lacks for it
	Reason string `json:"reason"` // what the kernel said
}
