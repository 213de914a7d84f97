// SPDX-License-Identifier: Apache-2.0

//go:build linux && !amd64

package main

import "errors"

func oldAttempts(string, int) []attempt { return nil }

func oldOpen(attempt) (int, error) { return -1, errors.ErrUnsupported }
