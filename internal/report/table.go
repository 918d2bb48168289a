package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/fatih/color"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

const (
	pipeWidth  = 80  // columns where there is no terminal
	leastWidth = 48  // below this, lines overflow
	mostWidth  = 140 // longer lines are hard to read
)

// renderTable shows the report to a person: the pre-launch items, what fails or is not proven and how to mend it, the rest in
// brief, the scope, and on the last line the status, alone.
func renderTable(w io.Writer, v *view) error {
	t := &table{w: w, view: v, width: pipeWidth}
	if v.Width > 0 {
		t.width = min(max(v.Width, leastWidth), mostWidth)
	}
	t.heading()
	t.checklist()
	t.unprovenChecks()
	t.otherChecks()
	t.scope()
	for _, note := range v.Notes {
		t.text("Note: ", note)
	}
	for _, caveat := range v.caveats() {
		t.text("", caveat)
	}
	t.text("", "Checks: "+v.counts()+".")
	t.line(t.colored(statusOutcome(v.Report), verdict.Status(v.Report)))
	return t.err
}

type table struct {
	*view
	w     io.Writer
	width int
	err   error // the first
}

func (t *table) line(text string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, text)
	}
}

// text writes a paragraph after lead.
func (t *table) text(lead, text string) {
	for _, line := range wrap(terminal(text), t.width, lead) {
		t.line(line)
	}
}

func (t *table) heading() {
	t.text("", fmt.Sprintf("%s audited by %s %s, %s, in %s", t.Integration, t.Tool.Name, t.Tool.Version,
		t.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"), t.duration()))
	t.line("")
}

func (t *table) checklist() {
	rows := newRows(t, tw.Off, "Outcome", "Pre-launch item")
	for _, item := range t.Checklist {
		rows.add(item.Outcome, wrap(terminal(item.Title), rows.room, fmt.Sprintf("%d. ", item.Item)))
	}
	rows.write()
}

func (t *table) unprovenChecks() {
	checks := t.unproven()
	if len(checks) == 0 {
		return
	}
	rows := newRows(t, tw.On, "Outcome", "What fails or is not proven")
	for _, check := range checks {
		lines := wrap(terminal(check.ID)+" ("+terminal(aboutLevel(check))+")", rows.room, "")
		lines = append(lines, wrap(terminal(check.Title), rows.room, "")...)
		lines = append(lines, t.findings(check, rows.room)...)
		lines = append(lines, fix(check, rows.room)...)
		rows.add(check.Outcome, lines)
	}
	rows.write()
}

// findings are the lines that tell what a check found.
func (t *table) findings(check audit.Check, room int) []string {
	var lines []string
	for _, line := range findingLines(check) {
		lead := "- "
		if line.level > 0 {
			lead = "  "
		}
		lines = append(lines, wrap(clip(terminal(line.text), mostMessage), room, lead)...)
	}
	return lines
}

// fix are the lines that tell how to mend what a check found. A list, mostly one item for each server program, is left to explain.
func fix(check audit.Check, room int) []string {
	const first = "Fix: "
	var lines []string
	listed := false
	for i, line := range FixLines(check.Remediation) {
		if line.Item {
			listed = true
			continue
		}
		lead := strings.Repeat(" ", len(first))
		if i == 0 {
			lead = first
		}
		lines = append(lines, wrap(terminal(line.Text), room, lead)...)
	}
	if listed {
		lines = append(lines, wrap("How in each server: prelaunch explain "+terminal(check.ID), room, strings.Repeat(" ", len(first)))...)
	}
	return lines
}

func (t *table) otherChecks() {
	checks := t.others()
	if len(checks) == 0 {
		return
	}
	rows := newRows(t, tw.Off, "Outcome", "The rest")
	for _, check := range checks {
		lines := wrap(terminal(check.ID)+": "+terminal(check.Title), rows.room, "")
		if tellsMore(check) {
			lines = append(lines, t.findings(check, rows.room)...)
		}
		if check.Outcome == audit.Warn {
			lines = append(lines, fix(check, rows.room)...)
		}
		rows.add(check.Outcome, lines)
	}
	rows.write()
}

func (t *table) scope() {
	t.line("Scope")
	for _, line := range t.scopeLines() {
		t.text(strings.Repeat("  ", line.level+1), line.text)
	}
	t.line("")
}

// statusOutcome is the outcome whose colour the status has.
func statusOutcome(r *audit.Report) audit.Outcome {
	switch {
	case verdict.ExitCode(r) == 1:
		return audit.Fail
	case !r.Ready:
		return audit.Inconclusive
	case verdict.Waivers(r) > 0:
		return audit.Waived
	}
	return audit.Pass
}

var outcomeColors = map[audit.Outcome][]color.Attribute{
	audit.Pass: {color.FgGreen}, audit.Fail: {color.FgRed, color.Bold}, audit.Warn: {color.FgYellow},
	audit.Inconclusive: {color.FgMagenta, color.Bold}, audit.NotApplicable: {color.Faint}, audit.Waived: {color.FgCyan},
}

func (t *table) colored(outcome audit.Outcome, text string) string {
	if !t.Color {
		return text
	}
	c := color.New(outcomeColors[outcome]...)
	c.EnableColor() // the caller decided; the library would look at the environment
	return c.Sprint(text)
}

// rows is a table of two columns: an outcome, the only cell with colour, and lines that were wrapped to fit the other.
type rows struct {
	table *table
	out   *tablewriter.Table
	room  int // columns of a line
}

// statusWidth is as wide as the longest outcome, "not applicable".
const statusWidth = 14

// newRows starts a table, with lines between its rows or without.
func newRows(t *table, between tw.State, header ...string) *rows {
	const frame = 7 // "| " + " | " + " |"
	room := t.width - statusWidth - frame
	symbols := tw.NewSymbols(tw.StyleLight)
	if t.Width == 0 {
		symbols = tw.NewSymbols(tw.StyleASCII)
	}
	out := tablewriter.NewTable(t.w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{Symbols: symbols, Settings: tw.Settings{Separators: tw.Separators{BetweenRows: between}}})),
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithHeaderAlignment(tw.AlignLeft), tablewriter.WithRowAlignment(tw.AlignLeft),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone), tablewriter.WithRowAutoWrap(tw.WrapNone), // its own overflows on a long word
		tablewriter.WithEastAsian(tw.Off), // or widths depend on the environment
		tablewriter.WithTrimSpace(tw.Off), tablewriter.WithTrimLine(tw.Off))
	r := &rows{table: t, out: out, room: room}
	out.Header(header[0], padTo(header[1], room))
	return r
}

// padTo fills up text with spaces, so that all tables are as wide as each other.
func padTo(text string, width int) string {
	return text + strings.Repeat(" ", max(width-displaywidth.String(text), 0))
}

func (r *rows) add(outcome audit.Outcome, lines []string) {
	if r.table.err == nil {
		r.table.err = r.out.Append([]string{r.table.colored(outcome, padTo(label(outcome), statusWidth)), strings.Join(lines, "\n")})
	}
}

func (r *rows) write() {
	if r.table.err == nil {
		r.table.err = r.out.Render()
	}
	r.table.line("")
}
