// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// metadata decides on every key of the metadata. Numbers, times and ebrec's own
// words stay: format, version, cpus, start, boot_offset_ns, utc_offset_s,
// sources, kinds, window. What this version does not know is not copied.
func (v *vocabulary) metadata(m *format.Metadata, replace replacer) *format.Metadata {
	out := *m
	if n := len(release.FindString(m.Ebrec)); n < len(m.Ebrec) {
		out.Ebrec = replace(Word, m.Ebrec)
	}
	out.Host = some(Host, m.Host, replace)
	out.BootID = some(Boot, m.BootID, replace)
	out.Kernel = kernel(m.Kernel, replace)
	out.Arch = v.word(m.Arch, replace)
	out.Command = v.command(m.Command, replace)
	out.Filter = filter(m.Filter, replace)
	out.Sources = slices.Clone(m.Sources)
	out.Missing = slices.Clone(m.Missing)
	for i := range out.Missing {
		miss := &out.Missing[i]
		miss.Hook, miss.Loses = v.word(miss.Hook, replace), v.word(miss.Loses, replace)
		miss.Reason = some(Reason, miss.Reason, replace)
	}
	if m.Repair != nil {
		repair := *m.Repair
		repair.Damage = slices.Clone(repair.Damage)
		for i := range repair.Damage {
			repair.Damage[i].Reason = some(Reason, repair.Damage[i].Reason, replace)
		}
		out.Repair = &repair
	}
	return &out
}

func some(class Class, text string, replace replacer) string {
	if text == "" {
		return ""
	}
	return replace(class, text)
}

// kernel keeps the version that a kernel's release begins with.
func kernel(text string, replace replacer) string {
	n := len(release.FindString(text))
	rest := strings.TrimLeft(text[n:], "-+._~")
	if n == 0 || rest == "" {
		return text[:n] + some(Kernel, text[n:], replace)
	}
	return text[:len(text)-len(rest)] + replace(Kernel, rest)
}

// command keeps the recorder's own flags and sources, up to the command that was
// recorded.
func (v *vocabulary) command(args []string, replace replacer) []string {
	out := slices.Clone(args)
	own := true
	for i, a := range args {
		if own = own && (i == 0 || args[i-1] != "--"); !own {
			out[i] = pathOrName(Command, a, replace)
			continue
		}
		flag, value, ok := strings.Cut(a, "=")
		switch {
		case v.ownList(a):
		case ok && v.own(flag) && !v.ownList(value):
			out[i] = flag + "=" + pathOrName(Command, value, replace)
		case ok && v.own(flag):
		default:
			out[i] = pathOrName(Command, a, replace)
		}
	}
	return out
}

// ownList tells whether a text is a flag of ebrec's, or a list of sources.
func (v *vocabulary) ownList(text string) bool {
	return !slices.ContainsFunc(strings.Split(text, ","), func(s string) bool { return !v.own(s) })
}

// pathOrName replaces a text, or each component when it is a path.
func pathOrName(class Class, text string, replace replacer) string {
	var b strings.Builder
	components(text, func(piece string, name bool) {
		if name {
			piece = replace(class, piece)
		}
		b.WriteString(piece)
	})
	return b.String()
}

// What the recorder says that a recording was limited to, around the names.
const (
	named     = "processes named "
	inCgroup  = "processes in cgroup "
	theirs    = " and their children"
	theOnly   = "of the slice only process "
	recorded  = "the recorded command"
	processes = "processes "
)

var filterWords = []string{named, inCgroup, theirs, " and its children", theOnly, recorded, processes, "; ", ", "}

// filter replaces the names in it. Where it cannot be told what is a name, all is.
func filter(text string, replace replacer) string {
	parts := strings.Split(text, "; ")
	for i, part := range parts {
		list := strings.Split(part, ", ")
		numbers := true
		for j, item := range list {
			list[j] = filterItem(item, &numbers, replace)
		}
		parts[i] = strings.Join(list, ", ")
	}
	return strings.Join(parts, "; ")
}

// filterItem replaces the name of an item. numbers are process ids until an item
// begins a list of names.
func filterItem(item string, numbers *bool, replace replacer) string {
	before, after := "", ""
	for _, lead := range []string{named, inCgroup, theOnly, processes} {
		if rest, ok := strings.CutPrefix(item, lead); ok {
			before, item = lead, rest
			*numbers = lead == theOnly || lead == processes
			break
		}
	}
	for _, tail := range []string{theirs, " and its children"} {
		if rest, ok := strings.CutSuffix(item, tail); ok {
			after, item = tail, rest
			break
		}
	}
	if item == recorded || *numbers && strings.Trim(item, "0123456789 ") == "" {
		return before + item + after
	}
	return before + pathOrName(Filter, item, replace) + after
}
