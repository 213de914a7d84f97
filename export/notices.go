// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"slices"

	"github.com/ebrec/ebrec/replay"
)

// clock tells what time it was.
func (s *story) clock(e replay.Event) error {
	boot := e.Time() - s.capture.Meta().BootOffset
	return s.sink.tell(offset{e.Time(), boot + e.Int(s.col("wall_offset_ns"))})
}

func (s *story) suspended(e replay.Event) error {
	from := min(max(e.Int(s.col("since")), s.begin), e.Time())
	return s.lasting(s.root("suspended"), span{name: "suspended", from: from, to: e.Time(), args: []arg{{"suspended_ns", e.Uint(s.col("suspended_ns"))}}})
}

// anyCPU is the CPU of losses that are of none.
const anyCPU = 0xffff

// loss tells of events that are not there, and when they may have been.
func (s *story) loss(e replay.Event) error {
	n, cpu := e.Uint(s.col("lost")), e.CPU()
	if n == 0 {
		return nil
	}
	s.missing.Add(e)
	if cpu == anyCPU {
		cpu = -1
	}
	source := e.Str(s.col("loss_source"))
	if err := s.sink.tell(lost{cpu, source, n}); err != nil {
		return err
	}
	name := fmt.Sprintf("lost: %s", source)
	if cpu >= 0 {
		name = fmt.Sprintf("lost: %s, CPU %d", source, cpu)
	}
	to := e.Time()
	if s.window.To != 0 {
		to = min(to, s.window.To)
	}
	from := min(max(e.Int(s.col("since")), s.begin), to)
	return s.lasting(s.root(name), span{name: fmt.Sprintf("%d lost", n), from: from, to: to,
		args: []arg{{"lost", n}, {"loss_source", source}, {"loss_reason", e.Str(s.col("loss_reason"))}}})
}

// notes say what the export does not have.
func (s *story) notes() (notes []string) {
	add := func(have bool, source, text string) {
		if !have {
			notes = append(notes, fmt.Sprintf("%s: record with -e %s", text, source))
		}
	}
	sources := s.capture.Meta().Sources
	add(s.switched, "sched", "there are no slices on CPUs, because switches were not recorded")
	add(!slices.Contains(sources, "wakeups") || s.switched, "sched,wakeups", "wakeups are left out without switches")
	add(s.capture.Kind("exit") != nil, "process", "there are no lives of processes")
	add(s.capture.Kind("tcp_close") != nil, "tcp", "there are no TCP connections")
	var left []string
	for _, k := range s.capture.Kinds() {
		if s.handlers[k.Name] == nil && k.Source != "recording" && k.Name != "cpu_stat" {
			left = append(left, k.Name)
		}
	}
	if left != nil {
		notes = append(notes, fmt.Sprintf("rows of these kinds are left out: %v", left))
	}
	if s.filtered && s.switched {
		notes = append(notes, fmt.Sprintf("%s stands for idle and for all that was not recorded: %s", strangerName, replay.Clean(s.capture.Meta().Filter)))
	}
	return notes
}
