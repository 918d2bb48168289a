package report

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// DefectDojo's "Generic Findings Import": what fails, warns or is not proven, and what is waived as
// accepted risk. A key that DefectDojo does not know would be an error there. What is not proven
// has the severity Info and says so in its title. Reimport with close_old_findings, so that what is
// fixed is closed.

type dojoReport struct {
	Name        string        `json:"name"`
	Type        string        `json:"type"`
	Version     string        `json:"version"`
	Description string        `json:"description"`
	DynamicTool bool          `json:"dynamic_tool"`
	Findings    []dojoFinding `json:"findings"`
}

type dojoFinding struct {
	Title       string   `json:"title"`
	Severity    string   `json:"severity"`
	Description string   `json:"description"`
	Date        string   `json:"date"`
	Mitigation  string   `json:"mitigation,omitempty"`
	References  string   `json:"references,omitempty"`
	CWE         int      `json:"cwe,omitempty"`
	Active      bool     `json:"active"`
	Verified    bool     `json:"verified"`
	Accepted    bool     `json:"risk_accepted"`
	Dynamic     bool     `json:"dynamic_finding"`
	Static      bool     `json:"static_finding"`
	UniqueID    string   `json:"unique_id_from_tool"`
	CheckID     string   `json:"vuln_id_from_tool"`
	Service     string   `json:"service,omitempty"`
	FilePath    string   `json:"file_path,omitempty"`
	Line        int      `json:"line,omitempty"`
	Planned     string   `json:"planned_remediation_date,omitempty"`
	Endpoints   []string `json:"endpoints,omitempty"`
	Tags        []string `json:"tags"`
}

func renderDefectDojo(w io.Writer, v *view) error {
	out := dojoReport{Name: "prelaunch", Type: "prelaunch", Version: Plain(v.Tool.Version), DynamicTool: true, Findings: []dojoFinding{},
		Description: Plain(fmt.Sprintf("%s: %s. Checks: %s. Valid until %s.", v.verdict(), v.subtitle(), v.counts(), v.ValidUntil))}
	date := v.FinishedAt.UTC().Format("2006-01-02")
	if lacks := v.incomplete(); lacks != "" {
		out.Findings = append(out.Findings, dojoFinding{Title: "Not proven: the audit is not complete", Severity: "Info", Description: Plain(lacks), Date: date,
			Active: true, Dynamic: true, UniqueID: v.wholeID(), CheckID: "prelaunch", Service: Plain(v.Integration), Tags: []string{"inconclusive"}})
	}
	for _, check := range v.Checks {
		for _, finding := range check.Findings {
			if finding.Outcome != audit.Pass && finding.Outcome != audit.NotApplicable {
				out.Findings = append(out.Findings, v.dojoFinding(check, finding, date))
			}
		}
	}
	return writeJSON(w, out)
}

func (v *view) dojoFinding(check audit.Check, finding audit.Finding, date string) dojoFinding {
	one := groups([]audit.Finding{finding})[0]
	title, severity := headline(one), capital(Plain(check.Severity))
	if ocsfSeverities[check.Severity] == 0 {
		severity = "Info"
	}
	judged := finding.Judged()
	if judged == audit.Inconclusive {
		title, severity = "Not proven: "+title, "Info"
	}
	out := dojoFinding{
		Title: clip(Plain(title), maxTitle), Severity: severity, Date: date, Mitigation: markdownBlocks("", remedy(check, finding)), References: v.helpURI(check),
		Description: MarkdownText(headline(one)) + "\n\n" + MarkdownText("Requirement: "+requirement(check)) + "\n\n" + MarkdownText("Integration: "+v.Integration),
		Active:      finding.Outcome != audit.Waived, Verified: judged == audit.Fail && finding.Basis == audit.Observed, Accepted: finding.Outcome == audit.Waived,
		Dynamic: true, UniqueID: Plain(finding.ID), CheckID: Plain(check.ID), Service: Plain(strings.TrimSuffix(v.Integration+"/"+finding.Environment, "/")),
		Tags: []string{finding.Outcome.String(), Plain(check.Level)},
	}
	for _, cwe := range check.CWE {
		if number, err := strconv.Atoi(strings.TrimPrefix(cwe, "CWE-")); err == nil && out.CWE == 0 {
			out.CWE = number
		}
	}
	if finding.Waiver != nil {
		out.Planned = finding.Waiver.Expires.String()
	}
	for _, p := range placesOf(finding.Evidence) {
		if file, ok := v.file(p); ok && out.FilePath == "" {
			out.FilePath, out.Line = Plain(file), p.Line
		} else if at, err := url.Parse(p.URL); err == nil && at.Host != "" && (at.Scheme == "https" || at.Scheme == "http") {
			out.Endpoints = addNew(out.Endpoints, Plain(at.String()))
		}
	}
	return out
}
