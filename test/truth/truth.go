// SPDX-License-Identifier: Apache-2.0

// Package truth is what a workload says about itself: the JSON that
// test/workload writes with --truth and that tests compare a recording with.
// Every figure comes from the kernel's own accounting (wait4, TCP_INFO) or the
// application's own clock, never from ebrec.
package truth

import (
	"encoding/json"
	"fmt"
	"os"
)

// Truth is one run of a workload. A list that the workload does not produce
// is absent.
type Truth struct {
	Workload  string    `json:"workload"`
	Command   []string  `json:"command"` // arguments, without the program
	Processes []Process `json:"processes,omitempty"`
	TCP       []Conn    `json:"tcp,omitempty"`
	Opens     []Open    `json:"opens,omitempty"`

	Interrupted []Interrupted `json:"interrupted,omitempty"`
	Execs       []Named       `json:"execs,omitempty"`
	Cgroups     []Named       `json:"cgroups,omitempty"`

	// DelayNS is the least that a packet takes from one side of the path to the
	// other.
	DelayNS int64 `json:"delay_ns,omitempty"`
	// SentAgain are the kernel's counts at the end, by side of the path.
	SentAgain map[string]SentAgain `json:"sent_again,omitempty"`
}

// SentAgain counts segments that a network namespace sent again (Tcp RetransSegs
// of /proc/net/snmp), and how often it could not (TcpExt TCPRetransFail of
// /proc/net/netstat), which the former has, too.
type SentAgain struct {
	AtNS     int64 `json:"at_ns"` // when they were read, Unix time
	Segments int64 `json:"segments"`
	Failed   int64 `json:"failed"`
}

// Process is one process that ran and ended inside the workload.
type Process struct {
	PID      int    `json:"pid"`
	StartNS  int64  `json:"start_ns,omitempty"` // since boot, by /proc/PID/stat, which counts in 10 ms
	PPID     int    `json:"ppid"`
	Comm     string `json:"comm"` // at its end
	Role     string `json:"role"` // what it was made to do
	ExitCode int    `json:"exit_code"`
	Signal   int    `json:"signal"` // 0 unless a signal ended it

	// CPUNS is user plus system time by wait4. It includes the process's own
	// children that it waited for; only the parents below have any.
	CPUNS       int64 `json:"cpu_ns"`
	Voluntary   int64 `json:"voluntary"`   // switches by wait4, without each thread's last
	Involuntary int64 `json:"involuntary"` // switches by wait4
	Threads     int   `json:"threads"`     // seen in /proc/self/task at its end; 0 if not counted

	// SelfCPUNS is getrusage(RUSAGE_SELF) by the process just before its end;
	// 0 where it did not ask.
	SelfCPUNS int64 `json:"self_cpu_ns,omitempty"`

	// Cgroup is the directory of a cgroup that the process had to itself from its
	// first instant on; absent if it had none. CgroupCPUNS is the CPU time that the
	// kernel charged to that when all was over, rounded down to a microsecond:
	// unlike wait4 it has the last moments of every thread.
	Cgroup      string `json:"cgroup,omitempty"`
	CgroupCPUNS int64  `json:"cgroup_cpu_ns,omitempty"`

	// Images are the filenames it executed, in order; FailedExecs those it
	// could not.
	Images      []string `json:"images,omitempty"`
	FailedExecs []string `json:"failed_execs,omitempty"`
}

// Conn is one TCP connection or attempt, seen from one of its ends.
type Conn struct {
	PID   int    `json:"pid"`
	Side  string `json:"side"` // client or server
	LAddr string `json:"laddr"`
	LPort int    `json:"lport"`
	RAddr string `json:"raddr"`
	RPort int    `json:"rport"`

	ConnectNS int64 `json:"connect_ns,omitempty"` // client: duration of connect(2)
	LeastNS   int64 `json:"least_ns,omitempty"`   // client: least that it took, where that is known
	Errno     int   `json:"errno,omitempty"`      // client: why connect failed

	// Sent has each message's write(2), and GotNS when the first read(2) of each
	// message that came had returned, by CLOCK_MONOTONIC, which both ends share. A
	// client's first message follows nothing; the server answers each with one.
	Sent    []Call  `json:"sent,omitempty"`
	GotNS   []int64 `json:"got_ns,omitempty"`
	TxBytes int64   `json:"tx_bytes"`
	RxBytes int64   `json:"rx_bytes"`

	// Calls of read(2) that took bytes, and the most of one call either way.
	Receives       int64 `json:"receives,omitempty"`
	LargestSend    int64 `json:"largest_send_bytes,omitempty"`
	LargestReceive int64 `json:"largest_receive_bytes,omitempty"`

	Outcome string `json:"outcome,omitempty"` // how it ended, where that is what the workload is about

	Info *TCPInfo `json:"info,omitempty"` // when nothing could change it any more; nil if refused
}

// Call is a system call, by CLOCK_MONOTONIC.
type Call struct {
	FromNS int64 `json:"from_ns"` // before it
	ToNS   int64 `json:"to_ns"`   // when it had returned
}

// TCPInfo is the part of the kernel's TCP_INFO that a recording also holds.
type TCPInfo struct {
	RTTUS         uint32 `json:"rtt_us"` // smoothed
	MinRTTUS      uint32 `json:"min_rtt_us"`
	Retransmits   uint32 `json:"retransmits"`
	BytesAcked    uint64 `json:"bytes_acked"` // counts the SYN as one byte
	BytesReceived uint64 `json:"bytes_received"`
}

// Open is one attempt to open a file.
type Open struct {
	PID     int    `json:"pid"`
	Syscall string `json:"syscall"` // as open_call names it
	Path    string `json:"path"`    // as passed; of one that is too long what a capture can have
	Cut     bool   `json:"cut,omitempty"`
	Flags   int    `json:"flags"` // as passed
	Errno   int    `json:"errno"` // 0 if it opened
}

// An Interrupted open is one that signals came into while it waited.
type Interrupted struct {
	PID       int    `json:"pid"`
	Path      string `json:"path"`
	Killed    bool   `json:"killed,omitempty"` // it never returned
	Errno     int    `json:"errno"`
	AtLeastNS int64  `json:"at_least_ns"` // how long it waited, by what another process saw
	AtMostNS  int64  `json:"at_most_ns"`  // by its own clock around the call
}

// A Named thing has a name of a length at which something may end.
type Named struct {
	PID  int    `json:"pid,omitempty"` // of a process that executed the file
	ID   uint64 `json:"id,omitempty"`  // of a cgroup
	Name string `json:"name"`          // all of it, or what a capture can have
	Cut  bool   `json:"cut,omitempty"`
	Args string `json:"args,omitempty"` // as a shell would need them
	More bool   `json:"more,omitempty"` // there are more
}

// Read reads the truth that a workload wrote to path.
func Read(path string) (*Truth, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := new(Truth)
	if err := json.Unmarshal(data, t); err != nil {
		return nil, fmt.Errorf("read truth %s: %w", path, err)
	}
	return t, nil
}

// Write writes t to path.
func (t *Truth) Write(path string) error {
	data, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
