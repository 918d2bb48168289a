package config

import (
	_ "embed"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

//go:embed testdata/full.yaml
var full string

// minimal has nothing that can be left out.
const minimal = `version: 1
integration: acme
provider: begini
environments:
  test:
    integration_id: "1"
    api_key: {env: TEST_KEY}
    webhook_url: https://hooks-test.acme.example/
  production:
    integration_id: "2"
    api_key: {env: PRODUCTION_KEY}
    webhook_url: https://hooks.acme.example/
`

var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

var options = Options{
	Now:         func() time.Time { return today },
	Permissions: Permissions{Env: []string{"*"}},
	Checks: []audit.CheckInfo{
		{ID: "input.bounded"}, {ID: "api-key.not-in-code"}, {ID: "acme.house-rule"},
		{ID: "deployment-centre.redirects-registered", Attestable: true},
	},
}

// folder has every file that full.yaml names.
func folder(t testing.TB) string {
	t.Helper()
	directory := t.TempDir()
	authority := certs.New(today)
	chain, key := certs.PEM(authority.Client("acme"))
	for name, content := range map[string][]byte{
		"evidence/redirects.png": []byte("test"),
		"evidence/delivery.http": []byte("POST / HTTP/1.1\n\n{}"),
		"ca.pem":                 authority.CAPEM(),
		"client.pem":             chain,
		"client.key":             key,
		"secrets/production.key": []byte(productionKey),
	} {
		write(t, filepath.Join(directory, name), content)
	}
	return directory
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func loadIn(t testing.TB, directory, content string) (*audit.Integration, error) {
	t.Helper()
	path := filepath.Join(directory, "prelaunch.yaml")
	write(t, path, []byte(content))
	return Load(path, options)
}

func mustLoad(t testing.TB, content string) *audit.Integration {
	t.Helper()
	integration, err := loadIn(t, folder(t), content)
	if err != nil {
		t.Fatal(err)
	}
	return integration
}

func day(text string) audit.Date {
	d, err := audit.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

func TestLoadReadsEverySetting(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, full)
	want := &audit.Integration{
		Name: "acme-personal-loans", Provider: "begini",
		EventTypes: []string{"psychometric_score.complete", "application.complete"},
		Declared: []string{"event_types", "provider_checks", "retired_keys", "repositories", "workloads", "clients", "logs", "access",
			"attestations", "waivers", "authorized", "policy_digest", "network"},
		Authorized: &audit.Authorization{By: "jane@acme.example", On: day("2026-11-01"), Reference: "SEC-42"},
		Environments: []audit.Environment{
			{
				Name: "test", IntegrationID: "1234567890987654321", Key: audit.KeyReference{Source: "env", Variable: "BEGINI_TEST_API_KEY"},
				WebhookURL: "https://hooks-test.acme.example/begini",
				Redirects:  audit.Redirects{Completion: "https://test.acme.example/done", Cancellation: "https://test.acme.example/cancelled"},
				APIBaseURL: "https://api.begini.co", Probing: "careful", ProbeUIDs: []string{"KNOWN0001", "known-0002"}, Receiver: "queued",
				Effects: audit.Command{Args: []string{"./was-processed", "{uid}"}, Env: []string{"REDIS_URL"}}, HasEffects: true,
			},
			{
				Name: "production", IntegrationID: "9876543210123456789", Key: audit.KeyReference{Source: "file", Path: "secrets/production.key"},
				WebhookURL: "http://hooks.acme.example:8080/begini?tenant=1",
				APIBaseURL: "https://api.begini.co", Probing: "careful", ProbeUIDs: []string{}, Receiver: "inline",
			},
		},
		ProviderChecks: true, DeclaredEmpty: []audit.EmptySection{},
		RetiredKeys: []audit.RetiredKey{
			{KeyReference: audit.KeyReference{Source: "command", Command: audit.Command{Args: []string{"vault", "read", "-field=key", "old"}, Env: []string{"VAULT_ADDR"}}, Program: "vault"},
				Environment: "production", AcceptedUntil: day("2026-12-01")},
			{KeyReference: audit.KeyReference{Source: "sha256"}, Environment: "test"},
		},
		Repositories: []audit.Repository{{Path: "."}},
		Workloads:    []audit.Workload{{Path: "deploy/", Environment: "production"}},
		Clients:      []audit.Client{{Path: "./dist", Environment: "production"}, {URL: "https://app.acme.example/"}},
		Logs: []audit.LogSource{
			{Path: "./logs/*.log", Environment: "production", Marker: "probe-[0-9]+"},
			{Command: audit.Command{Args: []string{"journalctl", "-u", "acme"}, Env: []string{"SYSTEMD_COLORS"}}, Program: "journalctl"},
		},
		Access: audit.Access{Roster: "evidence/beacon-users.csv", ExportedOn: day("2026-10-30"), AllowedDomains: []string{"acme.example"},
			MaxAdmins: 3, ReviewedBy: "jane@acme.example", ReviewedOn: day("2026-11-01")},
		Attestations: []audit.Attestation{
			{Check: "deployment-centre.redirects-registered", Statement: "Seen in the\nProduction tab\n", By: "jane@acme.example", On: day("2026-11-01"),
				Evidence: "evidence/redirects.png", EvidenceSHA256: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
				Expires: day("2027-01-30")},
			{Check: "environments.same-build", Statement: "Same image", By: "jane@acme.example", On: day("2026-01-01"), Expires: day("2026-01-02")},
		},
		Waivers: []audit.Waiver{{Check: "input.bounded", Finding: "0123456789abcdef", Environment: "production", Reason: "gateway limit lands in January",
			Owner: "bob@acme.example", ApprovedBy: "jane@acme.example", Expires: day("2027-01-31")}},
		Network: audit.NetworkOptions{
			CAFile: "ca.pem", ProviderTrustsCA: true, ClientCert: "client.pem", ClientKey: "client.key",
			Resolve: map[string][]string{
				"hooks.acme.example:443":      {"127.0.0.1:8443"},
				"hooks-test.acme.example:443": {"203.0.113.7:443", "[2001:db8::1]:8443", "[2001:db8::2]:443"},
			},
			Vantage: "allowlisted", Timeout: 2500 * time.Millisecond, FreshConnections: 12,
			RequestsPerSec: map[string]float64{"test": 0.5, "production": 0.5},
		},
		Digest: audit.Digest([]byte(full)), Source: []byte(full),
	}
	differences := cmp.Diff(want, got,
		cmp.Comparer(func(a, b audit.Date) bool { return a.String() == b.String() }),
		cmpopts.IgnoreFields(audit.Integration{}, "File", "Directory", "Positions"),
		cmpopts.IgnoreFields(audit.KeyReference{}, "Key", "File"),
		cmpopts.IgnoreFields(audit.NetworkOptions{}, "ExtraRootsPEM", "ClientCertificate"))
	if differences != "" {
		t.Error(differences)
	}
	if key := got.RetiredKeys[1].Key; key.Held() || key.Len() != 4 || key.Fingerprint() != "sha256:9f86d081" {
		t.Errorf("the fingerprint was read as %v of %d bytes", key, key.Len())
	}
	if len(got.Network.ExtraRootsPEM) == 0 || got.Network.ClientCertificate == nil || len(got.Network.ClientCertificate.Certificate) == 0 {
		t.Error("certificates were not read")
	}
	if !filepath.IsAbs(got.Directory) || got.File != filepath.Join(got.Directory, "prelaunch.yaml") {
		t.Errorf("folder %q, file %q", got.Directory, got.File)
	}
	if got.Resolve("ca.pem") != filepath.Join(got.Directory, "ca.pem") || got.Resolve("/x/../y") != "/y" {
		t.Error("paths do not start at the configuration's folder")
	}
}

// TestARosterMayNameItsColumns, and its roles.
func TestARosterMayNameItsColumns(t *testing.T) {
	t.Parallel()
	integration := mustLoad(t, strings.Replace(full, "  roster: evidence/beacon-users.csv",
		"  roster: {file: evidence/beacon-users.csv, email: E-mail, role: Permission, roles: {Owner: Admin, Leser: Viewer}}", 1))
	access := integration.Access
	if access.Roster != "evidence/beacon-users.csv" || !maps.Equal(access.RosterColumns, map[string]string{"email": "E-mail", "role": "Permission"}) ||
		!maps.Equal(access.RosterRoles, map[string]string{"owner": "Admin", "leser": "Viewer"}) {
		t.Errorf("%+v", access)
	}
}

func TestLoadFillsInDefaults(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, minimal)
	if len(got.EventTypes) != 7 || got.EventTypes[0] != "psychometric_score.complete" {
		t.Errorf("event types %v", got.EventTypes)
	}
	test, _ := got.Environment(audit.Test)
	production, _ := got.Environment(audit.Production)
	if test.Probing != audit.Full || production.Probing != audit.Careful || test.Receiver != audit.Inline || test.APIBaseURL != "https://api.begini.co" {
		t.Errorf("environments %+v %+v", test, production)
	}
	want := audit.NetworkOptions{Resolve: map[string][]string{}, Vantage: "public", Timeout: 10 * time.Second, FreshConnections: 30,
		RequestsPerSec: map[string]float64{"test": 20, "production": 10}}
	if differences := cmp.Diff(want, got.Network); differences != "" {
		t.Error(differences)
	}
	if got.Access.MaxAdmins != 3 || len(got.Declared) != 0 || got.ProviderChecks {
		t.Errorf("%+v", got)
	}
	facts, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(facts), "null") {
		t.Errorf("the facts hold null: %s", facts)
	}
}

