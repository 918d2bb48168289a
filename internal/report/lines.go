package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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

// cause is what findings wait for that are inconclusive for the same reason.
type cause struct {
	Groups   []group  // of findings that say what the cause is; one, unless environments or checks say it differently
	Checks   []string // ids of the checks that wait for it, each once
	NextStep string   // settles it
	Known    string   // the check that fails for this very cause; "": none does
	severity int
	attest   bool // nothing but an attestation is missing
}

// causes folds what is inconclusive, the cause for which most checks wait first. Findings without a
// cause of their own are folded where the same next step settles them.
func (v *view) causes() []*cause {
	byKey := map[string]*cause{}
	var order []*cause
	heads := map[*cause][]audit.Finding{}
	for _, check := range v.with(audit.Inconclusive) {
		order = fold(byKey, order, heads, check)
	}
	for _, check := range v.Checks {
		if check.Outcome != audit.Inconclusive && v.severeEnough(check) {
			order = fold(byKey, order, heads, check)
		}
	}
	for _, check := range v.Checks { // the finding that is the cause says what it is, whatever its outcome
		for _, finding := range check.Findings {
			c := byKey[finding.Cause]
			if is, _ := finding.Evidence["is_cause"].(bool); c == nil || finding.Cause == "" || !is {
				continue
			}
			if only := heads[c]; len(only) == 0 || only[0].Evidence["is_cause"] != true {
				heads[c] = nil
			}
			heads[c] = append(heads[c], finding)
			c.NextStep = cmp.Or(finding.NextStep, c.NextStep)
			if finding.Outcome == audit.Fail {
				c.Known = check.ID
			}
		}
	}
	for _, c := range order {
		c.Groups = groups(heads[c])
	}
	order = merge(order)
	slices.SortStableFunc(order, func(a, b *cause) int {
		return cmp.Or(cmp.Compare(len(b.Checks), len(a.Checks)), cmp.Compare(a.severity, b.severity))
	})
	return order
}

// merge puts causes together for which the same checks wait and that the same step settles, such as
// two receivers that are down, and those that attestations settle, which one person writes at once.
func merge(causes []*cause) []*cause {
	var out []*cause
	for _, c := range causes {
		at := slices.IndexFunc(out, func(o *cause) bool {
			return o.attest && c.attest || o.step() == c.step() && slices.Equal(o.Checks, c.Checks)
		})
		if at < 0 {
			out = append(out, c)
			continue
		}
		o := out[at]
		o.Groups = append(o.Groups, c.Groups...)
		if c.attest {
			o.NextStep = joinAttestations(o.step(), c.step())
			o.severity = min(o.severity, c.severity)
			for _, id := range c.Checks {
				o.Checks = addNew(o.Checks, id)
			}
		}
	}
	return out
}

// attestations begins the list of them in a next step.
const attestations = ":\nattestations:\n"

// joinAttestations makes one next step of two that each end with a list of attestations to paste.
func joinAttestations(a, b string) string {
	sentence, entries, _ := strings.Cut(a, attestations)
	further, more, _ := strings.Cut(b, attestations)
	first := min(1, len(further))
	return sentence + "; " + strings.ToLower(further[:first]) + further[first:] + attestations + entries + "\n" + more
}

// fold adds the inconclusive findings of a check to the causes.
func fold(byKey map[string]*cause, order []*cause, heads map[*cause][]audit.Finding, check audit.Check) []*cause {
	for _, finding := range check.Findings {
		if finding.Outcome != audit.Inconclusive {
			continue
		}
		key := cmp.Or(finding.Cause, finding.NextStep, check.ID)
		c := byKey[key]
		if c == nil {
			c = &cause{severity: len(severities), attest: strings.HasPrefix(key, "attestation.") && strings.Contains(finding.NextStep, attestations)}
			byKey[key] = c
			order = append(order, c)
		}
		if at := slices.Index(severities, check.Severity); at >= 0 {
			c.severity = min(c.severity, at)
		}
		c.Checks = addNew(c.Checks, check.ID)
		c.NextStep = cmp.Or(c.NextStep, finding.NextStep)
		// Without a finding that is the cause, the first check speaks for all of the key; what
		// shares a next step only speaks for itself.
		if finding.Cause == "" || len(c.Checks) == 1 {
			heads[c] = append(heads[c], finding)
		}
	}
	return order
}

// step is what settles the cause: its next step, else where to read on. The remedy of a failure
// that nobody observed is never shown.
func (c *cause) step() string {
	if c.Known != "" && c.NextStep == "" {
		return "Fix " + c.Known + " first."
	}
	return orElse(c.NextStep, "`prelaunch explain "+c.Checks[0]+"` says what this check needs to see.")
}

// nextStep is what settles what is inconclusive about a check, as step says it of a cause.
func nextStep(check audit.Check) string {
	for _, finding := range check.Findings {
		if finding.Outcome == audit.Inconclusive && finding.NextStep != "" {
			return finding.NextStep
		}
	}
	return (&cause{Checks: []string{check.ID}}).step()
}

// waiting says which checks wait, those of one section in one word where there are many.
func (c *cause) waiting() string {
	if len(c.Checks) == 1 {
		return "1 check is waiting for it: " + c.Checks[0]
	}
	names := c.Checks
	if len(names) > maxGroups {
		bySection := map[string]int{}
		names = nil
		for _, id := range c.Checks {
			section, _, _ := strings.Cut(id, ".")
			names = addNew(names, section)
			bySection[section]++
		}
		for i, section := range names {
			names[i] = fmt.Sprintf("%s.* (%d)", section, bySection[section])
		}
	}
	return fmt.Sprintf("%d checks are waiting for it: %s", len(c.Checks), strings.Join(names, ", "))
}

