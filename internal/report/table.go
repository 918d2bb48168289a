package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/fatih/color"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// What the table shows of long lists, and how wide it gets. The whole is in the json format.
const (
	pipeWidth   = 80  // columns where there is no terminal
	leastWidth  = 48  // below this, lines overflow
	mostWidth   = 140 // longer lines are hard to read
	mostGroups  = 5   // different messages of one check
	mostPlaces  = 3   // places of one message
	mostSent    = 10  // synthetic events
	mostSkipped = 10
	mostMessage = 600 // columns of one message
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
	if expired := v.expired(); expired != "" {
		t.text("", expired)
	}
	t.text("", "Checks: "+v.counts()+".")
	t.line(t.colored(statusOutcome(v.Report), v.Status()))
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
		t.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"), t.FinishedAt.Sub(t.StartedAt).Round(time.Second)))
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
		if check.Remediation != "" {
			lines = append(lines, wrap(terminal(check.Remediation), rows.room, "Fix: ")...)
		}
		rows.add(check.Outcome, lines)
	}
	rows.write()
}

// aboutLevel is the severity of a required check, and that a recommended one is no more than that.
func aboutLevel(check audit.Check) string {
	if check.Level == audit.Required {
		return check.Severity
	}
	return check.Level + ", " + check.Severity
}

// findings are the lines that tell what a check found, less what passed or does not apply when there is worse.
func (t *table) findings(check audit.Check, room int) []string {
	worth := groups(slices.DeleteFunc(slices.Clone(check.Findings), func(f audit.Finding) bool {
		return (f.Outcome == audit.Pass || f.Outcome == audit.NotApplicable) && f.Outcome != check.Outcome
	}))
	shown := worth[:min(len(worth), mostGroups)]
	var lines []string
	for _, g := range shown {
		lines = append(lines, wrap(t.said(check, g), room, "- ")...)
		places := g.places()
		for _, p := range places[:min(len(places), mostPlaces)] {
			lines = append(lines, wrap("at "+terminal(p.String()), room, "  ")...)
		}
		if more := len(places) - mostPlaces; more > 0 {
			lines = append(lines, wrap(andMore(more, "place"), room, "  ")...)
		}
	}
	hidden := 0
	for _, g := range worth[len(shown):] {
		hidden += len(g.Findings)
	}
	if hidden > 0 {
		lines = append(lines, wrap(andMore(hidden, "finding"), room, "- ")...)
	}
	return lines
}

func andMore(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("and %d more %s: see -o json", n, what)
}

// said is the message of a group after its environments and, where it differs from the check's, its outcome.
func (t *table) said(check audit.Check, g group) string {
	var b strings.Builder
	if len(g.Environments) > 0 {
		b.WriteString(strings.Join(g.Environments, " and ") + ": ")
	}
	if g.Outcome != check.Outcome {
		b.WriteString(label(g.Outcome) + ": ")
	}
	if g.Basis != audit.Observed {
		b.WriteString(g.Basis + ": ")
	}
	b.WriteString(g.Message)
	if g.Waiver != nil {
		b.WriteString(" " + waiverText(g))
	}
	return clip(terminal(b.String()), mostMessage)
}

// waiverText says what a waiver accepts, for how long and on whose word.
func waiverText(g group) string {
	raw := ""
	if first := g.Findings[0]; first.RawOutcome != nil {
		raw = "else " + label(*first.RawOutcome) + "; "
	}
	return fmt.Sprintf("(%swaived until %s: %s; owner %s, approved by %s)", raw, g.Waiver.Expires, g.Waiver.Reason, g.Waiver.Owner, g.Waiver.ApprovedBy)
}

func (t *table) otherChecks() {
	checks := t.others()
	if len(checks) == 0 {
		return
	}
	rows := newRows(t, tw.Off, "Outcome", "The rest")
	for _, check := range checks {
		lines := wrap(terminal(check.ID)+": "+terminal(check.Title), rows.room, "")
		attested := slices.ContainsFunc(check.Findings, func(f audit.Finding) bool { return f.Basis == audit.Attested })
		if check.Outcome == audit.Warn || check.Outcome == audit.Waived || attested {
			lines = append(lines, t.findings(check, rows.room)...)
		}
		if check.Outcome == audit.Warn && check.Remediation != "" {
			lines = append(lines, wrap(terminal(check.Remediation), rows.room, "Fix: ")...)
		}
		rows.add(check.Outcome, lines)
	}
	rows.write()
}

func (t *table) scope() {
	t.line("Scope")
	s := t.Scope
	for _, environment := range slices.Sorted(maps.Keys(s.Probing)) {
		t.text("  ", fmt.Sprintf("%s: probing %s, %s sent to the receiver", environment, s.Probing[environment], count(s.Requests[environment], "request")))
	}
	for _, override := range s.Overrides {
		t.text("  ", fmt.Sprintf("override: %s = %s", override.Setting, override.Value))
	}
	for _, repository := range s.Repositories {
		head := ""
		if repository.Head != "" {
			head = " at " + short(repository.Head)
		}
		t.text("  ", fmt.Sprintf("repository: %s%s, %s", repository.Path, head, count(repository.Objects, "object")))
	}
	for _, key := range s.Keys {
		t.text("  ", fmt.Sprintf("key: %s %s from %s, %s", key.Environment, key.Role, key.Source, key.Fingerprint))
	}
	for _, skipped := range s.Skipped[:min(len(s.Skipped), mostSkipped)] {
		where := ""
		if skipped.Environment != "" {
			where = " in " + skipped.Environment
		}
		t.text("  ", fmt.Sprintf("not looked at: %s%s: %s", skipped.What, where, skipped.Reason))
	}
	if more := len(s.Skipped) - mostSkipped; more > 0 {
		t.text("  ", "not looked at: "+andMore(more, "thing"))
	}
	if len(s.Sent) > 0 {
		t.text("  ", fmt.Sprintf("%s taken by the receivers, to be purged:", count(len(s.Sent), "synthetic event was", "synthetic events were")))
		for _, sent := range s.Sent[:min(len(s.Sent), mostSent)] {
			t.text("    ", fmt.Sprintf("%s %s %s %s", sent.Environment, sent.UID, sent.EventType, sent.At.UTC().Format(time.RFC3339)))
		}
		if more := len(s.Sent) - mostSent; more > 0 {
			t.text("    ", andMore(more, "event"))
		}
	}
	t.text("  ", "valid until: "+t.ValidUntil.String())
	t.line("")
}

// count is a number with its noun, such as "1 request" or "2 requests"; an irregular plural comes second.
func count(n int, noun ...string) string {
	switch {
	case n == 1:
		return "1 " + noun[0]
	case len(noun) > 1:
		return fmt.Sprintf("%d %s", n, noun[1])
	}
	return fmt.Sprintf("%d %ss", n, noun[0])
}

// statusOutcome is the outcome whose colour the status has.
func statusOutcome(r *audit.Report) audit.Outcome {
	switch {
	case r.ExitCode() == 1:
		return audit.Fail
	case !r.Ready:
		return audit.Inconclusive
	case r.Waivers() > 0:
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
