// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strings"

	"github.com/ebrec/ebrec/format"
)

// Changing tells whether processes may come to those recorded, or leave them, while
// they live.
func Changing(m *format.Metadata) bool {
	return strings.Contains(m.Filter, "cgroup") || strings.Contains(m.Filter, "named")
}
