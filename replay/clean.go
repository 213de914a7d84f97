// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strconv"
	"unicode/utf8"
)

// Names in a capture are what a process chose to call itself or its files.
// The functions of this file are the one way such text reaches an output.

// Clean makes text safe to show: whatever a terminal could obey or hide, such
// as control characters, escape sequences, characters that turn the direction
// of writing and bytes that are no UTF-8, comes out as a visible escape like
// \x1b. Text without any of these comes out unchanged.
func Clean(s string) string {
	if clean(s) {
		return s
	}
	var b []byte
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\x`...)
			b = append(b, hex[s[0]>>4], hex[s[0]&15])
		case visible(r):
			b = append(b, s[:n]...)
		default:
			b = appendEscape(b, r)
		}
		s = s[n:]
	}
	return string(b)
}

const hex = "0123456789abcdef"

// visible tells whether r takes part in text as itself: letters, marks,
// numbers, punctuation, symbols and the ASCII space.
func visible(r rune) bool { return strconv.IsPrint(r) }

func clean(s string) bool {
	for i, r := range s {
		if !visible(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

// appendEscape writes an ASCII control as \xNN, which [format.Text] keeps
// unambiguous, and any other rune as Go does inside quotes.
func appendEscape(b []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return append(b, '\\', 'x', hex[r>>4], hex[r&15])
	}
	q := strconv.AppendQuoteRuneToASCII(nil, r)
	return append(b, q[1:len(q)-1]...)
}

// AppendJSON appends s as a JSON string that is safe to show as well:
// invisible characters are written as \u escapes, and bytes that are no UTF-8
// as U+FFFD.
func AppendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case visible(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			r -= 0x10000
			b = appendUnit(appendUnit(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
		default:
			b = appendUnit(b, r)
		}
	}
	return append(b, '"')
}

func appendUnit(b []byte, u rune) []byte {
	return append(b, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}
