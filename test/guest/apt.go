// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is apt with a state of its own that knows one Debian suite. It checks
// signatures and hashes as the machine's own apt does.
type suite struct {
	name    string
	dir     string
	options []string
}

const aptSources = "/etc/apt/sources.list.d/debian.sources"

// openSuite fetches the suite's index into dir.
func openSuite(ctx context.Context, name, dir string) (*suite, error) {
	mirror, keyring, err := aptMirror()
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	list := filepath.Join(dir, "sources.list")
	line := fmt.Sprintf("deb [arch=amd64 signed-by=%s] %s %s main\n", keyring, mirror, name)
	if err := os.WriteFile(list, []byte(line), 0o644); err != nil {
		return nil, err
	}
	s := &suite{name: name, dir: dir, options: []string{
		"-o", "Dir::Etc::SourceList=" + list,
		"-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State=" + filepath.Join(dir, "state"),
		"-o", "Dir::State::status=/dev/null",
		"-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
		"-o", "APT::Architecture=amd64",
		"-o", "APT::Sandbox::User=",
		"-o", "Acquire::Languages=none",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}}
	_, err = s.run(ctx, "apt-get", "-q", "update")
	return s, err
}

// aptMirror reads where this machine takes Debian from.
func aptMirror() (uri, keyring string, err error) {
	data, err := os.ReadFile(aptSources)
	if err != nil {
		return "", "", fmt.Errorf("find the Debian mirror: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); {
		case key == "URIs" && uri == "":
			uri, _, _ = strings.Cut(value, " ")
		case key == "Signed-By" && keyring == "":
			keyring = value
		}
	}
	if uri == "" || keyring == "" {
		return "", "", fmt.Errorf("find the Debian mirror: no URIs or Signed-By in %s", aptSources)
	}
	return uri, keyring, nil
}

// newest returns the highest version among the packages whose name matches
// the extended regular expression, as "NAME VERSION".
func (s *suite) newest(ctx context.Context, pattern string) (name, version string, err error) {
	out, err := s.run(ctx, "apt-cache", "search", "--names-only", pattern)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(out) {
		candidate, _, _ := strings.Cut(line, " ")
		v, err := s.version(ctx, candidate)
		if err != nil {
			return "", "", err
		}
		if name == "" || exec.CommandContext(ctx, "dpkg", "--compare-versions", v, "gt", version).Run() == nil {
			name, version = candidate, v
		}
	}
	if name == "" {
		return "", "", fmt.Errorf("no package matches %s in %s", pattern, s.name)
	}
	return name, version, nil
}

// version is the version of a package that download would fetch.
func (s *suite) version(ctx context.Context, name string) (string, error) {
	out, err := s.run(ctx, "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if v, ok := strings.CutPrefix(line, "Version: "); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", fmt.Errorf("no version of package %s in %s", name, s.name)
}

// unpack fetches a package and unpacks it into dir without installing it.
func (s *suite) unpack(ctx context.Context, name, version, dir string) error {
	if _, err := s.run(ctx, "apt-get", "-q", "download", name+"="+version); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(s.dir, name+"_*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("download of %s left %d packages: %w", name, len(debs), errors.Join(err, os.ErrNotExist))
	}
	if _, err := s.run(ctx, "dpkg", "-x", debs[0], dir); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, packagesFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s %s\n", name, version)
	return errors.Join(err, f.Close(), os.Remove(debs[0]))
}

// run runs an apt or dpkg program in the suite's directory.
func (s *suite) run(ctx context.Context, program string, args ...string) (string, error) {
	if strings.HasPrefix(program, "apt") {
		args = append(append([]string(nil), s.options...), args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = s.dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, args[len(args)-1], err, stderr.String())
	}
	return string(out), nil
}
