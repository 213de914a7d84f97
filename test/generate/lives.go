// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"

	"github.com/ebrec/ebrec/format"
)

// record makes a row that comes seldom, of a task.
func (o *output) record(kind string, t *task, at uint64, more map[string]any) ([]byte, error) {
	kernel := 0
	if t.kernel {
		kernel = 1
	}
	values := map[string]any{
		format.ColumnTime: at, format.ColumnPID: t.pid, format.ColumnTID: t.tid, format.ColumnCPU: t.cpu,
		"start": t.start, "ppid": t.ppid, "kernel_thread": kernel, "cgroup_id": 1, "comm": t.comm,
	}
	maps.Copy(values, more)
	return o.kinds[kind].Encode(values)
}

// introduce says that a task is there at the start.
func (o *output) introduce(t *task) error {
	raw, err := o.record("task", t, begin, map[string]any{"reason": "snapshot"})
	if err != nil {
		return err
	}
	return o.writer.AddReading(raw)
}

func (o *output) event(kind string, t *task, at uint64, more map[string]any) error {
	raw, err := o.record(kind, t, at, more)
	if err != nil {
		return err
	}
	return o.add(raw)
}

func (o *output) fork(t *task, at uint64) error { return o.event("fork", t, at, nil) }

func (o *output) exec(t *task, at uint64) error {
	return o.event("exec", t, at, map[string]any{"filename": "/usr/bin/" + t.comm})
}

func (o *output) exit(t *task, at, cpuTime uint64, fails, killed bool) error {
	end := map[string]any{"lifetime_ns": at - t.start, "total_cpu_ns": cpuTime}
	switch {
	case killed:
		end["signal"] = 9
	case fails:
		end["exit_code"] = 1
	}
	return o.event("exit", t, at, end)
}

// summary is the last row.
func (o *output) summary(at uint64) error {
	raw, err := o.kinds["summary"].Encode(map[string]any{format.ColumnTime: at, "since": begin, "seen": o.events, "written": o.events})
	if err != nil {
		return err
	}
	return o.writer.AddReading(raw)
}
