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

	// More files than one. With Rotate a file that has MaxSize is followed by
	// another; with Last the newest window is kept in memory, in MaxSize bytes
	// (64 MiB when that is 0), and written when Dump says so, when a trigger's
	// condition holds, and at the end. Files are numbered: trace.1.arrow.
	Rotate   bool
	Keep     int // numbered files that stay, the newest; 0: all
	Last     time.Duration
	Triggers []*Trigger
	Dump     <-chan struct{}

	// Which processes: all, or those that any of these chooses. Children of
	// those chosen by number, name or as Command are chosen, too.
	PIDs    []uint32 // as this process sees them
	Comms   []string // names that processes have or take
	Cgroups []string // of version 2: paths, and what is below them
	Command []string // run it, and record until it exits
	AsRoot  bool     // run Command as root, also when sudo was used
	All     bool     // with Command: record the whole machine, not just it

	// DropPrivileges gives up, once recording has begun and in the whole process,
	// every capability that is not needed any more. A program linked with cgo
	// cannot; Result.Kept says so.
	DropPrivileges bool

	// Nice is the nice value that all threads of the process get, for good: -20
	// comes first. 0, or a process that may not, leaves it. Command keeps the
	// value from before.
	Nice int

	IncludeSelf bool    // record the recorder's own events, too
	MaxOverhead float64 // share of the machine's CPU time, 0 to 1: above it, switches are only counted; 0: no bound
	MaxTasks    uint32  // threads with sums at one time; 0: 65,536
	MaxConns    uint32  // TCP connections known at one time; 0: 32,768
	MaxTurns    uint32  // turns of connections a second and CPU that are recorded one by one, the rest as histograms; 0: 20,000
	// RTTInterval is how often the round-trip times of a connection are recorded,
	// at most, as segments arrive; 0: only when it begins and ends.
	RTTInterval time.Duration

	// BlindTo is a process from and to which the programs see no switches, as on a
	// machine that hides threads from tracing. It is for tests; 0: none.
	BlindTo uint32

	Version     string   // of ebrec, for the file
	CommandLine []string // of the recorder, for the file

	// Progress, when set, is called about once a second from the recording
	// goroutine.
	Progress func(Progress)
	// Wrote, when set, is called from there for each file of several.
	Wrote func(File)
}

// File is one capture of several.
type File struct {
	Path  string
	Bytes int64
	Rows  map[string]uint64 // by kind
	Why   string            // it was written
	Err   error             // why it was not
}

// Progress is the state of a recording under way.
type Progress struct {
	Elapsed   time.Duration
	Events    uint64  // rows handed to the file
	PerSecond float64 // rows in the last second
	Bytes     int64   // written to the file
	Lost      uint64
	Shed      bool // switches are only counted: see Options.MaxOverhead
}

// Result is what a finished recording was.
type Result struct {
	Path       string
	Start      time.Time
	Duration   time.Duration // the window of the recording
	Rows       map[string]uint64
	Bytes      int64
	Files      []File // when there may be several
	Lost       uint64
	Unseen     uint64 // events, at least, that the kernel did not hand to the programs; the capture tells of them as losses
	Shed       uint64 // of the lost, switches that were only counted
	Full       bool   // it ended at Options.MaxSize
	NoRoom     bool   // it ended because the disk was full
	Missing    []format.Missing
	Kept       bool          // privileges could not be dropped
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

// A StartError is that Options.Command could not be started.
type StartError struct {
	error
	Status int // what a shell would return: 127, there is no such file, or 126
}

func (e *StartError) Unwrap() error { return e.error }

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
