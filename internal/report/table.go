package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fatih/color"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

const (
	pipeWidth = 80  // columns where nothing else is known
	minWidth  = 48  // below this, lines overflow
	maxWidth  = 140 // longer lines are hard to read
)

// renderTable shows the report to a person: the verdict and what to do next, the checklist, what
// fails, what is not proven by cause, what passes in brief, the scope, and on the last line the
// verdict again, alone.
func renderTable(w io.Writer, v *view) error {
	t := &table{w: w, view: v, width: pipeWidth}
	if v.Width > 0 {
		t.width = min(max(v.Width, minWidth), maxWidth)
	}
	t.verdictLine()
	t.text("", v.subtitle())
	t.text("", "Checks: "+v.counts()+". Valid until "+v.ValidUntil.String()+".")
	for _, caveat := range v.caveats() {
		t.text("", caveat)
	}
	t.steps()
	t.checklist()
	t.findings("Failures", audit.Fail)
	t.notProven()
	t.findings("Warnings", audit.Warn)
	t.findings("Waived", audit.Waived)
	t.passes()
	t.heading("Scope", 0)
	for _, line := range v.scopeLines(v.Verbose) {
		t.item(strings.Repeat("  ", line.level+1), line.text)
	}
	if hidden := v.hidden(); hidden != "" {
		t.text("  ", hidden)
	}
	t.line("")
	t.verdictLine()
	return t.err
}

type table struct {
	*view
	w     io.Writer
	width int
	err   error // the first

	replayed []string // commands that were shown
}

func (t *table) line(text string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, text)
	}
}

// text writes a paragraph after lead.
func (t *table) text(lead, text string) {
	for _, line := range wrap(clip(Plain(text), maxMessage), t.width, lead) {
		t.line(line)
	}
}

// item writes an entry of a list, whose further lines are indented more.
func (t *table) item(indent, text string) {
	for i, line := range wrap(clip(Plain(text), maxMessage), t.width, indent+"  ") {
		if i == 0 {
			line = indent + strings.TrimPrefix(line, indent+"  ")
		}
		t.line(line)
	}
}

// short writes what fits on one line.
func (t *table) short(indent, text string) { t.line(clip(indent+Plain(text), t.width)) }

// replay writes the command that shows what was found, once.
func (t *table) replay(indent string, found []audit.Finding) {
	if command := replay(found); command != "" && !slices.Contains(t.replayed, command) {
		t.replayed = append(t.replayed, command)
		t.text(indent, "$ "+command)
	}
}

// marked writes a paragraph after an outcome, in color.
func (t *table) marked(outcome audit.Outcome, indent, text string) {
	mark := label(outcome)
	for i, line := range wrap(clip(Plain(text), maxMessage), t.width, indent+mark+"  ") {
		if i == 0 {
			line = indent + t.colored(outcome, mark) + line[len(indent)+len(mark):]
		}
		t.line(line)
	}
}

func (t *table) heading(title string, n int) {
	t.line("")
	if n > 0 {
		title = fmt.Sprintf("%s (%d)", title, n)
	}
	t.line(t.bold(title))
}

func (t *table) verdictLine() { t.line(t.colored(t.verdictOutcome(), t.verdict())) }

// steps are the next steps, one line each.
func (t *table) steps() {
	steps := t.nextSteps()
	if len(steps) == 0 {
		return
	}
	t.heading("Next steps", 0)
	for i, step := range steps {
		t.short(fmt.Sprintf("  %d. ", i+1), step)
	}
}

func (t *table) checklist() {
	if len(t.Checklist) == 0 {
		return
	}
	t.heading("Checklist", 0)
	for _, item := range t.Checklist {
		mark := label(item.Outcome)
		lead := "  " + mark + strings.Repeat(" ", len("not applicable")-len(mark)) + fmt.Sprintf("  %d. ", item.Item)
		for i, line := range wrap(clip(Plain(item.Title), maxTitle), t.width, lead) {
			if i == 0 {
				line = "  " + t.colored(item.Outcome, mark) + line[2+len(mark):]
			}
			t.line(line)
		}
	}
}

