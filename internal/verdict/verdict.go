// Package verdict makes the report of what the policies said: it gives findings their identity, applies levels and waivers, and sums up.
package verdict

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Judgment is what the policies made of a document.
type Judgment struct {
	Checks       []audit.CheckInfo          // those that were judged, in the order of the report
	Verdicts     map[string][]audit.Verdict // by check id
	PolicyDigest string
	Partial      bool // required checks were left out
}

// Assemble makes the report: it gives every finding its identity, applies levels and waivers, and sums up. A check without a
// verdict is inconclusive, and so is a per-environment check for the environment about which it says nothing.
func Assemble(doc *audit.Document, factsDigest string, judgement Judgment, checklist []string) *audit.Report {
	report := &audit.Report{
		Schema: audit.ReportSchema, Tool: doc.Tool, Integration: doc.Integration.Name, Provider: doc.Integration.Provider, ProbedBy: doc.ProbedBy,
		StartedAt: doc.StartedAt, FinishedAt: doc.FinishedAt,
		Partial: judgement.Partial || doc.CutShort || doc.Integration.LeftOut != nil, CutShort: doc.CutShort,
		LeftOpen: leftOpen(doc.Integration.LeftOut, judgement.Checks),
		Checks:   []audit.Check{}, Checklist: []audit.ChecklistItem{}, Notes: []string{}, Scope: doc.Scope,
		PolicyDigest: judgement.PolicyDigest, FactsDigest: factsDigest, ConfigDigest: doc.ConfigDigest,
	}
	if doc.Integration.ProviderProfile != "" {
		report.Profile = &doc.Profile
	}
	today := audit.NewDate(doc.FinishedAt)
	for _, info := range judgement.Checks {
		if report.LeftOpen != nil && slices.Contains(report.LeftOpen.Checks, info.ID) {
			continue
		}
		report.Checks = append(report.Checks, assembleCheck(doc, info, judgement.Verdicts[info.ID], today))
	}
	for _, waiver := range doc.Integration.Waivers {
		if waiver.Expires.Before(today) {
			report.Notes = append(report.Notes, fmt.Sprintf("the waiver of %s%s expired on %s and no longer waives anything; its owner is %s",
				waiver.Check, inEnvironment(waiver.Environment), waiver.Expires, waiver.Owner))
		}
	}
	sumUp(report, checklist, today)
	return report
}

// leftOpen is what an audit of one environment leaves open, nil for one of all: checks that compare environments, those of another
// environment, and those that read what is declared for others only.
func leftOpen(out *audit.LeftOut, checks []audit.CheckInfo) *audit.LeftOpen {
	if out == nil {
		return nil
	}
	open := &audit.LeftOpen{Environments: out.Environments, Checks: []string{}}
	for _, info := range checks {
		if info.Compares || slices.Contains(out.Environments, info.Environment) || readsOnly(info, out.Sections) {
			open.Checks = append(open.Checks, info.ID)
		}
	}
	return open
}

// readsOnly reports whether all facts that a check reads are about one of these sections of the configuration.
func readsOnly(info audit.CheckInfo, sections []string) bool {
	prefixes := map[string]string{"clients": "client.", "logs": "log."}
	return slices.ContainsFunc(sections, func(section string) bool {
		prefix := prefixes[section]
		return prefix != "" && len(info.Facts) > 0 && !slices.ContainsFunc(info.Facts, func(kind string) bool { return !strings.HasPrefix(kind, prefix) })
	})
}

func assembleCheck(doc *audit.Document, info audit.CheckInfo, verdicts []audit.Verdict, today audit.Date) audit.Check {
	check := audit.Check{
		ID: info.ID, Title: info.Title, Section: info.Section, Level: info.Level, Severity: info.Severity,
		Remediation: info.Remediation, CWE: orEmpty(info.CWE), OWASPASVS: orEmpty(info.OWASPASVS), Items: orEmpty(info.Items),
		Findings: []audit.Finding{},
	}
	byID := map[string]int{}
	for _, verdict := range complete(doc, info, verdicts) {
		finding := assembleFinding(doc, info, verdict, today)
		if at, double := byID[finding.ID]; double {
			if finding.Outcome.Worse(check.Findings[at].Outcome) {
				check.Findings[at] = finding
			}
			continue
		}
		byID[finding.ID] = len(check.Findings)
		check.Findings = append(check.Findings, finding)
	}
	slices.SortStableFunc(check.Findings, func(a, b audit.Finding) int {
		return cmp.Or(
			b.Outcome.Compare(a.Outcome),
			cmp.Compare(environmentOrder(doc, a.Environment), environmentOrder(doc, b.Environment)),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.ID, b.ID))
	})
	outcomes := make([]audit.Outcome, len(check.Findings))
	for i, finding := range check.Findings {
		outcomes[i] = finding.Outcome
	}
	check.Outcome = audit.Worst(outcomes...)
	return check
}