func TestDeclaredTellsAbsentFromEmpty(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, minimal+"logs: []\nclients: []\nnetwork: {}\naccess: {}\n")
	if differences := cmp.Diff([]string{"clients", "logs", "access", "network"}, got.Declared); differences != "" {
		t.Error(differences)
	}
}

func TestSectionsDeclaredEmpty(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, minimal+`
repositories: {none: true, by: jane@acme.example, on: 2026-11-01, reason: "The code belongs to a supplier, whose contract forbids keys in it"}
clients: []
workloads: []
logs: {reason: old, "on": "2020-01-01", none: true, by: bob}
`)
	want := []audit.EmptySection{
		{Section: "repositories", By: "jane@acme.example", On: day("2026-11-01"), Reason: "The code belongs to a supplier, whose contract forbids keys in it", Expires: day("2027-01-30")},
		{Section: "clients"},
		{Section: "logs", By: "bob", On: day("2020-01-01"), Reason: "old", Expires: day("2020-03-31")},
	}
	if differences := cmp.Diff(want, got.DeclaredEmpty, cmp.Comparer(func(a, b audit.Date) bool { return a.String() == b.String() })); differences != "" {
		t.Error(differences)
	}
	if len(got.Repositories) != 0 || len(got.Logs) != 0 || !slices.Contains(got.Declared, "repositories") {
		t.Errorf("%+v", got)
	}
}

