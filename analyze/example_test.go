// SPDX-License-Identifier: Apache-2.0

package analyze_test

import (
	"context"
	"os"

	"github.com/ebrec/ebrec/analyze"
	"github.com/ebrec/ebrec/format"
)

func Example() {
	c := exampleCapture(
		at(100, "fork", id(20, 20, 10, 100, "sh")),
		at(110, "exec", id(20, 20, 10, 100, "make"), v{"filename": "/usr/bin/make"}),
		at(500, "exit", id(20, 20, 10, 100, "make"), v{"lifetime_ns": 400 * ms, "exit_code": 3}),
		sum(500, 20, 20, 100, 50, 52, 5, 2, true),
		end,
	)
	defer c.Close()

	lifetimes, err := analyze.Find("lifetimes")
	must(err)
	r, err := analyze.Run(context.Background(), c, lifetimes, analyze.Options{Tree: true})
	must(err)
	must(r.Render(os.Stdout, "text"))
	// Output:
	// lifetimes: The life of every process: who started it, what it executed, how long it lived and how it ended
	// Recorded on test (6.1.0, x86_64, 2 CPUs) from 2026-01-02 04:04:05 +0100 for 1.000 s
	//
	// Process tree
	// PID  DEPTH  TREE  LIFETIME  CPU TIME  STATUS  FILENAME
	//  20      0  make  400.0 ms   50.0 ms  exit 3  /usr/bin/make
	//
	// Kernel threads older than the recording are left out.
}

// exampleCapture opens a capture of rows whose file is gone already.
func exampleCapture(rows ...row) *format.Capture {
	dir, err := os.MkdirTemp("", "ebrec")
	must(err)
	defer os.RemoveAll(dir)
	data, err := capture{}.build(rows)
	must(err)
	c, err := openIn(dir, data)
	must(err)
	return c
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
