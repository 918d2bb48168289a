package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
	"github.com/prelaunch-audit/prelaunch/policies"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// sample is the stride at which the truth tables are walked by default. A row is a whole audit of two
// receivers and costs about two seconds of CPU time.
const sample = 24

// audited is what one call of the program gave.
type audited struct {
	report         *audit.Report
	code           int
	stdout, stderr string
}

// auditPair probes a pair as a user would, holds all that was printed to holding no key, and judges the facts. The policies are compiled
// once for all tests, which is what most of the time of a short audit goes to.
func auditPair(t *testing.T, options sandbox.PairOptions, args ...string) audited {
	t.Helper()
	options.Dir = t.TempDir()
	pair, err := sandbox.StartPair(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Errorf("close the pair: %v", err)
		}
	})
	var stdout, stderr bytes.Buffer
	code := cli.Main(t.Context(), append(append([]string{"probe", pair.File}, pair.Args()...), args...), cli.Streams{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: lookup(pair.Env()),
	})
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	judged := judge(t, stdout.Bytes())
	asJSON, err := json.Marshal(judged)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range pair.Keys {
		for _, spelling := range secret.Spellings(key.Expose()) {
			for _, written := range [][]byte{stdout.Bytes(), stderr.Bytes(), asJSON} {
				if bytes.Contains(written, spelling.Bytes) {
					t.Errorf("the %s key got out (%s)", name, spelling.Name)
				}
			}
		}
	}
	return audited{report: judged, code: verdict.ExitCode(judged), stdout: stdout.String(), stderr: stderr.String()}
}

var (
	judges  = map[string]*policy.Judge{} // by provider
	judging sync.Mutex
)

// judgeFor is the built-in policies as a provider has them.
func judgeFor(profile audit.Profile) (*policy.Judge, error) {
	judging.Lock()
	defer judging.Unlock()
	if compiled := judges[profile.Name]; compiled != nil {
		return compiled, nil
	}
	library, err := policy.Load(policies.FS, nil)
	if err != nil {
		return nil, err
	}
	library = library.For(profile)
	selection, err := library.Select(nil, nil)
	if err != nil {
		return nil, err
	}
	judges[profile.Name], err = library.Compile(context.Background(), selection)
	return judges[profile.Name], err
}

// judge is the report that the built-in policies make of facts.
func judge(t *testing.T, facts []byte) *audit.Report {
	t.Helper()
	document, err := audit.DecodeDocument(facts)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := judgeFor(document.Profile)
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := compiled.Verdicts(t.Context(), facts)
	if err != nil {
		t.Fatal(err)
	}
	report := verdict.Assemble(document, audit.Digest(facts), verdict.Judgment{Checks: compiled.Checks(), Verdicts: verdicts}, document.Profile.Titles())
	reproducible(t, report)
	return report
}

// reproducible holds that what fails or warns because of test cases names the command that shows it again.
func reproducible(t *testing.T, report *audit.Report) {
	t.Helper()
	for _, check := range report.Checks {
		area, _, _ := strings.Cut(check.ID, ".")
		if !slices.Contains([]string{"webhook", "input", "errors"}, area) || check.ID == "errors.logs-clean" {
			continue
		}
		for _, finding := range check.Findings {
			if finding.Outcome != audit.Fail && finding.Outcome != audit.Warn {
				continue
			}
			command, _ := finding.Evidence["replay"].(string)
			words := strings.Fields(command)
			again := len(words) == 5 && words[1] == "replay" && words[3] == "--environment" && words[4] == finding.Environment
			if again {
				family, _, _ := strings.Cut(words[2], "/")
				again = slices.ContainsFunc(cases.Families, func(f cases.Family) bool { return f.Name == family && f.Checks != nil && family != "instance" })
			}
			if !again && command != "prelaunch audit --only "+check.ID+" --environment "+finding.Environment {
				t.Errorf("%s: no command shows again that %s: %q", check.ID, finding.Message, command)
			}
		}
	}
}

// lookup is the environment of a call: the pair's keys, and what commands need.
func lookup(env []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, pair := range env {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value, true
			}
		}
		if name == "PATH" || name == "HOME" {
			return os.LookupEnv(name)
		}
		return "", false
	}
}

// saw is what a check came to in an environment, with what it says of it other than a pass. Of the whole integration, "".
func saw(check audit.Check, environment string) (audit.Outcome, string) {
	var outcomes []audit.Outcome
	var text strings.Builder
	for _, finding := range check.Findings {
		if environment != "" && finding.Environment != environment && finding.Environment != "" {
			continue
		}
		outcomes = append(outcomes, finding.Outcome)
		if finding.Outcome != audit.Pass && finding.Outcome != audit.NotApplicable {
			evidence, _ := json.Marshal(finding.Evidence)
			fmt.Fprintf(&text, "\n      %s %s: %s %s", finding.Outcome, finding.Environment, finding.Message, evidence)
		}
	}
	if len(outcomes) == 0 {
		return audit.NotApplicable, ""
	}
	return audit.Worst(outcomes...), text.String()
}

