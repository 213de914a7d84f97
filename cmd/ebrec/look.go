// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ebrec/ebrec/analyze"
)

// look is how tables are to look on a terminal.
type look struct{ noTrunc bool }

func (l *look) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&l.noTrunc, "no-trunc", false, "do not cut names so that lines fit the terminal")
}

// style cuts and colours only where somebody looks.
func (l *look) style(out io.Writer) (s analyze.Style) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && !l.noTrunc {
		s.Width = width
	}
	_, without := os.LookupEnv("NO_COLOR")
	s.Color = !without && os.Getenv("TERM") != "dumb"
	return s
}

// patience is how long an analysis takes before its progress is shown.
const patience = time.Second

// progress is a bar on a terminal for what takes longer than that. It is used
// by one goroutine.
type progress struct {
	out   io.Writer // nil: nobody looks
	what  string
	unit  string // of what is counted
	begun time.Time
	bar   *progressbar.ProgressBar
}

func (a *app) progress(what string) *progress {
	return &progress{out: a.statusLine(), what: what, unit: "rows", begun: time.Now()}
}

// set shows that so many of all rows were read.
func (p *progress) set(done, all int64) {
	if p.out == nil || p.bar == nil && time.Since(p.begun) < patience {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(all, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.what),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionShowCount(),
			progressbar.OptionSetItsString(p.unit), progressbar.OptionShowIts())
	}
	_ = p.bar.Set64(min(done, all)) // a bar that cannot be drawn is none
}

// clear makes room for a line; the bar is drawn again by the next set.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
