package webhook_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
	"github.com/prelaunch-audit/prelaunch/policies"
)

// judged are the checks that read this probe's facts.
var judged = []string{"webhook.*", "input.*", "errors.status-codes", "errors.survives-requests", "errors.no-internal-detail", "environments.credentials-not-interchangeable"}

var compiled = sync.OnceValues(func() (*policy.Judge, error) {
	library, err := policy.Load(policies.FS, nil)
	if err != nil {
		return nil, err
	}
	library = library.For(judgedProfile())
	selection, err := library.Select(judged, nil)
	if err != nil {
		return nil, err
	}
	infos = selection.Checks
	return library.Compile(context.Background(), selection)
})

// judgedProfile is what judging needs of the provider.
func judgedProfile() audit.Profile {
	profile := provider.Must(provider.Default)
	facts := audit.Profile{Name: profile.Name, Words: profile.AllWords(), Features: profile.FeatureNames()}
	for _, family := range provider.Families() {
		if applies, because := profile.Applies(family); !applies {
			facts.Without = append(facts.Without, audit.WithoutFamily{Family: family, Because: because})
		}
	}
	return facts
}

var infos []audit.CheckInfo

// audited runs the probe over the lab and judges what it saw.
func (l *lab) audited(t testing.TB) (*audit.Document, *audit.Report) {
	t.Helper()
	doc := l.run(t.Context())
	return doc, judge(t, doc)
}

func judge(t testing.TB, doc *audit.Document) *audit.Report {
	t.Helper()
	judge, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{testKey, productionKey, retiredKey} {
		for _, spelling := range secret.Spellings([]byte(key)) {
			if strings.Contains(string(raw), string(spelling.Bytes)) {
				t.Errorf("the facts hold a key (%s)", spelling.Name)
			}
		}
	}
	verdicts, err := judge.Verdicts(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return verdict.Assemble(doc, audit.Digest(raw), verdict.Judgment{Checks: infos, Verdicts: verdicts}, []string{})
}

// outcomes are the worst outcome of each check in one environment.
func outcomes(report *audit.Report, environment string) map[string]audit.Outcome {
	out := map[string]audit.Outcome{}
	for _, check := range report.Checks {
		var list []audit.Outcome
		for _, finding := range check.Findings {
			if finding.Environment == environment {
				list = append(list, finding.Outcome)
			}
		}
		out[check.ID] = audit.Worst(list...)
	}
	return out
}

func explain(report *audit.Report, check, environment string) string {
	var lines []string
	for _, c := range report.Checks {
		for _, f := range c.Findings {
			if c.ID == check && f.Environment == environment {
				lines = append(lines, fmt.Sprintf("%s: %s %v", f.Outcome, f.Message, f.Evidence))
			}
		}
	}
	return strings.Join(lines, "; ")
}