// orEmpty is the list, or an empty one: reports hold no nulls.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// complete adds an inconclusive verdict wherever the policy said nothing.
func complete(doc *audit.Document, info audit.CheckInfo, verdicts []audit.Verdict) []audit.Verdict {
	silent := func(environment string) audit.Verdict {
		return audit.Verdict{Environment: environment, Subject: "nothing was said", Basis: audit.Observed, Message: whySilent(doc, info),
			Evidence: map[string]any{"reason": "not_decided"}}
	}
	if !info.PerEnvironment {
		if len(verdicts) == 0 {
			return []audit.Verdict{silent("")}
		}
		return verdicts
	}
	for _, environment := range doc.Integration.Environments {
		covered := slices.ContainsFunc(verdicts, func(v audit.Verdict) bool { return v.Environment == environment.Name || v.Environment == "" })
		if !covered {
			verdicts = append(verdicts, silent(environment.Name))
		}
	}
	if len(verdicts) == 0 {
		return []audit.Verdict{silent("")}
	}
	return verdicts
}

func whySilent(doc *audit.Document, info audit.CheckInfo) string {
	for _, probe := range doc.Probes {
		reads := slices.ContainsFunc(probe.Kinds, func(kind string) bool { return slices.Contains(info.Facts, kind) })
		if reads && probe.State != audit.ProbeComplete {
			if probe.Reason != "" {
				return "not checked: " + probe.Reason
			}
			return fmt.Sprintf("not checked: the %s probe is %s", probe.Name, strings.ReplaceAll(probe.State, "_", " "))
		}
	}
	for _, kind := range info.Facts {
		known := slices.ContainsFunc(doc.Probes, func(p audit.ProbeStatus) bool { return slices.Contains(p.Kinds, kind) })
		if !known {
			return fmt.Sprintf("not checked: these facts hold no %s", kind)
		}
	}
	return "what was observed does not decide this check"
}

// environmentOrder puts findings of the integration as a whole first.
func environmentOrder(doc *audit.Document, name string) int {
	return slices.IndexFunc(doc.Integration.Environments, func(e audit.Environment) bool { return e.Name == name })
}

func assembleFinding(doc *audit.Document, info audit.CheckInfo, verdict audit.Verdict, today audit.Date) audit.Finding {
	finding := audit.Finding{
		ID:          fingerprint("finding", info.ID, doc.Integration.Name, verdict.Environment, verdict.Subject),
		Scope:       ScopeOf(info.ID, doc.Integration.Name, verdict.Environment, verdict.Target),
		Outcome:     verdict.Outcome,
		Environment: verdict.Environment, Basis: verdict.Basis, Message: verdict.Message, Evidence: verdict.Evidence,
		ValidUntil: verdict.ValidUntil, NextStep: verdict.NextStep, Cause: verdict.Cause,
	}
	if finding.Evidence == nil {
		finding.Evidence = map[string]any{}
	}
	if finding.Basis == "" {
		finding.Basis = audit.Observed
	}
	if info.Level != audit.Required && finding.Outcome == audit.Fail {
		finding.Outcome = audit.Warn
	}
	if finding.Outcome == audit.Pass || finding.Outcome == audit.NotApplicable { // nothing is left to do; a report is held to it
		finding.NextStep, finding.Cause = "", ""
	}
	if finding.Outcome != audit.Fail && finding.Outcome != audit.Inconclusive {
		return finding
	}
	for _, waiver := range doc.Integration.Waivers {
		if waiver.Check != info.ID || (waiver.Finding != "" && waiver.Finding != finding.ID) || (waiver.Environment != "" && waiver.Environment != finding.Environment) {
			continue
		}
		if waiver.Expires.Before(today) {
			finding.Evidence["expired_waiver"] = map[string]any{"owner": waiver.Owner, "approved_by": waiver.ApprovedBy, "expires": waiver.Expires.String()}
			continue
		}
		raw := finding.Outcome
		finding.RawOutcome, finding.Outcome, finding.Waiver = &raw, audit.Waived, &waiver
		break
	}
	return finding
}

// ScopeOf is the Scope of findings about that target. The scope of an empty target is the check's in that environment as a whole: a
// finding that nothing was checked has it.
func ScopeOf(check, integration, environment, target string) string {
	return fingerprint("scope", check, integration, environment, target)
}

