package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/joshdk/go-junit"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// published is a schema of a format, as those who define it publish it.
func published(t *testing.T, name string) *jsonschema.Resolved {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "schemas", name))
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

func TestSARIFFollowsItsSchema(t *testing.T) {
	t.Parallel()
	schema := published(t, "sarif-2.1.0.json")
	for name, r := range reports(t) {
		for _, format := range []string{"sarif", "code-scanning"} {
			var value any
			if err := json.Unmarshal(render(t, format, r, Options{Now: sampleTime.AddDate(1, 0, 0)}), &value); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s as %s: %v", name, format, err)
			}
		}
	}
	if err := schema.Validate(map[string]any{"version": "2.1.0", "runs": []any{map[string]any{}}}); err == nil {
		t.Error("the schema accepts a run without a tool: it checks nothing")
	}
}

// TestSARIFSaysTheSame holds each result to its finding, and to what the standard and GitHub ask
// beyond the schema.
func TestSARIFSaysTheSame(t *testing.T) {
	t.Parallel()
	for name, r := range exchanged(t) {
		var log sarifLog
		if err := json.Unmarshal(render(t, "sarif", r, Options{}), &log); err != nil {
			t.Fatal(err)
		}
		run, next := log.Runs[0], 0
		for i, check := range r.Checks {
			if help := markdownBlocks("", nextStep(check)); check.Outcome == audit.Inconclusive && run.Tool.Driver.Rules[i].Help.Markdown != help {
				t.Errorf("%s: the help of %s, which is not proven, is %q, want %q", name, check.ID, run.Tool.Driver.Rules[i].Help.Markdown, help)
			}
			for _, finding := range check.Findings {
				if next >= len(run.Results) {
					t.Fatalf("%s: too few results", name)
				}
				result := run.Results[next]
				next++
				want := map[audit.Outcome][]string{
					audit.Pass: {"pass", "none", ""}, audit.Fail: {"fail", "error", ""}, audit.Warn: {"fail", "warning", ""},
					audit.Inconclusive: {"open", "none", ""}, audit.NotApplicable: {"notApplicable", "none", ""}, audit.Waived: {"fail", "error", "accepted"},
				}[finding.Outcome]
				if finding.Outcome == audit.Inconclusive && finding.Basis != audit.Observed {
					want[0] = "review"
				}
				if finding.RawOutcome != nil && *finding.RawOutcome == audit.Inconclusive {
					want[0], want[1] = "open", "none"
				}
				status := ""
				if len(result.Suppressions) > 0 {
					status = result.Suppressions[0].Status
				}
				if got := []string{result.Kind, result.Level, status}; !slices.Equal(got, want) {
					t.Errorf("%s: a finding that is %s of %s became %v, want %v", name, finding.Outcome, check.ID, got, want)
				}
				if result.RuleIndex != i || run.Tool.Driver.Rules[i].ID != result.RuleID {
					t.Errorf("%s: result points at rule %d, want %d", name, result.RuleIndex, i)
				}
				if result.Fingerprints["primaryLocationLineHash"] != finding.ID+":1" || len(result.Locations) == 0 || result.Message.Text == "" {
					t.Errorf("%s: result %d lacks what GitHub needs", name, next)
				}
				if uri := result.Locations[0].Physical.Artifact.URI; strings.HasPrefix(uri, "/") || strings.Contains(uri, "..") || strings.Contains(uri, "://") {
					t.Errorf("%s: location %q leaves the repository", name, uri)
				}
			}
		}
		for _, rule := range run.Tool.Driver.Rules {
			if uri, err := url.Parse(rule.HelpURI); err != nil || uri.Scheme != "https" || uri.Path == "" {
				t.Errorf("%s: the page of %s is %q", name, rule.ID, rule.HelpURI)
			}
		}
		// What is not proven is lost on readers that know the kind fail only, but for one result.
		if rest := run.Results[next:]; (len(rest) == 1) != (r.Summary.Inconclusive > 0) || len(rest) > 1 {
			t.Errorf("%s: %d results more than findings", name, len(rest))
		} else if len(rest) == 1 && (rest[0].Kind != "fail" || !strings.Contains(rest[0].Message.Text, "Not proven") || run.Tool.Driver.Rules[rest[0].RuleIndex].ID != rest[0].RuleID) {
			t.Errorf("%s: what is not proven is told as %+v", name, rest[0])
		}
		if run.Invocations[0].ExitCode != verdict.ExitCode(r) {
			t.Errorf("%s: exit code %d, want %d", name, run.Invocations[0].ExitCode, verdict.ExitCode(r))
		}
	}
}

