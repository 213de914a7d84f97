// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArchive(t *testing.T) {
	var out bytes.Buffer
	a := &archive{w: &out}
	a.dir("d")
	a.file("d/f", []byte("hello"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	const zeros = "00000000"
	head := func(ino, mode, size, name string) string {
		return "070701" + ino + mode + zeros + zeros + "00000001" + zeros + size +
			zeros + zeros + zeros + zeros + name + zeros
	}
	want := head("00000001", "000041ed", zeros, "00000002") + "d\x00" +
		head("00000002", "000081ed", "00000005", "00000004") + "d/f\x00\x00\x00" + "hello\x00\x00\x00" +
		head("00000003", zeros, zeros, "0000000b") + "TRAILER!!!\x00\x00\x00\x00"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

func TestDependencies(t *testing.T) {
	for _, tc := range []struct {
		name, modinfo string
		want          []string
	}{
		{"none", "\x00license=GPL\x00depends=\x00", nil},
		{"no entry", "\x00license=GPL\x00", nil},
		{"two", "\x00depends=virtio,virtio-ring\x00name=x\x00", []string{"virtio", "virtio_ring"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, dependencies([]byte(tc.modinfo))); diff != "" {
				t.Errorf("dependencies (-want +got):\n%s", diff)
			}
		})
	}
}

// writeDisk writes a disk as the guest does: names and contents in turn.
func writeDisk(t *testing.T, entries ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(entries); i += 2 {
		h := &tar.Header{Name: entries[i], Mode: 0o644, Size: int64(len(entries[i+1])), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entries[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnpackDisk(t *testing.T) {
	disk := writeDisk(t, "status", "7\n", "out/a", "A", "out/d/b", "B", "out/../../escape", "C")
	dir := filepath.Join(t.TempDir(), "deep", "down")
	status, err := unpackDisk(disk, dir)
	if err != nil || status != 7 {
		t.Fatalf("status %d, error %v, want 7 and none", status, err)
	}
	for name, want := range map[string]string{"a": "A", "d/b": "B", "escape": "C"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestUnpackDiskOfDeadGuest(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, make([]byte, 4096), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := unpackDisk(disk, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "ended before it wrote its disk") {
		t.Errorf("empty disk: %v, want that the guest ended early", err)
	}
}
