// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// TestFlightRecorders runs what the unit and the manifest run, with the
// capabilities that they leave, as root.
func TestFlightRecorders(t *testing.T) {
	if os.Getenv("EBREC_PACKAGING") == "" {
		t.Skip("EBREC_PACKAGING is not set: this records (root)")
	}
	r := &release{extras: t.TempDir()}
	if err := r.prepare(); err != nil {
		t.Fatal(err)
	}
	t.Run("unit", func(t *testing.T) { r.runUnit(t) })
	t.Run("manifest", func(t *testing.T) { r.runManifest(t) })
}

// runUnit does what systemd does with the unit, but for its sandbox.
func (r *release) runUnit(t *testing.T) {
	path, err := filepath.Abs("fleet/ebrec-flight.service")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	env, capabilities, command := []string{"STATE_DIRECTORY=" + state, "PATH=" + os.Getenv("PATH")}, "", ""
	for line := range strings.Lines(strings.NewReplacer("%%", "%", "%H", "host").Replace(string(text))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "Environment":
			env = append(env, strings.Trim(value, `"`))
		case "CapabilityBoundingSet":
			capabilities = strings.ToLower(strings.ReplaceAll(value, "CAP_", ""))
		case "ExecStart":
			script, _ := strings.CutPrefix(value, "/bin/sh -c ")
			command = strings.ReplaceAll(strings.Trim(script, "'"), "/usr/bin/ebrec", r.extra("ebrec"))
		}
	}
	r.flies(t, state, capabilities, env, "sh", "-c", command)
}

func (r *release) runManifest(t *testing.T) {
	text, err := os.ReadFile("fleet/daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var set appsv1.DaemonSet
	if err := yaml.UnmarshalStrict(text, &set); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	pod := set.Spec.Template.Spec
	c := pod.Containers[0]
	if set.Spec.Selector.MatchLabels["app"] != set.Spec.Template.Labels["app"] || pod.Volumes[0].Name != c.VolumeMounts[0].Name {
		t.Error("labels or volumes do not match")
	}
	var capabilities []string
	for _, name := range c.SecurityContext.Capabilities.Add {
		capabilities = append(capabilities, strings.ToLower(string(name)))
	}
	args := []string{r.extra("ebrec"), c.Command[1]}
	for _, a := range c.Args {
		args = append(args, strings.NewReplacer("/captures", state, "$(NODE)", "node", "$(POD)", "0a1b").Replace(a))
	}
	r.flies(t, state, strings.Join(capabilities, " "), os.Environ(), args...)
}

// flies runs a flight recorder with no other capabilities, asks it for its window
// and ends it. Both captures must be whole.
func (r *release) flies(t *testing.T, state, capabilities string, env []string, args ...string) {
	t.Helper()
	set := "-all"
	for _, c := range strings.Fields(capabilities) {
		set += ",+" + c
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", append([]string{"--bounding-set=" + set, "--inh-caps=-all", "--no-new-privs"}, args...)...)
	cmd.Env, cmd.Stderr = env, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for try := 0; len(written(t, state)) == 0 && try < 200; try++ {
		time.Sleep(50 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := shedding(cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	files := written(t, state)
	if len(files) != 2 {
		t.Fatalf("it wrote %v", files)
	}
	for _, f := range files {
		if out, err := exec.CommandContext(t.Context(), r.extra("ebrec"), "analyze", "summary", f).CombinedOutput(); shedding(err) != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// shedding is no error when all is well but for events that were shed: the machine
// is busy, and that is what --max-overhead is for.
func shedding(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		return nil
	}
	return err
}

func written(t *testing.T, state string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state, "*.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
