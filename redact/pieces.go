// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// A replacer is given each text that may be private, and says what takes its
// place. What counts, what makes pseudonyms and what proves them are replacers,
// so that all three go the same ways.
type replacer func(class Class, text string) string

// pieces divides a text into names and what joins them: a path into its
// components, arguments into words, and these at = and /. No name is empty.
func pieces(class Class, text string, yield func(piece string, name bool)) {
	switch class {
	case Path, Cgroup:
		components(text, yield)
	case Args:
		words(text, yield)
	default:
		whole(text, yield)
	}
}

func whole(text string, yield func(string, bool)) {
	if text != "" {
		yield(text, true)
	}
}

// components divides a path. The names . and .. are not private.
func components(path string, yield func(string, bool)) {
	for {
		n := strings.IndexByte(path, '/')
		c := path
		if n >= 0 {
			c = path[:n]
		}
		if c == "." || c == ".." {
			yield(c, false)
		} else {
			whole(c, yield)
		}
		if n < 0 {
			return
		}
		yield("/", false)
		path = path[n+1:]
	}
}

// words divides arguments, which are quoted where a shell would need it.
func words(text string, yield func(string, bool)) {
	for text != "" {
		if text[0] == ' ' {
			yield(" ", false)
			text = text[1:]
			continue
		}
		says, rest, quoted := quotedWord(text)
		if !quoted {
			n := strings.IndexByte(text, ' ')
			if n < 0 {
				n = len(text)
			}
			says, rest = text[:n], text[n:]
		}
		word(says, yield)
		text = rest
	}
}

// word divides a word such as --name=/a/path.
func word(w string, yield func(string, bool)) {
	bare := strings.TrimLeft(w, "-")
	if dashes := w[:len(w)-len(bare)]; dashes != "" {
		yield(dashes, false)
	}
	name, value, ok := strings.Cut(bare, "=")
	components(name, yield)
	if ok {
		yield("=", false)
		components(value, yield)
	}
}

// quotedWord is what a quoted word says; the text may be cut before its end.
func quotedWord(text string) (says, rest string, ok bool) {
	var b strings.Builder
	for strings.HasPrefix(text, "'") {
		inner, after, closed := strings.Cut(text[1:], "'")
		b.WriteString(inner)
		if !closed {
			return b.String(), "", true
		}
		if text = after; !strings.HasPrefix(text, `\''`) {
			return b.String(), text, true
		}
		b.WriteString("'")
		text = text[2:]
	}
	return b.String(), text, b.Len() > 0
}
