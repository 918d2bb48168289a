package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// JUnit's XML as Surefire writes it and as Jenkins, GitLab and others read it: a suite per section, a test case per check and
// environment. JUnit knows four results:
//
//	fail                      failure
//	inconclusive              error, as the test could not tell; of a recommended check: skipped, since it stops nothing
//	warn, waived, n/a         skipped, with the reason
//	pass                      passed
//
// The outcome itself stands in each test case's system-out.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Time     string       `xml:"time,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string           `xml:"name,attr"`
	Tests      int              `xml:"tests,attr"`
	Failures   int              `xml:"failures,attr"`
	Errors     int              `xml:"errors,attr"`
	Skipped    int              `xml:"skipped,attr"`
	Time       string           `xml:"time,attr"`
	Timestamp  string           `xml:"timestamp,attr"`
	Properties *junitProperties `xml:"properties"` // of the report; in the first suite
	Cases      []junitCase      `xml:"testcase"`
}

type junitProperties struct {
	Properties []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string       `xml:"name,attr"`
	Classname string       `xml:"classname,attr"`
	Time      string       `xml:"time,attr"`
	Skipped   *junitResult `xml:"skipped"`
	Error     *junitResult `xml:"error"`
	Failure   *junitResult `xml:"failure"`
	Out       string       `xml:"system-out,omitempty"`
}

type junitResult struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func renderJUnit(w io.Writer, v *view) error {
	suites := junitSuites{Name: plain("prelaunch " + v.Integration), Time: strconv.FormatFloat(v.FinishedAt.Sub(v.StartedAt).Seconds(), 'f', 3, 64)}
	properties := []junitProperty{
		{"status", verdict.Status(v.Report)}, {"ready", strconv.FormatBool(v.Ready)}, {"partial", strconv.FormatBool(v.Partial)},
		{"integration", plain(v.Integration)}, {"valid_until", v.ValidUntil.String()}, {"policy_digest", v.PolicyDigest}, {"facts_digest", v.FactsDigest},
		{"config_digest", v.ConfigDigest},
	}
	for _, item := range v.Checklist {
		properties = append(properties, junitProperty{fmt.Sprintf("item.%d", item.Item), item.Outcome.String() + ": " + plain(item.Title)})
	}
	for _, caveat := range v.caveats() {
		properties = append(properties, junitProperty{"caveat", caveat})
	}
	newSuite := func(name string) junitSuite {
		return junitSuite{Name: name, Time: "0.000", Timestamp: v.FinishedAt.UTC().Format("2006-01-02T15:04:05")}
	}
	at := map[string]int{}
	for _, check := range v.Checks {
		i, known := at[check.Section]
		if !known {
			i = len(suites.Suites)
			at[check.Section] = i
			suites.Suites = append(suites.Suites, newSuite(orElse(plain(check.Section), "other")))
		}
		suites.Suites[i].add(check)
	}
	if v.CutShort || len(suites.Suites) == 0 { // what came to nothing must not look like a success
		suite := newSuite("prelaunch")
		suite.Tests, suite.Errors = 1, 1
		suite.Cases = []junitCase{{Name: "the audit was done to its end", Classname: "prelaunch", Time: "0.000",
			Error: &junitResult{Type: "inconclusive", Message: "not everything was looked at: the audit was cut short", Text: verdict.Status(v.Report)}}}
		suites.Suites = append(suites.Suites, suite)
	}
	suites.Suites[0].Properties = &junitProperties{properties}
	for _, suite := range suites.Suites {
		suites.Tests += suite.Tests
		suites.Failures += suite.Failures
		suites.Errors += suite.Errors
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// add adds a test case for each environment about which the check says something.
func (s *junitSuite) add(check audit.Check) {
	var environments []string
	for _, finding := range check.Findings {
		if !slices.Contains(environments, finding.Environment) {
			environments = append(environments, finding.Environment)
		}
	}
	slices.Sort(environments)
	for _, environment := range environments {
		part := check
		part.Findings = slices.DeleteFunc(slices.Clone(check.Findings), func(f audit.Finding) bool { return f.Environment != environment })
		var outcomes []audit.Outcome
		for _, finding := range part.Findings {
			outcomes = append(outcomes, finding.Outcome)
		}
		part.Outcome = audit.Worst(outcomes...)
		name := check.ID
		if environment != "" {
			name += " (" + environment + ")"
		}
		c := junitCase{Name: plain(name), Classname: plain("prelaunch." + orElse(check.Section, "other")), Time: "0.000",
			Out: plain(fmt.Sprintf("outcome: %s; level: %s; severity: %s; %s", part.Outcome, check.Level, check.Severity, check.Title))}
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
			c.Skipped = &result
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
}

func junitResultOf(check audit.Check) junitResult {
	lines := findingLines(check)
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%s%s\n", strings.Repeat("  ", line.level), clip(plain(line.text), mostMessage))
	}
	if fix := fixText(check.Remediation, "  "); fix != "" && check.Outcome != audit.NotApplicable {
		fmt.Fprintf(&text, "Fix: %s\n", fix)
	}
	message := ""
	if len(lines) > 0 {
		message = clip(plain(lines[0].text), mostTitle)
	}
	return junitResult{Type: check.Outcome.String(), Message: message, Text: text.String()}
}
