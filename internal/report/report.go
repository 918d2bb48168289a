// Package report renders a report: one file per format, and one table, Formats, that feeds the
// flag, its help, its errors and the tests. Every format shows the same outcomes; none decides any,
// and what is inconclusive is in all of them, never as a pass.
//
// Parts of a report come from the audited system, so they are hostile: each format escapes for its
// own reader, and control, bidirectional and zero-width characters never reach a terminal. Keys are
// redacted twice: in the report before it is laid out (a layout could break a key over two lines
// and hide it from a search) and in what was laid out.
package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Format is one way to show a report.
type Format struct {
	Name      string // what follows -o
	Help      string // one line, for --help
	Extension string // usual for a file of it, with the dot
	MediaType string // for serving it

	render func(w io.Writer, v *view) error
}

// Formats are all formats, the default first.
var Formats = []Format{
	{"table", "for people at a terminal: the verdict, what to do next, what fails, what is not proven, and the scope", ".txt",
		"text/plain; charset=utf-8", renderTable},
	{"json", "the whole report (prelaunch.report/v1), for programs and for keeping", ".json", "application/json", renderJSON},
	{"sarif", "SARIF 2.1.0 with every finding, passes and waivers too", ".sarif", "application/sarif+json", renderSARIF},
	{"code-scanning", "SARIF 2.1.0 for GitHub code scanning: only what calls for something to be done, within GitHub's limits", ".sarif",
		"application/sarif+json", renderCodeScanning},
	{"junit", "JUnit XML (Surefire's schema), for what shows test results", ".xml", "application/xml", renderJUnit},
	{"markdown", "Markdown for a pull request or a GitHub step summary, shortened to fit", ".md", "text/markdown; charset=utf-8", renderMarkdown},
	{"html", "one self-contained page, to read, to print and to sign off", ".html", "text/html; charset=utf-8", renderHTML},
	{"ocsf", "OCSF 1.5 Compliance Findings (class 2003), for security lakes and SIEMs", ".json", "application/json", renderOCSF},
	{"defectdojo", "DefectDojo's Generic Findings Import", ".json", "application/json", renderDefectDojo},
	{"prometheus", "Prometheus text, for node_exporter's textfile collector", ".prom", "text/plain; version=0.0.4; charset=utf-8", renderPrometheus},
	{"test-result", "an in-toto test result (v0.1), unsigned", ".json", "application/vnd.in-toto+json", renderTestResult},
	{"svr", "an in-toto simple verification result (v0.2), unsigned: what is proven", ".json", "application/vnd.in-toto+json", renderSVR},
	{"oscal", "OSCAL 1.1.2 assessment results", ".json", "application/json", renderOSCAL},
	{"csv", "a row for each finding, for spreadsheets", ".csv", "text/csv; charset=utf-8", renderCSV},
}

// Names are the names of Formats, for completion.
func Names() []string {
	names := make([]string, len(Formats))
	for i, format := range Formats {
		names[i] = format.Name
	}
	return names
}

// Options say how a report is shown. The zero Options fit a pipe.
type Options struct {
	Width   int  // columns of the terminal, or as the user wishes; 0: not known
	Color   bool // color the outcomes; of the table only
	Verbose bool // a line a check, remediation in full; of the table only
	// MinSeverity hides checks of less severity in table and markdown, never in the verdict and the
	// counts; "": none.
	MinSeverity string
	Redactor    *secret.Redactor // takes keys out; nil: the keys are not at hand
	// Now is the time at which a report that was read from a file is shown; when it has expired by then, every format says
	// so. Zero: the report is fresh.
	Now time.Time
	// ConfigFile is what the configuration is called, relative to the repository's root where there
	// is one. Formats that must point at a file point at it for findings that have no file of their
	// own. Default: what the report calls it, else prelaunch.yaml.
	ConfigFile string
	// Caveats are further sentences that a reader must know before relying on the report.
	Caveats []string
	// Earlier reports of the same integration, in any order; formats that can show the history of each check.
	Earlier []*audit.Report
}

// Find returns the format of that name; the error lists the formats there are.
func Find(name string) (Format, error) {
	for _, format := range Formats {
		if format.Name == name {
			return format, nil
		}
	}
	return Format{}, fmt.Errorf("there is no output format %q; the formats are %s", name, strings.Join(Names(), ", "))
}

// Write shows the report on w.
func Write(w io.Writer, format string, r *audit.Report, o Options) error {
	found, err := Find(format)
	if err != nil {
		return err
	}
	v, err := newView(r, o)
	if err != nil {
		return fmt.Errorf("show the report as %s: %w", format, err)
	}
	var out bytes.Buffer
	if err := found.render(&out, v); err != nil {
		return fmt.Errorf("show the report as %s: %w", format, err)
	}
	if _, err := w.Write(o.redactLast(out.Bytes())); err != nil {
		return fmt.Errorf("write the report as %s: %w", format, err)
	}
	return nil
}

// redactLast redacts what the redaction of the report's strings missed. A key that is one of the
// report's own words, such as "production", is left in: redacting it would break the format, and it
// is no secret.
func (o Options) redactLast(out []byte) []byte {
	if o.Redactor.RedactString(ownText()) != ownText() {
		return out
	}
	return o.Redactor.Redact(out)
}
