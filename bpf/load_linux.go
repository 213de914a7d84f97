// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/ebrec/ebrec/format"
)

// Config says what to load.
type Config struct {
	Sources   []string      // names from [Sources]
	Filtered  bool          // record only targets: see [Programs.Target]
	Comms     []string      // processes that take one of these names become targets
	Cgroups   []uint64      // processes in these cgroups, by id, and those below are targets as they are created or moved
	MaxTasks  uint32        // threads with sums at one time; 0: 65,536
	MaxConns  uint32        // connections known at one time, each end of one on this machine; 0: 32,768
	MaxTurns  uint32        // turns of connections a second and CPU that have rows of their own; 0: 20,000
	RTTEvery  time.Duration // how often a connection has a row with its round-trip times, at most; 0: never
	RingBytes uint32        // size of the ring, a power of two of at least a page; 0: 8 MiB
	BlindTo   uint32        // for tests: a process from and to which switches go unseen; 0: none
}

const defaultTurns = 20_000

// Programs are ebrec's programs, loaded and attached. One goroutine at a time
// may use it.
type Programs struct {
	config  Config
	types   *btf.Cache                      // megabytes, not kept behind loading
	maps    map[string]map[string]*ebpf.Map // by object, then by name
	links   []link.Link
	loaded  []attached
	iters   map[string]*link.Iter
	working map[string]bool // programs attached
	missing []format.Missing

	twins  bool // programs may be preempted, and then be skipped
	window Window
	ncpu   int // possible CPUs

	canary       int          // descriptor of the socket that listings must have; -1: none
	windowMemory *ebpf.Memory // of Window
	cpus         *ebpf.Memory // of CPUNow
	batches      *ebpf.Memory // of Batch
	turnBatches  *ebpf.Memory // of TurnBatch
}

// attached is a program that runs and the source that it serves.
type attached struct {
	program *ebpf.Program
	name    string
	source  string
	twin    bool
}

// The maps that all objects share; the first object's are the ones.
var sharedMaps = []string{"ring", "counters", "targets", windowMap}

// Load loads and attaches the programs of the chosen sources. What could not
// be attached is in [Programs.Missing]. The error is for what nothing works
// without: privileges, BTF, the ring.
func Load(c Config) (*Programs, error) {
	types := btf.NewCache()
	if _, err := types.Kernel(); err != nil {
		return nil, fmt.Errorf("read the kernel's type information (BTF): %w", err)
	}
	// Before 5.11 maps count against the locked-memory limit. Where that cannot
	// be raised, making the maps says so.
	_ = rlimit.RemoveMemlock()
	p := &Programs{
		config:  c,
		types:   types,
		maps:    map[string]map[string]*ebpf.Map{},
		iters:   map[string]*link.Iter{},
		working: map[string]bool{},
		twins:   preemptible(),
		canary:  -1,
	}
	if err := p.load(); err != nil {
		return nil, errors.Join(err, p.Release())
	}
	return p, nil
}

func (p *Programs) load() error {
	specs := map[string]*ebpf.CollectionSpec{}
	for _, object := range p.objects() {
		spec, err := p.spec(object)
		if err != nil {
			return fmt.Errorf("read object %s: %w", object, err)
		}
		specs[object] = spec
		if err := p.createMaps(object, spec); err != nil {
			return fmt.Errorf("create maps of %s: %w", object, err)
		}
	}
	if err := p.fillFilter(); err != nil {
		return err
	}
	for _, h := range hooks {
		if p.wants(h) && (!h.former || p.hasFunction(specs[h.object].Programs[h.program].AttachTo)) {
			p.attachOrMiss(specs[h.object], h)
		}
	}
	if len(p.links) == 0 {
		return fmt.Errorf("attach %s: %s", strings.Join(p.config.Sources, ", "), p.missing[0].Reason)
	}
	p.window.Connects4, p.window.Connects6 = asFlag(p.working["on_connect4_return"]), asFlag(p.working["on_connect6_return"])
	if err := p.mapMemory(); err != nil {
		return err
	}
	err := p.loadListings(specs)
	p.types = nil
	return errors.Join(err, p.compareClocks())
}

func asFlag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// objects lists the objects needed, process first: it names the tasks.
func (p *Programs) objects() []string {
	names := []string{"process"}
	for _, h := range hooks {
		if p.wants(h) && !slices.Contains(names, h.object) {
			names = append(names, h.object)
		}
	}
	return names
}

// wants tells whether a hook serves a chosen source, is there to be had and is
// not made superfluous by one that works.
func (p *Programs) wants(h hook) bool {
	if slices.ContainsFunc(h.instead, func(name string) bool { return p.working[name] }) {
		return false
	}
	if h.needs != nil && !slices.ContainsFunc(h.needs, func(name string) bool { return p.working[name] }) || h.old && runtime.GOARCH != "amd64" {
		return false
	}
	if h.filter && !p.config.Filtered || h.twinOf != "" && !((p.twins || h.always) && p.working[h.twinOf]) {
		return false
	}
	return h.sources == nil || slices.ContainsFunc(h.sources, p.Records)
}

