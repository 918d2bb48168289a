package report

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// SARIF 2.1.0, in as much of it as a report needs. Every check is a rule and every finding a
// result:
//
//	fail          kind fail, level error
//	warn          kind fail, level warning
//	inconclusive  kind open, or kind review where it rests on an attestation
//	pass, n/a     kind pass, kind notApplicable
//	waived        as what it would have been, with an accepted suppression
//
// Readers that keep only the kind fail, such as DefectDojo, would lose what is not proven: one more
// result of the rule prelaunch.not-proven says so. GitHub code scanning knows neither kinds nor
// suppressions and would raise an alert for each pass. The format code-scanning therefore leaves
// out what calls for nothing to be done, shows what is not proven as a note, and keeps to GitHub's
// limits. GitHub also wants a place in a file for each result: what has none is shown at the line
// of the configuration that declares it.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	AutomationDetails struct {
		ID string `json:"id"` // of this kind of run; GitHub's category
	} `json:"automationDetails"`
	Invocations []sarifInvocation        `json:"invocations"`
	Provenance  []sarifProvenance        `json:"versionControlProvenance,omitempty"`
	BaseIDs     map[string]sarifBaseText `json:"originalUriBaseIds"`
	Results     []sarifResult            `json:"results"`
	ColumnKind  string                   `json:"columnKind"`
	Properties  map[string]any           `json:"properties"`
}

// sarifProvenance is a repository that was searched. Its origin is not known, so a URN names it.
type sarifProvenance struct {
	RepositoryURI string        `json:"repositoryUri"`
	RevisionID    string        `json:"revisionId,omitempty"`
	MappedTo      sarifArtifact `json:"mappedTo"`
}

type sarifArtifact struct {
	URI       string `json:"uri"`
	URIBaseID string `json:"uriBaseId"`
}

type sarifBaseText struct {
	Description sarifText `json:"description"`
}

