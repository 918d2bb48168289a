package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// Bounds of what the text shows; JSON has all.
const (
	maxFindings = 20
	maxValues   = 12
	maxFacts    = 10
	maxDiffText = 300 // characters of a value or a message
)

// WriteJSON prints the difference as one indented JSON document.
func (d *Diff) WriteJSON(w io.Writer) error {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return fmt.Errorf("print the difference: %w", err)
	}
	return write(w, report.EscapeInvisible(out.Bytes()))
}

// WriteText prints the difference for people: first how the status changed, then what was audited differently, then each check with
// what differs in its findings, then the facts.
func (d *Diff) WriteText(w io.Writer) error {
	var p printer
	p.line(0, "%s: %s (%s) -> %s (%s)", d.Integration, d.Old.Status, d.Old.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"), d.New.Status, d.New.FinishedAt.UTC().Format("2006-01-02 15:04 UTC"))
	if len(d.Context) > 0 {
		p.line(0, "Audited differently:")
		p.values(1, d.Context, len(d.Context))
	}
	for _, check := range d.Checks {
		switch check.Change {
		case Added:
			p.line(0, "%s: new, %s", check.ID, words(check.NewOutcome))
		case Removed:
			p.line(0, "%s: no longer judged, was %s", check.ID, words(check.OldOutcome))
		default:
			p.line(0, "%s: %s", check.ID, arrow(check.OldOutcome, check.NewOutcome))
		}
		for _, reason := range check.Why {
			p.line(1, "%s", reason)
		}
		for _, finding := range check.Findings[:min(len(check.Findings), maxFindings)] {
			p.finding(finding)
		}
		if more := len(check.Findings) - maxFindings; more > 0 {
			p.line(1, "and %d more findings: see the difference as JSON", more)
		}
	}
	for _, kind := range d.Facts {
		p.line(0, "Facts of %s: %d added, %d removed, %d changed", kind.Kind, kind.Added, kind.Removed, len(kind.Changes))
		for _, change := range kind.Changes[:min(len(kind.Changes), maxFacts)] {
			p.line(1, "~ %s", text(change.Same))
			p.values(2, change.Values, maxValues)
		}
		if more := len(kind.Changes) - maxFacts; more > 0 {
			p.line(1, "and %d more changed: see the difference as JSON", more)
		}
		for _, sample := range kind.Samples {
			p.line(1, "%s %s", map[string]string{Added: "+", Removed: "-"}[sample.Change], text(sample.Fact))
		}
	}
	if len(d.Checks) == 0 {
		p.line(0, "No check changed.")
	}
	return write(w, p.out.Bytes())
}

// Summary names what changed, a line each, the outcomes first: the status, checks, and what was audited differently.
func (d *Diff) Summary() []string {
	var lines []string
	if d.Old.Status != d.New.Status {
		lines = append(lines, fmt.Sprintf("%s became %s", d.Old.Status, d.New.Status))
	}
	absent := 0
	for _, check := range d.Checks {
		switch {
		case check.Change == Removed:
			absent++
		case check.Change == Added:
			lines = append(lines, fmt.Sprintf("%s is new, %s", report.Plain(check.ID), words(check.NewOutcome)))
		case check.OldOutcome != check.NewOutcome:
			lines = append(lines, fmt.Sprintf("%s was %s and is %s", report.Plain(check.ID), words(check.OldOutcome), words(check.NewOutcome)))
		default:
			lines = append(lines, fmt.Sprintf("%s is %s with other findings", report.Plain(check.ID), words(check.NewOutcome)))
		}
	}
	if absent > 0 {
		lines = append(lines, fmt.Sprintf("%d checks of that report are not part of this audit", absent))
	}
	for _, value := range d.Context {
		lines = append(lines, shorten(report.Plain(value.Name), maxDiffText)+" differs")
	}
	return lines
}

type printer struct {
	out bytes.Buffer
}

// line prints one line, each of whose arguments is made safe and short.
func (p *printer) line(indent int, format string, args ...any) {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = shorten(report.Plain(s), maxDiffText+1)
		}
	}
	fmt.Fprintf(&p.out, "%s%s\n", strings.Repeat("  ", indent), fmt.Sprintf(format, args...))
}

func (p *printer) finding(f FindingChange) {
	sign := map[string]string{Added: "+", Removed: "-", Changed: "~"}[f.Change]
	format, args := sign+" ", []any{}
	if f.Environment != "" {
		format, args = format+"%s: ", append(args, f.Environment)
	}
	format, args = format+"%s: %s", append(args, arrow(f.OldOutcome, f.NewOutcome), f.Message)
	if f.Place != "" {
		format, args = format+" (at %s)", append(args, f.Place)
	}
	p.line(1, format, args...)
	p.values(2, f.Values, maxValues)
}

func (p *printer) values(indent int, values []Value, most int) {
	for _, value := range values[:min(len(values), most)] {
		p.line(indent, "%s: %s -> %s", value.Name, shown(value.Old), shown(value.New))
	}
	if more := len(values) - most; more > 0 {
		p.line(indent, "and %d more values", more)
	}
}

// shown is a value for people: text without quotes, nothing as "none".
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return "none"
	case string:
		if value == "" {
			return "none"
		}
		return value
	}
	return text(value)
}

func arrow(older, newer string) string {
	switch {
	case older == newer || newer == "":
		return words(older)
	case older == "":
		return words(newer)
	}
	return words(older) + " -> " + words(newer)
}

func words(outcome string) string { return strings.ReplaceAll(outcome, "_", " ") }

func write(w io.Writer, out []byte) error {
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("write the difference: %w", err)
	}
	return nil
}
