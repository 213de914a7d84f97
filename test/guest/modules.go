// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// wantedModules are what a guest loads, where the kernel does not have them
// built in: its disk, and devices for network tests.
var wantedModules = []string{"virtio_pci", "virtio_blk", "tun", "veth"}

// module is a kernel module's name and plain ELF.
type module struct {
	name string
	data []byte
}

// load returns the wanted modules, each after those it depends on.
func (k *Kernel) load(wanted []string) ([]module, error) {
	files, err := moduleFiles(k.modules)
	if err != nil {
		return nil, err
	}
	l := loader{files: files, done: map[string]bool{}}
	for _, name := range wanted {
		if err := l.add(name); err != nil {
			return nil, err
		}
	}
	return l.order, nil
}

// loader orders modules by what they depend on, which each says itself: a
// package that was not installed has no modules.dep.
type loader struct {
	files map[string]string // by name; a module that is built in has none
	done  map[string]bool
	order []module
}

func (l *loader) add(name string) error {
	if l.done[name] || l.files[name] == "" {
		return nil
	}
	l.done[name] = true
	data, err := readModule(l.files[name])
	if err != nil {
		return err
	}
	for _, dep := range dependencies(data) {
		if err := l.add(dep); err != nil {
			return err
		}
	}
	l.order = append(l.order, module{name, data})
	return nil
}

// moduleFiles finds every module under dir.
func moduleFiles(dir string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		name, _, isModule := strings.Cut(filepath.Base(path), ".ko")
		if err == nil && isModule {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find modules: %w", err)
	}
	return files, nil
}

// readModule reads a module, decompressed.
func readModule(path string) ([]byte, error) {
	if !strings.HasSuffix(path, ".xz") {
		return os.ReadFile(path)
	}
	data, err := exec.Command("xz", "-dc", path).Output()
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", filepath.Base(path), err)
	}
	return data, nil
}

// dependencies reads the modinfo entry "depends=a,b".
func dependencies(data []byte) []string {
	_, rest, found := bytes.Cut(data, []byte("\x00depends="))
	list, _, _ := bytes.Cut(rest, []byte{0})
	if !found || len(list) == 0 {
		return nil
	}
	return strings.Split(strings.ReplaceAll(string(list), "-", "_"), ",")
}
