package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

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