// TestHelpIsOfTheVersion: what names no weakness has a page in the repository, as a release has it.
func TestHelpIsOfTheVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"1.2.3": "v1.2.3", "v1.2.3": "v1.2.3", "1.2.4-snapshot": "main", "devel": "main", "1.2.3/../x": "main"} {
		v := &view{Report: &audit.Report{Tool: audit.Tool{Version: version}}}
		if got := v.helpURI(audit.Check{}); got != "https://github.com/prelaunch-audit/prelaunch/blob/"+want+"/.github/CHECKS.md" {
			t.Errorf("%s: %s", version, got)
		}
	}
}

func TestCodeScanningRaisesNoFalseAlarm(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		var log sarifLog
		if err := json.Unmarshal(render(t, "code-scanning", r, Options{}), &log); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, check := range r.Checks {
			for _, finding := range check.Findings {
				if o := finding.Outcome; o == audit.Fail || o == audit.Inconclusive || o == audit.Warn {
					want++
				}
			}
		}
		if len(log.Runs[0].Results) != want {
			t.Errorf("%s: %d alerts, want %d", name, len(log.Runs[0].Results), want)
		}
		for _, result := range log.Runs[0].Results {
			if result.Kind == "pass" || result.Kind == "notApplicable" || len(result.Suppressions) > 0 {
				t.Errorf("%s: an alert for a result of kind %s, suppressed %d times", name, result.Kind, len(result.Suppressions))
			}
		}
	}
}

func TestSARIFPointsAtThePlace(t *testing.T) {
	t.Parallel()
	v := &view{Options: Options{ConfigFile: "audit/prelaunch.yaml"}, Report: &audit.Report{Scope: audit.Scope{ConfigLines: map[string]int{
		"environments": 5, "environments.production": 20, "environments.production.webhook_url": 22,
		"environments.production.redirect_urls": 23, "environments.production.redirect_urls.expiry": 26, "access": 40,
	}}}}
	for _, test := range []struct {
		name     string
		check    string
		finding  audit.Finding
		evidence map[string]any
		uri      string
		line     int
	}{
		{"a line of a file", "", audit.Finding{}, map[string]any{"path": "src/app.js", "line": json.Number("12")}, "audit/src/app.js", 12},
		{"a file", "", audit.Finding{}, map[string]any{"path": "src/a b#?.js"}, "audit/src/a%20b%23%3F.js", 1},
		{"backslashes", "", audit.Finding{}, map[string]any{"path": `src\app.js`, "line": 3.0}, "audit/src/app.js", 3},
		{"the first of several places", "", audit.Finding{}, map[string]any{"path": "a.js", "places": []any{"odd", map[string]any{"line": 7}, map[string]any{"line": 9}}}, "audit/a.js", 7},
		{"a file of a repository", "", audit.Finding{}, map[string]any{"repository": "repo2", "path": "src/leak.py", "line": 1}, "audit/repo2/src/leak.py", 1},
		{"a file of the repository above", "", audit.Finding{}, map[string]any{"repository": "..", "path": "src/leak.py", "line": 1}, "src/leak.py", 1},
		{"a file of a repository outside", "", audit.Finding{}, map[string]any{"repository": "../../x", "path": "leak.py", "line": 1, "config_line": 8}, "audit/prelaunch.yaml", 8},
		{"a file of a client", "", audit.Finding{}, map[string]any{"target": "dist", "path": "app.js", "places": []any{map[string]any{"line": 2}}}, "audit/dist/app.js", 2},
		{"a client that is one file", "", audit.Finding{}, map[string]any{"target": "app.apk", "path": "app.apk"}, "audit/app.apk", 1},
		{"a script of a page", "", audit.Finding{}, map[string]any{"target": "https://app.acme.example/", "path": "app.js", "config_line": 6}, "audit/prelaunch.yaml", 6},
		{"a line of the configuration", "webhook.x", audit.Finding{}, map[string]any{"url": "https://acme.example", "config_line": 9}, "audit/prelaunch.yaml", 9},
		{"a setting", "webhook.x", audit.Finding{Environment: audit.Production}, nil, "audit/prelaunch.yaml", 22},
		{"a setting inside a setting", "redirects.production-configured", audit.Finding{Environment: audit.Production}, map[string]any{"redirect": "expiry"}, "audit/prelaunch.yaml", 26},
		{"a setting that is not there", "redirects.production-configured", audit.Finding{Environment: audit.Production}, map[string]any{"redirect": "cancellation"}, "audit/prelaunch.yaml", 23},
		{"an environment that is not there", "webhook.x", audit.Finding{Environment: audit.Test}, nil, "audit/prelaunch.yaml", 5},
		{"a section", "access.reviewed", audit.Finding{}, nil, "audit/prelaunch.yaml", 40},
		{"a check of the user's own", "acme.check", audit.Finding{}, nil, "audit/prelaunch.yaml", 20},
		{"a section that is not there", "errors.logs-clean", audit.Finding{}, nil, "audit/prelaunch.yaml", 1},
		{"outside of the repository", "", audit.Finding{}, map[string]any{"path": "../secrets", "line": 4, "config_line": 2}, "audit/prelaunch.yaml", 2},
		{"an absolute path", "logs", audit.Finding{}, map[string]any{"path": "/etc/passwd", "line": 4, "config_line": 1}, "audit/prelaunch.yaml", 1},
		{"an odd line", "", audit.Finding{}, map[string]any{"path": "a", "line": "x"}, "audit/a", 1},
		{"a colon that looks like a scheme", "", audit.Finding{}, map[string]any{"path": "javascript:alert(1)"}, "audit/javascript:alert%281%29", 1},
	} {
		test.finding.Evidence = test.evidence
		location := v.sarifLocation(placesOf(test.evidence)[0], test.check, test.finding)
		if uri, line := location.Physical.Artifact.URI, location.Physical.Region.StartLine; uri != test.uri || line != test.line {
			t.Errorf("%s: %s:%d, want %s:%d", test.name, uri, line, test.uri, test.line)
		}
	}
}