// holds compares a report to what a behavior must lead to in its environment ("": in the whole): what it must fail fails, and nothing
// else is anything but right.
func holds(t *testing.T, got audited, environment string, want sandbox.Expect) {
	t.Helper()
	oneOf := len(want.OneOf) == 0
	for _, check := range got.report.Checks {
		outcome, told := saw(check, environment)
		right := outcome == audit.Pass || outcome == audit.NotApplicable
		var fault string
		switch id := check.ID; {
		case slices.Contains(want.Fails, id):
			if outcome != audit.Fail && (check.Level == audit.Required || outcome != audit.Warn) {
				fault = "must fail"
			}
		case slices.Contains(want.OneOf, id):
			oneOf = oneOf || outcome == audit.Fail
		case slices.Contains(want.Withheld, id):
			if right {
				fault = "must not pass"
			}
		case slices.Contains(want.Warns, id):
			if outcome != audit.Warn {
				fault = "must warn"
			}
		case !slices.Contains(want.May, id) && !right:
			fault = "must pass"
		}
		if fault != "" {
			t.Errorf("%s %s and is %s%s", check.ID, fault, outcome, told)
		}
	}
	if !oneOf {
		t.Errorf("none of %v fails", want.OneOf)
	}
}

// TestTruth goes through every receiver of the sandbox: a right one, however unusual, is found right, and a flaw planted alone makes its
// own check fail and no other. An audit has two of them, one in each environment, and each is held to what is said of its own.
func TestTruth(t *testing.T) {
	t.Parallel()
	for name, table := range map[string][]sandbox.Behavior{"right": behaviors.Rights(), "flawed": behaviors.Flaws()} {
		var patient, hanging []sandbox.Behavior
		for _, behavior := range table {
			if behavior.Setup.Hangs { // both environments get a shorter timeout
				hanging = append(hanging, behavior)
			} else {
				patient = append(patient, behavior)
			}
		}
		pairs := slices.AppendSeq(slices.Collect(slices.Chunk(patient, 2)), slices.Chunk(hanging, 2))
		for i := range audittest.Rows(t, len(pairs), sample) {
			truth(t, name, pairs[i])
		}
	}
}

func truth(t *testing.T, table string, two []sandbox.Behavior) {
	last := two[len(two)-1]
	t.Run(table+"/"+two[0].Name+"+"+last.Name, func(t *testing.T) {
		t.Parallel()
		got := auditPair(t, sandbox.PairOptions{Test: two[:1], Production: two[1:]})
		holds(t, got, audit.Test, two[0].Expect)
		if len(two) > 1 {
			holds(t, got, audit.Production, last.Expect)
		}
		if t.Failed() {
			t.Logf("exit %d, %s", got.code, verdict.Status(got.report))
		}
	})
}

// TestTruthInDisguise: the same flaws are found behind every unusual way of answering.
func TestTruthInDisguise(t *testing.T) {
	t.Parallel()
	flaws := append(named(t, "unsigned-accepted"), named(t, "first-sixteen-digits")...)
	disguises := behaviors.Disguises()
	for i := range audittest.Rows(t, len(disguises), sample) {
		disguise := disguises[i]
		t.Run(disguise.Name, func(t *testing.T) {
			t.Parallel()
			got := auditPair(t, sandbox.PairOptions{
				Test: []sandbox.Behavior{disguise, flaws[0]}, Production: []sandbox.Behavior{disguise, flaws[1]},
			})
			for i, environment := range []string{audit.Test, audit.Production} {
				for _, check := range got.report.Checks {
					if outcome, told := saw(check, environment); slices.Contains(flaws[i].Expect.Fails, check.ID) && outcome != audit.Fail {
						t.Errorf("%s hides from %s, which is %s%s", flaws[i].Name, check.ID, outcome, told)
					}
				}
			}
		})
	}
}

// TestTruthDeployment plants each flaw around the receivers alone.
func TestTruthDeployment(t *testing.T) {
	t.Parallel()
	flaws := behaviors.DeploymentFlaws()
	for i := range audittest.Rows(t, len(flaws), sample) {
		flaw := flaws[i]
		t.Run(flaw.Name, func(t *testing.T) {
			t.Parallel()
			holds(t, auditPair(t, sandbox.PairOptions{Flaws: []sandbox.DeploymentFlaw{flaw}}), "", flaw.Expect)
		})
	}
}

// TestTruthDead: nobody is there, and nothing passes out of it.
func TestTruthDead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pair, err := sandbox.StartPair(sandbox.PairOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Close(); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	begun := time.Now()
	args := append([]string{"audit", pair.File, "--skip", "errors.logs-clean,api-key.rotated-after-exposure", "-o", "json"}, pair.Args()...) // which wait for a log
	code := cli.Main(t.Context(), args, cli.Streams{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: lookup(pair.Env()),
	})
	var report audit.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatal(err, stderr.String())
	}
	if code != 1 {
		t.Errorf("exit %d after %v", code, time.Since(begun))
	}
	for _, check := range report.Checks {
		for _, prefix := range []string{"webhook.", "input.", "errors.status", "errors.no-internal", "https.webhook", "https.cert", "https.modern", "environments.credentials"} {
			if strings.HasPrefix(check.ID, prefix) && check.Outcome == audit.Pass {
				t.Errorf("%s passes though nobody is there", check.ID)
			}
		}
	}
}