// fingerprint is 16 hex digits that depend on the parts and nothing else.
func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func sumUp(r *audit.Report, checklist []string, today audit.Date) {
	r.ValidUntil = today.AddDays(audit.MaxValidity)
	rest := func(until audit.Date) {
		if !until.IsZero() && until.Before(r.ValidUntil) {
			r.ValidUntil = until
		}
	}
	for _, empty := range r.Scope.DeclaredEmpty {
		if !empty.Expires.Before(today) { // an expired declaration is judged as such
			rest(empty.Expires)
		}
	}
	for _, check := range r.Checks {
		switch check.Outcome {
		case audit.Pass:
			r.Summary.Pass++
		case audit.Fail:
			r.Summary.Fail++
		case audit.Warn:
			r.Summary.Warn++
		case audit.Inconclusive:
			r.Summary.Inconclusive++
		case audit.NotApplicable:
			r.Summary.NotApplicable++
		case audit.Waived:
			r.Summary.Waived++
		}
		for _, finding := range check.Findings {
			rest(finding.ValidUntil)
			if finding.Waiver != nil {
				rest(finding.Waiver.Expires)
			}
		}
	}
	for i, title := range checklist {
		item := audit.ChecklistItem{Item: i + 1, Title: title, Checks: []string{}}
		var outcomes []audit.Outcome
		for _, level := range []string{audit.Required, audit.Recommended} {
			if len(outcomes) > 0 {
				break // an item that is only recommended shows how that stands
			}
			for _, check := range r.Checks {
				if check.Level == level && slices.Contains(check.Items, item.Item) {
					item.Checks = append(item.Checks, check.ID)
					outcomes = append(outcomes, check.Outcome)
				}
			}
		}
		if len(outcomes) == 0 && r.Partial {
			continue // its checks were left out
		}
		item.Outcome = audit.Worst(outcomes...)
		r.Checklist = append(r.Checklist, item)
	}
	r.Ready = !r.Partial && ExitCode(r) == 0 && slices.ContainsFunc(r.Checks, func(c audit.Check) bool { return c.Level == audit.Required })
}

// Waivers counts the distinct waivers that are in use.
func Waivers(r *audit.Report) int {
	used := map[audit.Waiver]bool{}
	for _, check := range r.Checks {
		for _, finding := range check.Findings {
			if finding.Waiver != nil && check.Level == audit.Required {
				used[*finding.Waiver] = true
			}
		}
	}
	return len(used)
}

// Status is the report in a few words, as the first and last line of the table say it: "READY WITH 2 WAIVERS, 1 section declared
// empty". A partial report tells how many required checks failed.
func Status(r *audit.Report) string {
	waivers, failed, empty := Waivers(r), 0, len(r.Scope.DeclaredEmpty)
	for _, check := range r.Checks {
		if check.Level == audit.Required && check.Outcome == audit.Fail {
			failed++
		}
	}
	status := "READY"
	switch {
	case r.Partial && failed > 0:
		status = fmt.Sprintf("PARTIAL, %d failed", failed)
	case r.Partial:
		status = "PARTIAL"
	case ExitCode(r) == 1:
		status = "NOT READY"
	case !r.Ready:
		status = "NOT PROVEN"
	case waivers == 1:
		status = "READY WITH 1 WAIVER"
	case waivers > 1:
		status = fmt.Sprintf("READY WITH %d WAIVERS", waivers)
	}
	switch {
	case !r.Ready: // what is declared empty is not what keeps it from being ready
	case empty == 1:
		status += ", 1 section declared empty"
	case empty > 1:
		status += fmt.Sprintf(", %d sections declared empty", empty)
	}
	return status
}

func inEnvironment(name string) string {
	if name == "" {
		return ""
	}
	return " in " + name
}

// Expired reports whether the report can no longer be relied on at that time. What expires on a day, a waiver say, holds on that day.
func Expired(r *audit.Report, now time.Time) bool { return r.ValidUntil.Before(audit.NewDate(now)) }

// ExitCode is the exit status that a report stands for: 0 ready, 1 a required check fails, 2 cut short, 3 nothing fails but something is
// not proven.
func ExitCode(r *audit.Report) int {
	if r.CutShort {
		return 2
	}
	worst := audit.NotApplicable
	for _, check := range r.Checks {
		if check.Level == audit.Required && check.Outcome.Worse(worst) {
			worst = check.Outcome
		}
	}
	switch worst {
	case audit.Fail:
		return 1
	case audit.Inconclusive:
		return 3
	}
	return 0
}