// Records tells whether a source was asked for.
func (p *Programs) Records(source string) bool { return slices.Contains(p.config.Sources, source) }

func (p *Programs) spec(object string) (*ebpf.CollectionSpec, error) {
	data, err := objects.ReadFile(object + ".bpf.o")
	if err != nil {
		return nil, err
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if err := p.size(spec); err != nil {
		return nil, err
	}
	return spec, p.setKnobs(spec)
}

func (p *Programs) size(spec *ebpf.CollectionSpec) error {
	n, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	p.ncpu = n
	sizes := map[string]uint32{
		"cpus": uint32(n), "batches": uint32(n), "turn_batches": uint32(n), "conn_ids": uint32(n), "sums": p.config.MaxTasks, "ring": p.config.RingBytes, "conns": p.config.MaxConns,
	}
	if OwnPIDNamespace() {
		sizes["steps"] = roundSteps
	}
	for name, size := range sizes {
		if m := spec.Maps[name]; m != nil && size > 0 {
			m.MaxEntries = size
		}
	}
	return nil
}

func (p *Programs) setKnobs(spec *ebpf.CollectionSpec) error {
	knobs := map[string]any{
		"filtered":             p.config.Filtered,
		"wakeup_bytes":         uint64(spec.Maps["ring"].MaxEntries / 4),
		"want_sums":            p.Records("cpu"),
		"blind_to":             p.config.BlindTo,
		"want_switches":        p.Records("sched"),
		"want_process":         p.Records("process"),
		"want_args":            p.Records("args"),
		"want_states":          p.Records("tcpstates"),
		"want_turns":           p.Records("tcpturns"),
		"max_turns":            cmp.Or(p.config.MaxTurns, defaultTurns),
		"rtt_interval":         uint64(p.config.RTTEvery),
		"twins":                p.twins,
		"by_comm":              len(p.config.Comms) > 0,
		"by_cgroup":            len(p.config.Cgroups) > 0,
		"switch_has_state":     p.parameters("btf_trace_sched_switch") >= 5,
		"freezer_has_state":    p.hasFunction("__set_task_frozen"),
		"saved_stack_at":       savedStackAt[runtime.GOARCH],
		"retransmit_has_error": p.parameters("btf_trace_tcp_retransmit_skb") >= 4,
	}
	for name, value := range knobs {
		v := spec.Variables[name]
		if v == nil {
			continue
		}
		if err := v.Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// savedStackAt is, by architecture, where the frame of a signal's handler has the
// stack pointer that its return restores: see quirks.h.
var savedStackAt = map[string]uint64{
	"amd64": 160, // ucontext, on the stack: 40 bytes, r8 to r15, di, si, bp, bx, dx, ax, cx
	"arm64": 560, // siginfo of 128 bytes, ucontext: 176 bytes, fault address, 31 registers
}

// preemptible tells whether programs at tracepoints in process context may be
// preempted. Nothing in the kernel's types says so: it is its version.
func preemptible() bool {
	var u unix.Utsname
	_ = unix.Uname(&u) // fails only for a bad address
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major > 6 || major == 6 && minor >= 19
}

// hasFunction tells whether the kernel has a function.
func (p *Programs) hasFunction(name string) bool {
	kernel, err := p.types.Kernel() // read already
	var f *btf.Func
	return err == nil && kernel.TypeByName(name, &f) == nil
}

// parameters counts those that a tracepoint passes, with the hidden first one; 0
// when the kernel has none of that name. See quirks.h for what depends on it.
func (p *Programs) parameters(tracepoint string) int {
	kernel, err := p.types.Kernel() // read already
	if err != nil {
		return 0
	}
	var tp *btf.Typedef
	if err := kernel.TypeByName(tracepoint, &tp); err != nil {
		return 0
	}
	ptr, ok := tp.Type.(*btf.Pointer)
	if !ok {
		return 0
	}
	proto, ok := ptr.Target.(*btf.FuncProto)
	if !ok {
		return 0
	}
	return len(proto.Params)
}

func (p *Programs) createMaps(object string, spec *ebpf.CollectionSpec) error {
	bare := spec.Copy()
	bare.Programs = nil
	shared := map[string]*ebpf.Map{}
	if first := p.maps["process"]; first != nil {
		for _, name := range sharedMaps {
			shared[name] = first[name]
		}
	}
	coll, err := ebpf.NewCollectionWithOptions(bare, ebpf.CollectionOptions{MapReplacements: shared, Cache: p.types})
	if err != nil {
		return err
	}
	p.maps[object] = maps.Clone(coll.Maps)
	for name := range p.maps[object] {
		coll.DetachMap(name)
	}
	coll.Close()
	return nil
}

// fillFilter says what makes a process a target, before any program looks.
func (p *Programs) fillFilter() error {
	p.window = Window{Opens: ^uint64(0), Closes: ^uint64(0)}
	for _, name := range p.config.Comms {
		var comm [16]byte
		copy(comm[:len(comm)-1], name)
		if err := p.maps["process"]["comms"].Put(comm, uint8(1)); err != nil {
			return fmt.Errorf("filter on the name %q: %w", name, err)
		}
	}
	for _, id := range p.config.Cgroups {
		if err := p.maps["process"]["cgroups"].Put(id, uint8(1)); err != nil {
			return fmt.Errorf("filter on cgroup %d: %w", id, err)
		}
	}
	return nil
}

// program loads one program over the maps of its object.
func (p *Programs) program(spec *ebpf.CollectionSpec, object, name string) (*ebpf.Program, error) {
	one := spec.Copy()
	one.Programs = map[string]*ebpf.ProgramSpec{name: one.Programs[name]}
	coll, err := ebpf.NewCollectionWithOptions(one, ebpf.CollectionOptions{MapReplacements: p.maps[object], Cache: p.types})
	if err != nil {
		return nil, err
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}

func (p *Programs) attachOrMiss(spec *ebpf.CollectionSpec, h hook) {
	if err := p.attach(spec, h); err != nil {
		if h.instead != nil && slices.ContainsFunc(p.missing, func(m format.Missing) bool { return m.Source == h.source() && m.Loses == h.loses }) {
			return // said of what it would have stood in for
		}
		p.miss(h.source(), spec.Programs[h.program].SectionName, h.loses, err)
		return
	}
	p.working[h.program] = true
	for _, name := range h.instead { // what it stands in for is no loss
		p.missing = slices.DeleteFunc(p.missing, func(m format.Missing) bool {
			return m.Hook == spec.Programs[name].SectionName
		})
	}
}

func (p *Programs) attach(spec *ebpf.CollectionSpec, h hook) error {
	prog, err := p.program(spec, h.object, h.program)
	if err != nil {
		return err
	}
	var l link.Link
	if group, name, ok := tracepoint(spec.Programs[h.program].SectionName); ok {
		l, err = link.Tracepoint(group, name, prog, nil)
	} else {
		l, err = link.AttachTracing(link.TracingOptions{Program: prog})
	}
	if err != nil {
		return errors.Join(err, prog.Close())
	}
	p.links = append(p.links, l)
	p.loaded = append(p.loaded, attached{prog, h.program, h.source(), h.twinOf != ""})
	return nil
}

// tracepoint splits tracepoint/GROUP/NAME.
func tracepoint(section string) (group, name string, ok bool) {
	rest, ok := strings.CutPrefix(section, "tracepoint/")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "/")
}

func (p *Programs) miss(source, hook, loses string, err error) {
	p.missing = append(p.missing, format.Missing{Source: source, Hook: hook, Loses: loses, Reason: reason(err)})
}

// reason is the first line of an error: verifier logs have hundreds. The library
// blames what is refused on the limit of locked memory, which was raised.
func reason(err error) string {
	if errors.Is(err, unix.EPERM) {
		return "the kernel does not permit it (EPERM)"
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

func (p *Programs) mapMemory() (err error) {
	if p.windowMemory, err = p.maps["process"][windowMap].Memory(); err != nil {
		return fmt.Errorf("map the window: %w", err)
	}
	for _, m := range []struct {
		object, name string
		memory       **ebpf.Memory
	}{{"sched", "cpus", &p.cpus}, {"sched", "batches", &p.batches}, {"tcp", "turn_batches", &p.turnBatches}} {
		if p.maps[m.object] == nil {
			continue
		}
		if *m.memory, err = p.maps[m.object][m.name].Memory(); err != nil {
			return fmt.Errorf("map %s: %w", m.name, err)
		}
	}
	return nil
}

// Missing lists what could not be attached.
func (p *Programs) Missing() []format.Missing { return slices.Clone(p.missing) }

// Ring is the ring that all records arrive in.
func (p *Programs) Ring() *ebpf.Map { return p.maps["process"]["ring"] }

// Release detaches and unloads everything. Nothing of p may be used after it.
func (p *Programs) Release() error {
	var errs []error
	for _, l := range p.links {
		errs = append(errs, l.Close())
	}
	for _, a := range p.loaded {
		errs = append(errs, a.program.Close())
	}
	for _, it := range p.iters {
		errs = append(errs, it.Close())
	}
	if p.canary >= 0 {
		errs = append(errs, unix.Close(p.canary))
	}
	for _, byName := range p.maps {
		for _, m := range byName {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}
