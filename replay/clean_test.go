// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/ebrec/ebrec/replay"
)

var hostile = []string{
	"", "plain", "with space", "日本語 ok", "\x1b[2J", "a\nb\tc\rd", "\x7f", "\u009b31m", "\u202eevil\u2066", "\u200b\ufeff",
	"bad\xff\xc3utf8", "\u2028", "\ue000", "\U000e0041", `back\slash`, "\ufffd", "=cmd()", `"quoted"`, "\x00",
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":             "plain",
		"日本語 ok":            "日本語 ok",
		`C:\dir`:            `C:\dir`,
		"\x1b[31mred":       `\x1b[31mred`,
		"a\nb":              `a\x0ab`,
		"\u009b2J":          `\u009b2J`,
		"\u202eevil":        `\u202eevil`,
		"\xffutf8\xc3":      `\xffutf8\xc3`,
		"\U000e0041":        `\U000e0041`,
		"real \ufffd stays": "real \ufffd stays",
	} {
		if got := replay.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever goes in, nothing invisible comes out, and doing it twice changes
// nothing.
func FuzzClean(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := replay.Clean(s)
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("Clean(%q) = %q", s, got)
		}
		if again := replay.Clean(got); again != got {
			t.Errorf("Clean twice: %q, %q", got, again)
		}
	})
}

// JSON strings read back as what went in, and hold nothing invisible.
func FuzzAppendJSON(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := replay.AppendJSON(nil, s)
		if i := strings.IndexFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("AppendJSON(%q) = %q", s, b)
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("AppendJSON(%q) = %q: %v", s, b, err)
		}
		if want := string([]rune(s)); back != want {
			t.Errorf("got back %q, want %q", back, want)
		}
	})
}
