// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package record

import (
	"context"
	"errors"
)

// Run needs Linux; elsewhere it only says so.
func Run(context.Context, Options) (*Result, error) {
	return nil, hinted{errors.New("recording needs Linux"), "record on a Linux machine and analyze the file here"}
}

// signalNamed knows none: numbers of signals are those of Linux.
func signalNamed(string) uint64 { return 0 }