// TestJUnitIsReadByAnother reads it with a reader that is not ours.
func TestJUnitIsReadByAnother(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		suites, err := junit.Ingest(render(t, "junit", r, Options{Redactor: sampleRedactor()}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := map[junit.Status]int{}
		for _, suite := range suites {
			for _, test := range suite.Tests {
				got[test.Status]++
			}
		}
		want := map[junit.Status]int{}
		if r.CutShort {
			want[junit.StatusError]++
		}
		for _, check := range r.Checks {
			worst := map[string]audit.Outcome{}
			for _, finding := range check.Findings {
				if before, known := worst[finding.Environment]; !known || finding.Outcome.Worse(before) {
					worst[finding.Environment] = finding.Outcome
				}
			}
			for _, outcome := range worst {
				switch {
				case outcome == audit.Fail:
					want[junit.StatusFailed]++
				case outcome == audit.Inconclusive && check.Level == audit.Required:
					want[junit.StatusError]++
				case outcome == audit.Pass:
					want[junit.StatusPassed]++
				default:
					want[junit.StatusSkipped]++
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: read %v, want %v", name, got, want)
		}
	}
}

// TestJUnitFollowsSurefire holds the format to the schema of Maven Surefire, where xmllint is
// installed, and everywhere to the rules of that schema that a mistake here would break: elements
// in their order, their attributes, and the counts.
func TestJUnitFollowsSurefire(t *testing.T) {
	t.Parallel()
	lint, missing := exec.LookPath("xmllint")
	for name, r := range reports(t) {
		out := render(t, "junit", r, Options{})
		if missing == nil {
			command := exec.Command(lint, "--nonet", "--noout", "--schema", filepath.Join("testdata", "schemas", "surefire-test-report.xsd"), "-")
			command.Stdin = bytes.NewReader(out)
			if said, err := command.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, said)
			}
		}
		for _, fault := range surefireFaults(t, out) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	broken := bytes.Replace(render(t, "junit", sampleReport(t), Options{}), []byte("<skipped "), []byte(`<skipped type="x" `), 1)
	if len(surefireFaults(t, broken)) == 0 {
		t.Error("the rules accept an attribute that the schema does not know")
	}
}

func surefireFaults(t *testing.T, document []byte) (faults []string) {
	t.Helper()
	children := map[string][]string{"": {"testsuite"}, "testsuite": {"properties", "testcase"}, "properties": {"property"},
		"testcase": {"failure", "skipped", "error", "system-out"}}
	attributes := map[string]string{"testsuite": "name time tests errors skipped failures", "property": "name value",
		"testcase": "name classname time", "skipped": "message", "error": "type message", "failure": "type message"}
	decoder := xml.NewDecoder(bytes.NewReader(document))
	stack, reached := []string{""}, []int{0}
	counts := map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch element := token.(type) {
		case xml.StartElement:
			parent, tag := stack[len(stack)-1], element.Name.Local
			at := slices.Index(children[parent], tag)
			if at < reached[len(reached)-1] {
				faults = append(faults, fmt.Sprintf("<%s> in <%s>, or too late in it", tag, parent))
			}
			reached[len(reached)-1] = at
			want := strings.Fields(attributes[tag])
			for _, attribute := range element.Attr {
				at := slices.Index(want, attribute.Name.Local)
				if at < 0 {
					faults = append(faults, fmt.Sprintf("<%s %s>", tag, attribute.Name.Local))
					continue
				}
				want = slices.Delete(want, at, at+1)
			}
			if len(want) > 0 {
				faults = append(faults, fmt.Sprintf("<%s> lacks %v", tag, want))
			}
			counts[tag]++
			stack, reached = append(stack, tag), append(reached, 0)
		case xml.EndElement:
			stack, reached = stack[:len(stack)-1], reached[:len(reached)-1]
		}
	}
	var suite junitSuite
	if err := xml.Unmarshal(document, &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != counts["testcase"] || suite.Failures != counts["failure"] || suite.Errors != counts["error"] || suite.Skipped != counts["skipped"] {
		faults = append(faults, fmt.Sprintf("says %d tests, %d failures, %d errors; holds %v", suite.Tests, suite.Failures, suite.Errors, counts))
	}
	return faults
}

// gfm reads Markdown much as GitHub does.
var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM))

