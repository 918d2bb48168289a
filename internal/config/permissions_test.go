package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// settings are the ways to name a file whose content or digest reaches somebody else, and where the path is in the configuration.
func settings(path string) map[string]string {
	return map[string]string{
		"environments.test.api_key.file":  withReference(fmt.Sprintf("{file: %q}", path)),
		"retired_keys[0].file":            minimal + fmt.Sprintf("retired_keys: [{file: %q, environment: test}]\n", path),
		"attestations[0].evidence":        minimal + fmt.Sprintf("attestations: [{check: environments.same-build, statement: s, by: j, on: 2026-11-01, evidence: %q}]\n", path),
		"network.client_certificate.cert": minimal + fmt.Sprintf("network: {client_certificate: {cert: %q, key: client.key}}\n", path),
		"network.client_certificate.key":  minimal + fmt.Sprintf("network: {client_certificate: {cert: client.pem, key: %q}}\n", path),
	}
}

// outside is a folder with what a configuration may name, and a configuration's own directory beside it, with links to it.
func outside(t *testing.T) (own, elsewhere string) {
	t.Helper()
	root := t.TempDir()
	own, elsewhere = filepath.Join(root, "own"), filepath.Join(root, "elsewhere")
	chain, key := certs.PEM(certs.New(today).Client("acme"))
	for _, directory := range []string{own, elsewhere} {
		write(t, filepath.Join(directory, "client.pem"), chain)
		write(t, filepath.Join(directory, "client.key"), key)
		write(t, filepath.Join(directory, "secret"), []byte(testKey))
	}
	for link, target := range map[string]string{"link": "../elsewhere", "to-secret": "../elsewhere/secret", "to-client.pem": "../elsewhere/client.pem", "to-client.key": filepath.Join(elsewhere, "client.key"), "back": "../own"} {
		if err := os.Symlink(target, filepath.Join(own, link)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	return own, elsewhere
}

func file(setting string) string {
	switch {
	case strings.HasSuffix(setting, ".cert"):
		return "client.pem"
	case strings.HasSuffix(setting, "certificate.key"):
		return "client.key"
	}
	return "secret"
}

func TestFilesOutsideTheConfigurationsDirectoryNeedAPermission(t *testing.T) {
	t.Parallel()
	own, elsewhere := outside(t)
	if err := os.Symlink(elsewhere, filepath.Join(filepath.Dir(elsewhere), "alias")); err != nil {
		t.Fatal(err)
	}
	load := func(t *testing.T, content string, permissions Permissions, env string) error {
		path := filepath.Join(own, "prelaunch.yaml")
		write(t, path, []byte(content))
		permissions.Env = []string{"*"}
		_, err := Load(path, Options{Now: options.Now, Permissions: permissions, LookupEnv: variables(map[string]string{"CREDENTIALS_DIRECTORY": env})})
		return err
	}
	for setting := range settings("") {
		name := file(setting)
		for written, inside := range map[string]bool{
			name: true, "./" + name: true, "back/" + name: true, "../own/" + name: true, filepath.Join(own, name): true,
			"../elsewhere/" + name: false, "link/" + name: false, "to-" + name: false, filepath.Join(elsewhere, name): false,
		} {
			content := settings(written)[setting]
			t.Run(setting+" "+strings.ReplaceAll(strings.TrimPrefix(written, filepath.Dir(own)), "/", "|"), func(t *testing.T) {
				err := load(t, content, Permissions{}, "")
				if inside {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), ": "+setting+" is outside the configuration's own directory: ") || !strings.Contains(err.Error(), "--allow-path") {
					t.Errorf("got %v", err)
				}
				if !strings.HasPrefix(written, "to-") {
					return
				}
				for _, allowed := range []string{elsewhere, filepath.Dir(elsewhere), filepath.Join(filepath.Dir(elsewhere), "alias"), filepath.Join(own, "link")} {
					if err := load(t, content, Permissions{Paths: []string{allowed}}, ""); err != nil {
						t.Errorf("with --allow-path %s: %v", allowed, err)
					}
				}
				if err := load(t, content, Permissions{}, elsewhere); err != nil {
					t.Errorf("as a mounted credential: %v", err)
				}
				if err := load(t, content, Permissions{Paths: []string{own}}, own); err == nil {
					t.Error("another directory was allowed, and it was read")
				}
			})
		}
	}
}

func TestTheKernelsFilesAreNeverRead(t *testing.T) {
	t.Parallel()
	directory := folder(t)
	if err := os.Symlink("/proc/self/environ", filepath.Join(directory, "environ")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := os.Symlink("/dev", filepath.Join(directory, "devices")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/proc/self/environ", "/proc/1/../self/environ", "/sys/kernel/notes", "/dev/zero", "environ", "devices/zero", "../../../../../../proc/self/environ"} {
		contents := settings(path)
		for setting, section := range map[string]string{
			"repositories[0].path": "repositories: [{path: %q}]", "workloads[0].path": "workloads: [{path: %q}]", "clients[0].path": "clients: [{path: %q}]",
			"logs[0].path": "logs: [{path: %q}]", "access.roster": "access: {roster: %q}", "network.ca_file": "network: {ca_file: %q}",
		} {
			contents[setting] = minimal + fmt.Sprintf(section, path) + "\n"
		}
		for setting, content := range contents {
			path := filepath.Join(directory, "prelaunch.yaml")
			write(t, path, []byte(content))
			permitted := options
			permitted.Permissions.Paths = []string{"/proc", "/sys", "/dev", "/"}
			_, err := Load(path, permitted)
			if err == nil || !strings.Contains(err.Error(), ": "+setting+" is in /proc, /sys or /dev, which an audit never reads") {
				t.Errorf("%s: got %v", setting, err)
			}
		}
	}
}

func TestWhatElseLiesOutsideIsReadAndListed(t *testing.T) {
	t.Parallel()
	own, elsewhere := outside(t)
	write(t, filepath.Join(elsewhere, "ca.pem"), certs.New(today).CAPEM())
	integration, err := loadIn(t, own, minimal+`repositories: [{path: .}, {path: ..}, {path: link}]
workloads: [{path: ../elsewhere/deploy}]
clients: [{path: dist}, {path: ../dist}, {url: https://app.acme.example/}]
logs: [{path: logs/*.log}, {path: ../*/x.log}, {command: [journalctl]}]
access: {roster: ../elsewhere/users.csv}
network: {ca_file: link/ca.pem}
`)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, override := range integration.Outside {
		listed = append(listed, override.Setting+" "+override.Value)
	}
	const note = " (outside the configuration's directory)"
	want := []string{"repositories[1].path .." + note, "repositories[2].path link" + note, "workloads[0].path ../elsewhere/deploy" + note, "clients[1].path ../dist" + note,
		"logs[1].path ../*/x.log" + note, "access.roster ../elsewhere/users.csv" + note, "network.ca_file link/ca.pem" + note}
	if differences := cmp.Diff(want, listed); differences != "" {
		t.Error(differences)
	}
}

// TestAServerReadsNothingThatIsNotTheIntegrations holds what a configuration may name on a server that audits those of many teams: its keys
// are in a directory of their own, and everything else is its own or allowed.
func TestAServerReadsNothingThatIsNotTheIntegrations(t *testing.T) {
	t.Parallel()
	own, elsewhere := outside(t)
	secrets := filepath.Join(t.TempDir(), "secrets")
	chain, key := certs.PEM(certs.New(today).Client("acme"))
	write(t, filepath.Join(secrets, "acme", "client.pem"), chain)
	write(t, filepath.Join(secrets, "acme", "client.key"), key)
	write(t, filepath.Join(secrets, "acme", "secret"), []byte(testKey))
	write(t, filepath.Join(secrets, "other", "secret"), []byte(testKey))
	if err := os.Symlink("../other/secret", filepath.Join(secrets, "acme", "to-other")); err != nil {
		t.Fatal(err)
	}
	load := func(content string, paths ...string) error {
		path := filepath.Join(own, "prelaunch.yaml")
		content = strings.NewReplacer("{env: TEST_KEY}", "{file: "+secrets+"/acme/secret}", "{env: PRODUCTION_KEY}", "{file: "+secrets+"/acme/secret}").Replace(content)
		write(t, path, []byte(content))
		_, err := Load(path, Options{Now: options.Now, Permissions: Permissions{Secrets: filepath.Join(secrets, "acme"), Env: []string{"ACME_*"}, Paths: paths},
			LookupEnv: variables(map[string]string{"CREDENTIALS_DIRECTORY": secrets})})
		return err
	}
	reference := withReference
	for _, test := range []struct {
		name, content string
		paths         []string
		accepted      bool
	}{
		{name: "a key of its own", content: minimal, accepted: true},
		{name: "a variable of its own", content: reference("{env: ACME_KEY}"), accepted: true},
		{name: "a variable that would do on the command line", content: reference("{env: BEGINI_KEY}")},
		{name: "another's key", content: reference("{file: " + secrets + "/other/secret}")},
		{name: "another's key by a link", content: reference("{file: " + secrets + "/acme/to-other}")},
		{name: "another's key by a way up", content: reference("{file: " + secrets + "/acme/../other/secret}")},
		{name: "a key next to the configuration", content: reference("{file: secret}")},
		{name: "a key in an allowed directory", content: reference("{file: " + elsewhere + "/secret}"), paths: []string{elsewhere}},
		{name: "a client certificate of its own", content: minimal + fmt.Sprintf("network: {client_certificate: {cert: %s/acme/client.pem, key: %s/acme/client.key}}\n", secrets, secrets), accepted: true},
		{name: "another client certificate", content: minimal + "network: {client_certificate: {cert: client.pem, key: client.key}}\n"},
		{name: "evidence of its own", content: minimal + "attestations: [{check: environments.same-build, statement: s, by: j, on: 2026-11-01, evidence: secret}]\n", accepted: true},
		{name: "evidence from the secrets", content: minimal + "attestations: [{check: environments.same-build, statement: s, by: j, on: 2026-11-01, evidence: " + secrets + "/acme/secret}]\n"},
		{name: "its own repository", content: minimal + "repositories: [{path: .}]\n", accepted: true},
		{name: "another repository", content: minimal + "repositories: [{path: ../elsewhere}]\n"},
		{name: "another repository by a link", content: minimal + "repositories: [{path: link}]\n"},
		{name: "an allowed repository", content: minimal + "repositories: [{path: ../elsewhere}]\n", paths: []string{elsewhere}, accepted: true},
		{name: "other logs", content: minimal + "logs: [{path: ../*/x.log}]\n"},
		{name: "another roster", content: minimal + "access: {roster: /etc/passwd}\n"},
		{name: "another client", content: minimal + "clients: [{path: /}]\n"},
		{name: "other manifests", content: minimal + "workloads: [{path: ..}]\n"},
		{name: "other roots", content: minimal + "network: {ca_file: ../elsewhere/client.pem}\n"},
	} {
		if err := load(test.content, test.paths...); (err == nil) != test.accepted {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestVariablesThatDoNotBelongToTheAuditNeedAPermission(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "prelaunch.yaml")
	for _, test := range []struct {
		name    string
		allowed []string
		taken   bool
	}{
		{name: "BEGINI_TEST_API_KEY", taken: true}, {name: "ACME_BEGINI_KEY", taken: true}, {name: "begini_key", taken: true}, {name: "PRELAUNCH_KEY", taken: true},
		{name: "GITHUB_TOKEN"}, {name: "PATH"}, {name: "BEGINNINGS"}, {name: "XBEGINI"}, {name: "prelaunch_key"}, {name: "MY_PRELAUNCH_KEY"},
		{name: "ACME_KEY", allowed: []string{"ACME_*"}, taken: true}, {name: "ACME_KEY", allowed: []string{"OTHER", "ACME_KEY"}, taken: true},
		{name: "ACME_KEY", allowed: []string{"ACME"}}, {name: "ACME_KEY", allowed: []string{"acme_*"}},
	} {
		for setting, content := range map[string]string{
			"environments.test.api_key.env": withReference("{env: " + test.name + "}"),
			"retired_keys[0].env":           minimal + "retired_keys: [{env: " + test.name + ", environment: test}]\n",
		} {
			content = strings.NewReplacer("{env: TEST_KEY}", "{env: BEGINI_A}", "{env: PRODUCTION_KEY}", "{env: BEGINI_B}").Replace(content)
			write(t, path, []byte(content))
			_, err := Load(path, Options{Now: options.Now, Permissions: Permissions{Env: test.allowed}})
			if test.taken != (err == nil) {
				t.Errorf("%s %s, allowed %v: %v", setting, test.name, test.allowed, err)
			}
			if err != nil && !strings.Contains(err.Error(), ": "+setting+" names the variable "+test.name+", which does not belong to the audit: ") {
				t.Errorf("got %v", err)
			}
		}
	}
}

func TestASurveyListsWhatIsNotAllowedAndDoesNotReadIt(t *testing.T) {
	t.Parallel()
	own, elsewhere := outside(t)
	content := strings.Replace(withReference("{env: GITHUB_TOKEN}"), "{env: PRODUCTION_KEY}", "{file: ../elsewhere/secret}", 1) +
		"attestations: [{check: environments.same-build, statement: s, by: j, on: 2026-11-01, evidence: link/none.png}]\n# " + testKey + "\n"
	path := filepath.Join(own, "prelaunch.yaml")
	write(t, path, []byte(content))
	integration, err := Load(path, Options{Now: options.Now, Permissions: Permissions{Survey: true}})
	if err != nil {
		t.Fatal(err)
	}
	want := []audit.Permission{
		{Setting: "environments.test.api_key.env", Flag: "--allow-env GITHUB_TOKEN"},
		{Setting: "environments.production.api_key.file", Flag: "--allow-path " + elsewhere},
		{Setting: "attestations[0].evidence", Flag: "--allow-path " + elsewhere},
	}
	if differences := cmp.Diff(want, integration.Needs); differences != "" {
		t.Error(differences)
	}
	if err := RefuseLiteralKeys(integration, variables(map[string]string{"GITHUB_TOKEN": testKey})); err != nil {
		t.Errorf("a variable was read that is not allowed: %v", err)
	}
}

func TestPermissionsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "prelaunch.yaml")
	write(t, path, []byte(minimal))
	for want, permissions := range map[string]Permissions{
		"--allow-path /nowhere/at/all: not a readable directory":         {Paths: []string{"/nowhere/at/all"}},
		"--allow-path " + path + ": not a readable directory":            {Paths: []string{path}},
		"--allow-env [: not a pattern of variable names such as VAULT_*": {Env: []string{"["}},
	} {
		if _, err := Load(path, Options{Permissions: permissions}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
