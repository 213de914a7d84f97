// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Tables are the two tables of a data set, each a directory of it.
const (
	Events   = "events"
	Captures = "captures"
)

// nobody is the partition of captures without a host name, as Hive calls it.
const nobody = "__HIVE_DEFAULT_PARTITION__"

// mostName is how long a name in a directory may be, bytes.
const mostName = 255

// A place is where a data set has a capture.
type place struct {
	dir  string
	part string // of both tables
	id   string
}

// newPlace finds the place of a capture by when it starts and whose it is.
func newPlace(dir, id, host string, start time.Time) (place, error) {
	part := "host=" + nobody
	if host != "" {
		part = "host=" + escape(host)
	}
	if len(part) > mostName {
		return place{}, fmt.Errorf("the name of its host has %d bytes, which is too long for a directory", len(host))
	}
	return place{dir, filepath.Join("date="+start.UTC().Format(time.DateOnly), part), id}, nil
}

// escape makes a host's name one of a directory, as Hive does: letters, digits,
// dots, dashes and underscores stay, other bytes become %XX.
func escape(host string) string {
	var b strings.Builder
	for _, c := range []byte(host) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// of is the path of the file of a table.
func (p *place) of(table string) string {
	return filepath.Join(p.dir, table, p.part, p.id+".parquet")
}

// there tells whether a data set has the capture, whole.
func (p *place) there() bool {
	_, events := os.Stat(p.of(Events))
	_, captures := os.Stat(p.of(Captures))
	return events == nil && captures == nil
}

// idBytes is how much of a file's SHA-256 is its id.
const idBytes = 16

// identify makes the id of a capture of its bytes: the same capture under another
// name has the same.
func identify(ctx context.Context, path string) (id string, err error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return "", nil // which is said when it is opened as a capture
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open capture: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, reader{ctx, f}); err != nil {
		return "", fmt.Errorf("read capture %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)[:idBytes]), nil
}

// reader reads until the context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
