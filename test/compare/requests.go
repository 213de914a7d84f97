// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// told is what a tool says of its own requests.
type told struct {
	requests int
	p50, p99 time.Duration
}

// requests compares how many requests tools say that they made, and how long
// those took, with what ebrec saw of their connections.
func (b *bench) requests() error {
	stop, err := b.redis()
	if err != nil {
		return err
	}
	defer stop()
	stopWeb, err := b.nginx()
	if err != nil {
		return err
	}
	defer stopWeb()
	fmt.Printf("%-34s %10s %10s  %9s %9s  %9s %9s\n", "", "requests", "ebrec", "p50", "ebrec", "p99", "ebrec")
	for _, w := range []struct {
		name, port string
		run        func() (told, error)
	}{
		{"redis-benchmark -c 50 -t get", "7379", func() (told, error) { return b.redisBenchmark("-p", "7379") }},
		{"redis-benchmark, Unix socket", "7379", func() (told, error) { return b.redisBenchmark("-s", b.path("redis.sock")) }},
		{"wrk -c 10, keep-alive", "7380", func() (told, error) { return b.wrk() }},
		{"wrk -c 10, Connection: close", "7380", func() (told, error) { return b.wrk("-H", "Connection: close") }},
		{"Go HTTP/2, one connection", "7381", http2},
	} {
		if err := b.beside(w.name, w.port, w.run); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// beside runs a tool while ebrec records, and prints a line.
func (b *bench) beside(name, port string, run func() (told, error)) error {
	var tool told
	_, err := b.under(recorder{"", []string{"ebrec", "record", "--force", "-o", "t.arrow", "-e", "process,tcp,tcpturns", "--max-turns", "10000000"}, "t.arrow"}, func() (_ float64, err error) {
		tool, err = run()
		return 0, err
	})
	if err != nil {
		return err
	}
	saw, err := b.saw(port)
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %10d %10d  %9s %9s  %9s %9s\n", name, tool.requests, saw.requests, tool.p50, saw.p50, tool.p99, saw.p99)
	return nil
}

// saw is what the clients of a port waited for: until an answer began to arrive,
// and then until they read it.
func (b *bench) saw(port string) (told, error) {
	out, err := b.command("ebrec", "replay", "t.arrow", "--format", "json", "--kind", "tcp_connect,tcp_response,tcp_read").Output()
	if err != nil {
		return told{}, err
	}
	conns, waiting := map[int64]bool{}, map[int64]int64{}
	var all []time.Duration
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var e struct {
			Kind       string
			Conn       int64
			RPort      int   `json:"rport"`
			ResponseNS int64 `json:"response_ns"`
			ReadNS     int64 `json:"read_ns"`
		}
		if err := d.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			return told{}, err
		}
		switch e.Kind {
		case "tcp_connect":
			conns[e.Conn] = strconv.Itoa(e.RPort) == port
		case "tcp_response":
			waiting[e.Conn] = e.ResponseNS
		case "tcp_read":
			if conns[e.Conn] && waiting[e.Conn] > 0 {
				all = append(all, time.Duration(waiting[e.Conn]+e.ReadNS))
				waiting[e.Conn] = 0
			}
		}
	}
	return summed(all), nil
}

func summed(all []time.Duration) told {
	slices.Sort(all)
	if len(all) == 0 {
		return told{}
	}
	round := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1].Round(time.Microsecond) }
	return told{len(all), round(50), round(99)}
}

func (b *bench) redisBenchmark(where ...string) (told, error) {
	const n = 100_000
	out, err := b.output("redis-benchmark", append(where, "-n", strconv.Itoa(n), "-c", "50", "-t", "get", "--csv")...)
	if err != nil {
		return told{}, err
	}
	lines, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(lines) != 2 {
		return told{}, errors.Join(err, fmt.Errorf("redis-benchmark printed %q", out))
	}
	cell := func(name string) time.Duration {
		ms, _ := strconv.ParseFloat(lines[1][slices.Index(lines[0], name)], 64) // 0 shows
		return time.Duration(ms * float64(time.Millisecond))
	}
	return told{n, cell("p50_latency_ms"), cell("p99_latency_ms")}, nil
}

// nginx starts a server of one small page.
func (b *bench) nginx() (stop func(), err error) {
	conf := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log;
events { worker_connections 512; }
http { access_log off; keepalive_requests 100000000; server { listen 127.0.0.1:7380; return 200 "%[2]s"; } }`, b.dir, strings.Repeat("x", 200))
	if err := os.WriteFile(b.path("nginx.conf"), []byte(conf), 0o600); err != nil {
		return nil, err
	}
	return b.server(b.command("nginx", "-c", b.path("nginx.conf"), "-p", b.dir), "127.0.0.1:7380")
}

// redis starts a server on a port and on a Unix socket.
func (b *bench) redis() (stop func(), err error) {
	return b.server(b.command("redis-server", "--port", "7379", "--unixsocket", b.path("redis.sock"), "--save", "", "--dir", b.dir), "127.0.0.1:7379")
}

// server starts a server and waits until it answers.
func (b *bench) server(cmd *exec.Cmd, addr string) (stop func(), err error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it was interrupted
	}
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return stop, c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	return nil, fmt.Errorf("%s does not listen on %s", filepath.Base(cmd.Path), addr)
}

var wrkLines = regexp.MustCompile(`(?s)50%\s+(\S+).*99%\s+(\S+).*?(\d+) requests in`)

func (b *bench) wrk(args ...string) (told, error) {
	out, err := b.output("wrk", append([]string{"-t", "1", "-c", "10", "-d", "3s", "--latency", "http://127.0.0.1:7380/"}, args...)...)
	if err != nil {
		return told{}, err
	}
	m := wrkLines.FindSubmatch(out)
	if m == nil {
		return told{}, fmt.Errorf("wrk printed %q", out)
	}
	p50, err50 := time.ParseDuration(string(m[1]))
	p99, err99 := time.ParseDuration(string(m[2]))
	n, err := strconv.Atoi(string(m[3]))
	return told{n, p50, p99}, errors.Join(err, err50, err99)
}

// http2 makes requests over one connection, in this process, and times them.
func http2() (told, error) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	listener, err := net.Listen("tcp", "127.0.0.1:7381")
	if err != nil {
		return told{}, err
	}
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here") })}
	go func() { _ = server.Serve(listener) }() // it is closed
	defer server.Close()
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	var all []time.Duration
	for range 5000 {
		begin := time.Now()
		r, err := client.Get("http://127.0.0.1:7381/")
		if err != nil {
			return told{}, err
		}
		_, err = io.Copy(io.Discard, r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			return told{}, err
		}
		all = append(all, time.Since(begin))
	}
	return summed(all), nil
}
