// SPDX-License-Identifier: Apache-2.0

package analyze_test

const ms = 1_000_000

// merge adds the values of maps up; later ones win.
func merge(all ...v) v {
	sum := v{}
	for _, m := range all {
		for k, x := range m {
			sum[k] = x
		}
	}
	return sum
}

// id are the values that name a task that started at startMS.
func id(pid, tid, ppid, startMS int, comm string) v {
	return v{"pid": pid, "tid": tid, "ppid": ppid, "start": startMS * ms, "comm": comm}
}

// sum is a task_sum row; times in ms.
func sum(at int64, pid, tid, startMS, cpu, on, voluntary, involuntary int, exited bool) row {
	values := v{
		"pid": pid, "tid": tid, "start": startMS * ms, "cpu_time_ns": cpu * ms, "on_cpu_ns": on * ms,
		"run_queue_ns": on * ms / 10, "voluntary": voluntary, "involuntary": involuntary, "migrations": 1,
	}
	if exited {
		values["exited"] = 1
	}
	return row{at: at * ms, kind: "task_sum", values: values}
}

func at(atMS int64, kind string, values ...v) row {
	return row{at: atMS * ms, kind: kind, values: merge(values...)}
}

// end is the summary of a recording of one second.
var end = at(1000, "summary", v{"since": 0, "seen": 100, "written": 90, "own_cpu_ns": 5 * ms, "max_rss_bytes": 20_000_000})

// machine is one second of two CPUs with known numbers:
//
//	kthreadd 2     kernel thread from before
//	sh 10          from before, with 2 ms of CPU time before
//	make 20        100-500 ms, thread 21 from 150 ms, exits with 3
//	cat 20         600-700 ms, the same pid again, killed by signal 9
//	=cmd() 21      700 ms on, the thread's id again, running at the end
//	(hostile) 30   800-900 ms
//	kworker 31     a kernel thread born at 850 ms
func machine() []row {
	kernel := v{"kernel_thread": 1}
	hostile := "\x1b[2J\n\u202ex\xff"
	return []row{
		at(0, "task", id(2, 2, 0, -9000, "kthreadd"), kernel, v{"reason": "snapshot", "total_cpu_ns": 1 * ms}),
		at(0, "task", id(10, 10, 1, -5000, "sh"), v{"reason": "snapshot", "total_cpu_ns": 2 * ms}),
		at(100, "fork", id(20, 20, 10, 100, "sh")),
		at(110, "exec", id(20, 20, 10, 100, "make"), v{"filename": "/usr/bin/make"}),
		at(150, "thread_start", id(20, 21, 10, 150, "make")),
		at(160, "task", id(20, 21, 10, 150, "worker"), v{"reason": "renamed"}),
		sum(200, 20, 20, 100, 40, 41, 3, 1, false),
		sum(200, 20, 21, 150, 10, 10, 1, 0, false),
		sum(200, 10, 10, -5000, 5, 5, 2, 0, false),
		at(200, "cpu_sum", v{"cpu": 0, "idle_ns": 100 * ms, "switches": 10}),
		at(200, "flush"),
		sum(400, 20, 21, 150, 30, 31, 4, 2, true),
		at(400, "thread_exit", id(20, 21, 10, 150, "worker")),
		at(500, "exit", id(20, 20, 10, 100, "make"), v{"lifetime_ns": 400 * ms, "exit_code": 3, "total_cpu_ns": 79 * ms}),
		sum(500, 20, 20, 100, 50, 52, 5, 2, true),
		at(600, "fork", id(20, 20, 10, 600, "sh")),
		at(605, "exec", id(20, 20, 10, 600, "cat"), v{"filename": "/bin/cat"}),
		at(700, "exit", id(20, 20, 1, 600, "cat"), v{"lifetime_ns": 100 * ms, "signal": 9}),
		sum(700, 20, 20, 600, 20, 20, 1, 1, true),
		at(700, "fork", id(21, 21, 10, 700, "sh")),
		at(705, "task", id(21, 21, 10, 700, "=cmd()"), v{"reason": "renamed"}),
		at(800, "fork", id(30, 30, 21, 800, "sh")),
		at(801, "exec", id(30, 30, 21, 800, hostile), v{"filename": "@SUM(1)\x1b]0;x\a"}),
		at(850, "fork", id(31, 31, 2, 850, "kworker/0:1"), kernel),
		at(900, "exit", id(30, 30, 21, 800, hostile), v{"lifetime_ns": 100 * ms}),
		sum(900, 30, 30, 800, 7, 7, 1, 0, true),
		sum(1000, 2, 2, -9000, 3, 3, 9, 0, false),
		sum(1000, 10, 10, -5000, 100, 101, 10, 20, false),
		sum(1000, 21, 21, 700, 200, 201, 0, 30, false),
		sum(1000, 31, 31, 850, 1, 1, 2, 0, false),
		at(1000, "cpu_sum", v{"cpu": 0, "idle_ns": 700 * ms, "switches": 50}),
		at(1000, "cpu_sum", v{"cpu": 1, "idle_ns": 884 * ms, "switches": 60}),
		end,
	}
}
