// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/hex"
	"unicode/utf8"
)

// Text makes valid UTF-8 of a kernel string, which may be any bytes: each
// invalid byte becomes \xNN, and so does a backslash that would otherwise read
// as the beginning of one. [RawText] undoes it.
func Text(raw []byte) string {
	return string(appendText(nil, raw))
}

func appendText(to, raw []byte) []byte {
	if utf8.Valid(raw) && !hasEscape(raw) {
		return append(to, raw...)
	}
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if r == utf8.RuneError && n == 1 || escapeAt(raw) {
			to = hex.AppendEncode(append(to, `\x`...), raw[:1])
		} else {
			to = append(to, raw[:n]...)
		}
		raw = raw[n:]
	}
	return to
}

// RawText returns the bytes that Text was given.
func RawText(s string) []byte {
	raw := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if escapeAt([]byte(s[i:])) {
			b, _ := hex.DecodeString(s[i+2 : i+4]) // escapeAt checked it
			raw = append(raw, b...)
			i += 3
			continue
		}
		raw = append(raw, s[i])
	}
	return raw
}

func hasEscape(b []byte) bool {
	for i := bytes.IndexByte(b, '\\'); i >= 0; i = bytes.IndexByte(b, '\\') {
		if escapeAt(b[i:]) {
			return true
		}
		b = b[i+1:]
	}
	return false
}

// escapeAt tells whether b begins like \xNN.
func escapeAt(b []byte) bool {
	return len(b) >= 4 && b[0] == '\\' && b[1] == 'x' && isHex(b[2]) && isHex(b[3])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
