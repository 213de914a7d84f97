// SPDX-License-Identifier: Apache-2.0

// Package metamorphic has tests of what must hold between two answers, whatever
// the right one is: spans that meet add up to the whole, a slice says what the
// span says, rows of a process are its rows among all, every format has the same
// values, captures come in any order, and parts are one recording. Each test
// takes every analysis over every fixture.
package metamorphic
