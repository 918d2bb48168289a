package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// JUnit's XML as the schema of Maven Surefire has it and as Jenkins, GitLab and others read it: one
// suite, a test case per check and environment, the checks' sections as its classes. JUnit knows
// four results:
//
//	fail                      failure
//	inconclusive              error, as the test could not decide; of a recommended check: skipped, since it stops nothing
//	warn, waived, n/a         skipped, with the reason
//	pass                      passed
//
// The outcome itself is in each test case's system-out.

type junitSuite struct {
	XMLName    xml.Name        `xml:"testsuite"`
	Name       string          `xml:"name,attr"`
	Time       string          `xml:"time,attr"`
	Tests      int             `xml:"tests,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Failures   int             `xml:"failures,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Classname string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitResult  `xml:"failure"`
	Skipped   *junitSkipped `xml:"skipped"`
	Error     *junitResult  `xml:"error"`
	Out       string        `xml:"system-out,omitempty"`
}

type junitResult struct {
	Type string `xml:"type,attr"`
	junitSkipped
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func renderJUnit(w io.Writer, v *view) error {
	suite := junitSuite{Name: Plain("prelaunch " + v.Integration), Time: strconv.FormatFloat(v.FinishedAt.Sub(v.StartedAt).Seconds(), 'f', 3, 64)}
	for _, property := range [][2]string{
		{"status", v.verdict()}, {"ready", strconv.FormatBool(v.Ready)}, {"partial", strconv.FormatBool(v.Partial)},
		{"integration", Plain(v.Integration)}, {"finished_at", v.FinishedAt.UTC().Format(time.RFC3339)}, {"valid_until", v.ValidUntil.String()},
		{"policy_digest", v.PolicyDigest}, {"facts_digest", v.FactsDigest}, {"config_digest", v.ConfigDigest},
	} {
		suite.Properties = append(suite.Properties, junitProperty{property[0], property[1]})
	}
	for _, item := range v.Checklist {
		suite.Properties = append(suite.Properties, junitProperty{fmt.Sprintf("item.%d", item.Item), item.Outcome.String() + ": " + Plain(item.Title)})
	}
	for _, caveat := range v.caveats() {
		suite.Properties = append(suite.Properties, junitProperty{"caveat", caveat})
	}
	for _, check := range v.Checks {
		suite.add(check)
	}
	if v.CutShort || suite.Tests == 0 { // what came to nothing must not look like a success
		suite.Tests, suite.Errors = suite.Tests+1, suite.Errors+1
		suite.Cases = append(suite.Cases, junitCase{Name: "the audit was completed", Classname: "prelaunch", Time: "0.000",
			Error: &junitResult{"inconclusive", junitSkipped{"not everything was checked: the audit was cut short", v.verdict()}}})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// add adds a test case for each environment about which the check says something.
func (s *junitSuite) add(check audit.Check) {
	for _, part := range byEnvironment(check) {
		environment := part.Findings[0].Environment
		name := check.ID
		if environment != "" {
			name += " (" + environment + ")"
		}
		c := junitCase{Name: Plain(name), Classname: Plain("prelaunch." + orElse(check.Section, "other")), Time: "0.000",
			Out: Plain(fmt.Sprintf("outcome: %s; level: %s; severity: %s; %s", part.Outcome, check.Level, check.Severity, check.Title))}
		s.Tests++
		result := junitResultOf(part)
		switch {
		case part.Outcome == audit.Fail:
			c.Failure = &result
			s.Failures++
		case part.Outcome == audit.Inconclusive && check.Level == audit.Required:
			c.Error = &result
			s.Errors++
		case part.Outcome != audit.Pass:
			c.Skipped = &result.junitSkipped
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
}

// byEnvironment are the parts of a check about one environment each, with that part's outcome.
func byEnvironment(check audit.Check) []audit.Check {
	var parts []audit.Check
	for _, finding := range check.Findings {
		at := slices.IndexFunc(parts, func(p audit.Check) bool { return p.Findings[0].Environment == finding.Environment })
		if at < 0 {
			part := check
			part.Findings, part.Outcome = nil, finding.Outcome
			parts, at = append(parts, part), len(parts)
		}
		parts[at].Findings = append(parts[at].Findings, finding)
		parts[at].Outcome = audit.Worst(parts[at].Outcome, finding.Outcome)
	}
	slices.SortStableFunc(parts, func(a, b audit.Check) int { return cmp.Compare(a.Findings[0].Environment, b.Findings[0].Environment) })
	return parts
}

func junitResultOf(check audit.Check) junitResult {
	lines := findingLines(check, relevant(check))
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%s%s\n", strings.Repeat("  ", line.level), clip(Plain(line.text), maxMessage))
	}
	fmt.Fprintf(&text, "Requirement: %s\n", Plain(requirement(check)))
	switch check.Outcome {
	case audit.Fail, audit.Warn:
		text.WriteString("Fix:\n" + strings.Join(layOut(Blocks(check.Remediation), maxWidth, "  "), "\n") + "\n")
	case audit.Inconclusive:
		text.WriteString("To settle it:\n" + strings.Join(layOut(Blocks(nextStep(check)), maxWidth, "  "), "\n") + "\n")
	}
	message := ""
	if len(lines) > 0 {
		message = clip(Plain(lines[0].text), maxTitle)
	}
	return junitResult{check.Outcome.String(), junitSkipped{message, text.String()}}
}
