// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"fmt"
	"os"

	"github.com/ebrec/ebrec/format"
	"github.com/ebrec/ebrec/replay"
)

func Example() {
	c := exampleCapture(
		row{at: 0, kind: "task", values: v{"pid": 10, "tid": 10, "start": -1000, "comm": "sh"}},
		row{at: 1000, kind: "fork", values: v{"pid": 11, "tid": 11, "ppid": 10, "start": 1000, "comm": "sh"}},
		row{at: 2000, kind: "exec", values: v{"pid": 11, "tid": 11, "ppid": 10, "start": 1000, "comm": "ls", "filename": "/bin/ls"}},
		row{at: 9000, kind: "exit", values: v{"pid": 11, "tid": 11, "ppid": 10, "start": 1000, "comm": "ls", "exit_code": 2}},
	)
	defer c.Close()

	comm := c.Col("comm")
	for e, err := range replay.New(c).Events(replay.Select{PIDs: []uint32{11}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Kind().Name, e.PID(), e.Str(comm))
	}
	// Output:
	// fork 11 sh
	// exec 11 ls
	// exit 11 ls
}

// exampleCapture opens a capture of rows whose file is gone already.
func exampleCapture(rows ...row) *format.Capture {
	dir, err := os.MkdirTemp("", "ebrec")
	must(err)
	defer os.RemoveAll(dir)
	data, err := build(rows)
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
