// SPDX-License-Identifier: Apache-2.0

package record

import (
	"strings"
	"testing"
)

func TestContainerOf(t *testing.T) {
	id, inner := strings.Repeat("0123456789abcdef", 4), strings.Repeat("f", 64)
	for path, want := range map[string]string{
		"/":                                     "",
		"/system.slice/nginx.service":           "",
		"/docker/" + id:                         id,
		"/system.slice/docker-" + id + ".scope": id,
		"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope": id,
		"/kubepods/burstable/pod-1/" + id + "/sub":                            id,
		"/machine.slice/libpod-" + id + ".scope/container":                    id,
		"/docker/" + id + "/docker/" + inner:                                  inner,
		"/kubepods.slice/crio-" + id + ".scope":                               id,
		"/x/" + id + "0":                                                      "",
		"/lxc.payload.web/system.slice":                                       "web",
		"/machine.slice/machine-build.scope/payload":                          "build",
	} {
		if got := containerOf(path); got != want {
			t.Errorf("containerOf(%s) = %q, want %q", path, got, want)
		}
	}
}
