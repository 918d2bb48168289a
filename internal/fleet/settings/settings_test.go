package settings_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

func read(t *testing.T, text string, more ...shape.Field) (*settings.Settings, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fleet.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return settings.Read(file, more...)
}

const whole = `version: 1
sources:
  - {name: own, directory: /etc/prelaunch/fleet, team: payments}
  - {name: all, directory: /var/lib/prelaunch/all, git: "https://git.acme.example/fleet.git", branch: live}
secrets: /run/secrets/{team}/{integration}
schedules:
  - {integrations: ["loans-*"], cron: "*/30 * * * *"}
  - {cron: "0 4 * * *"}
quiet_hours: {from: "22:00", to: "06:00", time_zone: Europe/Berlin}
allow:
  - {networks: [10.1.0.0/16]}
  - {teams: [loans], env: ["LOANS_*"], commands: [[/usr/bin/vault, kv, get, "secret/{integration}/*"]], paths: ["/srv/{team}/{integration}"], api_hosts: [api.acme.example]}
policies: [/etc/prelaunch/policies]
limits: {audits: 4, audits_per_address: 2, audits_per_minute: 50, audit_timeout: 5m}
keep: {reports: 90, facts: 7, events: 30}
extra: yes it is
`

func TestSettings(t *testing.T) {
	t.Parallel()
	s, err := read(t, whole, shape.Field{Name: "extra", Shape: shape.Texts(shape.Prose)})
	if err != nil {
		t.Fatal(err)
	}
	if s.Field("extra").String() != "yes it is" {
		t.Error("the settings of another part are not found")
	}
	want := []settings.Source{{Name: "own", Directory: "/etc/prelaunch/fleet", Branch: "main", Team: "payments"}, {Name: "all", Directory: "/var/lib/prelaunch/all", Git: "https://git.acme.example/fleet.git", Branch: "live"}}
	if diff := cmp.Diff(want, s.Sources); diff != "" {
		t.Error(diff)
	}
	if got := s.SecretsOf("loans-1", "loans"); got != "/run/secrets/loans/loans-1" {
		t.Errorf("its keys are in %s", got)
	}
	if s.Cron("loans-1", "x") != "*/30 * * * *" || s.Cron("other", "x") != "0 4 * * *" {
		t.Error("the first schedule that fits does not count")
	}
	if _, quiet := s.Quiet.Until(time.Date(2026, 11, 2, 21, 30, 0, 0, time.UTC)); !quiet {
		t.Error("22:30 in Berlin is not quiet")
	}
	if s.Limits != (settings.Limits{Audits: 4, PerAddress: 2, PerMinute: 50, Timeout: 5 * time.Minute}) || s.Keep.Facts != 7*24*time.Hour {
		t.Errorf("%+v %+v", s.Limits, s.Keep)
	}
	loans, other := s.Allowed("loans-1", "loans"), s.Allowed("loans-1", "payments")
	if diff := cmp.Diff([]string{"/srv/loans/loans-1"}, loans.Paths); diff != "" {
		t.Error(diff)
	}
	if len(other.Env)+len(other.Commands)+len(other.Paths)+len(other.APIHosts) > 0 || len(other.Networks) != 1 || other.Networks[0] != netip.MustParsePrefix("10.1.0.0/16") {
		t.Errorf("another team may use %+v", other)
	}
}

// TestCommands holds what a hostile configuration may make of a command that is allowed.
func TestCommands(t *testing.T) {
	t.Parallel()
	s, err := read(t, whole, shape.Field{Name: "extra", Shape: shape.Texts(shape.Prose)})
	if err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]bool{
		"/usr/bin/vault kv get secret/loans-1/production":        true,
		"/usr/bin/vault kv get secret/loans-2/production":        false,
		"/usr/bin/vault kv get secret/loans-1/../loans-2":        false,
		"/usr/bin/vault kv put secret/loans-1/production":        false,
		"/usr/bin/vault kv get":                                  false,
		"/usr/bin/vault kv get secret/loans-1/production -field": false,
		"vault kv get secret/loans-1/production":                 false,
		"/usr/bin/../bin/vault kv get secret/loans-1/production": false,
		"": false,
	} {
		if got := s.Allowed("loans-1", "loans").PermitsCommand(strings.Fields(command)); got != want {
			t.Errorf("%q may run: %v", command, got)
		}
	}
	if s.Allowed("*", "loans").PermitsCommand(strings.Fields("/usr/bin/vault kv get secret/loans-1/production")) {
		t.Error("an integration whose name is a pattern uses the secrets of others")
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	const sources = "version: 1\nsources: [{name: own, directory: /f}]\n"
	for text, want := range map[string]string{
		"":                               "is empty",
		"version: 1\n":                   "sources",
		"version: 1\nsources: []\n":      "sources",
		sources + "secret: /run\n":       `"secret"`,
		sources + "secrets: /run/keys\n": "could use the keys of all",
		sources + "secrets: keys/{integration}\n":                                                  "absolute path",
		sources + "schedules: [{cron: \"0 5 1 1 *\"}]\n":                                           "schedule of cron",
		sources + "quiet_hours: {from: \"22:00\", to: \"22:00\"}\n":                                "begins when it ends",
		sources + "allow: [{commands: [[vault, get]]}]\n":                                          "absolute path of a program",
		sources + "allow: [{commands: [[\"/usr/bin/*\", get]]}]\n":                                 "absolute path of a program",
		sources + "allow: [{networks: [everything]}]\n":                                            "address or a range",
		sources + "limits: {audits: 0}\n":                                                          "limits.audits",
		sources + "keep: {reports: 0}\n":                                                           "keep.reports",
		"version: 1\nsources: [{name: a, directory: relative}]\n":                                  "absolute path",
		"version: 1\nsources: [{name: a, directory: /f}, {name: a, directory: /g}]\n":              "name of another source",
		"version: 1\nsources: [{name: a, directory: /f, git: \"https://u:p@git.acme.example\"}]\n": "address of a Git repository",
	} {
		_, err := read(t, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %q", text, err, want)
		}
	}
}