// maxSteps is how many next steps are shown.
const maxSteps = 5

// nextSteps are what to do first, one line each: a receiver that stops responding, then what
// several checks wait for, then failures by severity, then what one check waits for.
func (v *view) nextSteps() []string {
	var first, causes, failures, rest []string
	for _, check := range v.with(audit.Fail) {
		step := check.ID + ": " + firstClause(check.Remediation, "see `prelaunch explain "+check.ID+"`")
		if check.ID == survives {
			first = append(first, step)
		} else {
			failures = append(failures, step)
		}
	}
	for _, c := range v.causes() {
		step := firstClause(c.step(), "")
		switch {
		case len(c.Checks) > 1:
			causes = append(causes, fmt.Sprintf("%d checks: %s", len(c.Checks), step))
		default:
			rest = append(rest, c.Checks[0]+": "+step)
		}
	}
	steps := slices.Concat(first, causes, failures, rest)
	return steps[:min(len(steps), maxSteps)]
}

// firstSentence is the first sentence of a remediation or a next step, on one line.
func firstSentence(text, otherwise string) string {
	for _, block := range Blocks(text) {
		if block.Code {
			continue
		}
		sentence := block.Text
		if end := strings.Index(sentence, ". "); end > 0 {
			sentence = sentence[:end]
		}
		return strings.TrimRight(sentence, ".:")
	}
	return otherwise
}

// firstClause is the first sentence up to where it begins to explain itself.
func firstClause(text, otherwise string) string {
	clause := firstSentence(text, otherwise)
	for _, end := range []string{": ", "; ", " ("} {
		clause, _, _ = strings.Cut(clause, end)
	}
	return clause
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

// isAttested reports whether a check rests on somebody's word.
func isAttested(check audit.Check) bool {
	return slices.ContainsFunc(check.Findings, func(f audit.Finding) bool { return f.Basis == audit.Attested })
}

// attested are the checks that pass on somebody's word.
func (v *view) attested() []audit.Check {
	return slices.DeleteFunc(v.with(audit.Pass), func(c audit.Check) bool { return !isAttested(c) })
}

// scopeLines say what the audit covered, so that a reader knows what a pass is worth. Long lists
// are folded unless verbose.
func (v *view) scopeLines(verbose bool) []textLine {
	var lines []textLine
	add := func(level int, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if last := len(lines) - 1; last >= 0 && level == 0 && !verbose { // what has the same name is one line
			name, value, _ := strings.Cut(text, ": ")
			if before, _, _ := strings.Cut(lines[last].text, ": "); before == name && (name == "override" || name == "key") {
				lines[last].text += "; " + value
				return
			}
		}
		lines = append(lines, textLine{level, text})
	}
	s := v.Scope
	if by := v.ProbedBy; by != nil && verbose {
		add(0, "probed by: %s on %s with %s %s; facts %s", orElse(by.By, "somebody"), orElse(by.Host, "a machine"), v.Tool.Name, v.Tool.Version, v.FactsDigest)
	}
	if s.Authorized != nil {
		add(0, "authorized: by %s on %s, %s", s.Authorized.By, s.Authorized.On, s.Authorized.Reference)
	}
	for _, environment := range slices.Sorted(maps.Keys(s.Probing)) {
		rate := ""
		if perSecond := s.Rates[environment]; perSecond > 0 {
			rate = fmt.Sprintf(", %.3g a second", perSecond)
		}
		add(0, "%s: probing %s, %s sent to the receiver%s", environment, s.Probing[environment], count(s.Requests[environment], "request"), rate)
	}
	for _, override := range foldOverrides(s.Overrides, verbose) {
		add(0, "override: %s", override)
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
	for _, skipped := range s.Skipped[:min(len(s.Skipped), maxSkipped)] {
		where := ""
		if skipped.Environment != "" {
			where = " in " + skipped.Environment
		}
		add(0, "not checked: %s%s: %s", skipped.What, where, skipped.Reason)
	}
	if more := len(s.Skipped) - maxSkipped; more > 0 {
		add(0, "not checked: %s", andMore(more, "thing"))
	}
	if len(s.Sent) > 0 && !verbose {
		add(0, "to be purged: %s accepted by the receivers", count(len(s.Sent), "synthetic event"))
	} else if len(s.Sent) > 0 {
		add(0, "to be purged: %s accepted by the receivers:", count(len(s.Sent), "synthetic event"))
		for _, sent := range s.Sent[:min(len(s.Sent), maxSent)] {
			add(1, "%s", sentText(sent))
		}
		if more := len(s.Sent) - maxSent; more > 0 {
			add(1, "%s", andMore(more, "event"))
		}
	}
	for _, note := range v.Notes {
		add(0, "note: %s", note)
	}
	return lines
}

func sentText(sent audit.SentEvent) string {
	return fmt.Sprintf("%s %s %s %s", sent.Environment, sent.UID, sent.EventType, sent.At.UTC().Format(time.RFC3339))
}

// foldOverrides are the overrides, those of one setting in one line where there are more than two
// and not all are wanted.
func foldOverrides(overrides []audit.Override, all bool) []string {
	setting := func(o audit.Override) string { return strings.SplitN(o.Setting, " ", 2)[0] }
	n := map[string]int{}
	for _, override := range overrides {
		n[setting(override)]++
	}
	var out []string
	for _, override := range overrides {
		if name := setting(override); n[name] > 2 && !all {
			out = addNew(out, fmt.Sprintf("%s (%d entries)", name, n[name]))
		} else {
			out = append(out, override.Setting+" = "+override.Value)
		}
	}
	return out
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
