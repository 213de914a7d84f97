// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"

	"github.com/ebrec/ebrec/format"
)

// happen writes an event that comes seldom.
func (o *output) happen(kind string, values map[string]any) error {
	raw, err := o.kinds[kind].Encode(values)
	if err != nil {
		return err
	}
	return o.add(raw)
}

// read writes what a recorder reads at the start or the end.
func (o *output) read(kind string, values map[string]any) error {
	raw, err := o.kinds[kind].Encode(values)
	if err != nil {
		return err
	}
	return o.writer.AddReading(raw)
}

// of is what rows that introduce a task, or tell its end, say of it.
func of(t *task, at uint64, more map[string]any) map[string]any {
	kernel := 0
	if t.kernel {
		kernel = 1
	}
	values := map[string]any{
		format.ColumnTime: at, format.ColumnPID: t.pid, format.ColumnTID: t.tid, format.ColumnCPU: t.cpu,
		"start": t.start, "ppid": t.ppid, "kernel_thread": kernel, "cgroup_id": 1, "comm": t.comm,
	}
	maps.Copy(values, more)
	return values
}

// introduce says that a task is there at the start.
func (o *output) introduce(t *task) error {
	return o.read("task", of(t, begin, map[string]any{"reason": "snapshot"}))
}

func (o *output) fork(t *task, at uint64) error { return o.happen("fork", of(t, at, nil)) }

func (o *output) exec(t *task, at uint64) error {
	return o.happen("exec", of(t, at, map[string]any{"filename": "/usr/bin/" + t.comm}))
}

func (o *output) exit(t *task, at, cpuTime uint64, fails, killed bool) error {
	end := map[string]any{"lifetime_ns": at - t.start, "total_cpu_ns": cpuTime}
	switch {
	case killed:
		end["signal"] = 9
	case fails:
		end["exit_code"] = 1
	}
	return o.happen("exit", of(t, at, end))
}

// summary is the last row.
func (o *output) summary(at uint64) error {
	return o.read("summary", map[string]any{format.ColumnTime: at, "since": begin, "seen": o.events, "written": o.events})
}
