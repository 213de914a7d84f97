// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"fmt"
	"os"
	"strings"
)

// initScript is the guest's first process. It mounts what a recorder needs,
// runs /commands in /out and writes /out, with the exit status, to the disk.
const initScript = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs -o mode=1777 tmp /tmp
hostname guest
ip link set lo up
while read name; do
	insmod /modules/$name.ko || echo "guest: module $name did not load"
done </modules/order
cd /out
sh -e /commands </dev/null >/dev/console 2>&1
echo $? >/status
cd /
tar cf /dev/vda status out
sync
poweroff -f
`

// rootDirs are the directories of the guest's root, parents first.
var rootDirs = []string{"bin", "dev", "proc", "sys", "tmp", "out", "modules", "root"}

// fill puts the guest's root together.
func (o Options) fill(a *archive, busybox string, modules []module) error {
	for _, dir := range rootDirs {
		a.dir(dir)
	}
	a.file("init", []byte(initScript))
	a.file("commands", []byte(strings.Join(o.Commands, "\n")+"\n"))
	var order strings.Builder
	for _, m := range modules {
		a.file("modules/"+m.name+".ko", m.data)
		fmt.Fprintln(&order, m.name)
	}
	a.file("modules/order", []byte(order.String()))
	programs := map[string]string{"busybox": busybox}
	for name, path := range o.Programs {
		programs[name] = path
	}
	for name, path := range programs {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("add program %s: %w", name, err)
		}
		a.file("bin/"+name, data)
	}
	return nil
}
