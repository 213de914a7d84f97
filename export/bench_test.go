// SPDX-License-Identifier: Apache-2.0

package export

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkSwitches is how fast switches are exported; an operation is one.
func BenchmarkSwitches(b *testing.B) {
	const switches, cpus = 200_000, 8
	r := record(b, nil)
	for i := range 400 {
		r.task(100+i, 100+i, 1, fmt.Sprint("server-", i%40))
	}
	on := make([]int, cpus)
	for i := range switches {
		cpu, next := i*31%cpus, 100+i*7919%400
		r.turn(begin+int64(i)*1000, cpu, on[cpu], next, "S")
		on[cpu] = next
	}
	c := r.end(begin + second)
	for _, f := range Formats {
		if f.Name == "folded" {
			continue // of sums
		}
		b.Run(f.Name, func(b *testing.B) {
			b.ReportAllocs()
			for done := 0; done < b.N; done += switches {
				if _, err := Write(b.Context(), io.Discard, c, f.Name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
