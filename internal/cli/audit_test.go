package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// started is a running pair whose program can be called again and again.
type started struct {
	*sandbox.Pair
	t *testing.T
}

func start(t *testing.T, options sandbox.PairOptions) started {
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
	return started{pair, t}
}

// call runs the program with the pair's keys in the environment.
func (s started) call(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: lookup(s.Env())})
	return code, out.String(), errs.String()
}

func (s started) audit(args ...string) (code int, stdout, stderr string) {
	return s.call(s.t.Context(), append(append([]string{"audit", s.File}, s.Args()...), args...)...)
}

func named(t *testing.T, name string) []sandbox.Behavior {
	t.Helper()
	behavior, err := behaviors.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return []sandbox.Behavior{behavior}
}

// TestOneEnvironment audits Test where Production's key is not at hand: what needs Production is left open, and named. Facts of one
// environment are judged alike.
func TestOneEnvironment(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{Production: named(t, "first-sixteen-digits")})
	env := slices.DeleteFunc(pair.Env(), func(variable string) bool { return strings.Contains(variable, "PRODUCTION") })
	run := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: lookup(env)})
		return code, out.String(), errs.String()
	}
	facts, first := filepath.Join(pair.Dir, "facts.json"), filepath.Join(pair.Dir, "report.json")
	code, table, stderr := run(append(append([]string{"audit", pair.File}, pair.Args()...), "--environment", "test", "-o", "table", "-o", "json="+first, "-o", "facts="+facts)...)
	if code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, stderr, table)
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if lines[0] != "PARTIAL" || lines[len(lines)-1] != "PARTIAL" {
		t.Errorf("the verdict is not PARTIAL:\n%s", table)
	}
	raw, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := &audit.LeftOpen{Environments: []string{audit.Production}, Checks: []string{
		"api-key.separate-environments", "redirects.production-configured", "deployment-centre.redirects-registered",
		"environments.separate-webhooks", "environments.separate-redirects", "environments.separate-integrations",
		"environments.credentials-not-interchangeable", "environments.no-mixed-configuration",
	}}
	if diff := cmp.Diff(want, r.LeftOpen); diff != "" {
		t.Errorf("left open: (-want +got)\n%s", diff)
	}
	for _, check := range r.Checks {
		for _, finding := range check.Findings {
			if finding.Environment == audit.Production {
				t.Errorf("%s says something of Production: %s", check.ID, finding.Message)
			}
		}
	}
	if _, sent := r.Scope.Requests[audit.Production]; sent {
		t.Error("requests went to Production")
	}
	if code, again, stderr := run("judge", facts, "-o", "json"); code != 0 || again != string(raw) {
		t.Errorf("judge: exit %d, another report: %s", code, stderr)
	}
	if code, _, stderr := run("judge", facts, "--environment", "staging"); code != 2 || !strings.Contains(stderr, `there is no environment "staging": choose test`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if code, plan, stderr := run("plan", pair.File, "--environment", "test"); code != 0 || strings.Contains(plan, "[production]") || !strings.Contains(plan, "[test]") {
		t.Errorf("plan: exit %d: %s\n%s", code, stderr, plan)
	}
}

