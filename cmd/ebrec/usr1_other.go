// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package main

// onUSR1 does nothing where there is no such signal.
func onUSR1(func()) (stop func()) { return func() {} }
