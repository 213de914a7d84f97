// SPDX-License-Identifier: Apache-2.0

package record

import (
	"os"
	"testing"

	"github.com/ebrec/ebrec/bpf"
)

// A number in /proc is a thread's only where it can be told to be.
func TestNumbers(t *testing.T) {
	self := uint32(os.Getpid())
	if got := numbersInProc(self); got != procInitial {
		t.Errorf("numbers in /proc are %d, want the programs' where the recorder has the same in both", got)
	}
	if got := numbersInProc(self + 1); got != procOwn {
		t.Errorf("numbers in /proc are %d, want the recorder's own", got)
	}
	listed := bpf.ListedTask{OwnPID: 3, OwnTID: 4}
	listed.T.H.TID, listed.T.Start = 5000, 77
	outside := bpf.ListedTask{}
	outside.T.H.TID, outside.T.Start = 4, 78
	for _, c := range []struct {
		name  string
		proc  procNumbers
		tid   uint32
		start uint64
		want  uint32 // 0: not known
	}{
		{"the programs' numbers", procInitial, 5000, 77, 5000},
		{"our numbers", procOwn, 5000, 77, 4},
		{"the number is another's by now", procOwn, 5000, 99, 0},
		{"a thread outside whose number one of ours has", procOwn, 4, 78, 0},
		{"came later", procOwn, 6000, 99, 0},
		{"another namespace's numbers", procUnknown, 5000, 77, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := numbers{proc: c.proc}
			n.add(&listed)
			n.add(&outside)
			_, got, ok := n.find(4999, c.tid, c.start)
			if ok != (c.want != 0) || ok && got != c.want {
				t.Errorf("thread %d is %d (known: %t), want %d", c.tid, got, ok, c.want)
			}
		})
	}
}
