package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// What the text formats show of long lists. The whole is in the json format.
const (
	mostGroups  = 5   // different messages of one check
	mostPlaces  = 3   // places of one message
	mostSent    = 10  // synthetic events
	mostSkipped = 10  // things that were not looked at
	mostMessage = 600 // columns of one message or one line of a remediation
	mostFix     = 40  // lines of a remediation
)

// textLine is a line of a list, and how deep it is indented.
type textLine struct {
	level int
	text  string // not yet escaped
}

// findingLines tell what a check found, less what passed or does not apply when there is worse: each message once, and its places.
func findingLines(check audit.Check) []textLine {
	all := groups(worthTelling(check))
	shown := all[:min(len(all), mostGroups)]
	var lines []textLine
	for _, g := range shown {
		lines = append(lines, textLine{0, said(check, g)})
		places := g.places()
		for _, p := range places[:min(len(places), mostPlaces)] {
			lines = append(lines, textLine{1, "at " + p.String()})
		}
		if more := len(places) - mostPlaces; more > 0 {
			lines = append(lines, textLine{1, andMore(more, "place")})
		}
	}
	hidden := 0
	for _, g := range all[len(shown):] {
		hidden += len(g.Findings)
	}
	if hidden > 0 {
		lines = append(lines, textLine{0, andMore(hidden, "finding")})
	}
	return lines
}

// worthTelling are the findings that a check is about: of one that does not pass, not those that do.
func worthTelling(check audit.Check) []audit.Finding {
	return slices.DeleteFunc(slices.Clone(check.Findings), func(f audit.Finding) bool {
		return (f.Outcome == audit.Pass || f.Outcome == audit.NotApplicable) && f.Outcome != check.Outcome
	})
}

// tellsMore reports whether the findings of a check are shown that neither fails nor is inconclusive: a warning, a waiver and
// somebody's word need telling, what was seen to be right does not.
func tellsMore(check audit.Check) bool {
	return check.Outcome == audit.Warn || check.Outcome == audit.Waived ||
		slices.ContainsFunc(check.Findings, func(f audit.Finding) bool { return f.Basis == audit.Attested })
}

func andMore(n int, what string) string {
	return fmt.Sprintf("and %s: see -o json", count(n, "more "+what))
}

// said is the message of a group after its environments and, where it differs from the check's, its outcome.
func said(check audit.Check, g group) string {
	var b strings.Builder
	if len(g.Environments) > 0 {
		b.WriteString(strings.Join(g.Environments, " and ") + ": ")
	}
	if g.Outcome != check.Outcome {
		b.WriteString(label(g.Outcome) + ": ")
	}
	if g.Basis == audit.Attested && !strings.HasPrefix(g.Message, audit.Attested) {
		b.WriteString(g.Basis + ": ")
	}
	b.WriteString(orElse(g.Message, "(no message)"))
	if g.Waiver != nil {
		b.WriteString(" (" + waiverText(g) + ")")
	}
	return b.String()
}

// waiverText says what a waiver accepts, for how long and on whose word.
func waiverText(g group) string {
	raw := ""
	if first := g.Findings[0]; first.RawOutcome != nil {
		raw = "else " + label(*first.RawOutcome) + "; "
	}
	return fmt.Sprintf("%swaived until %s: %s; owner %s, approved by %s", raw, g.Waiver.Expires, g.Waiver.Reason, g.Waiver.Owner, g.Waiver.ApprovedBy)
}

// aboutLevel is the severity of a required check, and that a recommended one is no more than that.
func aboutLevel(check audit.Check) string {
	if check.Level == audit.Required {
		return check.Severity
	}
	return check.Level + ", " + check.Severity
}

// scopeLines tell what the audit covered, so that a reader knows what a pass is worth.
func (v *view) scopeLines() []textLine {
	var lines []textLine
	add := func(level int, format string, args ...any) {
		lines = append(lines, textLine{level, fmt.Sprintf(format, args...)})
	}
	s := v.Scope
	for _, environment := range slices.Sorted(maps.Keys(s.Probing)) {
		add(0, "%s: probing %s, %s sent to the receiver", environment, s.Probing[environment], count(s.Requests[environment], "request"))
	}
	for _, override := range s.Overrides {
		add(0, "override: %s = %s", override.Setting, override.Value)
	}
	for _, repository := range s.Repositories {
		head := ""
		if repository.Head != "" {
			head = " at " + short(repository.Head)
		}
		add(0, "repository: %s%s, %s", repository.Path, head, count(repository.Objects, "object"))
	}
	for _, key := range s.Keys {
		add(0, "key: %s %s from %s, %s", key.Environment, key.Role, key.Source, key.Fingerprint)
	}
	for _, skipped := range s.Skipped[:min(len(s.Skipped), mostSkipped)] {
		where := ""
		if skipped.Environment != "" {
			where = " in " + skipped.Environment
		}
		add(0, "not looked at: %s%s: %s", skipped.What, where, skipped.Reason)
	}
	if more := len(s.Skipped) - mostSkipped; more > 0 {
		add(0, "not looked at: %s", andMore(more, "thing"))
	}
	if len(s.Sent) > 0 {
		add(0, "%s taken by the receivers, to be purged:", count(len(s.Sent), "synthetic event was", "synthetic events were"))
		for _, sent := range s.Sent[:min(len(s.Sent), mostSent)] {
			add(1, "%s %s %s %s", sent.Environment, sent.UID, sent.EventType, sent.At.UTC().Format(time.RFC3339))
		}
		if more := len(s.Sent) - mostSent; more > 0 {
			add(1, "%s", andMore(more, "event"))
		}
	}
	add(0, "valid until: %s", v.ValidUntil)
	return lines
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

// duration is how long the audit took.
func (v *view) duration() time.Duration { return v.FinishedAt.Sub(v.StartedAt).Round(time.Second) }

// FixLine is a line of a remediation: a paragraph, or an item of a list.
type FixLine struct {
	Item bool
	Text string // not yet escaped
}

// FixLines are the lines of a remediation, in which a line that starts with "- " is an item of a list.
func FixLines(remediation string) []FixLine {
	var lines []FixLine
	for _, line := range strings.Split(remediation, "\n") {
		text, item := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if text != "" && len(lines) < mostFix {
			lines = append(lines, FixLine{item, clip(plain(text), mostMessage)})
		}
	}
	return lines
}

// fixText is a remediation in plain text, each line after indent and items after "- ".
func fixText(remediation, indent string) string {
	var b strings.Builder
	for i, line := range FixLines(remediation) {
		if i > 0 {
			b.WriteString("\n" + indent)
		}
		if line.Item {
			b.WriteString("- ")
		}
		b.WriteString(line.Text)
	}
	return b.String()
}

// fixMarkdown is a remediation in Markdown, its paragraphs and lists apart.
func fixMarkdown(remediation string) string {
	var b strings.Builder
	lines := FixLines(remediation)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\n")
			if !line.Item || !lines[i-1].Item {
				b.WriteString("\n")
			}
		}
		if line.Item {
			b.WriteString("- ")
		}
		b.WriteString(markdownText(line.Text))
	}
	return b.String()
}

// caveats are what a reader must know before relying on the report.
func (v *view) caveats() []string {
	var all []string
	if v.CutShort {
		all = append(all, "This audit was cut short: what is missing was not looked at.")
	} else if v.Partial {
		all = append(all, "This audit is partial: required checks were left out.")
	}
	if expired := v.expired(); expired != "" {
		all = append(all, expired)
	}
	return all
}
