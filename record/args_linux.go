// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"strings"
	"unsafe"

	"github.com/ebrec/ebrec/bpf"
)

// quoteArgs makes one text of the arguments that a record has as the kernel
// keeps them, each ended by a NUL: what a shell would need to give the same.
func quoteArgs(e *bpf.ExecArgs) {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&e.Args)), len(e.Args))
	n := min(int(e.Bytes), len(raw))
	text := joinArgs(bytes.Clone(raw[:n]))
	if len(text) >= len(raw) { // quotes take room, too
		text, e.Cut = text[:len(raw)-1], 1
	}
	clear(raw[copy(raw, text):])
}

func joinArgs(raw []byte) string {
	raw = bytes.TrimSuffix(raw, []byte{0})
	var args []string
	for _, a := range bytes.Split(raw, []byte{0}) {
		args = append(args, quoteArg(string(a)))
	}
	return strings.Join(args, " ")
}

// plain are the characters that no shell takes for anything but themselves.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:@%,^"

func quoteArg(a string) string {
	if a != "" && strings.Trim(a, plain) == "" {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}
