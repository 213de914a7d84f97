// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ebrec/ebrec/replay"
)

// It is a map, whatever the numbers.
func TestByNumber(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	want := map[uint32]int{}
	var got replay.ByNumber[int]
	for i := range 20_000 {
		tid := random.Uint32() >> (random.Uint32() % 32)
		want[tid] = i
		got.Set(tid, &i)
	}
	for tid, i := range want {
		if n := got.Get(tid); n == nil || *n != i {
			t.Fatalf("%d has %v, want %d", tid, n, i)
		}
		if _, ok := want[tid+1]; !ok && got.Get(tid+1) != nil {
			t.Fatalf("%d has something", tid+1)
		}
	}
	all := map[uint32]int{}
	got.All(func(tid uint32, i *int) { all[tid] = *i })
	if !maps.Equal(want, all) {
		t.Errorf("%d are visited, want %d", len(all), len(want))
	}
	if numbers := got.Numbers(); !slices.Equal(numbers, slices.Sorted(maps.Keys(want))) {
		t.Errorf("%d numbers in order, want %d", len(numbers), len(want))
	}
}