// TestJudgeGivesTheReportOfTheAudit: the stored facts lead to the same report, byte for byte, without network or keys.
func TestJudgeGivesTheReportOfTheAudit(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{Production: named(t, "first-sixteen-digits")})
	facts, first := filepath.Join(pair.Dir, "facts.json"), filepath.Join(pair.Dir, "report.json")
	code, _, stderr := pair.audit("-o", "json="+first, "-o", "facts="+facts)
	if code != 1 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	code, again, stderr := pair.call(t.Context(), "judge", facts, "-o", "json")
	if code != 1 {
		t.Fatalf("judge: exit %d: %s", code, stderr)
	}
	want, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), again); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(first); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the report's mode is %v, %v", info.Mode(), err)
	}
	// Facts of both environments can be judged for one: Test passes, and Production, which has the flaw, does not.
	for environment, last := range map[string]string{audit.Test: "PARTIAL", audit.Production: "PARTIAL, 1 failed"} {
		code, table, stderr := pair.call(t.Context(), "judge", facts, "--environment", environment)
		if lines := strings.Split(strings.TrimSpace(table), "\n"); lines[len(lines)-1] != last || (code == 0) != (last == "PARTIAL") {
			t.Errorf("judge --environment %s: exit %d, %s\n%s", environment, code, stderr, table)
		}
	}
	// Facts that were made to look better do not fit their schema, or lead to another digest.
	raw, err := os.ReadFile(facts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(facts, bytes.Replace(raw, []byte(`"vantage": "`), []byte(`"vantage": 1, "x": "`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, stderr := pair.call(t.Context(), "judge", facts); code != 2 || out != "" || !strings.Contains(stderr, facts) {
		t.Errorf("edited facts: exit %d %s %s", code, out, stderr)
	}
}

// TestNothingThatIsWrittenHoldsASecret searches standard output, standard error, every format, the facts, the store and temporary files
// for the keys and for every signature that the receivers saw, in all spellings.
func TestNothingThatIsWrittenHoldsASecret(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	leaky := append(named(t, "logs-signature"), named(t, "signing-oracle")...)
	pair := start(t, sandbox.PairOptions{Test: append(leaky, named(t, "key-echo")...), Production: leaky})
	out := filepath.Join(pair.Dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, format := range report.Formats {
		args = append(args, "-o", format.Name+"="+filepath.Join(out, format.Name))
	}
	code, stdout, stderr := pair.audit(append(args, "-o", "facts="+filepath.Join(out, "facts"))...)
	if code != 1 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	_, again, noise := pair.audit("--color", "always")
	_, plan, _ := pair.call(t.Context(), "plan", pair.File)
	written := map[string]string{"standard output": stdout + again + plan, "standard error": stderr + noise}
	for _, root := range []string{out, os.Getenv("TMPDIR")} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			written[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	secrets := map[string][]byte{}
	for name, key := range pair.Keys {
		secrets["the "+name+" key"] = key.Expose()
	}
	signature := regexp.MustCompile(`[0-9a-f]{128}`)
	for _, environment := range []string{audit.Test, audit.Production} {
		log, err := os.ReadFile(filepath.Join(pair.Dir, "logs", environment+".log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range signature.FindAll(log, -1) {
			if strings.Trim(string(found), string(found[:1])) != "" { // the forgery of zeros is no signature
				secrets["a signature"+string(found[:4])] = found
			}
		}
	}
	if len(secrets) < 50 {
		t.Fatalf("only %d secrets to look for", len(secrets))
	}
	for what, value := range secrets {
		for _, spelling := range secret.Spellings(value) {
			for where, text := range written {
				if strings.Contains(text, string(spelling.Bytes)) {
					t.Errorf("%s holds %s (%s)", where, what[:min(len(what), 20)], spelling.Name)
				}
			}
		}
	}
}

// TestInterruptReportsWhatIsKnown: what is known is reported as cut short, with exit code 2.
func TestInterruptReportsWhatIsKnown(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{Production: named(t, "forgeries-hang")})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	progress := &signal{on: "dashboard access", done: make(chan struct{})}
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, append([]string{"audit", pair.File, "-o", "json"}, pair.Args()...), cli.Streams{
			In: strings.NewReader(""), Out: &out, Err: progress, LookupEnv: lookup(pair.Env()), Grace: time.Minute})
	}()
	<-progress.done
	cancel()
	code := <-ended
	var cut audit.Report
	if err := json.Unmarshal(out.Bytes(), &cut); err != nil {
		t.Fatal(err)
	}
	if code != 2 || !cut.CutShort || !cut.Partial || cut.Ready || verdict.Status(&cut) != "PARTIAL" {
		t.Errorf("exit %d, cut short %v, partial %v, %s", code, cut.CutShort, cut.Partial, verdict.Status(&cut))
	}
	for _, check := range cut.Checks {
		if strings.HasPrefix(check.ID, "webhook.rejects-un") && check.Outcome == audit.Pass {
			t.Errorf("%s passes though it was cut short", check.ID)
		}
	}
}

// TestInterruptEndsPolicies: a user's policy that goes on for ever does not keep an interrupted run.
func TestInterruptEndsPolicies(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{})
	dir := t.TempDir()
	endless := `# METADATA
# title: An endless check
# description: It counts.
# custom:
#   id: acme.endless
#   order: 900
#   section: Separate Test and Production cleanly
#   items: [5]
#   level: required
#   severity: high
#   remediation: None.
#   sources: ["acme"]
#   facts: []
package acme.checks.endless

findings contains i if some i in numbers.range(1, 1000000000)
`
	if err := os.WriteFile(filepath.Join(dir, "endless.rego"), []byte(endless), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	progress := &signal{on: "dashboard access", done: make(chan struct{})} // the last that is probed
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		args := []string{"audit", pair.File, "--policy", dir, "--only", "acme.endless", "--only", "access.reviewed", "-o", "json"}
		ended <- cli.Main(ctx, append(args, pair.Args()...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: progress, LookupEnv: lookup(pair.Env())})
	}()
	<-progress.done
	begun := time.Now()
	cancel()
	if code := <-ended; code != 2 || out.Len() > 0 {
		t.Errorf("exit %d: %s", code, out.String())
	}
	if took := time.Since(begun); took > 20*time.Second { // one second when nothing else runs
		t.Errorf("it went on for %v", took)
	}
}

// signal is a writer that tells when a text has gone through it.
type signal struct {
	bytes.Buffer
	on   string
	done chan struct{}
	told bool
}

func (s *signal) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	if !s.told && strings.Contains(s.String(), s.on) {
		s.told = true
		close(s.done)
	}
	return n, err
}

// TestChoiceOfChecks: what is left out makes a report partial, and only the probes that are needed run.
func TestChoiceOfChecks(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{})
	code, stdout, stderr := pair.audit("--only", "access.*")
	if code != 0 || !strings.HasSuffix(strings.TrimSpace(stdout), "PARTIAL") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if strings.Contains(stderr, "webhook") || pair.Test.Requests() > 0 {
		t.Error("the receivers were written to for checks of the roster")
	}
	code, stdout, _ = pair.audit("--skip", "network.ip-allowlist")
	if code != 0 || !strings.HasSuffix(strings.TrimSpace(stdout), "READY") {
		t.Errorf("without a recommended check: exit %d: %s", code, stdout[max(0, len(stdout)-200):])
	}
}

