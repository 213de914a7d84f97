// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"time"
)

// ErrLate says that the window could not be opened at an exact instant: the
// recorder was kept off its CPU between reading the clock and telling the
// programs. What they have counted since is of no use.
var ErrLate = errors.New("the window opened late")

// visible is how long after it was told everybody surely knows of the window:
// for as long a store may be on its way to other CPUs.
const visible = 100 * time.Microsecond

// OpenWindow opens the window a lead from now, waits for it and returns the
// instant, in boot time: the programs count what happens from it on, and so that
// all CPUs begin at once they must know of it ahead.
func (p *Programs) OpenWindow(lead time.Duration) (uint64, error) {
	p.window.Opens = Now() + uint64(lead)
	if err := p.setWindow(); err != nil {
		return 0, err
	}
	if Now()+uint64(visible) > p.window.Opens {
		return 0, ErrLate
	}
	SleepUntil(p.window.Opens)
	return p.window.Opens, nil
}

// CloseWindow closes the window at an instant, in boot time, waits for it and until
// no CPU is in a switch any more: the sums and batches are final then. It
// returns the instant at which the window closed, inclusive: a later one, if
// the programs could not know of the one asked for in time. They stop as soon
// as they know; whatever a CPU did last is taken to have gone on until then.
func (p *Programs) CloseWindow(at uint64) (uint64, error) {
	p.window.Closes = at
	if err := p.setWindow(); err != nil {
		return 0, err
	}
	if known := Now() + uint64(visible); known > at {
		at = known
	}
	SleepUntil(at + uint64(visible))
	_ = p.CPUs() // copies are whole
	return at, nil
}

// SleepUntil sleeps until an instant, in boot time, has passed.
func SleepUntil(boot uint64) {
	for now := Now(); now <= boot; now = Now() {
		time.Sleep(time.Duration(boot - now + 1))
	}
}

// Shed has switches counted as lost instead of recorded, or recorded again.
func (p *Programs) Shed(on bool) error {
	p.window.Shed = asFlag(on)
	return p.setWindow()
}

// LeaveOut leaves out what a process does, by its number in the initial pid
// namespace: the recorder itself.
func (p *Programs) LeaveOut(pid uint32) error {
	p.window.Self = pid
	return p.setWindow()
}

// setWindow changes the programs' memory itself: a system call would take
// longer between reading the clock and that.
func (p *Programs) setWindow() error {
	if _, err := p.windowMemory.WriteAt(Bytes(&p.window), 0); err != nil {
		return fmt.Errorf("set the window: %w", err)
	}
	return nil
}
