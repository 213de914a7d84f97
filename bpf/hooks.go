// SPDX-License-Identifier: Apache-2.0

package bpf

// A hook is one program and what the recording lacks without it.
type hook struct {
	object  string   // file name without .bpf.o
	program string   // name of the C function
	sources []string // wanted when one of them is; nil: always
	instead []string // only when none of these programs could be attached
	filter  bool     // only for a recording with a filter
	twinOf  string   // only on kernels that may skip that program, behind it: see twin.h
	always  bool     // a twin on every kernel
	former  bool     // only on kernels that have the function, which later ones do not need
	old     bool     // of a system call that only amd64 still has
	needs   []string // only when one of these programs works
	loses   string
}

// What the recording lacks without the iterators.
const (
	losesTasks         = "tasks older than the recording"
	losesCgroups       = "paths of cgroups older than the recording"
	losesElsewhere     = "tasks older than the recording in other pid namespaces"
	losesHeld          = "connections older than the recording"
	losesHeldElsewhere = "connections older than the recording of processes in other pid namespaces"
	losesOpen          = "connections open at the end"
)

// source is what a hook's losses are charged to.
func (h hook) source() string {
	if len(h.sources) == 0 {
		return "recording"
	}
	return h.sources[0]
}

// hooks in the order in which they attach: who is who first, so that no row
// comes from a task that was never named.
var hooks = []hook{
	{object: "process", program: "on_fork", loses: "created processes and threads"},
	{object: "process", program: "on_exec", loses: "executed files and the names they give"},
	{object: "process", program: "on_exec_twin", twinOf: "on_exec", loses: "what that misses when it is preempted"},
	{object: "process", program: "on_rename", loses: "changed task names"},
	{object: "process", program: "on_rename_twin", twinOf: "on_rename", loses: "what that misses when it is preempted"},
	{object: "process", program: "on_move", loses: "moves to another cgroup"},
	{object: "process", program: "on_mkdir", loses: "paths of cgroups that are made"},
	{object: "process", program: "on_free", filter: true, loses: "the end of processes that are let through"},
	{object: "process", program: "on_exit", sources: []string{"process"}, loses: "exits"},
	{object: "process", program: "on_exit_twin", twinOf: "on_exit", sources: []string{"process"}, loses: "what that misses when it is preempted"},
	{object: "process", program: "on_exit_third", twinOf: "on_exit", sources: []string{"process"}, loses: "what both miss when they are preempted"},
	{object: "sched", program: "on_cpu_offline", sources: []string{"cpu", "sched"}, loses: "the last switch of CPUs that go offline"},
	{object: "sched", program: "on_cpu_online", sources: []string{"cpu", "sched"}, loses: "CPUs that go online"},
	{object: "sched", program: "on_switch", sources: []string{"cpu", "sched"}, loses: "all scheduling"},
	{object: "sched", program: "on_move_sums", sources: []string{"cpu"}, loses: "sums of threads as they move to another cgroup"},
	{object: "sched", program: "on_waking", sources: []string{"wakeups"}, loses: "wakeups"},
	{object: "tcp", program: "on_state", sources: []string{"tcp", "tcpstates"}, loses: "connects, accepts and closes"},
	{object: "tcp", program: "on_state_twin", twinOf: "on_state", always: true, sources: []string{"tcp", "tcpstates"}, loses: "what that misses when it is interrupted"},
	{object: "tcp", program: "on_connect4_return", sources: []string{"tcp"}, loses: "connects over IPv4 that fail before a SYN"},
	{object: "tcp", program: "on_connect6_return", sources: []string{"tcp"}, loses: "connects over IPv6 that fail before a SYN"},
	{object: "tcp", program: "on_segment", sources: []string{"tcp", "tcpturns"}, loses: "response latency"},
	{object: "tcp", program: "on_segment_twin", twinOf: "on_segment", sources: []string{"tcp", "tcpturns"}, loses: "what that misses when it is preempted"},
	{object: "tcp", program: "on_send", sources: []string{"tcp", "tcpturns"}, loses: "the exact time of sends"},
	{object: "tcp", program: "on_send_twin", twinOf: "on_send", sources: []string{"tcp", "tcpturns"}, loses: "what that misses when it is preempted"},
	{object: "tcp", program: "on_sendmsg_return", sources: []string{"tcp", "tcpturns"}, instead: []string{"on_send"}, loses: "the exact time of sends"},
	{object: "tcp", program: "on_sendpage_return", former: true, sources: []string{"tcp", "tcpturns"}, loses: "the exact time of sendfile and splice"},
	{object: "tcp", program: "on_receive", sources: []string{"tcp", "tcpturns"}, loses: "owners of connections that only receive"},
	{object: "tcp", program: "on_receive_twin", twinOf: "on_receive", sources: []string{"tcp", "tcpturns"}, loses: "what that misses when it is preempted"},
	{object: "tcp", program: "on_receive_call", sources: []string{"tcp"}, loses: "receive calls"},
	{object: "tcp", program: "on_receive_call_twin", twinOf: "on_receive_call", sources: []string{"tcp"}, loses: "what that misses when it is preempted"},
	{object: "tcp", program: "on_recvmsg6_return", sources: []string{"tcp"}, instead: []string{"on_receive_call"}, loses: "receive calls"},
	{object: "tcp", program: "on_recvmsg_return", sources: []string{"tcp"}, instead: []string{"on_receive_call", "on_recvmsg6_return"}, loses: "receive calls"},
	{object: "tcp", program: "on_retransmit", sources: []string{"tcp"}, loses: "retransmissions"},
	{object: "tcp", program: "on_retransmit_twin", twinOf: "on_retransmit", sources: []string{"tcp"}, loses: "what that misses when it is preempted"},
	{object: "tcp", program: "on_reset_in", sources: []string{"tcp"}, loses: "resets by the remote side"},
	{object: "tcp", program: "on_reset_in_twin", twinOf: "on_reset_in", sources: []string{"tcp"}, loses: "what that misses when it is preempted"},
	{object: "tcp", program: "on_reset_out", sources: []string{"tcp"}, loses: "resets by this side"},
	{object: "tcp", program: "on_reset_out_twin", twinOf: "on_reset_out", sources: []string{"tcp"}, loses: "what that misses when it is preempted"},
	{object: "file", program: "on_openat_return", sources: []string{"file"}, loses: "openat"},
	{object: "file", program: "on_openat2_return", sources: []string{"file"}, loses: "openat2"},
	{object: "file", program: "on_open_return", old: true, sources: []string{"file"}, loses: "open"},
	{object: "file", program: "on_creat_return", old: true, sources: []string{"file"}, loses: "creat"},
	{object: "file", program: "on_open_by_handle_return", sources: []string{"file"}, loses: "open_by_handle_at"},
	{object: "file", program: "on_signal", sources: []string{"file"}, loses: "what opens that a signal interrupts come to"},
	{object: "file", program: "on_handler_return", sources: []string{"file"}, loses: "opens that go on after a signal's handler"},
	{object: "file", program: "on_caller_exit", sources: []string{"file"}, loses: "that opens end with their thread"},
	{object: "file", program: "on_openat", sources: []string{"file"}, loses: "openat"},
	{object: "file", program: "on_openat2", sources: []string{"file"}, loses: "openat2"},
	{object: "file", program: "on_open", old: true, sources: []string{"file"}, loses: "open"},
	{object: "file", program: "on_creat", old: true, sources: []string{"file"}, loses: "creat"},
	{object: "file", program: "on_open_by_handle", sources: []string{"file"}, loses: "open_by_handle_at"},
	{object: "uring", program: "on_uring_submit", sources: []string{"file"}, loses: "opens by io_uring"},
	{object: "uring", program: "on_uring_submit_sqe", instead: []string{"on_uring_submit"}, sources: []string{"file"}, loses: "opens by io_uring"},
	{object: "uring", program: "on_uring_complete", needs: []string{"on_uring_submit", "on_uring_submit_sqe"}, sources: []string{"file"}, loses: "opens by io_uring"},
}

// Sources are the names of what can be recorded, in the order of enum source.
// "recording" is not one: its rows are always there.
func Sources() []string {
	return []string{"cpu", "sched", "process", "tcp", "file", "args", "wakeups", "tcpstates", "tcpturns"}
}

// SwitchProgram is the program that runs at every context switch.
const SwitchProgram = "on_switch"

// The loss reasons of enum loss_reason that are counted per source.
const (
	lossReasons = 7
	// ProgramBusy is the reason of losses that the kernel counts, not the
	// programs.
	ProgramBusy = 3
	// FileFull is the reason of losses that the recorder counts, not the
	// programs.
	FileFull = 4
	// Shed is the reason of events that were left out on purpose: see
	// [Programs.Shed].
	Shed = 5
	// Unseen is the reason of switches that the kernel did not hand to the
	// program. The program makes the rows.
	Unseen = 6
)

// Reasons of task rows that list tasks (enum task_reason).
const (
	ReasonSnapshot = 0
	ReasonPresent  = 5
	ReasonExiting  = 6
)
