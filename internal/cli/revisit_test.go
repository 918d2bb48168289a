package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// scheduled is a pair with the store in which its scheduled job keeps the reports.
type scheduled struct {
	*sandbox.Pair
	t     *testing.T
	store string
	ahead time.Duration // of this machine's clock
}

func schedule(t *testing.T, options sandbox.PairOptions) *scheduled {
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
	return &scheduled{Pair: pair, t: t, store: filepath.Join(t.TempDir(), "store")}
}

// call runs the program. The report is nil when none was printed.
func (s *scheduled) call(ctx context.Context, out io.Writer, args ...string) audited {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	if out == nil {
		out = io.Discard
	}
	ahead := s.ahead
	arguments := slices.Concat([]string{"revisit", s.File, "--store", s.store, "-o", "json"}, s.Args(), args)
	got := audited{code: cli.Main(ctx, arguments, cli.Streams{
		In: strings.NewReader(""), Out: io.MultiWriter(&stdout, out), Err: &stderr, LookupEnv: lookup(s.Env()), Now: func() time.Time { return time.Now().Add(ahead) },
	})}
	got.stdout, got.stderr = stdout.String(), stderr.String()
	for name, key := range s.Keys {
		for _, spelling := range secret.Spellings(key.Expose()) {
			if strings.Contains(got.stdout, string(spelling.Bytes)) || strings.Contains(got.stderr, string(spelling.Bytes)) {
				s.t.Errorf("the %s key got out (%s)", name, spelling.Name)
			}
		}
	}
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &got.report); err != nil {
			s.t.Fatalf("exit %d, no report: %v\n%s", got.code, err, got.stderr)
		}
	}
	return got
}

// visit runs the program and holds it to an exit code and to texts on standard error.
func (s *scheduled) visit(code int, says string, args ...string) audited {
	s.t.Helper()
	got := s.call(s.t.Context(), nil, args...)
	if got.code != code || !strings.Contains(got.stderr, says) {
		s.t.Errorf("exit %d, want %d; standard error must say %q:\n%s", got.code, code, says, got.stderr)
	}
	return got
}

// passive writes to no receiver, for tests of what has nothing to do with receivers: nothing fails, and not all is proven.
func passive() sandbox.PairOptions {
	return sandbox.PairOptions{Probing: map[string]string{audit.Test: audit.Passive, audit.Production: audit.Passive}}
}

const (
	everything  = "Auditing everything: "
	carriedOver = "Nothing that a digest vouches for has changed since "
)

// observed tells from the newest facts of the store when a probe looked, and the zero time when that was in the newest run.
func (s *scheduled) observed(probe string) time.Time {
	s.t.Helper()
	for _, status := range s.newest().Probes {
		if status.Name == probe {
			return status.ObservedAt
		}
	}
	s.t.Fatalf("no probe %s", probe)
	return time.Time{}
}

func (s *scheduled) newest() *audit.Document {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.store, "latest", "facts.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	document, err := audit.DecodeDocument(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	return document
}

func (s *scheduled) entries() []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.store, "2*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return found
}

// edit replaces text in the configuration.
func (s *scheduled) edit(old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.File)
	if err != nil {
		s.t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		s.t.Fatalf("the configuration has no %q:\n%s", old, text)
	}
	s.write(s.File, strings.Replace(string(text), old, new, 1))
}

