// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ebrec/ebrec/format"
)

// Class is a sort of text in a capture.
type Class string

// The classes. Those in Keepable may be kept.
const (
	Comm      Class = "comm"      // task names
	Kthread   Class = "kthread"   // of them those that only kernel threads have
	Path      Class = "path"      // executed and opened files
	Args      Class = "args"      // arguments of executed files
	Address   Class = "address"   // IPv4 and IPv6 addresses
	Port      Class = "port"      // TCP ports: numbers, always kept
	Cgroup    Class = "cgroup"    // cgroup paths
	Container Class = "container" // ids and names of containers
	Host      Class = "host"      // host name
	Kernel    Class = "kernel"    // what follows the version in the kernel's release
	Boot      Class = "boot"      // boot id
	Command   Class = "command"   // command line of the recorder
	Filter    Class = "filter"    // names in what the recording was limited to
	Reason    Class = "reason"    // why something could not be attached or read
	Word      Class = "word"      // words in ebrec's places that are not ebrec's
	Other     Class = "other"     // text of columns and metadata that this version does not know
	Dropped   Class = "dropped"   // documentation and metadata that this version does not know: left out
)

// Keepable are the classes that --keep takes.
var Keepable = []Class{Comm, Kthread, Path, Args, Address, Port, Cgroup, Container, Host, Kernel, Boot, Command, Filter, Reason}

// classes are all of them, in the order in which they are listed.
var classes = append(slices.Clone(Keepable), Word, Other, Dropped)

// columnClasses says what the columns of text hold. The types of the kernel
// programs (comm_t, path_t, addr_t and so on) are not in the file; a test holds
// this list against them.
var columnClasses = map[string]Class{
	"comm": Comm, "filename": Path, "path": Path, "args": Args, "cgroup": Cgroup, "container": Container,
	"laddr": Address, "raddr": Address, "program": Word,
}

// classOf says what a column holds; ok is false for numbers. A dictionary is
// ebrec's, unless its name says otherwise: other programs make one of any text.
func classOf(c format.Column) (class Class, ok bool) {
	switch c.Type {
	case format.String, format.Address, format.Enum:
	default:
		return "", false
	}
	if class, ok = columnClasses[c.Name]; ok {
		return class, true
	}
	if c.Type == format.Enum {
		return Word, true
	}
	return Other, true
}

// Classes checks names of classes to keep.
func Classes(names []string) ([]Class, error) {
	var all []Class
	for _, name := range names {
		class := Class(name)
		if !slices.Contains(Keepable, class) {
			return nil, fmt.Errorf("keep %q: it is none of %s", name, Names(Keepable))
		}
		all = append(all, class)
	}
	return all, nil
}

// Names lists classes.
func Names(classes []Class) string {
	var names []string
	for _, c := range classes {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}
