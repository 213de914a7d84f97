// SPDX-License-Identifier: Apache-2.0

package record

import (
	"runtime"
	"time"

	"github.com/ebrec/ebrec/bpf"
)

// shedder keeps what recording costs below a share of the machine's CPU time:
// above it, switches are only counted, until what recording them would cost is
// well below again.
type shedder struct {
	bound float64 // share of the time of all CPUs; 0: none
	on    bool
	since time.Time // on or off since then

	lastOwn      time.Duration
	lastSwitches uint64
	lastTime     time.Time
	perSwitch    float64 // ns of the recorder and the program for a recorded switch
	base         float64 // ns a second of the recorder when there are no switches to record
}

// Coming back takes a cost below comeBack of the bound, and leastShed.
const (
	comeBack  = 0.8
	leastShed = 3 * time.Second
)

// step looks at what the last second cost and decides. perRun is what one run
// of the switch program costs in ns.
func (d *shedder) step(now time.Time, own time.Duration, switches uint64, perRun float64) (shed bool) {
	wall := now.Sub(d.lastTime).Seconds()
	user, n := float64(own-d.lastOwn), float64(switches-d.lastSwitches)
	first := d.lastTime.IsZero()
	d.lastOwn, d.lastSwitches, d.lastTime = own, switches, now
	if d.bound == 0 || first || wall <= 0 {
		return d.on
	}
	budget := d.bound * 1e9 * wall * float64(runtime.NumCPU())
	if d.on {
		d.base = user / wall
		would := d.base*wall + n*d.perSwitch
		if now.Sub(d.since) >= leastShed && would < comeBack*budget {
			d.on, d.since = false, now
		}
		return d.on
	}
	total := user + n*perRun
	if n > 0 {
		d.perSwitch = max(0, total-d.base*wall) / n
	}
	if total > budget {
		d.on, d.since = true, now
	}
	return d.on
}

// shed applies the bound once a second.
func (s *session) shed(now time.Time) error {
	if s.shedder.bound == 0 || !s.programs.Records("sched") {
		return nil
	}
	var switches uint64
	for _, c := range s.programs.CPUs() {
		switches += c.Switches
	}
	own, _ := ownCost()
	was := s.shedder.on
	if on := s.shedder.step(now, own, switches, s.cost.perRun(bpf.SwitchProgram)); on != was {
		return s.programs.Shed(on)
	}
	return nil
}
