// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// recorder is a program that records; with no command it is nobody, and shows
// how much two runs differ by chance.
type recorder struct {
	name    string
	command []string
	output  string
}

var (
	nobody      = recorder{name: "nobody"}
	ebrecSched  = recorder{"ebrec record -e sched", []string{"ebrec", "record", "--force", "-o", "t.arrow", "-e", "sched"}, "t.arrow"}
	ebrecCPU    = recorder{"ebrec record -e cpu", []string{"ebrec", "record", "--force", "-o", "t.arrow", "-e", "cpu"}, "t.arrow"}
	ebrecBoth   = recorder{"ebrec record -e cpu,sched", []string{"ebrec", "record", "--force", "-o", "t.arrow", "-e", "cpu,sched"}, "t.arrow"}
	ebrecUsual  = recorder{"ebrec record", []string{"ebrec", "record", "--force", "-o", "t.arrow"}, "t.arrow"}
	perfSched   = recorder{"perf record -a -e sched:sched_switch", []string{"perf", "record", "-q", "-a", "-e", "sched:sched_switch", "-o", "perf.data"}, "perf.data"}
	perfTimes   = recorder{"perf sched record", []string{"perf", "sched", "record", "-q", "-o", "perf.data"}, "perf.data"}
	perRun      = []recorder{nobody, ebrecSched, ebrecCPU, ebrecBoth, ebrecUsual, perfSched, perfTimes}
	onWork      = []recorder{nobody, ebrecUsual, ebrecBoth, perfSched}
	ebrecTCP    = recorder{"ebrec record -e tcp", []string{"ebrec", "record", "--force", "-o", "t.arrow", "-e", "tcp"}, "t.arrow"}
	ebrecTurns  = recorder{"ebrec record -e tcp,tcpturns", []string{"ebrec", "record", "--force", "-o", "t.arrow", "-e", "tcp,tcpturns"}, "t.arrow"}
	onRequests  = []recorder{nobody, ebrecTCP, ebrecTurns}
	pairs       = 9
	noisyPairs  = 30                     // of servers, whose runs differ by 4%
	settledTime = 400 * time.Millisecond // its start, and ebrec's measuring of itself, are over
)

// cost measures what recorders add to each context switch: a run without and a
// run with, one after the other, in random order of recorders.
func (b *bench) cost() error {
	for _, cpus := range [][]int{{1}, {0, 1}} {
		fmt.Printf("perf bench sched pipe, pinned to %d CPU at once; medians of %d pairs\n", len(cpus), pairs)
		err := b.compare(perRun, pairs, func() (float64, error) { return b.pipes(cpus) }, func(without, with float64) string {
			return fmt.Sprintf("%+6.0f ns a switch", (with-without)*1e9/(2*pipeLoops))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// throughput measures what recorders take from servers and hackbench.
func (b *bench) throughput() error {
	slower := func(without, with float64) string { return "" }
	fmt.Printf("perf bench sched messaging -g 2 -l 6000; medians of %d pairs\n", noisyPairs)
	if err := b.compare(onWork, noisyPairs, b.messaging, slower); err != nil {
		return err
	}
	stop, err := b.redis()
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("redis-benchmark -n 200000 -c 20 -t get, seconds; medians of %d pairs\n", noisyPairs)
	return b.compare(onWork, noisyPairs, b.redisRun, slower)
}

// compare prints the median of the pairs' ratios, their middle half and what
// else there is to say of the median pair.
func (b *bench) compare(recorders []recorder, pairs int, work func() (float64, error), more func(without, with float64) string) error {
	type pair struct{ without, with float64 }
	all := map[string][]pair{}
	for range pairs {
		for _, i := range rand.Perm(len(recorders)) {
			r := recorders[i]
			without, err := work()
			if err != nil {
				return err
			}
			with, err := b.under(r, work)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			all[r.name] = append(all[r.name], pair{without, with})
		}
	}
	for _, r := range recorders {
		p := all[r.name]
		slices.SortFunc(p, func(x, y pair) int {
			if x.with/x.without < y.with/y.without {
				return -1
			}
			return 1
		})
		n := len(p)
		ratio := func(i int) float64 { return p[i].with / p[i].without }
		fmt.Printf("  %-38s %.3f (%.3f to %.3f)  %s\n", r.name, ratio(n/2), ratio(n/4), ratio(n-1-n/4), more(p[n/2].without, p[n/2].with))
	}
	return nil
}

// under does work while a recorder records.
func (b *bench) under(r recorder, work func() (float64, error)) (float64, error) {
	if r.command == nil {
		return work()
	}
	_ = os.Remove(b.path(r.output))
	cmd := b.command(r.command[0], r.command[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+b.dir)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for i := 0; i < 500 && size(b.path(r.output)) == 0; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(settledTime)
	took, err := work()
	return took, errors.Join(err, finish(cmd))
}

const pipeLoops = 300_000

// pipes runs two threads that take turns, on each of some CPUs, and returns the
// mean of their seconds.
func (b *bench) pipes(cpus []int) (float64, error) {
	type result struct {
		seconds float64
		err     error
	}
	results := make(chan result)
	for _, cpu := range cpus {
		go func() {
			s, err := b.seconds("taskset", "-c", fmt.Sprint(cpu), "perf", "bench", "-f", "simple", "sched", "pipe", "-l", fmt.Sprint(pipeLoops))
			results <- result{s, err}
		}()
	}
	sum := 0.0
	var errs []error
	for range cpus {
		r := <-results
		sum, errs = sum+r.seconds, append(errs, r.err)
	}
	return sum / float64(len(cpus)), errors.Join(errs...)
}

func (b *bench) messaging() (float64, error) {
	return b.seconds("perf", "bench", "-f", "simple", "sched", "messaging", "-g", "2", "-l", "6000")
}

// seconds runs a benchmark that prints how many it took.
func (b *bench) seconds(name string, args ...string) (float64, error) {
	out, err := b.output(name, args...)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// tcp measures what recorders add to requests over TCP, of which both ends are
// here: two CPUs, two ends.
func (b *bench) tcp() error {
	stop, err := b.redis()
	if err != nil {
		return err
	}
	defer stop()
	const n = 200_000
	fmt.Printf("redis-benchmark -n %d -c 20 -t get over loopback, seconds; medians of %d pairs\n", n, noisyPairs)
	run := func() (float64, error) {
		d, err := b.took("redis-benchmark", "-p", "7379", "-n", strconv.Itoa(n), "-c", "20", "-q", "-t", "get")
		return d.Seconds(), err
	}
	return b.compare(onRequests, noisyPairs, run, func(without, with float64) string {
		return fmt.Sprintf("%+6.0f ns a request and end", (with-without)*1e9/n)
	})
}

func (b *bench) redisRun() (float64, error) {
	d, err := b.took("redis-benchmark", "-s", b.path("redis.sock"), "-n", "200000", "-c", "20", "-q", "-t", "get")
	return d.Seconds(), err
}

// stress starts the two threads on a CPU for a long time. Killing the benchmark
// leaves its other half, so they are a process group.
func (b *bench) stress(loops int) (stop func(), err error) {
	cmd := b.command("taskset", "-c", "1", "perf", "bench", "-f", "simple", "sched", "pipe", "-l", fmt.Sprint(loops))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait() // it was killed
	}, nil
}
