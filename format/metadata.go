// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Version is the version of the file format that this package writes. A
// reader opens every file of the same major version.
const Version = "1.3"

const keyPrefix = "ebrec."

// kindEntry is a kind as the schema metadata lists it.
type kindEntry struct {
	ID      uint16   `json:"id"`
	Name    string   `json:"name"`
	Source  string   `json:"source"`
	Doc     string   `json:"doc"`
	Hot     bool     `json:"hot,omitempty"`
	Columns []string `json:"columns"`
}

// encodeMetadata makes the pairs of the schema's metadata.
func encodeMetadata(m *Metadata, kinds []Kind) (pairs []note, err error) {
	var errs []error
	text := func(key, value string) { pairs = append(pairs, note{keyPrefix + key, value}) }
	list := func(key string, value any) {
		b, err := json.Marshal(value)
		errs = append(errs, err)
		text(key, string(b))
	}
	text("format", m.written())
	text("version", m.Ebrec)
	text("host", m.Host)
	text("kernel", m.Kernel)
	text("arch", m.Arch)
	text("cpus", strconv.Itoa(m.CPUs))
	text("boot_id", m.BootID)
	text("start", m.Start.UTC().Format(time.RFC3339Nano))
	text("boot_offset_ns", strconv.FormatInt(m.BootOffset, 10))
	text("utc_offset_s", strconv.Itoa(m.UTCOffset))
	text("filter", m.Filter)
	list("command", m.Command)
	list("sources", m.Sources)
	list("missing", m.Missing)
	list("kinds", kindEntries(kinds))
	if m.Window != (Window{}) {
		list("window", m.Window)
	}
	if m.Repair != nil {
		list("repair", m.Repair)
	}
	return pairs, errors.Join(errs...)
}

func kindEntries(kinds []Kind) []kindEntry {
	entries := make([]kindEntry, len(kinds))
	for i, k := range kinds {
		entries[i] = kindEntry{ID: k.ID, Name: k.Name, Source: k.Source, Doc: k.Doc, Hot: k.Hot}
		for _, f := range k.Fields {
			entries[i].Columns = append(entries[i].Columns, f.Name)
		}
	}
	return entries
}

// decodeMetadata is the way back. Keys it does not know are for later versions.
func decodeMetadata(md map[string]string) (*Metadata, []kindEntry, error) {
	v := md[keyPrefix+"format"]
	if err := readable(v); err != nil {
		return nil, nil, err
	}
	get := func(key string) string { return md[keyPrefix+key] }
	var errs []error
	number := func(key string) int64 {
		n, err := strconv.ParseInt(get(key), 10, 64)
		errs = append(errs, err)
		return n
	}
	list := func(key string, to any) { errs = append(errs, json.Unmarshal([]byte(get(key)), to)) }
	start, err := time.Parse(time.RFC3339Nano, get("start"))
	errs = append(errs, err)
	m := &Metadata{
		Format: v, Ebrec: get("version"), Host: get("host"), Kernel: get("kernel"), Arch: get("arch"),
		CPUs: int(number("cpus")), BootID: get("boot_id"), Start: start,
		BootOffset: number("boot_offset_ns"), UTCOffset: int(number("utc_offset_s")), Filter: get("filter"),
	}
	var kinds []kindEntry
	list("command", &m.Command)
	list("sources", &m.Sources)
	list("missing", &m.Missing)
	list("kinds", &kinds)
	if get("window") != "" {
		list("window", &m.Window)
	}
	if get("repair") != "" {
		list("repair", &m.Repair)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, fmt.Errorf("metadata: %w", err)
	}
	return m, kinds, nil
}

// written is the version to write: a copy keeps that of an older original, because
// some columns of its rows mean what they meant then.
func (m *Metadata) written() string {
	if minor, ok := minorOf(m.Format); ok && readable(m.Format) == nil {
		if ours, _ := minorOf(Version); minor < ours {
			return m.Format
		}
	}
	return Version
}

func minorOf(version string) (n int, ok bool) {
	_, minor, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(minor)
	return n, err == nil
}

// Newer tells whether the capture has a later minor version than this package
// writes: it may hold more than is read.
func (c *Capture) Newer() bool {
	theirs, ok := minorOf(c.meta.Format)
	ours, _ := minorOf(Version)
	return !ok || theirs > ours
}

func readable(version string) error {
	major, _, _ := strings.Cut(version, ".")
	ours, _, _ := strings.Cut(Version, ".")
	if major != ours {
		return fmt.Errorf("file format %s: this ebrec reads version %s.x", version, ours)
	}
	return nil
}
