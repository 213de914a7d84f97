// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/cilium/ebpf"
)

// Loaded is what one recorder has in the kernel.
type Loaded struct {
	Window   uint32 // id of the map that tells its programs when to record
	Programs []LoadedProgram
	Maps     int
	Bytes    uint64 // of the maps, where the kernel tells
}

// LoadedProgram is a program of a recorder. Runs and Time count only while run
// time is measured.
type LoadedProgram struct {
	ID   uint32
	Name string
	Runs uint64
	Time time.Duration
}

// windowMap is the map that programs look at to know when to record.
const windowMap = ".data.window"

// nameBytes is what the kernel keeps of a program's name, but for its BTF.
const nameBytes = 15

// LoadedPrograms lists the programs of all recorders that run, by recorder: of
// ebrec are those that have the name of a hook and look at a window. It needs
// CAP_SYS_ADMIN.
func LoadedPrograms() ([]Loaded, error) {
	byWindow := map[uint32]*Loaded{}
	maps := map[uint32]map[ebpf.MapID]bool{}
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("list BPF programs: %w", err)
		}
		id = next
		window, lp, ids, ok := ours(id)
		if !ok {
			continue
		}
		if byWindow[window] == nil {
			byWindow[window], maps[window] = &Loaded{Window: window}, map[ebpf.MapID]bool{}
		}
		byWindow[window].Programs = append(byWindow[window].Programs, lp)
		for _, m := range ids {
			maps[window][m] = true
		}
	}
	var all []Loaded
	for window, l := range byWindow {
		l.Maps, l.Bytes = len(maps[window]), memory(maps[window])
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b Loaded) int { return int(a.Window) - int(b.Window) })
	return all, nil
}

// ours describes a program, if it is one of ebrec's: one that ends meanwhile is
// not.
func ours(id ebpf.ProgramID) (window uint32, lp LoadedProgram, maps []ebpf.MapID, ok bool) {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return 0, lp, nil, false
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil || !slices.ContainsFunc(hooks, func(h hook) bool {
		return info.Name == h.program || info.Name == h.program[:min(len(h.program), nameBytes)]
	}) {
		return 0, lp, nil, false
	}
	maps, _ = info.MapIDs()
	names := map[string]ebpf.MapID{}
	for _, m := range maps {
		if mi, err := mapInfo(m); err == nil {
			names[mi.Name] = m
		}
	}
	if names[windowMap] == 0 {
		return 0, lp, nil, false
	}
	lp = LoadedProgram{ID: uint32(id), Name: info.Name}
	if st, err := p.Stats(); err == nil {
		lp.Runs, lp.Time = st.RunCount, st.Runtime
	}
	return uint32(names[windowMap]), lp, maps, true
}

func mapInfo(id ebpf.MapID) (*ebpf.MapInfo, error) {
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return m.Info()
}

func memory(ids map[ebpf.MapID]bool) (sum uint64) {
	for id := range ids {
		if mi, err := mapInfo(id); err == nil {
			n, _ := mi.Memlock()
			sum += n
		}
	}
	return sum
}
