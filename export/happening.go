// SPDX-License-Identifier: Apache-2.0

package export

import "github.com/ebrec/ebrec/replay"

// A sink writes what a story tells. Times are Unix ns.
type sink interface {
	hop(*hop) error   // a CPU goes from one thread to another
	wake(*wake) error // a thread is woken
	tell(any) error   // any other happening, of the types below
}

// person is a thread as an export shows it: who takes the id, or another name, is
// another person.
type person struct {
	replay.Task
	process *process
	gone    bool // the thread ended
}

// process is what threads share.
type process struct {
	pid    uint32
	again  bool  // another process had the pid before, within what is told
	alive  int   // threads
	over   bool  // its end was told
	lane   *lane // nil: nothing was shown on it yet
	life   *lane // of its lifetime
	usage  *lane // levels of what it used
	serial uint64
}

// hop is a switch. It is valid until the sink returns.
type hop struct {
	cpu        uint32
	prev, next *person
	since, at  int64 // when prev came, and left
	state      string
	preempted  bool
	prio       uint64 // see replay.Priority
	broken     bool   // switches are missing: somebody else than prev came at since
	final      bool   // the recording ends, and nobody leaves
}

// wake is a wakeup. It is valid until the sink returns.
type wake struct {
	cpu   uint32
	at    int64
	woken *person
}

// Happenings.
type (
	// machine comes first.
	machine struct {
		kernel, arch string
		cpus         int
		begin        int64
	}
	// people are those that are there without having come within the recording.
	people struct {
		at  int64
		all []*person
	}
	// came is a new thread; again tells that its id was another's.
	came struct {
		who   *person
		again bool
	}
	// renamed is a thread that has another name.
	renamed struct {
		at  int64
		cpu uint32
		who *person
		was string
	}
	// left is the end of a thread.
	left struct {
		at  int64
		cpu uint32
		who *person
	}
	// seated is who is on a CPU when it is first heard of.
	seated struct {
		at  int64
		cpu uint32
		who *person
	}
	// span is something that lasts.
	span struct {
		lane     *lane
		name     string
		from, to int64
		open     bool // the recording ended before it did
		args     []arg
	}
	// mark is something that happens at once.
	mark struct {
		lane *lane
		name string
		at   int64
		args []arg
	}
	// level is a number that holds until the next of its lane.
	level struct {
		lane  *lane
		at    int64
		value float64
	}
	// offset says what time it was.
	offset struct{ at, wall int64 }
	// lost is events that are not there. cpu is -1 when it may be any.
	lost struct {
		cpu    int
		source string
		events uint64
	}
	// ended comes last.
	ended struct{}
)

// lane is where spans, marks or levels are shown: below a process, another lane,
// or neither.
type lane struct {
	id     uint64 // unlike that of any other
	name   string
	pid    uint32 // 0: of no process
	again  bool   // another process had the pid before
	parent *lane
	unit   string // of a lane of levels
	shown  bool   // the sink knows it
	last   int64  // end of its latest span: spans of a lane do not overlap
	beside *lane  // where those are that would
}

// arg is a detail: text, or a number.
type arg struct {
	name  string
	value any // string, int64 or uint64
}
