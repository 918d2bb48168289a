package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
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
	env   []string
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
	return &scheduled{Pair: pair, t: t, store: filepath.Join(t.TempDir(), "store"),
		env: []string{"XDG_STATE_HOME=" + t.TempDir(), "BEGINI_NEW_API_KEY=sk-begini-fedcba9876543210fedcba98"}}
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
		In: strings.NewReader(""), Out: io.MultiWriter(&stdout, out), Err: &stderr, LookupEnv: lookup(slices.Concat(s.env, s.Env())), Now: func() time.Time { return time.Now().Add(ahead) },
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
	noEarlier = "There is no earlier report to compare with.\n"
	unchanged = "nothing changed.\n"
)

// quick is a selection that takes little time to audit.
const quick = "--only=access.*,api-key.not-in-client,api-key.rotated-after-exposure,environments.separate-integrations"

// tickets are the actions that the store gives for Production, sorted.
func (s *scheduled) tickets(args ...string) string {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Main(s.t.Context(), append([]string{"tickets", "--store", s.store}, args...),
		cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: lookup(s.env)})
	if code != 0 {
		s.t.Errorf("tickets: exit %d\n%s", code, stderr.String())
	}
	var all []string
	for line := range strings.Lines(stdout.String()) {
		var ticket struct{ Action, Check string }
		if err := json.Unmarshal([]byte(line), &ticket); err != nil {
			s.t.Error(err)
		}
		all = append(all, ticket.Action+" "+ticket.Check)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
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

// TestRevisitComparesAndRemembers: what changed is reported, an unchanged integration has no changes, and a key that was found exposed
// stays exposed, by its fingerprint, until it is rotated.
func TestRevisitComparesAndRemembers(t *testing.T) {
	t.Parallel()
	s := schedule(t, passive())
	key := string(s.Keys["production"].Expose())
	bundle := filepath.Join(s.Dir, "dist", "app.js")
	rotated := "api-key.rotated-after-exposure"
	page := filepath.Join(t.TempDir(), "report.html")
	first := s.visit(0, noEarlier, quick)
	if strings.Contains(first.stderr, "not authenticated") {
		t.Errorf("the store has no key:\n%s", first.stderr)
	}
	day := audit.NewDate(time.Now()).AddDays(1).String()
	for _, step := range []struct {
		name, says string
		code       int
		outcomes   map[string]audit.Outcome
		change     func() (args []string)
	}{
		{"nothing", unchanged, 0, nil, func() []string { return nil }},
		{"nothing, a day later", unchanged, 0, nil, func() []string { s.ahead += 24 * time.Hour; return nil }},
		{"the configuration", "configuration differs", 0, nil, func() []string { s.edit("version: 1", "version: 1 # reviewed"); return nil }},
		{"a policy", "acme.named is new, pass", 0, nil, func() []string { return []string{"--policy", ownPolicy(t), "--only=acme.*"} }},
		{"a policy less", "1 checks of that report are not part of this audit", 0, nil, func() []string { return nil }},
		{"a key in a bundle", rotated + " was pass and is fail", 1, map[string]audit.Outcome{rotated: audit.Fail, "api-key.not-in-client": audit.Fail}, func() []string {
			s.write(bundle, "const key = \""+key+"\";\n")
			return nil
		}},
		{"the bundle is repaired", "api-key.not-in-client was fail and is pass", 1, map[string]audit.Outcome{rotated: audit.Fail, "api-key.not-in-client": audit.Pass}, func() []string {
			s.write(bundle, "document.title = \"Acme loans\";\n")
			return nil
		}},
		{"the exposure is remembered over a run that does not judge it", "", 0, nil, func() []string { return []string{"--skip=" + rotated} }},
		{"and over a report that was dropped", rotated + " is new, fail", 1, map[string]audit.Outcome{rotated: audit.Fail}, func() []string { return []string{"--keep=1", "-o", "html=" + page} }},
		{"the key is rotated", rotated + " was fail and is pass", 0, map[string]audit.Outcome{rotated: audit.Pass}, func() []string {
			s.edit("api_key: {env: BEGINI_PRODUCTION_API_KEY}", "api_key: {env: BEGINI_NEW_API_KEY}")
			return nil
		}},
	} {
		args := step.change()
		got := s.visit(step.code, step.says, append(args, quick)...)
		for check, want := range step.outcomes {
			if is := outcome(got.report, check); is != want {
				t.Errorf("%s: %s is %s, want %s", step.name, check, is, want)
			}
		}
		if step.name == "the bundle is repaired" && !strings.Contains(got.stdout, "dist: app.js, last seen on "+day) && !strings.Contains(got.stdout, "app.js, last seen on "+day) {
			t.Errorf("the report does not say when the key was exposed:\n%s", got.stdout)
		}
		if want, has := map[string]string{
			"nothing": "", "a key in a bundle": "open api-key.not-in-client",
			"the bundle is repaired": "update api-key.rotated-after-exposure",
			"the key is rotated":     "close api-key.rotated-after-exposure",
		}[step.name]; has {
			for range 2 { // the store is not changed
				if tickets := s.tickets(); tickets != want {
					t.Errorf("%s: the tickets are %q, want %q", step.name, tickets, want)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("at: %s\n%s", step.name, got.stderr)
		}
	}
	if all := s.tickets("--since=2020-01-01"); !strings.HasPrefix(all, "close api-key.rotated-after-exposure") {
		t.Errorf("since ever the tickets are %q", all)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), ">History<") {
		t.Errorf("the page shows no history of the reports in the store (%v)", err)
	}
	if left := s.entries(); len(left) != 2 {
		t.Errorf("%d reports are kept, want the one that was kept alone and its successor", len(left))
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
	s.visit(0, noEarlier)

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
	got := s.visit(1, "READY became NOT READY")
	for _, check := range flaw.Expect.Fails {
		if outcome(got.report, check) != audit.Fail {
			t.Errorf("%s is %s", check, outcome(got.report, check))
		}
	}
	if !strings.Contains(got.stderr, "digest of certificate hooks.acme.example:443 differs") {
		t.Errorf("it does not report the other certificate:\n%s", got.stderr)
	}

	if err := bad.Close(); err != nil {
		t.Fatal(err)
	}
	got = s.visit(1, "https.webhook-reachable was pass and is fail", "--skip=errors.logs-clean,api-key.rotated-after-exposure") // which wait for its log
	if outcome(got.report, "https.webhook-reachable") != audit.Fail {
		t.Errorf("https.webhook-reachable is %s", outcome(got.report, "https.webhook-reachable"))
	}
}
