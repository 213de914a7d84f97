// SPDX-License-Identifier: Apache-2.0

package check

// metadata tells whether the capture holds what it says, and whether this
// program knows it all.
func metadata(r *recording) Verdict {
	m := r.Meta()
	v := Verdict{Check: "metadata", Does: "the kinds and columns are those of its sources"}
	v.says("format %s, ebrec %s, %d kinds", m.Format, m.Ebrec, len(r.Kinds()))
	if r.Newer() {
		v.says("newer than this program: it may hold more than is read")
	}
	if r.narrowed != "" {
		v.says("%s", r.narrowed)
	}
	for _, hook := range m.Missing {
		v.says("%s could not be attached", hook.Hook)
	}
	sources(r, &v)
	if m.CPUs <= 0 {
		v.find("it says that the machine has %d CPUs", m.CPUs)
	}
	unknown, lacking := strange(r.Capture)
	for i, name := range unknown {
		if i == mostFindings {
			v.says("%d more", len(unknown)-i)
			break
		}
		v.says("%s is not known to this ebrec", name)
	}
	for _, name := range lacking {
		v.find("column %s is missing", name)
	}
	return v
}

// sources holds the kinds against the sources that the capture says it has.
func sources(r *recording, v *Verdict) {
	named := map[string]bool{"recording": true}
	for _, source := range r.Meta().Sources {
		named[source] = true
	}
	for _, k := range r.Kinds() {
		if !named[k.Source] {
			v.find("kind %s is of source %s, which was not recorded", k.Name, k.Source)
		}
	}
	if n := len(r.missing); n > 0 {
		v.says("%d kinds of its sources were left out", n)
	}
}
