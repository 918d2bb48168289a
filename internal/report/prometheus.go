package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Prometheus text for node_exporter's textfile collector: `-o prometheus=DIR/prelaunch.prom`
// replaces the file at once, so a scrape never reads half of it. Every outcome has a series of its
// own, so what is inconclusive is never counted as passed.

// metrics is a text in the making.
type metrics struct {
	strings.Builder
	integration string
}

func (m *metrics) family(name, help string) {
	fmt.Fprintf(m, "# HELP prelaunch_%s %s\n# TYPE prelaunch_%s gauge\n", name, help, name)
}

// series adds a value; labels come in pairs.
func (m *metrics) series(name string, value float64, labels ...string) {
	fmt.Fprintf(m, "prelaunch_%s{integration=%s", name, labelValue(m.integration))
	for i := 0; i+1 < len(labels); i += 2 {
		fmt.Fprintf(m, ",%s=%s", labels[i], labelValue(labels[i+1]))
	}
	m.WriteString("} " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
}

func labelValue(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clip(Plain(text), maxTitle)) + `"`
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func renderPrometheus(w io.Writer, v *view) error {
	m := &metrics{integration: v.Integration}
	for _, caveat := range v.caveats() {
		m.WriteString("# " + Plain(caveat) + "\n")
	}
	expired := v.expired() != ""
	for _, single := range []struct {
		name, help string
		value      float64
	}{
		{"ready", "Whether every required check passes, is waived or is not applicable.", truth(v.Ready && !expired)},
		{"partial", "Whether required checks were left out or the audit was cut short.", truth(v.Partial)},
		{"expired", "Whether something the report rests on no longer holds.", truth(expired)},
		{"last_run_timestamp_seconds", "When the audit ended.", float64(v.FinishedAt.Unix())},
		{"run_duration_seconds", "How long the audit took.", v.FinishedAt.Sub(v.StartedAt).Seconds()},
	} {
		m.family(single.name, single.help)
		m.series(single.name, single.value)
	}
	if !v.ValidUntil.IsZero() {
		m.family("valid_until_timestamp_seconds", "The end of the last day on which the report can be relied on.")
		m.series("valid_until_timestamp_seconds", float64(v.ValidUntil.AddDays(1).Time().Unix()))
	}
	m.family("checks", "How many checks have each outcome.")
	for _, t := range v.allTallies() {
		m.series("checks", float64(t.n), "outcome", t.outcome.String())
	}
	m.family("findings", "How many findings have each outcome, by severity.")
	for _, t := range v.allTallies() {
		for _, severity := range severities {
			n := 0
			for _, check := range v.Checks {
				if check.Severity == severity {
					n += len(withOutcome(check.Findings, t.outcome))
				}
			}
			m.series("findings", float64(n), "outcome", t.outcome.String(), "severity", severity)
		}
	}
	if len(v.Checks) > 0 {
		m.family("check_outcome", "The outcome of each check: 1 for the one it has.")
	}
	for _, check := range v.Checks {
		for _, t := range v.allTallies() {
			m.series("check_outcome", truth(check.Outcome == t.outcome), "check", check.ID, "outcome", t.outcome.String(), "severity", check.Severity)
		}
	}
	m.family("checklist_outcome", "The outcome of each item of the checklist: 1 for the one it has.")
	for _, item := range v.Checklist {
		for _, outcome := range []audit.Outcome{audit.Fail, audit.Inconclusive, audit.Warn, audit.Waived, audit.Pass, audit.NotApplicable} {
			m.series("checklist_outcome", truth(item.Outcome == outcome), "item", strconv.Itoa(item.Item), "outcome", outcome.String())
		}
	}
	_, err := io.WriteString(w, m.String())
	return err
}