func TestJSONIsReadToo(t *testing.T) {
	t.Parallel()
	mustLoad(t, `{"version":1,"integration":"acme","provider":"begini","environments":{"test":{"integration_id":"1","api_key":{"env":"A"},
		"webhook_url":"https://a.example/"},"production":{"integration_id":"2","api_key":{"env":"B"},"webhook_url":"https://b.example/"}}}`)
}

func TestByteOrderMarkAndCarriageReturnsAreTaken(t *testing.T) {
	t.Parallel()
	mustLoad(t, "\ufeff"+strings.ReplaceAll(minimal, "\n", "\r\n"))
}

func TestPositionsPointAtSettings(t *testing.T) {
	t.Parallel()
	positions := mustLoad(t, full).Positions
	lines := strings.Split(full, "\n")
	for path, starts := range map[string]string{
		"environments.production.webhook_url": "webhook_url: http://",
		"environments.test.redirect_urls":     "redirect_urls:",
		"waivers[0]":                          "check: input.bounded",
		"attestations[1].on":                  "on: 2026-01-01",
		"retired_keys[1]":                     "sha256: 9F",
		"environments.test.api_key.env":       "env: BEGINI_TEST",
		"network.timeout":                     "timeout:",
		"environments.test.probe_uids[1]":     "known-0002",
	} {
		at, known := positions[path]
		if !known || !strings.HasPrefix(lines[at.Line-1][at.Column-1:], starts) {
			t.Errorf("%s is said to stand at %+v", path, at)
		}
	}
}

func TestLoadSaysWhatIsWrongWithTheFileItself(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(missing, Options{})
	if want := missing + " does not exist: name the configuration, or write one with `prelaunch init`"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Load(t.TempDir(), Options{}); err == nil {
		t.Error("a folder is read")
	}
	if _, err := loadIn(t, t.TempDir(), minimal+strings.Repeat("#\n", maxFile/2)); err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB") {
		t.Errorf("a file that is too large: %v", err)
	}
}

func TestRunOutPromisesAreNoMistake(t *testing.T) {
	t.Parallel()
	got := mustLoad(t, minimal+`
attestations: [{check: deployment-centre.redirects-registered, statement: s, by: j, on: 2020-01-01}]
waivers: [{check: acme.house-rule, reason: r, owner: o, approved_by: a, expires: 2020-01-01}]
`)
	if got.Attestations[0].Expires.String() != "2020-03-31" || got.Waivers[0].Expires.String() != "2020-01-01" {
		t.Errorf("%+v %+v", got.Attestations, got.Waivers)
	}
}

