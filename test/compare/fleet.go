// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// fleetScript asks the engines.
//
//go:embed fleet.py
var fleetScript []byte

const (
	fleetSwitches = 30_000 // of a capture
	fleetIdle     = "20ms" // of a CPU at a time: makes a capture some seconds long
	fleetRounds   = 5
	cutEvery      = 10 // hosts: the last's capture is cut short
)

var engines = []string{"duckdb", "clickhouse"}

// A herd is captures, and their dataset once it is exported.
type herd struct {
	*bench
	list, dataset   string
	hosts, captures int
	cut             int
}

// fleet asks about captures of ever more hosts, one each, in ebrec, DuckDB and the
// engine of ClickHouse.
func (b *bench) fleet() error {
	for _, n := range []int{10, 100, 1000} {
		h := &herd{bench: b, dataset: "dataset", hosts: n, captures: n}
		if err := h.run("--switches", fmt.Sprint(fleetSwitches), "--idle", fleetIdle); err != nil {
			return err
		}
	}
	return nil
}

// hundred does it with a hundred captures of a million switches, of 20 hosts.
func (b *bench) hundred() error {
	h := &herd{bench: b, dataset: "dataset", hosts: 20, captures: 100}
	return h.run("--switches", "1000000")
}

// run makes the captures and the dataset, asks, and removes both.
func (h *herd) run(generate ...string) (err error) {
	defer func() {
		err = errors.Join(err, os.RemoveAll(h.path("captures")), os.RemoveAll(h.path(h.dataset)))
	}()
	if err := h.generate(generate); err != nil {
		return err
	}
	if err := h.export(); err != nil {
		return err
	}
	for _, line := range []string{"cputime --top 20", "cputime --by host --top 20", "runqlat --by host --top 20"} {
		if err := h.analyze(line); err != nil {
			return err
		}
	}
	for _, query := range []string{"cpu", "waits", "killed", "one host", "lossy"} {
		if err := h.ask(query); err != nil {
			return err
		}
	}
	return nil
}

// generate makes the captures, two at a time.
func (h *herd) generate(args []string) error {
	if err := os.Mkdir(h.path("captures"), 0o700); err != nil {
		return err
	}
	var names strings.Builder
	var work errgroup.Group
	work.SetLimit(2)
	for i := range h.captures {
		path := filepath.Join("captures", fmt.Sprintf("%d.arrow", i))
		fmt.Fprintln(&names, path)
		work.Go(func() error {
			_, err := h.output("generate", append([]string{"-o", path, "--host", fmt.Sprintf("h%d", i%h.hosts), "--seed", fmt.Sprint(i)}, args...)...)
			return err
		})
		if (i+1)%cutEvery == 0 {
			h.cut++
		}
	}
	h.list = "captures.txt"
	if err := errors.Join(work.Wait(), os.WriteFile(h.path(h.list), []byte(names.String()), 0o600)); err != nil {
		return err
	}
	for i := cutEvery - 1; i < h.captures; i += cutEvery {
		path := h.path(filepath.Join("captures", fmt.Sprintf("%d.arrow", i)))
		if err := os.Truncate(path, size(path)*9/10); err != nil {
			return err
		}
	}
	return nil
}

// A cost is what a command took.
type cost struct {
	wall, cpu time.Duration
	rss       int64 // bytes
}