func (s *scheduled) write(path, text string) {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func outcome(report *audit.Report, check string) audit.Outcome {
	for _, one := range report.Checks {
		if one.ID == check {
			return one.Outcome
		}
	}
	return audit.Inconclusive
}

// TestRevisitCarriesOver: what a digest vouches for is looked at once and told with its age, never older than --max-age, and the
// receivers are written to every time.
func TestRevisitCarriesOver(t *testing.T) {
	t.Parallel()
	s := schedule(t, sandbox.PairOptions{})
	first := s.visit(0, everything+"there is no earlier report.")
	begun := s.newest().StartedAt
	for _, name := range []string{
		"client dist", "workload deploy", "roster",
		"certificate hooks.acme.example:443", "certificate hooks-test.acme.example:443", "dns hooks.acme.example", "dns www.acme.example",
	} {
		if digest := first.report.Scope.Digests[name]; !strings.HasPrefix(digest, "sha256:") {
			t.Errorf("the report records no digest of %s: %q", name, digest)
		}
	}
	for _, hours := range []int{11, 23} {
		requests := s.Test.Requests()
		s.ahead = time.Duration(hours) * time.Hour
		got := s.visit(0, carriedOver)
		for _, probe := range []string{"clients", "workloads"} {
			if at := s.observed(probe); !at.Equal(begun) {
				t.Errorf("after %d hours the %s probe is said to have looked at %v, not at %v", hours, probe, at, begun)
			}
			if !slices.ContainsFunc(got.report.Notes, func(note string) bool {
				return strings.Contains(note, probe+" probe") && strings.Contains(note, begun.Format("2006-01-02 15:04 UTC"))
			}) {
				t.Errorf("the report does not tell the age of what the %s probe saw: %q", probe, got.report.Notes)
			}
		}
		for _, probe := range []string{"webhook", "https", "keys", "roster", "logs", "repositories"} {
			if at := s.observed(probe); !at.IsZero() {
				t.Errorf("the %s probe was not repeated", probe)
			}
		}
		if sent := s.Test.Requests() - requests; sent < 100 {
			t.Errorf("only %d requests were sent again", sent)
		}
		for _, check := range got.report.Checks {
			if was := outcome(first.report, check.ID); check.Outcome != was {
				t.Errorf("%s was %s and is %s%s", check.ID, was, check.Outcome, toldOf(check))
			}
		}
	}
	s.ahead = 24 * time.Hour
	s.visit(0, everything+"something was last looked at on "+begun.Format("2006-01-02 15:04 UTC"))
	if at := s.observed("clients"); !at.IsZero() {
		t.Errorf("facts of %v were carried beyond --max-age", at)
	}
	page := filepath.Join(t.TempDir(), "report.html")
	s.visit(0, "longer ago than 1ns", "--max-age", "1ns", "--keep", "2", "-o", "html="+page)
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), ">History<") {
		t.Errorf("the page shows no history of the reports in the store (%v)", err)
	}
	if left := s.entries(); len(left) != 2 {
		t.Errorf("%d reports are kept, want 2", len(left))
	}
	s.ahead -= time.Hour
	s.visit(0, "the last report says that it was made later than now")
}