// findings are the checks of an outcome that calls for something to be done, or was waived: what
// was found is the headline, then where, what is required, and the fix.
func (t *table) findings(title string, outcome audit.Outcome) {
	checks := t.with(outcome)
	if len(checks) == 0 {
		return
	}
	title = fmt.Sprintf("%s (%d)", title, len(checks))
	if outcome == audit.Fail && !t.Verbose {
		title += ", each fix in full: --verbose, or prelaunch explain CHECK"
	}
	t.heading(clip(title, t.width), 0)
	const indent = "    "
	severity := ""
	for _, check := range checks {
		if outcome == audit.Fail && check.Severity != severity && check.ID != survives {
			severity = check.Severity
			t.text("  ", capital(severity))
		}
		found := relevant(check)
		if !t.Verbose { // inconclusive ones are folded by cause
			found = withOutcome(found, outcome)
		}
		for i, line := range findingLines(check, found) {
			switch {
			case i == 0:
				t.marked(outcome, "  ", line.text)
			case line.level == 0 && t.Verbose:
				t.text(indent, line.text)
			case line.level == 0:
				t.short(indent, line.text)
			default:
				t.text(indent+"  ", line.text)
			}
		}
		about := check.ID + ": " + check.Title
		if outcome != audit.Fail || check.ID == survives { // the others stand under their severity
			about = requirement(check)
		}
		if !t.Verbose {
			t.short(indent, about)
			if outcome != audit.Waived {
				t.short(indent, "Fix: "+firstClause(check.Remediation, "see `prelaunch explain "+check.ID+"`")+".")
				t.replay(indent, found)
			}
			continue
		}
		t.text(indent, about)
		if outcome == audit.Waived {
			continue
		}
		t.replay(indent, found)
		for i, line := range layOut(Blocks(check.Remediation), t.width, indent+"     ") {
			if i == 0 {
				line = indent + "Fix: " + strings.TrimPrefix(line, indent+"     ")
			}
			t.line(line)
		}
	}
}

func withOutcome(findings []audit.Finding, outcome audit.Outcome) []audit.Finding {
	var out []audit.Finding
	for _, finding := range findings {
		if finding.Outcome == outcome {
			out = append(out, finding)
		}
	}
	return out
}

// notProven is what is inconclusive, by cause.
func (t *table) notProven() {
	causes := t.causes()
	if len(causes) == 0 {
		return
	}
	t.heading("Not proven, by cause", len(causes))
	for _, c := range causes {
		for i, g := range c.Groups[:min(len(c.Groups), maxGroups)] {
			if i == 0 {
				t.marked(audit.Inconclusive, "  ", headline(g))
			} else {
				t.text("    ", headline(g))
			}
		}
		if more := len(c.Groups) - maxGroups; more > 0 {
			t.text("    ", andMore(more, "message"))
		}
		if len(c.Groups) > 0 {
			t.replay("    ", c.Groups[0].Findings)
		}
		t.text("    ", c.waiting())
		if c.Known != "" {
			t.text("    ", "It fails "+c.Known+", above.")
		}
		t.line("    To settle it:")
		for _, line := range layOut(Blocks(c.step()), t.width, "      ") {
			t.line(line)
		}
		if t.Verbose && len(c.Checks) > maxGroups {
			t.text("    ", "Waiting: "+strings.Join(c.Checks, ", "))
		}
	}
}

// passes are one line a section, or a line a check.
func (t *table) passes() {
	outcomes := []audit.Outcome{audit.Pass, audit.NotApplicable}
	sections := t.sections(outcomes...)
	if len(sections) == 0 {
		return
	}
	t.heading("Passes", t.Summary.Pass)
	for _, s := range sections {
		passed, other := 0, 0
		for _, check := range s.Checks {
			if check.Outcome == audit.Pass {
				passed++
			} else {
				other++
			}
			if t.Verbose {
				t.marked(check.Outcome, "  ", check.ID+": "+check.Title)
			}
		}
		if t.Verbose {
			continue
		}
		total := 0
		for _, check := range t.Checks {
			if check.Section == s.Name {
				total++
			}
		}
		text := fmt.Sprintf("%s: %d of %d", orElse(s.Name, "other"), passed, total)
		if other > 0 {
			text += fmt.Sprintf(", %d not applicable", other)
		}
		if s.Attested > 0 {
			text += fmt.Sprintf(", %d attested", s.Attested)
		}
		t.short("  ", text)
	}
	for _, check := range t.attested() {
		for _, g := range groups(relevant(check)) {
			if g.Basis == audit.Attested {
				t.short("  ", check.ID+": "+headline(g))
			}
		}
	}
}

var outcomeColors = map[audit.Outcome][]color.Attribute{
	audit.Pass: {color.FgGreen}, audit.Fail: {color.FgRed, color.Bold}, audit.Warn: {color.FgYellow},
	audit.Inconclusive: {color.FgMagenta, color.Bold}, audit.NotApplicable: {color.Faint}, audit.Waived: {color.FgCyan},
}

func (t *table) colored(outcome audit.Outcome, text string) string {
	return t.painted(text, outcomeColors[outcome]...)
}

func (t *table) bold(text string) string { return t.painted(text, color.Bold) }

// Paint colors text by an outcome, as the table does.
func Paint(outcome audit.Outcome, text string, colored bool) string {
	return paint(colored, text, outcomeColors[outcome]...)
}

func (t *table) painted(text string, attributes ...color.Attribute) string {
	return paint(t.Color, text, attributes...)
}

func paint(colored bool, text string, attributes ...color.Attribute) string {
	if !colored {
		return text
	}
	c := color.New(attributes...)
	c.EnableColor() // the caller decided; the library would look at the environment
	return c.Sprint(text)
}