// timed runs a command, which may exit with 3: some captures are cut short.
func timed(cmd *exec.Cmd) (c cost, err error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	begin := time.Now()
	err = cmd.Run()
	c.wall = time.Since(begin)
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 3 {
		err = nil
	}
	if err != nil {
		return c, fmt.Errorf("%q: %w\n%s", cmd.Args, err, stderr.String())
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	c.rss = maxRSS(cmd) << 10
	return c, nil
}

// often runs a command some times; the median of its times, and the most memory.
func (h *herd) often(rounds int, command func() *exec.Cmd) (c cost, err error) {
	var wall, cpu []time.Duration
	for range rounds {
		once, err := timed(command())
		if err != nil {
			return c, err
		}
		wall, cpu, c.rss = append(wall, once.wall), append(cpu, once.cpu), max(c.rss, once.rss)
	}
	c.wall, c.cpu = median(wall), median(cpu)
	return c, nil
}

// line prints what something took.
func (h *herd) line(what, engine string, c cost) {
	fmt.Printf("%5d hosts  %-28s %-10s %7.2f s  %7.2f s CPU  %5d MB\n", h.hosts, what, engine, c.wall.Seconds(), c.cpu.Seconds(), c.rss>>20)
}

// export makes the dataset three times anew.
func (h *herd) export() error {
	c, err := h.often(3, func() *exec.Cmd {
		_ = os.RemoveAll(h.path(h.dataset)) // else the export says so
		return h.command("bash", "-c", fmt.Sprintf("exec ./ebrec export --to parquet %s $(cat %s)", h.dataset, h.list))
	})
	if err != nil {
		return err
	}
	rows, err := h.rows()
	if err != nil {
		return err
	}
	captures, err := bytesIn(h.path("captures"))
	if err != nil {
		return err
	}
	parquet, err := bytesIn(h.path(h.dataset))
	if err != nil {
		return err
	}
	h.line("export", "ebrec", c)
	fmt.Printf("%5d hosts  %d captures, %d rows, %.1f MB; dataset %.1f MB (%.2f times); %.2f M rows/s, %.2f M rows a CPU second\n", h.hosts, h.captures, rows,
		float64(captures)/1e6, float64(parquet)/1e6, float64(parquet)/float64(captures), float64(rows)/1e6/c.wall.Seconds(), float64(rows)/1e6/c.cpu.Seconds())
	return nil
}

// rows are those of the dataset.
func (h *herd) rows() (rows int64, err error) {
	a, _, err := h.answer("rows", engines[0], 1)
	if err == nil {
		_, err = fmt.Sscan(a.Rows[0][0], &rows)
	}
	return rows, err
}

func bytesIn(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			sum += size(path)
		}
		return err
	})
	return sum, err
}

func (h *herd) analyze(line string) error {
	args := append(append([]string{"analyze"}, strings.Fields(line)...), "@"+h.list)
	c, err := h.often(fleetRounds, func() *exec.Cmd { return h.command("ebrec", args...) })
	if err == nil {
		h.line(line, "ebrec", c)
	}
	return err
}

// An answer is what fleet.py prints.
type answer struct {
	Rows      [][]string
	Wall, CPU []time.Duration // in ns, of each round
}

// ask has the engines answer a query, and wants them to agree.
func (h *herd) ask(query string) error {
	var rows [][]string
	for i, engine := range engines {
		a, rss, err := h.answer(query, engine, fleetRounds+1)
		if err != nil {
			return err
		}
		if i == 0 {
			rows = a.Rows
		}
		if len(a.Rows) == 0 || !reflect.DeepEqual(a.Rows, rows) {
			return fmt.Errorf("%s of %d hosts: %s says %.300q, %s %.300q", query, h.hosts, engines[0], rows, engine, a.Rows)
		}
		if query == "lossy" && len(a.Rows) != h.cut {
			return fmt.Errorf("%d captures are cut short, %s says %d", h.cut, engine, len(a.Rows))
		}
		h.line(query+", first time", engine, cost{a.Wall[0], a.CPU[0], rss})
		h.line(query, engine, cost{median(a.Wall[1:]), median(a.CPU[1:]), rss})
	}
	return nil
}

func (h *herd) answer(query, engine string, rounds int) (a answer, rss int64, err error) {
	script := h.path("fleet.py")
	if err := os.WriteFile(script, fleetScript, 0o600); err != nil {
		return a, 0, err
	}
	cmd := h.command("python3", script, h.path(h.dataset), engine, query, fmt.Sprint(rounds))
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return a, 0, fmt.Errorf("ask %s (python3 needs what test/compare/requirements.txt says): %w\n%s", engine, err, stderr.String())
	}
	return a, maxRSS(cmd) << 10, json.Unmarshal([]byte(out.String()), &a)
}
