// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// A listing is made by an iterator: a program that the kernel runs for each task, for
// each file that a task holds, or for each element of a map. One that returns
// nothing looks as if there were nothing. So in each there is something that must be
// there: the recorder among the tasks, a socket of its own among the files, an
// element that is no connection in the map. For the last two the program makes a row
// without a number, the canary.
type listing struct {
	object, program, source, loses string
	over                           string // map that it is of; else it is of what the kernel has
	elsewhere                      bool   // only for a recorder in a pid namespace of its own
	list                           func(*Programs) error
}

var listings = []listing{
	{object: "process", program: "list_tasks", source: "recording", loses: losesTasks, list: listsTasks},
	{object: "process", program: "list_cgroups", source: "recording", loses: losesCgroups, list: listsCgroups},
	{object: "process", program: walkTasks, source: "recording", loses: losesElsewhere, over: "steps", elsewhere: true, list: listsTasks},
	{object: "process", program: walkCgroups, source: "recording", loses: losesCgroups, over: "steps", elsewhere: true, list: listsCgroups},
	{object: "tcp", program: "list_held", source: "tcp", loses: losesHeld, list: listsHeld},
	{object: "tcp", program: "list_open", source: "tcp", loses: losesOpen, over: "conns", list: listsOpen},
}

func listsTasks(p *Programs) error { _, err := p.Tasks(); return err }

func listsCgroups(p *Programs) error { _, err := p.CgroupPaths(); return err }

func listsHeld(p *Programs) error { _, err := p.Held(); return err }

func listsOpen(p *Programs) error { _, err := p.Open(); return err }

// errListing says that a listing lacks what must be in it.
var errListing = errors.New("the kernel's listing lacks what must be in it")

// loadListings loads the iterators, tries them, and notes what is missing where
// one does not work.
func (p *Programs) loadListings(specs map[string]*ebpf.CollectionSpec) error {
	if p.Records("tcp") {
		if err := p.holdCanary(); err != nil {
			return err
		}
		if OwnPIDNamespace() {
			p.miss("tcp", "iter/task_file", losesHeldElsewhere, errHeldElsewhere)
		}
	}
	for _, l := range listings {
		if l.object == "tcp" && !p.Records("tcp") || l.elsewhere && !OwnPIDNamespace() {
			continue
		}
		err := p.loadIter(specs[l.object], l)
		if err == nil {
			err = l.list(p)
		}
		if err == nil {
			continue
		}
		p.miss(l.source, specs[l.object].Programs[l.program].SectionName, l.loses, err)
		if err := p.dropIter(l.program); err != nil {
			return err
		}
	}
	return nil
}

// holdCanary opens the socket that a listing of files must have.
func (p *Programs) holdCanary() (err error) {
	if p.canary, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(p.canary, &st); err != nil {
		return fmt.Errorf("look at a socket: %w", err)
	}
	p.window.Canary = st.Ino
	return p.setWindow()
}

// loadIter loads an iterator. Only one that is of a map may be given a map: others
// take its descriptor for the number of a task.
func (p *Programs) loadIter(spec *ebpf.CollectionSpec, l listing) error {
	prog, err := p.program(spec, l.object, l.program)
	if err != nil {
		return err
	}
	defer prog.Close() // the iterator keeps it
	options := link.IterOptions{Program: prog}
	if l.over != "" {
		options.Map = p.maps[l.object][l.over]
	}
	it, err := link.AttachIter(options)
	if err == nil {
		p.iters[l.program] = it
	}
	return err
}

// dropIter closes an iterator that does not work.
func (p *Programs) dropIter(name string) error {
	it := p.iters[name]
	if it == nil {
		return nil
	}
	delete(p.iters, name)
	return it.Close()
}

// Held returns a tcp_socket record for every connection that a process holds,
// once for each holder, and makes those known that are older than the programs.
// It finds none before the window opens.
func (p *Programs) Held() ([]byte, error) {
	out, err := p.iterate("list_held")
	if err != nil || p.iters["list_held"] == nil {
		return nil, err
	}
	return withoutCanary(out)
}

// Open returns a tcp_socket record for every connection that is known and open.
func (p *Programs) Open() ([]byte, error) {
	if p.iters["list_open"] == nil {
		return nil, nil
	}
	conns := p.maps["tcp"]["conns"]
	if err := conns.Put(uint64(0), make([]byte, conns.ValueSize())); errors.Is(err, unix.E2BIG) {
		return p.iterate("list_open") // it is full, and cannot be taken for empty
	} else if err != nil {
		return nil, fmt.Errorf("mark the connections: %w", err)
	}
	out, err := p.iterate("list_open")
	if err := errors.Join(err, conns.Delete(uint64(0))); err != nil {
		return nil, err
	}
	return withoutCanary(out)
}

// withoutCanary returns the rows of connections without the one that must be there.
func withoutCanary(rows []byte) ([]byte, error) {
	size, found := len(Bytes(new(TCPSocket))), false
	var out []byte
	for row := range slices.Chunk(rows, size) {
		if len(row) < size {
			return nil, io.ErrUnexpectedEOF
		}
		if View[TCPSocket](row).Conn == 0 {
			found = true
			continue
		}
		out = append(out, row...)
	}
	if !found {
		return nil, errListing
	}
	return out, nil
}

// iterate returns what an iterator writes; nothing when there is none.
func (p *Programs) iterate(name string) ([]byte, error) {
	it := p.iters[name]
	if it == nil {
		return nil, nil
	}
	r, err := it.Open()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", name, err)
	}
	defer r.Close()
	out, err := io.ReadAll(resumed{r})
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", name, err)
	}
	return out, nil
}

// resumed reads on where the kernel takes a break: after a million objects of which
// nothing was written.
type resumed struct{ io.Reader }

func (r resumed) Read(b []byte) (n int, err error) {
	for {
		n, err = r.Reader.Read(b)
		if n > 0 || !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
	}
}