func TestWithoutACatalogueAnyCheckIDIsTaken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "prelaunch.yaml")
	write(t, path, []byte(minimal+"waivers: [{check: who.knows, reason: r, owner: o, approved_by: a, expires: 2020-01-01}]\n"))
	if _, err := Load(path, Options{Permissions: options.Permissions}); err != nil {
		t.Error(err)
	}
}

func TestProblemsAreListedInTheOrderOfTheFileAndBounded(t *testing.T) {
	t.Parallel()
	var content strings.Builder
	content.WriteString(minimal)
	for i := range 3 * 100 {
		content.WriteString("waver" + strings.Repeat("a", i%5) + strings.Repeat("b", i/5%9) + strings.Repeat("c", i/45) + ": 1\n")
	}
	_, err := loadIn(t, t.TempDir(), content.String())
	var list *shape.Error
	if !errors.As(err, &list) {
		t.Fatalf("got %T: %v", err, err)
	}
	if len(list.Problems) != 100+1 || list.Problems[100].Message != "200 more mistakes are not listed" {
		t.Errorf("%d problems, the last one %q", len(list.Problems), list.Problems[len(list.Problems)-1].Message)
	}
	for i := 1; i < 100; i++ {
		if list.Problems[i].Line <= list.Problems[i-1].Line {
			t.Errorf("line %d follows line %d", list.Problems[i].Line, list.Problems[i-1].Line)
		}
	}
}

// TestEnvironmentsFollowFromTheProvider: Begini has exactly two; another provider has one or several, of any name.
func TestEnvironmentsFollowFromTheProvider(t *testing.T) {
	t.Parallel()
	tree := func(names ...string) (*reader, *shape.Value) {
		text := "environments:\n"
		for _, name := range names {
			text += "  " + name + ": {integration_id: \"1\", api_key: {env: TEST_KEY}, webhook_url: https://" + name + ".acme.example/}\n"
		}
		found := shape.NewProblems("x.yaml")
		value, positions := (&shape.Shape{Kind: shape.Object, Fields: slices.DeleteFunc(slices.Clone(root().Fields), func(f shape.Field) bool { return f.Name != "environments" })}).Read([]byte(text), "the configuration", "", found)
		guard, err := newGuard(t.TempDir(), options)
		if err != nil {
			t.Fatal(err)
		}
		return &reader{found: found, guard: guard, options: options, integration: &audit.Integration{Positions: positions}}, value.Field("environments")
	}
	for _, test := range []struct {
		number int
		names  []string
		want   string // the environments, or what is wrong
	}{
		{0, []string{"live"}, "live careful"},
		{0, []string{"production", "test"}, "test full, production careful"},
		{0, []string{"live", "sandbox", "staging"}, "live careful, sandbox full, staging careful"},
		{1, []string{"live"}, "live careful"},
		{1, []string{"live", "sandbox"}, "environments has 2 entries"},
		{2, []string{"production", "test"}, "test full, production careful"},
		{2, []string{"test"}, `environments has no "production"`},
		{2, []string{"test", "live"}, "unknown environment live"},
	} {
		r, value := tree(test.names...)
		r.profile.Environments.Number = test.number
		var got []string
		for _, environment := range r.environments(value) {
			got = append(got, environment.Name+" "+environment.Probing)
		}
		said := strings.Join(got, ", ")
		if err := r.found.Err(); err != nil {
			said = err.Error()
		}
		if said != test.want && !strings.Contains(said, test.want) {
			t.Errorf("%d, %v: got %s, want %s", test.number, test.names, said, test.want)
		}
	}
}

// TestFilesOfEnvironmentsThatAreNotAuditedMayBeMissing: whoever audits Test need not have what Production needs.
func TestFilesOfEnvironmentsThatAreNotAuditedMayBeMissing(t *testing.T) {
	t.Parallel()
	text := strings.Replace(minimal, "{env: PRODUCTION_KEY}", "{file: absent.key}", 1)
	if _, err := loadIn(t, folder(t), text); err == nil {
		t.Error("a key file that is missing is no mistake")
	}
	directory := folder(t)
	path := filepath.Join(directory, "prelaunch.yaml")
	write(t, path, []byte(text))
	only := options
	only.Permissions.Environment = audit.Test
	if _, err := Load(path, only); err != nil {
		t.Error(err)
	}
	only.Permissions.Environment = audit.Production
	if _, err := Load(path, only); err == nil {
		t.Error("the key file of the audited environment may be missing")
	}
}
