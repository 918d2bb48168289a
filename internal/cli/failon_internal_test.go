package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

func reportOf(outcomes ...audit.Outcome) *audit.Report {
	r := &audit.Report{}
	for i, outcome := range outcomes {
		r.Checks = append(r.Checks, audit.Check{ID: "webhook.case-" + string(rune('a'+i)), Title: "Title", Section: "Section",
			Level: audit.Required, Severity: []string{"low", "critical"}[i%2], Outcome: outcome,
			Findings: []audit.Finding{{ID: "id", Outcome: outcome, Basis: audit.Observed, Message: "message"}}})
	}
	return r
}

// TestFailOn: which outcomes each value lets change the exit status.
func TestFailOn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		outcomes                  []audit.Outcome
		onFail, onDefault, onWarn int
	}{
		{[]audit.Outcome{audit.Pass}, 0, 0, 0},
		{[]audit.Outcome{audit.Warn}, 0, 0, 1},
		{[]audit.Outcome{audit.Inconclusive}, 0, 3, 3},
		{[]audit.Outcome{audit.Inconclusive, audit.Warn}, 0, 3, 1},
		{[]audit.Outcome{audit.Fail, audit.Inconclusive}, 1, 1, 1},
	} {
		for value, want := range map[failOn]int{failOnFail: test.onFail, failOnInconclusive: test.onDefault, failOnWarn: test.onWarn} {
			got := 0
			var status exit
			if err := value.exit(reportOf(test.outcomes...)); errors.As(err, &status) {
				got = status.code
			}
			if got != want {
				t.Errorf("%v with --fail-on %s: exit %d, want %d", test.outcomes, value, got, want)
			}
		}
	}
}

// TestFailOnStillSaysNotProven: exit status 0 makes nothing proven.
func TestFailOnStillSaysNotProven(t *testing.T) {
	t.Parallel()
	r := reportOf(audit.Inconclusive)
	var table bytes.Buffer
	if err := report.Write(&table, "table", r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := failOn(failOnFail).exit(r); err != nil || !strings.HasSuffix(strings.TrimSpace(table.String()), "NOT PROVEN") {
		t.Errorf("%v: %s", err, table.String())
	}
}

// TestMinSeverity hides rows of the table and of Markdown, and no check in JSON.
func TestMinSeverity(t *testing.T) {
	t.Parallel()
	r := reportOf(audit.Fail, audit.Fail)
	for format, hides := range map[string]bool{"table": true, "markdown": true, "json": false} {
		var text bytes.Buffer
		if err := report.Write(&text, format, r, (&app{presentation: presentation{least: "high"}}).options(report.Options{})); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), "webhook.case-b") || strings.Contains(text.String(), "webhook.case-a") == hides {
			t.Errorf("%s: %s", format, text.String())
		}
	}
}
