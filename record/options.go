// SPDX-License-Identifier: Apache-2.0

package record

import (
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// Options says what to record and where to.
type Options struct {
	Output   string        // path of the capture, or "-" for an Arrow stream on Stdout
	Force    bool          // replace Output when it exists; it is replaced once recording has begun
	Sources  []string      // names from AllSources; nil: DefaultSources
	Duration time.Duration // 0: until the context ends or Command exits
	MaxSize  int64         // bytes at which the recording ends, the end of the file included; 0: none
	PIDs     []uint32      // record only these processes and their children; nil: all
	Command  []string      // run it, and record until it exits
	AsRoot   bool          // run Command as root, also when sudo was used
	All      bool          // with Command: record the whole machine, not just it
	MaxTasks uint32        // threads with sums at one time; 0: 65,536

	Version     string   // of ebrec, for the file
	CommandLine []string // of the recorder, for the file

	// Progress, when set, is called about once a second from the recording
	// goroutine.
	Progress func(Progress)
}

// Progress is the state of a recording under way.
type Progress struct {
	Elapsed   time.Duration
	Events    uint64  // rows handed to the file
	PerSecond float64 // rows in the last second
	Bytes     int64   // written to the file
	Lost      uint64
}

// Result is what a finished recording was.
type Result struct {
	Path       string
	Start      time.Time
	Duration   time.Duration // the window of the recording
	Rows       map[string]uint64
	Bytes      int64
	Lost       uint64
	Full       bool // it ended at Options.MaxSize
	NoRoom     bool // it ended because the disk was full
	Missing    []format.Missing
	OwnCPU     time.Duration // CPU time of the recorder's process
	MaxRSS     int64         // bytes
	ExitStatus int           // of Command; 128 + signal when one ended it
}

// LeastMaxSize is the least that Options.MaxSize may be: room for the start and
// the end of a file with some rows between.
const LeastMaxSize = 256 << 10

// DefaultSources are recorded when none are named.
func DefaultSources() []string { return []string{"cpu", "process", "tcp"} }

// AllSources are the names of all sources.
func AllSources() []string { return bpf.Sources() }

// A HintError is an error that knows what its reader can do about it.
type HintError interface {
	error
	Hint() string // one sentence, an instruction
}

type hinted struct {
	error
	hint string
}

func (e hinted) Hint() string  { return e.hint }
func (e hinted) Unwrap() error { return e.error }
