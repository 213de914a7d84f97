// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/ebrec/ebrec/bpf"
	"github.com/ebrec/ebrec/format"
)

// plan is what to generate.
type plan struct {
	switches, threads, cpus int
	seed                    uint64
}

const (
	begin    = uint64(time.Hour) // boot time, ns
	batch    = 49                // switches that a CPU hands over at a time
	firstTID = 1000
	sumEvery = uint64(time.Second)
)

// machine makes things up and writes them.
type machine struct {
	plan
	random  *rand.Rand
	writer  *format.Writer
	kinds   map[string]*format.Kind
	raw     map[string][]byte
	threads []thread
	cpus    []cpu
	ready   []int // threads that wait for a CPU; all others sleep or run
	nextSum uint64
	events  uint64
}

type thread struct {
	onCPU, waited, voluntary, involuntary, migrations uint64
	cpu                                               int
	delay                                             uint64 // before its slice, ns
	left                                              uint64 // when it left its CPU
	ran                                               bool   // since its last row of sums
}

type cpu struct {
	now, idle, switches uint64
	running             int // thread, -1 for idle
}

func newMachine(w io.Writer, p plan) (*machine, error) {
	kinds, err := bpf.Kinds()
	if err != nil {
		return nil, err
	}
	var used []format.Kind
	m := &machine{plan: p, random: rand.New(rand.NewPCG(p.seed, 0)), kinds: map[string]*format.Kind{}, raw: map[string][]byte{}, nextSum: begin + sumEvery}
	for i := range kinds {
		if k := &kinds[i]; k.Source != "tcp" && k.Source != "file" {
			used = append(used, *k)
			m.kinds[k.Name] = k
			m.raw[k.Name] = make([]byte, k.Size)
			k.Field(format.ColumnKind).PutUint(m.raw[k.Name], uint64(k.ID))
		}
	}
	meta := &format.Metadata{
		Ebrec: "generated", Host: "generated", Kernel: "6.12.0", Arch: "x86_64", CPUs: p.cpus, BootID: "00000000-0000-0000-0000-000000000000",
		Start: time.Unix(1_700_000_000, int64(begin)).UTC(), BootOffset: 1_700_000_000 * int64(time.Second), Sources: []string{"cpu", "process", "sched"},
	}
	m.threads = make([]thread, p.threads)
	for i := range m.threads {
		m.threads[i].cpu = i % p.cpus
		m.ready = append(m.ready, i)
	}
	for range p.cpus {
		m.cpus = append(m.cpus, cpu{now: begin, running: -1})
	}
	m.writer, err = format.NewWriter(w, meta, used, format.WriterOptions{Background: true})
	return m, err
}

// add writes a row; columns that are not named keep what the kind's last row had.
func (m *machine) add(kind string, t uint64, values map[string]uint64) error {
	k, raw := m.kinds[kind], m.raw[kind]
	k.Field(format.ColumnTime).PutUint(raw, t)
	for name, v := range values {
		k.Field(name).PutUint(raw, v)
	}
	return m.writer.Add(raw)
}

func (m *machine) run() error {
	if err := m.introduce(); err != nil {
		return err
	}
	for m.events < uint64(m.switches) {
		c := m.behind()
		for range min(batch, m.switches-int(m.events)) {
			if err := m.hop(c); err != nil {
				return err
			}
		}
		if err := m.tick(); err != nil {
			return err
		}
	}
	return m.end()
}

// introduce writes who is there.
func (m *machine) introduce() error {
	k := m.kinds["task"]
	comm := k.Field("comm")
	for i := range m.threads {
		name := m.raw["task"][comm.Offset : comm.Offset+comm.Size]
		clear(name)
		copy(name, fmt.Sprintf("thread-%d", i%40))
		tid := uint64(firstTID + i)
		if err := m.add("task", begin, map[string]uint64{"pid": tid, "tid": tid, "start": begin - uint64(m.plan.threads-i)}); err != nil {
			return err
		}
	}
	return nil
}

// behind is the CPU that is least far: its batch is full first.
func (m *machine) behind() int {
	least := 0
	for i := range m.cpus {
		if m.cpus[i].now < m.cpus[least].now {
			least = i
		}
	}
	return least
}

// tick reads the sums once a second and flushes now and then.
func (m *machine) tick() error {
	now := m.cpus[m.behind()].now
	if now >= m.nextSum {
		if err := m.sums(now, false); err != nil {
			return err
		}
		m.nextSum = now + sumEvery
	}
	if m.writer.Pending() < 64<<10 {
		return nil
	}
	return m.writer.Flush(now)
}

// end lets every CPU come to the same instant and writes the last rows.
func (m *machine) end() error {
	last := uint64(0)
	for i := range m.cpus {
		last = max(last, m.cpus[i].now)
	}
	for i := range m.cpus {
		m.pass(i, last)
	}
	if err := m.sums(last, true); err != nil {
		return err
	}
	if err := m.add("summary", last, map[string]uint64{"since": begin, "seen": m.events, "written": m.events}); err != nil {
		return err
	}
	return m.writer.Close()
}
