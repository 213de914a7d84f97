// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// bill writes what a binary consists of: the modules that the linker put into it,
// by their versions and checksums.
func (r *release) bill(binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	doc := cyclonedx.NewBOM()
	doc.Metadata = &cyclonedx.Metadata{
		Timestamp: r.date.Format(time.RFC3339),
		Component: &cyclonedx.Component{
			BOMRef: "ebrec", Type: cyclonedx.ComponentTypeApplication, Name: "ebrec", Version: r.version,
			PackageURL: "pkg:golang/" + info.Main.Path + "@v" + r.version,
		},
	}
	parts := []cyclonedx.Component{{
		BOMRef: "go", Type: cyclonedx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion,
		PackageURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"),
	}}
	for _, m := range info.Deps {
		part, err := component(m)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	doc.Components = &parts
	f, err := os.Create(binary + ".cdx.json")
	if err != nil {
		return err
	}
	e := cyclonedx.NewBOMEncoder(f, cyclonedx.BOMFileFormatJSON)
	return errors.Join(e.SetPretty(true).Encode(doc), f.Close())
}

// component is a module. Its checksum (h1, of the Go checksum database) is
// SHA-256 of the list of its files with theirs.
func component(m *debug.Module) (cyclonedx.Component, error) {
	if m.Replace != nil {
		m = m.Replace
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil || len(sum) != 32 {
		return cyclonedx.Component{}, fmt.Errorf("module %s has no checksum: %q", m.Path, m.Sum)
	}
	purl := "pkg:golang/" + m.Path + "@" + m.Version
	return cyclonedx.Component{
		BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}},
	}, nil
}
