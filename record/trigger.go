// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Trigger is a condition at which a flight recorder writes what it keeps.
type Trigger struct {
	Text string // as it was given

	kind    string // of the rows that it looks at
	column  string
	over    uint64 // holds above
	equal   uint64 // holds at, when over is not used
	isOver  bool
	isEqual bool
}

// Source is the source that the trigger needs.
func (t *Trigger) Source() string {
	return map[string]string{"sched_switch": "sched", "exit": "process", "tcp_response": "tcp", "tcp_connect": "tcp"}[t.kind]
}

// holds tells whether a value is one to act on.
func (t *Trigger) holds(v uint64) bool { return t.isOver && v > t.over || t.isEqual && v == t.equal }

// TriggerHelp lists the conditions.
const TriggerHelp = `runq>50ms (a wait in a run queue), exit!=0, exit=3, signal=SEGV, tcp>100ms (a response), connect>1s`

var triggerShape = regexp.MustCompile(`^(runq|exit|signal|tcp|connect)\s*(!=|=|>)\s*(\S+)$`)

// ParseTrigger reads a condition; see [TriggerHelp].
func ParseTrigger(text string) (*Trigger, error) {
	part := triggerShape.FindStringSubmatch(strings.TrimSpace(text))
	if part == nil {
		return nil, badTrigger(text)
	}
	t := &Trigger{Text: text}
	var err error
	switch what, op, value := part[1], part[2], part[3]; {
	case op == ">" && what != "signal" && what != "exit":
		err = t.longer(what, value)
	case what == "exit" && op == "!=" && value == "0":
		t.kind, t.column, t.isOver = "exit", "exit_code", true
	case what == "exit" && op == "=":
		t.kind, t.column, t.isEqual = "exit", "exit_code", true
		t.equal, err = strconv.ParseUint(value, 10, 8)
	case what == "signal" && op == "=":
		t.kind, t.column, t.isEqual = "exit", "signal", true
		t.equal, err = signalNumber(value)
	default:
		return nil, badTrigger(text)
	}
	if err != nil {
		if errors.Is(err, errLongWait) {
			return nil, hinted{fmt.Errorf("trigger %q: %w", text, err), "name a shorter wait"}
		}
		return nil, badTrigger(text)
	}
	return t, nil
}

// errLongWait is that a condition would never hold.
var errLongWait = errors.New("switches tell of waits of up to 4.29 s")

func badTrigger(text string) error {
	return hinted{fmt.Errorf("trigger %q", text), "the conditions are " + TriggerHelp}
}

func (t *Trigger) longer(what, value string) error {
	d, err := time.ParseDuration(value)
	if err == nil && d < 0 {
		err = strconv.ErrRange
	}
	t.over, t.isOver = uint64(d), true
	switch what {
	case "runq":
		t.kind, t.column = "sched_switch", "delay_ns"
		if err == nil && d >= math.MaxUint32 { // a switch has no more bits for it
			err = errLongWait
		}
	case "tcp":
		t.kind, t.column = "tcp_response", "response_ns"
	case "connect":
		t.kind, t.column = "tcp_connect", "connect_ns"
	}
	return err
}

// signalNumber knows SEGV, SIGSEGV and 11.
func signalNumber(name string) (uint64, error) {
	if n, err := strconv.ParseUint(name, 10, 7); err == nil && n > 0 {
		return n, nil
	}
	name = strings.ToUpper(name)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n := signalNamed(name); n != 0 {
		return n, nil
	}
	return 0, fmt.Errorf("unknown signal %s", name)
}
