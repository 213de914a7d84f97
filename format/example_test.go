// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/ebrec/ebrec/format"
)

func Example() {
	header := []format.Field{
		{Column: format.Column{Name: format.ColumnTime, Type: format.Timestamp}, Offset: 0, Size: 8},
		{Column: format.Column{Name: format.ColumnPID, Type: format.Uint32}, Offset: 8, Size: 4},
		{Column: format.Column{Name: format.ColumnKind, Type: format.Enum}, Offset: 16, Size: 2},
	}
	open := format.Kind{ID: 1, Name: "open", Size: 56, Fields: append(header,
		format.Field{Column: format.Column{Name: "path", Type: format.String}, Offset: 24, Size: 32})}

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "trace.arrow"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	w, err := format.NewWriter(f, &format.Metadata{}, []format.Kind{open}, format.WriterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for i, path := range []string{"/etc/hosts", "/proc/stat"} {
		record, err := open.Encode(map[string]any{"time": 1000 - i, "pid": 42 + i, "path": path})
		if err != nil {
			log.Fatal(err)
		}
		if err := w.Add(record); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	c, err := format.Open(f.Name())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	pid, path := c.Col("pid"), c.Col("path")
	for b, err := range c.Batches(format.Scan{Columns: []format.Col{pid, path}}) {
		if err != nil {
			log.Fatal(err)
		}
		for i := range b.Len() {
			fmt.Println(b.Time(i), b.Kind(i).Name, b.Uint(pid, i), b.Str(path, i))
		}
	}
	// Output:
	// 999 open 43 /proc/stat
	// 1000 open 42 /etc/hosts
}
