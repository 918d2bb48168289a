package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// What the text formats show of long lists. The whole is in the json format.
const (
	maxGroups  = 5   // different messages of one check
	maxPlaces  = 3   // places of one message
	maxSent    = 50  // synthetic events
	maxSkipped = 10  // things that were not checked
	maxMessage = 600 // columns of one message or one line of a remediation
	maxBlocks  = 40  // of a remediation
	maxTitle   = 300 // columns of a name or a title
)

// group is findings of one check that say the same.
type group struct {
	Outcome      audit.Outcome
	Basis        string
	Message      string
	Waiver       *audit.Waiver
	Environments []string // each once, in the order of the findings; without ""
	Findings     []audit.Finding
}

// groups puts findings together that say the same of different environments and places, in the
// order of their first.
func groups(findings []audit.Finding) []group {
	type key struct {
		outcome        audit.Outcome
		basis, message string
		waiver         audit.Waiver
	}
	at := map[key]int{}
	var out []group
	for _, finding := range findings {
		k := key{outcome: finding.Outcome, basis: finding.Basis, message: finding.Message}
		if finding.Waiver != nil {
			k.waiver = *finding.Waiver
		}
		i, known := at[k]
		if !known {
			i = len(out)
			at[k] = i
			out = append(out, group{Outcome: finding.Outcome, Basis: finding.Basis, Message: finding.Message, Waiver: finding.Waiver})
		}
		g := &out[i]
		g.Findings = append(g.Findings, finding)
		g.Environments = addNew(g.Environments, finding.Environment)
	}
	return out
}

// addNew adds what is not empty and not yet in the list.
func addNew(list []string, one string) []string {
	if one == "" || slices.Contains(list, one) {
		return list
	}
	return append(list, one)
}

// replay is the command that sends the request again of which the first such finding tells.
func replay(found []audit.Finding) string {
	for _, finding := range found {
		if command, is := finding.Evidence["replay"].(string); is {
			return command
		}
	}
	return ""
}

// relevant are the findings that a check is shown with: of one that does not pass, not those that
// do.
func relevant(check audit.Check) []audit.Finding {
	return slices.DeleteFunc(slices.Clone(check.Findings), func(f audit.Finding) bool {
		return (f.Outcome == audit.Pass || f.Outcome == audit.NotApplicable) && f.Outcome != check.Outcome
	})
}

// headline is the message of a group, after its environments where it does not name them itself.
func headline(g group) string {
	message := orElse(g.Message, "(no message)")
	lower := strings.ToLower(message)
	if slices.ContainsFunc(g.Environments, func(e string) bool { return !strings.Contains(lower, strings.ToLower(e)) }) {
		message = capital(strings.Join(g.Environments, " and ")) + ": " + message
	}
	if g.Basis == audit.Attested && !strings.HasPrefix(lower, audit.Attested) {
		message = "attested: " + message
	}
	if g.Waiver != nil {
		message += " (" + waiverText(g) + ")"
	}
	return capital(message)
}

// capital is text that begins with a capital letter, as a headline does.
func capital(text string) string {
	if text != "" && 'a' <= text[0] && text[0] <= 'z' && !strings.ContainsAny(strings.SplitN(text, " ", 2)[0], "./@_=") {
		return strings.ToUpper(text[:1]) + text[1:]
	}
	return text
}

// waiverText says what a waiver accepts, until when and who answers for it.
func waiverText(g group) string {
	raw := ""
	if first := g.Findings[0]; first.RawOutcome != nil {
		raw = "otherwise " + label(*first.RawOutcome) + "; "
	}
	return fmt.Sprintf("%swaived until %s: %s; owner %s, approved by %s", raw, g.Waiver.Expires, g.Waiver.Reason, g.Waiver.Owner, g.Waiver.ApprovedBy)
}

// places are the distinct places of the group's findings, without those that have none or that the
// message names.
func (g group) places() []place {
	seen := map[place]bool{}
	var out []place
	for _, finding := range g.Findings {
		for _, p := range placesOf(finding.Evidence) {
			if !p.isNowhere() && !seen[p] && !p.namedIn(g.Message) {
				out = append(out, p)
			}
			seen[p] = true
		}
	}
	slices.SortFunc(out, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.Root, b.Root), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.String(), b.String()))
	})
	return out
}

// textLine is a line of a list, and how deep it is indented.
type textLine struct {
	level int
	text  string // not yet escaped
}

// findingLines are the headlines of what a check found, each with its places. An outcome that is
// not the check's own is named.
func findingLines(check audit.Check, findings []audit.Finding) []textLine {
	all := groups(findings)
	shown := all[:min(len(all), maxGroups)]
	var lines []textLine
	for _, g := range shown {
		text := headline(g)
		if g.Outcome != check.Outcome {
			text = capital(label(g.Outcome)) + ": " + text
		}
		lines = append(lines, textLine{0, text})
		places := g.places()
		for _, p := range places[:min(len(places), maxPlaces)] {
			lines = append(lines, textLine{1, "at " + p.String()})
		}
		if more := len(places) - maxPlaces; more > 0 {
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

func andMore(n int, what string) string {
	return fmt.Sprintf("and %s: see -o json", count(n, "more "+what))
}

// requirement is the check's id, its title and how much it weighs.
func requirement(check audit.Check) string {
	return fmt.Sprintf("%s: %s (%s)", check.ID, check.Title, weight(check))
}

// weight is the severity of a required check, and that a recommended one is no more than that.
func weight(check audit.Check) string {
	if check.Level == audit.Required {
		return check.Severity
	}
	return check.Level + ", " + check.Severity
}

// section is how the checks of a section came out.
type section struct {
	Name     string
	Checks   []audit.Check // in the report's order
	Attested int
}

// sections are the sections with their checks of some outcomes.
func (v *view) sections(outcomes ...audit.Outcome) []section {
	var out []section
	for _, check := range v.Checks {
		if !slices.Contains(outcomes, check.Outcome) {
			continue
		}
		at := slices.IndexFunc(out, func(s section) bool { return s.Name == check.Section })
		if at < 0 {
			at = len(out)
			out = append(out, section{Name: check.Section})
		}
		out[at].Checks = append(out[at].Checks, check)
		if isAttested(check) {
			out[at].Attested++
		}
	}
	return out
}

// isAttested reports whether a check rests on an attestation.
func isAttested(check audit.Check) bool {
	return slices.ContainsFunc(check.Findings, func(f audit.Finding) bool { return f.Basis == audit.Attested })
}

// attested are the checks that pass by attestation.
func (v *view) attested() []audit.Check {
	return slices.DeleteFunc(v.with(audit.Pass), func(c audit.Check) bool { return !isAttested(c) })
}

// count is a number with its noun, such as "1 request" or "2 requests".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func orElse(text, otherwise string) string {
	if strings.TrimSpace(text) == "" {
		return otherwise
	}
	return text
}