// TestRevisitAuditsWhatChanged goes through every reason to audit everything again.
func TestRevisitAuditsWhatChanged(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	tomorrow := audit.NewDate(time.Now()).AddDays(1).String()
	s.edit("- {check: deployment-centre.redirects-registered,", "- {expires: "+tomorrow+", check: deployment-centre.redirects-registered,")
	s.visit(3, everything)
	app := filepath.Join(s.Dir, "app")
	key := string(s.Keys["production"].Expose())
	for _, step := range []struct {
		name, says string
		code       int
		fails      string
		change     func() (args []string)
	}{
		{"nothing", carriedOver, 3, "", func() []string { return nil }},
		{"the configuration", "the configuration has changed", 3, "", func() []string { s.edit("version: 1", "version: 1 # reviewed"); return nil }},
		{"a policy", "the policies have changed", 3, "", func() []string { return []string{"--policy", ownPolicy(t)} }},
		{"a policy less", "the policies have changed", 3, "", func() []string { return nil }},
		{"other checks", "the workloads probe did not run to its end the last time", 3, "", func() []string {
			s.visit(3, carriedOver, "--skip", "api-key.stored-securely")
			return nil
		}},
		{"few checks", "the workloads probe did not run to its end the last time", 3, "", func() []string {
			if few := s.visit(0, carriedOver, "--only", "access.*"); strings.Contains(few.stderr, "is gone") {
				t.Errorf("what was not looked at is said to be gone:\n%s", few.stderr)
			}
			return nil
		}},
		{"a manifest", "workload deploy has changed", 1, "", func() []string {
			s.write(filepath.Join(s.Dir, "deploy", "more.env.yaml"), "env: [{name: BEGINI_API_KEY, value: "+key+"}]\n")
			return nil
		}},
		{"a manifest less", "workload deploy has changed", 3, "", func() []string {
			if err := os.Remove(filepath.Join(s.Dir, "deploy", "more.env.yaml")); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
		{"a bundle", "client dist has changed", 1, "api-key.not-in-client", func() []string {
			s.write(filepath.Join(s.Dir, "dist", "app.js"), "const key = \""+key+"\";\n")
			return nil
		}},
		{"a bundle built anew, the same as before", "client dist has changed", 3, "", func() []string {
			s.write(filepath.Join(s.Dir, "dist", "app.js"), "document.title = \"Acme loans\";\n")
			return nil
		}},
		{"the same bundle built again", carriedOver, 3, "", func() []string {
			if err := os.Remove(filepath.Join(s.Dir, "dist", "app.js")); err != nil {
				t.Fatal(err)
			}
			s.write(filepath.Join(s.Dir, "dist", "app.js"), "document.title = \"Acme loans\";\n")
			return nil
		}},
		{"an attestation that ran out", "held until " + tomorrow, 3, "", func() []string {
			s.ahead = 48 * time.Hour
			return []string{"--max-age", "100h"}
		}},
		{"a commit with a key", carriedOver, 1, "api-key.not-in-history", func() []string {
			s.write(filepath.Join(app, "settings.py"), "KEY = \""+key+"\"\n")
			git(t, app, "add", "settings.py")
			git(t, app, "commit", "-q", "-m", "Settings")
			return nil
		}},
		{"a failure that stays", carriedOver, 1, "api-key.not-in-history", func() []string { return nil }},
	} {
		args := step.change()
		got := s.visit(step.code, step.says, args...)
		if step.says != carriedOver && !strings.Contains(got.stderr, everything) {
			t.Errorf("%s: not everything was audited:\n%s", step.name, got.stderr)
		}
		if strings.Contains(got.stderr, "a key has changed") {
			t.Errorf("%s: no key has changed:\n%s", step.name, got.stderr)
		}
		if step.fails != "" && outcome(got.report, step.fails) != audit.Fail {
			t.Errorf("%s: %s is %s", step.name, step.fails, outcome(got.report, step.fails))
		}
		if t.Failed() {
			t.Fatalf("at: %s", step.name)
		}
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Jane", "-c", "user.email=jane@acme.example", "-c", "safe.directory=*"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// ownPolicy is a folder with one check of the user's own.
func ownPolicy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text := `# METADATA
# title: The integration has a name
# custom:
#   id: acme.named
#   section: Of our own
#   level: recommended
#   severity: low
#   remediation: Name it.
package acme.named

import rego.v1

findings contains {"outcome": "pass", "subject": "name", "message": "it has a name"}
`
	if err := os.WriteFile(filepath.Join(dir, "named.rego"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// door is an address behind which one receiver can take another's place.
type door struct {
	net.Listener
	behind atomic.Pointer[string]
	served sync.WaitGroup
}

func openDoor(t *testing.T, behind string) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: l}
	d.behind.Store(&behind)
	d.served.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			d.served.Go(func() { d.pass(in) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close the door: %v", err)
		}
		d.served.Wait()
	})
	return d
}

func (d *door) pass(in net.Conn) {
	defer in.Close() //nolint:errcheck // either side may have closed it
	out, err := net.Dial("tcp", *d.behind.Load())
	if err != nil {
		return
	}
	defer out.Close() //nolint:errcheck // either side may have closed it
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // ends with either side
			done <- struct{}{}
		}()
	}
	<-done
}

// TestRevisitCatchesAReceiverThatWentBad: between two visits, with nothing else changed, the Production receiver is replaced by one
// that takes forged events, and then by none.
func TestRevisitCatchesAReceiverThatWentBad(t *testing.T) {
	t.Parallel()
	s := schedule(t, sandbox.PairOptions{})
	d := openDoor(t, s.Production.Addresses()[0])
	s.edit(s.Production.Addresses()[0], d.Addr().String())
	s.visit(0, everything)

	flaw, err := behaviors.Named("first-sixteen-digits")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, "logs", "production.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // the receiver's log of a test
	bad, err := sandbox.Start(sandbox.Options{
		Authority: s.Authority, Host: sandbox.ProductionHost, Key: s.Keys["production"], IntegrationID: "9876543210123456789",
		OtherKey: s.Keys["test"], Behaviors: []sandbox.Behavior{flaw}, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	address := bad.Addresses()[0]
	d.behind.Store(&address)
	got := s.visit(1, carriedOver)
	for _, check := range flaw.Expect.Fails {
		if outcome(got.report, check) != audit.Fail {
			t.Errorf("%s is %s", check, outcome(got.report, check))
		}
	}
	if !strings.Contains(got.stderr, "Since the last report: certificate hooks.acme.example:443 has changed.") {
		t.Errorf("it does not tell of the other certificate:\n%s", got.stderr)
	}
	if at := s.observed("clients"); at.IsZero() {
		t.Error("the repositories were searched again")
	}

	if err := bad.Close(); err != nil {
		t.Fatal(err)
	}
	got = s.visit(1, carriedOver)
	if outcome(got.report, "https.webhook-reachable") != audit.Fail {
		t.Errorf("https.webhook-reachable is %s", outcome(got.report, "https.webhook-reachable"))
	}
}
