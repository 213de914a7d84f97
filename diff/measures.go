// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"slices"

	"github.com/ebrec/ebrec/analyze"
)

// A Measure is a number that is compared. Rates are per second of recording, less
// the time that the machine was suspended.
type Measure struct {
	Name   string
	Unit   string // "percent", "ns/s", "1/s", "count" or "ns"
	Doc    string
	Source string // the record -e source that gives it
	// Varies says that it differs from run to run of the same, by which CPUs threads
	// happen to share: one capture a side never makes it Changed.
	Varies bool

	quantity   analyze.Quantity
	scale      float64          // of the quantity by ns, for the unit
	counts     analyze.Quantity // what must not be too few
	latency    analyze.Latency
	percentile float64 // 0: it is no latency

}

const perSecond = 1e9

// Measures are all that are compared, in the order of the rows.
var Measures = []Measure{
	{Name: "cpu_percent", Unit: "percent", Source: "cpu", quantity: analyze.CPUTime, counts: none, scale: 100,
		Doc: "CPU time by the kernel's task clock, as a share of one CPU"},
	{Name: "run_queue_ns_per_s", Unit: "ns/s", Source: "cpu", quantity: analyze.RunQueue, counts: analyze.Switches, scale: perSecond, Varies: true,
		Doc: "time spent runnable in a run queue; waits that ended within the recording"},
	{Name: "switches_per_s", Unit: "1/s", Source: "cpu", quantity: analyze.Switches, counts: analyze.Switches, scale: perSecond, Varies: true,
		Doc: "times it left a CPU"},
	{Name: "involuntary_per_s", Unit: "1/s", Source: "cpu", quantity: analyze.Involuntary, counts: analyze.Involuntary, scale: perSecond, Varies: true,
		Doc: "those while runnable: preempted or yielding"},
	{Name: "wait_p50_ns", Unit: "ns", Source: "sched", latency: analyze.Wait, percentile: 50, Varies: true,
		Doc: "median wait for a CPU before a time on one, as runqlat has it"},
	{Name: "wait_p99_ns", Unit: "ns", Source: "sched", latency: analyze.Wait, percentile: 99, Varies: true,
		Doc: "99th percentile of these waits"},
	{Name: "processes", Unit: "count", Source: "process", quantity: analyze.Alive, counts: none, scale: 1,
		Doc: "how many processes there were at a time, on average"},
	{Name: "starts_per_s", Unit: "1/s", Source: "process", quantity: analyze.Starts, counts: analyze.Starts, scale: perSecond,
		Doc: "processes that began"},
	{Name: "connects_per_s", Unit: "1/s", Source: "tcp", quantity: analyze.Connects, counts: analyze.Connects, scale: perSecond,
		Doc: "connections that were opened or accepted, failed ones included"},
	{Name: "failures_per_s", Unit: "1/s", Source: "tcp", quantity: analyze.Failures, counts: analyze.Failures, scale: perSecond,
		Doc: "connects that failed"},
	{Name: "connect_p50_ns", Unit: "ns", Source: "tcp", latency: analyze.Connect, percentile: 50,
		Doc: "median time from the first SYN to the end of the handshake"},
	{Name: "connect_p99_ns", Unit: "ns", Source: "tcp", latency: analyze.Connect, percentile: 99,
		Doc: "99th percentile of these times"},
	{Name: "responses_per_s", Unit: "1/s", Source: "tcp", quantity: analyze.Responses, counts: analyze.Responses, scale: perSecond,
		Doc: "times that an answer began to arrive after the process had sent"},
	{Name: "response_p50_ns", Unit: "ns", Source: "tcp", latency: analyze.Response, percentile: 50,
		Doc: "median time from the last byte sent to the first that came back"},
	{Name: "response_p99_ns", Unit: "ns", Source: "tcp", latency: analyze.Response, percentile: 99,
		Doc: "99th percentile of these times"},
	{Name: "retransmits_per_s", Unit: "1/s", Source: "tcp", quantity: analyze.Retransmits, counts: analyze.Retransmits, scale: perSecond,
		Doc: "segments that were sent again"},
}

// none is no quantity.
const none analyze.Quantity = -1

// measure is the one of that name.
func measure(name string) *Measure {
	return &Measures[slices.IndexFunc(Measures, func(m Measure) bool { return m.Name == name })]
}

// of are the measures that some kinds of things have.
func of(keep func(m *Measure) bool) (some []*Measure) {
	for i := range Measures {
		if m := &Measures[i]; keep(m) {
			some = append(some, m)
		}
	}
	return some
}

func ofRemotes(m *Measure) bool   { return m.Source == "tcp" }
func ofProcesses(m *Measure) bool { return m.Source != "tcp" }
func ofThreads(m *Measure) bool   { return m.Source == "cpu" || m.Source == "sched" }
