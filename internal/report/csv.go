package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// CSV for spreadsheets: a row for each finding. A cell that a spreadsheet would take for a formula
// begins with an apostrophe.

// csvColumns are the columns and what each holds of a finding.
var csvColumns = []struct {
	name string
	of   func(v *view, check audit.Check, finding audit.Finding) string
}{
	{"integration", func(v *view, _ audit.Check, _ audit.Finding) string { return v.Integration }},
	{"provider", func(v *view, _ audit.Check, _ audit.Finding) string { return v.Provider }},
	{"finished_at", func(v *view, _ audit.Check, _ audit.Finding) string { return v.FinishedAt.UTC().Format(time.RFC3339) }},
	{"valid_until", func(v *view, _ audit.Check, _ audit.Finding) string { return v.ValidUntil.String() }},
	{"verdict", func(v *view, _ audit.Check, _ audit.Finding) string { return v.verdict() }},
	{"section", func(_ *view, c audit.Check, _ audit.Finding) string { return c.Section }},
	{"items", func(_ *view, c audit.Check, _ audit.Finding) string {
		var items []string
		for _, item := range c.Items {
			items = append(items, strconv.Itoa(item))
		}
		return strings.Join(items, " ")
	}},
	{"check", func(_ *view, c audit.Check, _ audit.Finding) string { return c.ID }},
	{"title", func(_ *view, c audit.Check, _ audit.Finding) string { return c.Title }},
	{"level", func(_ *view, c audit.Check, _ audit.Finding) string { return c.Level }},
	{"severity", func(_ *view, c audit.Check, _ audit.Finding) string { return c.Severity }},
	{"cwe", func(_ *view, c audit.Check, _ audit.Finding) string { return strings.Join(c.CWE, " ") }},
	{"owasp_asvs", func(_ *view, c audit.Check, _ audit.Finding) string { return strings.Join(c.OWASPASVS, " ") }},
	{"check_outcome", func(_ *view, c audit.Check, _ audit.Finding) string { return c.Outcome.String() }},
	{"finding", func(_ *view, _ audit.Check, f audit.Finding) string { return f.ID }},
	{"outcome", func(_ *view, _ audit.Check, f audit.Finding) string { return f.Outcome.String() }},
	{"raw_outcome", func(_ *view, _ audit.Check, f audit.Finding) string {
		if f.RawOutcome == nil {
			return ""
		}
		return f.RawOutcome.String()
	}},
	{"environment", func(_ *view, _ audit.Check, f audit.Finding) string { return f.Environment }},
	{"basis", func(_ *view, _ audit.Check, f audit.Finding) string { return f.Basis }},
	{"message", func(_ *view, _ audit.Check, f audit.Finding) string { return f.Message }},
	{"place", func(_ *view, _ audit.Check, f audit.Finding) string { return Place(f.Evidence) }},
	{"cause", func(_ *view, _ audit.Check, f audit.Finding) string { return f.Cause }},
	{"remedy", func(_ *view, c audit.Check, f audit.Finding) string { return remedy(c, f) }},
	{"waiver", func(_ *view, _ audit.Check, f audit.Finding) string {
		if f.Waiver == nil {
			return ""
		}
		return waiverText(group{Waiver: f.Waiver, Findings: []audit.Finding{f}})
	}},
	{"caveats", func(v *view, _ audit.Check, _ audit.Finding) string { return strings.Join(v.caveats(), " ") }},
}

func renderCSV(w io.Writer, v *view) error {
	out := csv.NewWriter(w)
	var rows [][]string
	row := func(check audit.Check, finding audit.Finding) {
		var cells []string
		for _, column := range csvColumns {
			cells = append(cells, Cell(column.of(v, check, finding)))
		}
		rows = append(rows, cells)
	}
	var names []string
	for _, column := range csvColumns {
		names = append(names, column.name)
	}
	rows = append(rows, names)
	for _, check := range v.Checks {
		for _, finding := range check.Findings {
			row(check, finding)
		}
	}
	if len(v.Checks) == 0 { // an empty sheet would look as if all were well
		row(audit.Check{}, audit.Finding{Message: v.incomplete()})
	}
	return out.WriteAll(rows)
}

// Cell is text for CSV that no spreadsheet takes for a formula; lines stay apart.
func Cell(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Plain(line)
	}
	cell := strings.Trim(strings.Join(lines, "\n"), "\n")
	if cell != "" && strings.ContainsRune("=+-@|%＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}
