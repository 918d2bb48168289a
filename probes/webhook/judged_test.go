package webhook_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/policies"
)

// judged are the checks that read this probe's facts.
var judged = []string{"webhook.*", "input.*", "errors.status-codes", "errors.no-internal-detail", "environments.credentials-not-interchangeable"}

var compiled = sync.OnceValues(func() (*policy.Judge, error) {
	library, err := policy.Load(policies.FS, nil)
	if err != nil {
		return nil, err
	}
	selection, err := library.Select(judged, nil)
	if err != nil {
		return nil, err
	}
	infos = selection.Checks
	return library.Compile(context.Background(), selection)
})

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
	return audit.Assemble(doc, audit.Digest(raw), audit.Judgement{Checks: infos, Verdicts: verdicts}, []string{})
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

// TestSandbox holds what the probe and the policies make of every sandbox receiver to what the contract says of it: a flaw makes its
// own check fail and no other, a right receiver none. Each audit has two receivers, one in each environment.
func TestSandbox(t *testing.T) {
	t.Parallel()
	only := strings.FieldsFunc(os.Getenv("SANDBOX_ONLY"), func(r rune) bool { return r == ',' })
	var patient, hanging []sandbox.Behaviour
	for _, behaviour := range slices.Concat(sandbox.Rights(), sandbox.Flaws()) {
		switch {
		case len(only) > 0 && !slices.Contains(only, behaviour.Name):
		case behaviour.Setup.Hangs: // a shorter timeout, for both environments
			hanging = append(hanging, behaviour)
		default:
			patient = append(patient, behaviour)
		}
	}
	for _, list := range [][]sandbox.Behaviour{patient, hanging} {
		for pair := range slices.Chunk(list, 2) {
			planted := map[string][]sandbox.Behaviour{audit.Test: pair[:1], audit.Production: pair[1:]}
			t.Run(pair[0].Name+" "+pair[len(pair)-1].Name, func(t *testing.T) {
				t.Parallel()
				_, report := newLab(t, planted).audited(t)
				for environment, behaviours := range planted {
					for _, behaviour := range behaviours {
						checkExpected(t, report, environment, behaviour)
					}
				}
			})
		}
	}
}

func checkExpected(t *testing.T, report *audit.Report, environment string, behaviour sandbox.Behaviour) {
	t.Helper()
	expect := behaviour.Expect
	here := outcomes(report, environment)
	anyFails := len(expect.OneOf) == 0
	for id, outcome := range here {
		in := func(list []string) bool { return slices.Contains(list, id) }
		ok := outcome == audit.Pass || outcome == audit.NotApplicable
		switch {
		case in(expect.Fails):
			ok = outcome == audit.Fail
		case in(expect.OneOf):
			anyFails = anyFails || outcome == audit.Fail
			ok = true
		case in(expect.Warns):
			ok = outcome == audit.Warn
		case in(expect.May):
			ok = true
		case in(expect.Withheld):
			ok = outcome != audit.Pass && outcome != audit.NotApplicable
		}
		if !ok {
			t.Errorf("%s: %s is %s: %s", behaviour.Name, id, outcome, explain(report, id, environment))
		}
	}
	for _, id := range expect.OneOf {
		_, known := here[id]
		anyFails = anyFails || !known
	}
	if !anyFails {
		t.Errorf("%s: none of %v fails", behaviour.Name, expect.OneOf)
	}
}
