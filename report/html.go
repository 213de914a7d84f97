// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's own script, style and licences
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:generate npm --prefix web ci --no-audit --no-fund
//go:generate npm --prefix web run build

var (
	//go:embed web/dist/report.js
	script []byte
	//go:embed web/dist/report.css
	style []byte
	//go:embed web/dist/licenses.txt
	licences string
	//go:embed web/body.html
	bodyText string

	body = template.Must(template.New("body").Parse(bodyText))
)

// HTML writes the page in one Write: a file that needs nothing else, and may do
// nothing but run its own script.
func (r *Report) HTML(w io.Writer) error {
	var page bytes.Buffer
	if err := r.frame(&page); err != nil {
		return err
	}
	const rest = 4096 // the tags around what is to come
	room := int(r.maxSize) - page.Len() - len(script) - rest
	blocks, err := r.blocks(room)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		fmt.Fprintf(&page, "<script type=\"text/plain\" id=\"data-%s\">", b.id)
		page.Write(b.text)
		page.WriteString("</script>\n")
	}
	page.WriteString("<script>")
	page.Write(script)
	page.WriteString("</script>\n</body>\n</html>\n")
	if int64(page.Len()) > r.maxSize {
		return fmt.Errorf("make a report: it has %d bytes, more than the %d that it may have", page.Len(), r.maxSize)
	}
	_, err = w.Write(page.Bytes())
	return err
}

// frame is everything that is there without a script.
func (r *Report) frame(page *bytes.Buffer) error {
	page.WriteString("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	fmt.Fprintf(page, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'\">\n", hashOf(script), hashOf(style))
	page.WriteString("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<style>")
	page.Write(style)
	page.WriteString("</style>\n")
	timeline := r.timeline != nil && (r.timeline.stays != nil || len(r.timeline.lanes) > 0)
	return body.Execute(page, map[string]any{
		"Title": r.title(), "Facts": r.facts(), "Verdict": r.verdict, "Sections": r.headings(), "Absent": r.absent,
		"Timeline": timeline, "Series": r.series != nil, "Licences": licences,
	})
}

// heading is a section as the frame shows it, with the command for its tables.
type heading struct{ ID, Title, Doc, Command string }

func (r *Report) headings() (all []heading) {
	for _, s := range r.shown() {
		all = append(all, heading{s.id, s.title, s.result.Doc, s.command()})
	}
	return append(all, heading{"rows", "What is in the capture", "How many rows of which kinds", "info"})
}

// hashOf is how a policy names the one script or style that it allows.
func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// block is data of the page.
type block struct {
	id   string
	text []byte
}

// Shares of the room in percent of what is left: of tables, of the timeline's
// levels, and of its names, marks and turns. Slices have the rest.
const (
	tableShare  = 40
	levelShare  = 50
	headerShare = 60
)

func (r *Report) blocks(room int) ([]block, error) {
	tables, err := r.tablesWithin(room * tableShare / 100)
	if err != nil {
		return nil, err
	}
	room -= len(tables)
	if r.timeline == nil {
		return []block{{"page", tables}}, nil
	}
	p := newPacker(r.timeline, room)
	cpus, lanes, err := p.levelsWithin(r, room*levelShare/100)
	if err != nil {
		return nil, err
	}
	room -= len(cpus) + len(lanes)
	header, err := p.headerWithin(room * headerShare / 100)
	if err != nil {
		return nil, err
	}
	chunks, err := p.slices(room - len(header))
	if err != nil {
		return nil, err
	}
	if header, err = p.header(); err != nil { // with the threads
		return nil, err
	}
	var lines []byte
	for _, c := range chunks.chunks {
		lines = append(append(lines, c.text...), '\n')
	}
	return []block{{"page", tables}, {"timeline", header}, {"cpus", cpus}, {"lanes", lanes}, {"slices", lines}}, nil
}

// tablesWithin packs the tables, and shortens them until there is room.
func (r *Report) tablesWithin(room int) ([]byte, error) {
	for most := r.mostRows(); ; {
		data, err := r.data(most)
		if err != nil {
			return nil, err
		}
		text, err := packed(data)
		if err != nil || len(text) <= room || most == 0 {
			return text, err
		}
		most = int(float64(most) * min(0.8, 0.9*float64(room)/float64(len(text))))
	}
}

// levelsWithin packs the buckets of CPUs and of processes, without the finest
// levels when there is no room for them.
func (p *packer) levelsWithin(r *Report, room int) (cpus, lanes []byte, err error) {
	for finest := 0; ; finest++ {
		p.data.Dropped = map[string]int{"levels": finest}
		if cpus, err = packed(p.cpuLevels(finest)); err != nil {
			return nil, nil, err
		}
		raw := p.laneLevels(finest)
		if p.l.stays == nil {
			raw = p.seriesLevel(r)
		}
		if lanes, err = packed(raw); err != nil || len(cpus)+len(lanes) <= room || finest+1 >= len(p.l.cpus.widths) {
			return cpus, lanes, err
		}
	}
}

// clock is the time of day at the recorded host.
func (r *Report) clock(ns int64) string { return r.at(ns).Format("15:04:05.000") }

// day is the same with the date.
func (r *Report) day(ns int64) string { return r.at(ns).Format("2006-01-02 15:04:05 -0700") }

func (r *Report) at(ns int64) time.Time {
	return time.Unix(0, ns).In(time.FixedZone("", r.zoneS))
}