type sarifDriver struct {
	Name            string      `json:"name"`
	FullName        string      `json:"fullName"`
	Version         string      `json:"version"`
	SemanticVersion string      `json:"semanticVersion,omitempty"`
	Rules           []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string    `json:"id"`
	ShortDescription sarifText `json:"shortDescription"`
	FullDescription  sarifText `json:"fullDescription"`
	Help             sarifText `json:"help"`
	HelpURI          string    `json:"helpUri"`
	Configuration    struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
	Properties map[string]any `json:"properties"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Start         string              `json:"startTimeUtc"`
	End           string              `json:"endTimeUtc"`
	ExitCode      int                 `json:"exitCode"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Kind         string             `json:"kind"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   map[string]any     `json:"properties"`
}

type sarifLocation struct {
	Physical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   struct {
			StartLine int `json:"startLine"`
		} `json:"region"`
	} `json:"physicalLocation"`
	Logical []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type sarifSuppression struct {
	Kind          string         `json:"kind"`
	Status        string         `json:"status"`
	Justification string         `json:"justification"`
	Properties    map[string]any `json:"properties"`
}

// GitHub code scanning shows at most this much of a run (docs.github.com, "SARIF results exceed one
// or more limits"): the results that it would leave out are left out here, the least severe ones,
// and are counted.
const (
	maxAlerts = 5_000
	maxTags   = 10
)

// renderSARIF writes every finding.
func renderSARIF(w io.Writer, v *view) error {
	run := v.sarifRun()
	var unproven []string
	for i, check := range v.Checks {
		for _, finding := range check.Findings {
			run.Results = append(run.Results, v.sarifResult(check, i, finding))
			if finding.Outcome == audit.Inconclusive {
				unproven = addNew(unproven, check.ID)
			}
		}
	}
	if len(unproven) > 0 {
		run.addNotProven(v, unproven)
	}
	return writeSARIF(w, run)
}

// renderCodeScanning writes the findings that call for something to be done: failures first, then
// what is not proven, then warnings, each by severity.
func renderCodeScanning(w io.Writer, v *view) error {
	run := v.sarifRun()
	leftOut := 0
	for _, outcome := range []audit.Outcome{audit.Fail, audit.Inconclusive, audit.Warn} {
		for _, severity := range append(slices.Clone(severities), "") {
			for i, check := range v.Checks {
				if check.Severity != severity && (severity != "" || slices.Contains(severities, check.Severity)) {
					continue
				}
				for _, finding := range withOutcome(check.Findings, outcome) {
					if len(run.Results) >= maxAlerts {
						leftOut++
						continue
					}
					result := v.sarifResult(check, i, finding)
					if outcome == audit.Inconclusive {
						result.Kind, result.Level = "fail", "note" // or nothing shows it
					}
					run.Results = append(run.Results, result)
				}
			}
		}
	}
	if leftOut > 0 {
		run.note("warning", fmt.Sprintf("%s left out: GitHub shows at most %d of a run; the sarif and json formats have all of them", count(leftOut, "result"), maxAlerts))
	}
	run.Properties["leftOut"] = leftOut
	return writeSARIF(w, run)
}

// addNotProven adds the result that says what is not proven to readers that know the kind fail
// only.
func (run *sarifRun) addNotProven(v *view, checks []string) {
	rule := sarifRule{
		ID: "prelaunch.not-proven", ShortDescription: sarifText{Text: "Every required check must be proven"},
		FullDescription: sarifText{Text: "Every required check must be proven: an inconclusive check is no pass."},
		Help:            sarifText{Text: "Settle each cause that the report lists under Not proven."},
		HelpURI:         v.ownPage("README.md#what-it-proves-and-what-it-does-not"),
		Properties:      map[string]any{"tags": []string{"security"}},
	}
	rule.Configuration.Level = "note"
	run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
	sum := audit.Digest([]byte("not proven: " + v.Integration))
	run.Results = append(run.Results, sarifResult{
		RuleID: rule.ID, RuleIndex: len(run.Tool.Driver.Rules) - 1, Kind: "fail", Level: "note",
		Message:      sarifText{Text: sarifMessage(fmt.Sprintf("Not proven: %s: %s", count(len(checks), "inconclusive check"), strings.Join(checks, ", ")))},
		Locations:    []sarifLocation{sarifLocationOf(v.ConfigFile, 1)},
		Fingerprints: map[string]string{"primaryLocationLineHash": sum[7:23] + ":1"},
		Properties:   map[string]any{"outcome": audit.Inconclusive, "checks": checks},
	})
}

func (run *sarifRun) note(level, text string) {
	invocation := &run.Invocations[0]
	invocation.Notifications = append(invocation.Notifications, sarifNotification{Level: level, Message: sarifText{Text: orElse(sarifMessage(text), "(empty)")}})
}

const sarifRoot = "%SRCROOT%"

var semanticVersion = lazy.Regexp(`^v?([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?)$`)

// sarifRun is the run with its rules, without results.
func (v *view) sarifRun() *sarifRun {
	run := &sarifRun{Results: []sarifResult{}, ColumnKind: "unicodeCodePoints", BaseIDs: map[string]sarifBaseText{
		sarifRoot: {Description: sarifText{Text: "The root of the audited repository."}},
	}}
	run.Tool.Driver = sarifDriver{
		Name: v.Tool.Name, FullName: "prelaunch, an auditor of webhook integrations", Version: Plain(v.Tool.Version), Rules: []sarifRule{},
	}
	if m := semanticVersion().FindStringSubmatch(v.Tool.Version); m != nil {
		run.Tool.Driver.SemanticVersion = m[1]
	}
	run.AutomationDetails.ID = "prelaunch/" + Plain(v.Integration) + "/"
	run.Invocations = []sarifInvocation{{
		Successful: !v.CutShort, Start: v.StartedAt.UTC().Format("2006-01-02T15:04:05.000Z"), End: v.FinishedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
		ExitCode: verdict.ExitCode(v.Report),
	}}
	for _, text := range slices.Concat(v.caveats(), v.Notes) {
		run.note("note", text)
	}
	for _, repository := range v.Scope.Repositories {
		if directory, ok := v.file(place{Root: repository.Path, Path: "x"}); ok && repository.Path != "" {
			run.Provenance = append(run.Provenance, sarifProvenance{
				RepositoryURI: "urn:prelaunch:repository:" + url.PathEscape(Plain(repository.Path)), RevisionID: Plain(repository.Head),
				MappedTo: sarifArtifact{URI: strings.TrimSuffix(fileURI(directory), "x"), URIBaseID: sarifRoot},
			})
		}
	}
	run.Properties = map[string]any{
		"schema": v.Schema, "integration": v.Integration, "provider": v.Provider, "status": v.verdict(), "ready": v.Ready, "partial": v.Partial,
		"validUntil": v.ValidUntil, "summary": v.Summary, "checklist": v.Checklist, "scope": v.Scope, "policyDigest": v.PolicyDigest,
		"factsDigest": v.FactsDigest, "configDigest": v.ConfigDigest,
	}
	for _, check := range v.Checks {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, v.sarifRuleOf(check))
	}
	return run
}

func writeSARIF(w io.Writer, run *sarifRun) error {
	return writeJSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{*run}})
}

// securitySeverity is the number by which GitHub sorts alerts: above 9 is critical, above 7 high,
// above 4 medium.
var securitySeverity = map[string]string{"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}

func (v *view) sarifRuleOf(check audit.Check) sarifRule {
	remediation := orElse(check.Remediation, "See `prelaunch explain "+check.ID+"`.")
	if check.Outcome == audit.Inconclusive { // a key that was not seen to be exposed is not to be rotated
		remediation = nextStep(check)
	}
	tags := []string{"security", check.Level}
	for _, cwe := range check.CWE {
		tags = append(tags, "external/cwe/"+strings.ToLower(Plain(cwe)))
	}
	rule := sarifRule{
		ID: Plain(check.ID), ShortDescription: sarifText{Text: sarifMessage(orElse(check.Title, check.ID))},
		FullDescription: sarifText{Text: sarifMessage(fmt.Sprintf("%s (%s)", orElse(check.Title, check.ID), orElse(check.Section, "no section")))},
		Help: sarifText{
			Text:     neutral(strings.Join(layOut(Blocks(remediation), maxWidth, ""), "\n")),
			Markdown: markdownBlocks("", remediation),
		},
		HelpURI: v.helpURI(check),
		Properties: map[string]any{
			"tags": tags[:min(len(tags), maxTags)], "cwe": check.CWE, "owasp_asvs": check.OWASPASVS, "precision": "very-high", "section": check.Section, "items": check.Items,
			"level": check.Level, "severity": check.Severity, "outcome": check.Outcome,
		},
	}
	if number, known := securitySeverity[check.Severity]; known {
		rule.Properties["security-severity"] = number
	}
	rule.Configuration.Level = "error"
	if check.Level != audit.Required {
		rule.Configuration.Level = "warning"
	}
	return rule
}

// helpURI is a page about the first weakness that a check is about, else of the standard; of what names neither, this version's own page.
func (v *view) helpURI(check audit.Check) string {
	for _, cwe := range check.CWE {
		if number, ok := strings.CutPrefix(cwe, "CWE-"); ok && number != "" && strings.Trim(number, "0123456789") == "" {
			return "https://cwe.mitre.org/data/definitions/" + number + ".html"
		}
	}
	if len(check.OWASPASVS) > 0 {
		return "https://owasp.org/www-project-application-security-verification-standard/"
	}
	return v.ownPage(".github/CHECKS.md")
}

// ownPage is a page of this project as the version that made the report has it; of a version that was not released, today's.
func (v *view) ownPage(path string) string {
	tag := "main"
	if m := semanticVersion().FindStringSubmatch(v.Tool.Version); m != nil && m[2] == "" {
		tag = "v" + m[1]
	}
	return "https://github.com/prelaunch-audit/prelaunch/blob/" + tag + "/" + path
}

func (v *view) sarifResult(check audit.Check, index int, finding audit.Finding) sarifResult {
	judged := finding.Judged()
	kind, level := sarifKind(judged, finding.Basis)
	where := placesOf(finding.Evidence)[0]
	message := finding.Message
	if finding.Environment != "" {
		message = finding.Environment + ": " + message
	}
	if judged == audit.Inconclusive {
		message = "Not proven: " + message
	}
	if text := where.String(); text != "" && !strings.Contains(message, text) {
		message += " (at " + text + ")"
	}
	result := sarifResult{
		RuleID: Plain(check.ID), RuleIndex: index, Kind: kind, Level: level, Message: sarifText{Text: sarifMessage(orElse(message, check.ID))},
		Locations:    []sarifLocation{v.sarifLocation(where, check.ID, finding)},
		Fingerprints: map[string]string{"primaryLocationLineHash": finding.ID + ":1", "prelaunchFinding/v1": finding.ID, "prelaunchScope/v1": finding.Scope},
		Properties:   map[string]any{"outcome": finding.Outcome, "basis": finding.Basis, "environment": finding.Environment, "evidence": finding.Evidence},
	}
	if finding.NextStep != "" {
		result.Properties["nextStep"] = finding.NextStep
	}
	if w := finding.Waiver; w != nil {
		result.Suppressions = []sarifSuppression{{
			Kind: "external", Status: "accepted",
			Justification: Plain(fmt.Sprintf("%s (until %s; owner %s, approved by %s)", w.Reason, w.Expires, w.Owner, w.ApprovedBy)),
			Properties:    map[string]any{"owner": w.Owner, "approvedBy": w.ApprovedBy, "expires": w.Expires},
		}}
	}
	return result
}

// sarifKind is the kind and the level of an outcome; only what fails may have a level.
func sarifKind(outcome audit.Outcome, basis string) (kind, level string) {
	switch outcome {
	case audit.Fail:
		return "fail", "error"
	case audit.Warn:
		return "fail", "warning"
	case audit.Pass:
		return "pass", "none"
	case audit.NotApplicable:
		return "notApplicable", "none"
	}
	if basis == audit.Observed {
		return "open", "none"
	}
	return "review", "none"
}

func (v *view) sarifLocation(where place, check string, finding audit.Finding) sarifLocation {
	location := sarifLocationOf(v.fileAndLine(check, finding, where))
	for _, logical := range []sarifLogical{{where.URL, "resource"}, {finding.Environment, "environment"}} {
		if logical.Name != "" {
			location.Logical = append(location.Logical, sarifLogical{Plain(logical.Name), logical.Kind})
		}
	}
	return location
}

func sarifLocationOf(file string, line int) (location sarifLocation) {
	location.Physical.Artifact = sarifArtifact{URI: fileURI(file), URIBaseID: sarifRoot}
	location.Physical.Region.StartLine = line
	return location
}

// placeholder is what SARIF readers replace in a message.
var placeholder = lazy.Regexp(`\{(\d)`)

// sarifMessage is text of a message on one line.
func sarifMessage(text string) string { return neutral(Plain(text)) }

// neutral is text in which SARIF readers find no links and no placeholders.
func neutral(text string) string {
	return placeholder().ReplaceAllString(strings.ReplaceAll(text, "](", "] ("), "{ $1")
}