// TestOwnPolicy: the check in POLICIES.md judges beside the built-in ones.
func TestOwnPolicy(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../.github/POLICIES.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```rego\n")
	own, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("POLICIES.md shows no policy")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own_domain.rego"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	pair := start(t, sandbox.PairOptions{})
	code, stdout, stderr := pair.audit("--policy", dir, "--only", "acme.own-domain", "-o", "json")
	var judged audit.Report
	if err := json.Unmarshal([]byte(stdout), &judged); err != nil {
		t.Fatal(err, stderr)
	}
	if code != 0 || len(judged.Checks) != 1 || judged.Checks[0].Outcome != audit.Pass || len(judged.Checks[0].Findings) != 2 {
		t.Errorf("exit %d: %+v", code, judged.Checks)
	}
}

// TestWaiver: a waived failure is ready, and says by whom.
func TestWaiver(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{Production: named(t, "first-sixteen-digits")})
	configuration, err := os.ReadFile(pair.File)
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().AddDate(0, 1, 0).UTC().Format(time.DateOnly)
	waivers := "\nwaivers:\n  - {check: webhook.rejects-partial-signature, environment: production, reason: mended in the next release, owner: bob@acme.example, approved_by: jane@acme.example, expires: " + expires + "}\n"
	if err := os.WriteFile(pair.File, append(configuration, waivers...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := pair.audit()
	if code != 0 || !strings.HasSuffix(strings.TrimSpace(stdout), "READY WITH 1 WAIVER") || !strings.Contains(stdout, "bob@acme.example") {
		t.Errorf("exit %d: %s", code, stdout)
	}
}

// gone is a pipe whose reader has gone after the first write.
type gone struct{ written int }

func (g *gone) Write(p []byte) (int, error) {
	if g.written > 0 {
		return 0, &fs.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
	}
	g.written += len(p)
	return len(p), nil
}

// TestReaderThatGoesAway: a report that is piped into head is cut, and the files, the store and the exit code are as ever.
func TestReaderThatGoesAway(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{})
	file, kept := filepath.Join(pair.Dir, "report.html"), filepath.Join(pair.Dir, "store")
	out := &gone{written: 1}
	var errs bytes.Buffer
	args := append([]string{"revisit", pair.File, "--store", kept, "-o", "json", "-o", "html=" + file}, pair.Args()...)
	code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: out, Err: &errs, LookupEnv: lookup(pair.Env())})
	if code != 0 || strings.Contains(errs.String(), "pipe") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	for _, path := range []string{file, filepath.Join(kept, "latest", "report.json")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestPlanTakesTheFlagsOfTheAudit: with them it lists what the audit does only because of them, and does nothing of it.
func TestPlanTakesTheFlagsOfTheAudit(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{Provider: &sandbox.ProviderBehavior{}, Test: named(t, "observed")})
	code, out, stderr := pair.call(t.Context(), append([]string{"plan", pair.File}, pair.Args()...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"read ca.pem", ": effects observer", "https://" + sandbox.APIHost + sandbox.TokensPath, "read " + pair.File} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not list %q:\n%s", want, out)
		}
	}
	if calls := pair.Provider.Calls(); len(calls) > 0 {
		t.Errorf("the provider was asked: %+v", calls)
	}
}

// TestTheSameAgainIsNoNews: two audits of a deployment in which nothing has changed leave tickets as they are.
func TestTheSameAgainIsNoNews(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{Test: named(t, "certificate-of-another-name"), Production: named(t, "certificate-expired")})
	for i, name := range []string{"first.json", "second.json"} {
		var out, errs bytes.Buffer
		args := append([]string{"audit", pair.File, "--only", "https.certificate-valid", "-o", "json=" + filepath.Join(pair.Dir, name)}, pair.Args()...)
		code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: lookup(pair.Env()),
			Now: func() time.Time { return time.Now().Add(time.Duration(i) * time.Minute) }})
		if code != 1 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
	}
	code, tickets, stderr := pair.call(t.Context(), "tickets", filepath.Join(pair.Dir, "first.json"), filepath.Join(pair.Dir, "second.json"))
	if code != 0 || tickets != "" {
		t.Errorf("exit %d: %s%s", code, tickets, stderr)
	}
}

// TestJudgeKnowsTheChoiceOfTheAudit: facts of an audit for some checks lead to its report, unless other checks are asked for.
func TestJudgeKnowsTheChoiceOfTheAudit(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{})
	facts := filepath.Join(pair.Dir, "facts.json")
	code, first, stderr := pair.audit("--only", "access.*", "--skip", "access.reviewed", "-o", "json", "-o", "facts="+facts)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	_, again, stderr := pair.call(t.Context(), "judge", facts, "-o", "json")
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error(diff, stderr)
	}
	if _, other, _ := pair.call(t.Context(), "judge", facts, "-o", "json", "--only", "access.reviewed"); !strings.Contains(other, `"access.reviewed"`) {
		t.Error("another choice is not honored: " + other)
	}
}

// TestDiffOfTheNextDayIsEmpty: what only time changes about an integration is no change of it.
func TestDiffOfTheNextDayIsEmpty(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{})
	names := []string{filepath.Join(pair.Dir, "today.json"), filepath.Join(pair.Dir, "tomorrow.json")}
	for i, name := range names {
		var errs bytes.Buffer
		args := append([]string{"audit", pair.File, "--skip", "webhook.*,input.*,errors.*", "-o", "json=" + name}, pair.Args()...)
		code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &errs, Err: &errs, LookupEnv: lookup(pair.Env()),
			Now: func() time.Time { return time.Now().AddDate(0, 0, i) }})
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
	}
	_, diff, stderr := pair.call(t.Context(), "diff", names[0], names[1], "--json")
	var changes struct{ Context, Checks []json.RawMessage }
	if err := json.Unmarshal([]byte(diff), &changes); err != nil {
		t.Fatal(err, stderr)
	}
	if len(changes.Checks)+len(changes.Context) > 0 {
		t.Errorf("%s\n%s", changes.Context, changes.Checks)
	}
}
