package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// SARIF 2.1.0, in as much of it as a report needs. Every check is a rule and every finding a result:
//
//	fail          kind fail, level error
//	warn          kind fail, level warning
//	inconclusive  kind open, or kind review where it rests on somebody's word
//	pass, n/a     kind pass, kind notApplicable
//	waived        as what it would have been, with an accepted suppression
//
// GitHub code scanning accepts this, but knows neither kinds nor suppressions: it would raise an alert for each pass. The format
// code-scanning therefore leaves out what is nothing to do. GitHub also wants a place in a file for each result: what has none is
// shown at the configuration that declares it.

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
	BaseIDs     map[string]sarifBaseText `json:"originalUriBaseIds"`
	Results     []sarifResult            `json:"results"`
	ColumnKind  string                   `json:"columnKind"`
	Properties  map[string]any           `json:"properties"`
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
		Artifact struct {
			URI       string `json:"uri"`
			URIBaseID string `json:"uriBaseId"`
		} `json:"artifactLocation"`
		Region struct {
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

// renderSARIF writes every finding.
func renderSARIF(w io.Writer, v *view) error {
	return writeSARIF(w, v, func(audit.Finding) bool { return true })
}

// renderCodeScanning writes the findings that call for something to be done.
func renderCodeScanning(w io.Writer, v *view) error {
	return writeSARIF(w, v, func(f audit.Finding) bool {
		return f.Outcome == audit.Fail || f.Outcome == audit.Inconclusive || f.Outcome == audit.Warn
	})
}

const sarifRoot = "%SRCROOT%"

var semanticVersion = regexp.MustCompile(`^v?([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?)$`)

func writeSARIF(w io.Writer, v *view, include func(audit.Finding) bool) error {
	run := sarifRun{Results: []sarifResult{}, ColumnKind: "unicodeCodePoints", BaseIDs: map[string]sarifBaseText{
		sarifRoot: {Description: sarifText{Text: "The root of the audited repository."}},
	}}
	run.Tool.Driver = sarifDriver{
		Name: v.Tool.Name, FullName: "prelaunch, an auditor of webhook integrations", Version: plain(v.Tool.Version), Rules: []sarifRule{},
	}
	if m := semanticVersion.FindStringSubmatch(v.Tool.Version); m != nil {
		run.Tool.Driver.SemanticVersion = m[1]
	}
	run.AutomationDetails.ID = "prelaunch/" + plain(v.Integration) + "/"
	invocation := sarifInvocation{
		Successful: !v.CutShort, Start: v.StartedAt.UTC().Format("2006-01-02T15:04:05.000Z"), End: v.FinishedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
		ExitCode: verdict.ExitCode(v.Report),
	}
	for _, note := range slices.Concat(v.caveats(), v.Notes) {
		invocation.Notifications = append(invocation.Notifications, sarifNotification{Level: "note", Message: sarifText{Text: orElse(sarifMessage(note), "(empty)")}})
	}
	run.Invocations = []sarifInvocation{invocation}
	run.Properties = map[string]any{
		"schema": v.Schema, "integration": v.Integration, "provider": v.Provider, "status": verdict.Status(v.Report), "ready": v.Ready, "partial": v.Partial,
		"validUntil": v.ValidUntil, "summary": v.Summary, "checklist": v.Checklist, "scope": v.Scope, "policyDigest": v.PolicyDigest,
		"factsDigest": v.FactsDigest, "configDigest": v.ConfigDigest,
	}
	for i, check := range v.Checks {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(check))
		for _, finding := range check.Findings {
			if include(finding) {
				run.Results = append(run.Results, v.sarifResult(check, i, finding))
			}
		}
	}
	raw, err := json.MarshalIndent(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(escapeInvisible(raw), '\n'))
	return err
}

// securitySeverity is the number by which GitHub sorts alerts: above 9 is critical, above 7 high, above 4 medium.
var securitySeverity = map[string]string{"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}

func sarifRuleOf(check audit.Check) sarifRule {
	remediation := orElse(check.Remediation, "See prelaunch explain "+check.ID+".")
	rule := sarifRule{
		ID: plain(check.ID), ShortDescription: sarifText{Text: sarifMessage(orElse(check.Title, check.ID))},
		FullDescription: sarifText{Text: sarifMessage(fmt.Sprintf("%s (%s)", orElse(check.Title, check.ID), orElse(check.Section, "no section")))},
		Help: sarifText{
			Text:     neutral(fixText(remediation, "")),
			Markdown: fixMarkdown(remediation),
		},
		Properties: map[string]any{
			"tags": []string{"security", check.Level}, "precision": "very-high", "section": check.Section, "items": check.Items,
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

func orElse(text, otherwise string) string {
	if strings.TrimSpace(text) == "" {
		return otherwise
	}
	return text
}

func (v *view) sarifResult(check audit.Check, index int, finding audit.Finding) sarifResult {
	judged := finding.Outcome
	if finding.RawOutcome != nil {
		judged = *finding.RawOutcome
	}
	kind, level := sarifKind(judged, finding.Basis)
	where := placeOf(finding.Evidence)
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
		RuleID: plain(check.ID), RuleIndex: index, Kind: kind, Level: level, Message: sarifText{Text: sarifMessage(orElse(message, check.ID))},
		Locations:    []sarifLocation{v.sarifLocation(where, check.ID, finding)},
		Fingerprints: map[string]string{"primaryLocationLineHash": finding.ID + ":1", "prelaunchFinding/v1": finding.ID, "prelaunchScope/v1": finding.Scope},
		Properties:   map[string]any{"outcome": finding.Outcome, "basis": finding.Basis, "environment": finding.Environment, "evidence": finding.Evidence},
	}
	if w := finding.Waiver; w != nil {
		result.Suppressions = []sarifSuppression{{
			Kind: "external", Status: "accepted",
			Justification: plain(fmt.Sprintf("%s (until %s; owner %s, approved by %s)", w.Reason, w.Expires, w.Owner, w.ApprovedBy)),
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
	var location sarifLocation
	file, line := v.ConfigFile, v.configLine(check, finding)
	if relative, ok := where.relative(); ok {
		file, line = relative, max(where.Line, 1)
	}
	location.Physical.Artifact.URI = (&url.URL{Path: plain(file)}).String()
	location.Physical.Artifact.URIBaseID = sarifRoot
	location.Physical.Region.StartLine = line
	for _, logical := range []sarifLogical{{where.URL, "resource"}, {finding.Environment, "environment"}} {
		if logical.Name != "" {
			location.Logical = append(location.Logical, sarifLogical{plain(logical.Name), logical.Kind})
		}
	}
	return location
}

// placeholder is what SARIF readers replace in a message.
var placeholder = regexp.MustCompile(`\{(\d)`)

// sarifMessage is text of a message on one line.
func sarifMessage(text string) string { return neutral(plain(text)) }

// neutral is text in which SARIF readers find no links and no placeholders.
func neutral(text string) string {
	return placeholder.ReplaceAllString(strings.ReplaceAll(text, "](", "] ("), "{ $1")
}
