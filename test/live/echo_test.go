// SPDX-License-Identifier: Apache-2.0

//go:build linux

package live

import (
	"errors"
	"os/exec"
	"testing"
)

// echo sends bytes to a cat and back, two switches at least for each, until
// something ends.
func echo(t *testing.T, ended <-chan error) error {
	t.Helper()
	_, err := roundTrips(ended)
	return err
}

// busy does the same until it is told to stop, and says then how many bytes came
// back.
func busy(t *testing.T) (stop func() int64) {
	t.Helper()
	ended := make(chan error)
	n := make(chan int64, 1)
	go func() {
		trips, err := roundTrips(ended)
		if err != nil {
			t.Error(err)
		}
		n <- trips
	}()
	return func() int64 {
		close(ended)
		return <-n
	}
}

// echoTimes sends so many bytes.
func echoTimes(n int64) error {
	_, err := echoing(func(sent int64) (bool, error) { return sent == n, nil })
	return err
}

func roundTrips(ended <-chan error) (n int64, err error) {
	return echoing(func(int64) (bool, error) {
		select {
		case err := <-ended:
			return true, err
		default:
			return false, nil
		}
	})
}

func echoing(done func(sent int64) (bool, error)) (n int64, err error) {
	cat := exec.Command("cat")
	in, err1 := cat.StdinPipe()
	out, err2 := cat.StdoutPipe()
	if err := errors.Join(err1, err2, cat.Start()); err != nil {
		return 0, err
	}
	defer func() { _, _ = in.Close(), cat.Wait() }()
	b := []byte{1}
	for ; ; n++ {
		if end, err := done(n); end {
			return n, err
		}
		if _, err := in.Write(b); err != nil {
			return n, err
		}
		if _, err := out.Read(b); err != nil {
			return n, err
		}
	}
}
