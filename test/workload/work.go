// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/ebrec/ebrec/test/truth"
)

// worked are the rounds that the processes of work do in each 10 ms: some 2 to
// 12% of a CPU.
var worked = []int{60_000, 150_000, 300_000, 400_000}

// slowed is the process of them that --slower is for.
const slowed = 2

// work runs processes that do so much work in each 10 ms, however long it takes.
func work(s *stage, o options) (*truth.Truth, error) {
	var cast []*child
	for i, rounds := range worked {
		if i == slowed {
			rounds += rounds / 100 * o.slower
		}
		c, err := s.child(fmt.Sprintf("eb-work-%d", i), "work", o.runs.String(), strconv.Itoa(rounds))
		if err != nil {
			return nil, err
		}
		cast = append(cast, c)
	}
	return s.together(cast)
}

// workRole does the rounds of its second argument in each 10 ms, at any time of
// them: processes that begin together would always meet the same others.
func workRole(args []string) error {
	runs, rounds, err := lasting(args)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(1) // else the runtime's idle threads look for work, in some runs much more than in others
	awaitStart()
	x := uint32(1)
	for next, end := time.Now(), time.Now().Add(runs); next.Before(end); next = next.Add(10 * time.Millisecond) {
		time.Sleep(time.Until(next.Add(rand.N(8 * time.Millisecond))))
		for range rounds {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
		}
	}
	if x == 0 { // it never is: the rounds are not for nothing
		fmt.Fprintln(os.Stderr, x)
	}
	return reportSelf()
}