// TestMarkdownTextIsOnlyText has another reader read escaped text and finds in it the very text,
// and no element.
func TestMarkdownTextIsOnlyText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		hostile, "1. one", "1) one", "- a", "+ a", "* a", "# h", "=== x", "---", "***", "___", "> q", "    code", "```x", "~~~", "| a | b |", "[a](b)", "[a]: b", "![a](b)", "<b>x</b>",
		"https://evil.example/a_b?c=d#e", "www.evil.example", "mailto:a@b.example", "a@b.example", "@everyone", "#12", "GH-12", "acme/app#12", "acme/app@0123abc", ":tada:", "$x$ $$y$$",
		"**b** __c__ _i_ ~~s~~ `c`", "&amp; &lt; &#64;", `\`, `a\`, "x\\_y", "~", "`", "12.", "[^1]", "[ ] task", "http://a", "ftp://b.example", "xmpp:a@b.example",
	} {
		var out bytes.Buffer
		if err := gfm.Convert([]byte("- x "+MarkdownText(text)+" y\n"), &out); err != nil {
			t.Fatal(err)
		}
		var alone bytes.Buffer
		if err := gfm.Convert([]byte(MarkdownText(text)+"\n"), &alone); err != nil {
			t.Fatal(err)
		}
		for document, tags := range map[string]string{out.String(): "ul li", alone.String(): "p"} {
			elements, content := readHTML(t, document)
			if got := strings.Join(elements, " "); got != tags {
				t.Errorf("%q became elements %s: %s", text, got, document)
			}
			if want := Plain(text); !strings.Contains(content, want) {
				t.Errorf("%q reads as %q", want, content)
			}
		}
	}
}

func TestMarkdownFits(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		out := render(t, "markdown", r, Options{})
		if len(out) > 65_000 {
			t.Errorf("%s: %d bytes do not fit into a comment", name, len(out))
		}
		if !bytes.HasSuffix(out, []byte("**"+verdict.Status(r)+"**\n")) {
			t.Errorf("%s: does not end with the status", name)
		}
		if bytes.Count(out, []byte("<details>")) != bytes.Count(out, []byte("</details>")) {
			t.Errorf("%s: unbalanced details", name)
		}
	}
	huge := sampleReport(t)
	for i := range 2000 {
		check := huge.Checks[1]
		check.ID = fmt.Sprintf("acme.check-%d", i)
		huge.Checks = append(huge.Checks, check)
	}
	out := string(render(t, "markdown", huge, Options{}))
	if len(out) > 65_000 || !strings.Contains(out, "more checks") || !strings.Contains(out, "shortened") || !strings.HasSuffix(out, "**NOT READY**\n") {
		t.Errorf("2,000 failing checks come to %d bytes that end in %q", len(out), out[len(out)-300:])
	}
}

// readHTML lists the elements of an HTML fragment in their order, and its text.
func readHTML(t *testing.T, document string) (elements []string, text string) {
	t.Helper()
	var b strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(document))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return elements, b.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			elements = append(elements, tokens.Token().Data)
		case html.TextToken:
			b.WriteString(tokens.Token().Data)
		}
	}
}
