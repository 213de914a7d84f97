// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package record

// Doctor says that recording needs Linux.
func Doctor() []Finding {
	return []Finding{{Name: "system", State: Missing, Says: "this is not Linux", Remedy: "record on a Linux machine and analyze the file here"}}
}
