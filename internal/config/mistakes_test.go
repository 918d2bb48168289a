package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

var update = flag.Bool("update", false, "write the golden files anew")

// mistake is a configuration with something wrong in it.
type mistake struct {
	name     string
	old, new string // what of full.yaml is replaced by what; no old: new is the whole file
	schema   bool   // the JSON Schema takes it: only the reader sees what is wrong
}

// mistakes are held to all that is to be said about each, in testdata/mistakes.txt in the same order.
var mistakes = []mistake{
	{name: "misspelt key", old: "    webhook_url: https", new: "    webhok_url: https"},
	{name: "unknown key, nothing near", old: "receiver: queued", new: "colour: red"},
	{name: "unknown key that may be a secret", old: "receiver: queued", new: "sk_live_4fQ8zX92jKs81mNq: x"},
	{name: "unknown key of another mapping", old: "      cancellation", new: "      abort"},
	{name: "unknown key at the top", old: "repositories:", new: "repository:"},
	{name: "key at another level", old: "provider_checks:", new: "webhook_url: https://x.example/\nprovider_checks:"},
	{name: "key of a list's items", old: "provider_checks:", new: "approved_by: jane\nprovider_checks:"},
	{name: "too many items", old: "repositories: [{path: .}]", new: "repositories: [{path: .}" + strings.Repeat(", {path: .}", 1000) + "]"},
	{name: "unknown environment", old: "  production:\n", new: "  staging:\n", schema: true},
	{name: "environments that have nothing", old: "environments:\n", new: "environments: {}\nx:\n"},
	{name: "third environment", old: "provider_checks: true", new: "  staging: {}\nprovider_checks: true"},
	{name: "duplicate key", old: "    receiver: queued", new: "    receiver: queued\n    receiver: inline"},
	{name: "duplicate key, quoted", old: "    receiver: queued", new: "    receiver: queued\n    \"receiver\": inline"},
	{name: "duplicate environment", old: "  production:\n", new: "  test: {}\n  production:\n"},
	{name: "merge key", old: "    receiver: queued", new: "    <<: {receiver: queued}"},
	{name: "key that is a list", old: "    receiver: queued", new: "    ? [receiver]\n    : queued"},
	{name: "key that is a number", old: "    receiver: queued", new: "    404: queued"},
	{name: "required setting missing", old: `    integration_id: "1234567890987654321"` + "\n", schema: true},
	{name: "environments missing", new: "version: 1\nintegration: acme\nprovider: begini\n"},
	{name: "environments empty", new: "version: 1\nintegration: acme\nprovider: begini\nenvironments:\n"},

	{name: "empty file", new: " \n"},
	{name: "comments only", new: "# nothing\n"},
	{name: "second document", old: "network:\n", new: "---\nnetwork:\n"},
	{name: "second document without content", old: "  fresh_connections: 12\n", new: "  fresh_connections: 12\n---\n"},
	{name: "list at the top", new: "- version: 1\n"},
	{name: "text at the top", new: "sk_live_4fQ8zX92jKs81mNq"},
	{name: "anchor and alias", old: "{path: .}", new: "&here {path: .}, *here"},
	{name: "unknown alias", old: "integration: acme-personal-loans", new: "integration: *sk_live_4fQ8zX92jKs81mNq"},
	{name: "tag", old: "version: 1", new: "version: !!int 1"},
	{name: "tab", old: "    receiver: queued", new: "\treceiver: queued"},
	{name: "bracket left open", old: "complete]", new: "complete"},
	{name: "brace left open", old: `"{uid}"], env: [REDIS_URL]}`, new: `"{uid}"], env: [REDIS_URL]`},
	{name: "quote left open", old: `id: "1234567890987654321"`, new: `id: "1234567890987654321`},
	{name: "indentation", old: "    receiver: queued", new: "   receiver: queued"},
	{name: "two values on a line", old: "receiver: queued", new: "receiver: queued: x"},
	{name: "reserved character", old: "acme-personal-loans", new: "@acme"},
	{name: "not UTF-8", old: "acme-personal-loans", new: "\xff\xfe"},
	{name: "control character", old: "acme-personal-loans", new: "a\x01b"},

	{name: "version 2", old: "version: 1", new: "version: 2"},
	{name: "version with a leading zero", old: "version: 1", new: "version: 01", schema: true},
	{name: "version in quotes", old: "version: 1", new: `version: "1"`},
	{name: "name is null", old: "acme-personal-loans", new: "~"},
	{name: "name is blank", old: "acme-personal-loans", new: `" "`},
	{name: "name is true", old: "acme-personal-loans", new: "true"},
	{name: "name is a date", old: "acme-personal-loans", new: "2026-11-01", schema: true},
	{name: "name is no", old: "acme-personal-loans", new: "no", schema: true},
	{name: "unknown provider", old: "provider: begini", new: "provider: beginy"},
	{name: "unknown event", old: "[psychometric_score.complete", new: "[psychometric_score.completed", schema: true},
	{name: "event twice", old: "[psychometric_score.complete", new: "[application.complete"},
	{name: "no events", old: "[psychometric_score.complete, application.complete]", new: "[]"},

	{name: "integration ID without quotes", old: `"1234567890987654321"`, new: "1234567890987654321"},
	{name: "integration ID with a leading zero", old: `"1234567890987654321"`, new: "014"},
	{name: "integration ID that needs escaping", old: `"1234567890987654321"`, new: `"a\"b"`},
	{name: "literal key", old: "{env: BEGINI_TEST_API_KEY}", new: "sk_live_4fQ8zX92jKs81mNq"},
	{name: "literal key of digits", old: "{env: BEGINI_TEST_API_KEY}", new: "12345678901234567890"},
	{name: "literal key as a variable", old: "{env: BEGINI_TEST_API_KEY}", new: "{env: sk_live_4fQ8zX92jKs81mNq}", schema: true},
	{name: "literal key as a file", old: "{env: BEGINI_TEST_API_KEY}", new: "{file: sk_live_4fQ8zX92jKs81mNq}", schema: true},
	{name: "literal key as a command", old: "{env: BEGINI_TEST_API_KEY}", new: "{command: sk_live_4fQ8zX92jKs81mNq}"},
	{name: "literal key as a digest", old: "{env: BEGINI_TEST_API_KEY}", new: "{sha256: sk_live_4fQ8zX92jKs81mNq, length: 24}"},
	{name: "literal key as a key", old: "{env: BEGINI_TEST_API_KEY}", new: "{sk_live_4fQ8zX92jKs81mNq}"},
	{name: "literal retired key", old: "repositories:", new: "  - sk_live_4fQ8zX92jKs81mNq\nrepositories:"},
	{name: "no key", old: "{env: BEGINI_TEST_API_KEY}"},
	{name: "empty reference", old: "{env: BEGINI_TEST_API_KEY}", new: "{}"},
	{name: "two references", old: "{env: BEGINI_TEST_API_KEY}", new: "{env: A, file: b}"},
	{name: "list of references", old: "{env: BEGINI_TEST_API_KEY}", new: "[{env: A}]"},
	{name: "digest without length", old: "    length: 4\n"},
	{name: "length without digest", old: "{env: BEGINI_TEST_API_KEY}", new: "{env: A, length: 5}"},
	{name: "length zero", old: "length: 4", new: "length: 0"},
	{name: "misspelt reference", old: "{env: BEGINI_TEST_API_KEY}", new: "{evn: BEGINI_TEST_API_KEY}"},
	{name: "command is a text", old: `command: [vault, read, "-field=key", old]`, new: "command: vault read"},
	{name: "command is empty", old: `command: [vault, read, "-field=key", old]`, new: "command: []"},
	{name: "variable of a key in a list", old: "{env: BEGINI_TEST_API_KEY}", new: "{env: [BEGINI_TEST_API_KEY]}"},
	{name: "variable of a command without a list", old: "env: [VAULT_ADDR]", new: "env: VAULT_ADDR"},
	{name: "variable with its value", old: "env: [VAULT_ADDR]", new: "env: [\"VAULT_ADDR=sk_live_4fQ8zX92jKs81mNq\"]"},
	{name: "variables without a command", old: "path: ./logs/*.log", new: "path: ./logs/*.log, env: [A]"},
	{name: "key in a file and from a command", old: "command: [vault, read", new: "file: x, command: [vault, read"},
	{name: "argument is a number", old: `command: [vault, read, "-field=key", old]`, new: "command: [vault, 7]"},
	{name: "retired key without environment", old: `    environment: test` + "\n"},

	{name: "URL without scheme", old: "webhook_url: https://hooks-test", new: "webhook_url: hooks-test"},
	{name: "URL of another scheme", old: "webhook_url: https://hooks-test", new: "webhook_url: ftp://hooks-test"},
	{name: "URL with a user", old: "webhook_url: https://hooks-test", new: "webhook_url: https://user:secret@hooks-test", schema: true},
	{name: "URL with a name that cannot be", old: "webhook_url: https://hooks-test", new: "webhook_url: https://\u00ad\u200d\u00f6", schema: true},
	{name: "URL with a fragment", old: "tenant=1", new: "tenant=1#top"},
	{name: "URL without host", old: "webhook_url: https://hooks-test.acme.example/", new: "webhook_url: https:///", schema: true},
	{name: "URL without host but a port", old: "hooks.acme.example:8080", new: ":8080", schema: true},
	{name: "URL with a port that is none", old: ":8080/", new: ":80800/", schema: true},
	{name: "API base URL with a query", old: "api.begini.co/", new: "api.begini.co/?a=b"},
	{name: "redirect that is no URL", old: "https://test.acme.example/done", new: "/done"},
	{name: "redirects are a text", old: "    redirect_urls:\n      completion: https://test.acme.example/done\n      cancellation: https://test.acme.example/cancelled\n",
		new: "    redirect_urls: https://test.acme.example/\n"},
	{name: "probing misspelt", old: "probing: careful", new: "probing: carefull"},
	{name: "probing in capitals", old: "probing: careful", new: "probing: Careful"},
	{name: "receiver unknown", old: "receiver: queued", new: "receiver: yes"},
	{name: "UID too short", old: "KNOWN0001", new: "KN1", schema: true},
	{name: "UID with a space", old: "KNOWN0001", new: "KNOWN 0001"},
	{name: "UID is a number", old: "KNOWN0001", new: "12345678"},
	{name: "observer without UID", old: `"{uid}"`, new: "uid", schema: true},
	{name: "provider_checks is yes", old: "provider_checks: true", new: "provider_checks: yes"},
	{name: "provider_checks in quotes", old: "provider_checks: true", new: `provider_checks: "true"`},
	{name: "provider_checks has no value", old: "provider_checks: true", new: "provider_checks:"},

	{name: "section has no value", old: "repositories: [{path: .}]", new: "repositories:"},
	{name: "section is a mapping", old: "repositories: [{path: .}]", new: "repositories: {path: .}"},
	{name: "repository is a text", old: "repositories: [{path: .}]", new: "repositories: [.]"},
	{name: "client with path and URL", old: "{url: https://app.acme.example/}", new: "{url: https://app.acme.example/, path: dist}"},
	{name: "client with neither", old: "{url: https://app.acme.example/}", new: "{environment: test}"},
	{name: "nothing of a kind, said by nobody", old: "repositories: [{path: .}]", new: "repositories: {none: true}"},
	{name: "nothing of a kind, denied", old: "repositories: [{path: .}]", new: "repositories: {none: false, by: jane, on: 2026-11-01, reason: none}"},
	{name: "nothing of a kind, in the future", old: "repositories: [{path: .}]", new: "repositories: {none: true, by: jane, on: 2026-11-28, reason: none}", schema: true},
	{name: "nothing of a kind, and something", old: "repositories: [{path: .}]", new: "repositories: {none: true, by: jane, on: 2026-11-01, reason: none, path: .}"},
	{name: "nothing of a kind that must not be empty", old: "workloads: [{path: deploy/, environment: production}]", new: "workloads: {none: true, by: jane, on: 2026-11-01, reason: none}"},
	{name: "finding without quotes", old: "finding: 0123456789abcdef", new: "finding: 0123456789012345"},
	{name: "finding of another shape", old: "finding: 0123456789abcdef", new: "finding: F03"},
	{name: "log with neither", old: "{command: [journalctl, -u, acme], env: [SYSTEMD_COLORS]}", new: "{}"},
	{name: "log pattern", old: "./logs/*.log", new: `"./logs/[.log"`, schema: true},
	{name: "marker", old: `"probe-[0-9]+"`, new: `"probe-[0-9"`, schema: true},
	{name: "environment misspelt", old: "workloads: [{path: deploy/, environment: production}]", new: "workloads: [{path: deploy/, environment: prodution}]", schema: true},

	{name: "domain", old: "[ACME.example]", new: `["@acme.example"]`},
	{name: "no admins", old: "  roster:", new: "  max_admins: 0\n  roster:"},
	{name: "roster without a file", old: "  roster: evidence/beacon-users.csv", new: "  roster: {email: Mail}"},
	{name: "owners that are no Admins", old: "  roster: evidence/beacon-users.csv", new: "  roster: {file: evidence/beacon-users.csv, roles: {Owner: Viewer, Leser: Viewer}}", schema: true},
	{name: "role that there is not", old: "  roster: evidence/beacon-users.csv", new: "  roster: {file: evidence/beacon-users.csv, roles: {Owner: Boss}}"},
	{name: "roster of another kind", old: "  roster: evidence/beacon-users.csv", new: "  roster: [evidence/beacon-users.csv]"},
	{name: "admins with a decimal point", old: "  roster:", new: "  max_admins: 2.5\n  roster:"},
	{name: "review without a day", old: `, on: "2026-11-01"`},
	{name: "day that is none", old: "2026-10-30", new: "2026-02-30", schema: true},
	{name: "day in another order", old: "2026-10-30", new: "30.10.2026"},
	{name: "day with one digit", old: "2026-10-30", new: "2026-10-3"},
	{name: "day with a time", old: "2026-10-30", new: "2026-10-30T00:00:00Z"},

	{name: "attestation of an unknown check", old: "check: deployment-centre.redirects-registered", new: "check: deployment-centre.redirect-registered", schema: true},
	{name: "attestation of what is observed", old: "check: deployment-centre.redirects-registered", new: "check: api-key.not-in-code", schema: true},
	{name: "attestation for too long", old: "    evidence:", new: "    expires: 2027-01-31\n    evidence:", schema: true},
	{name: "attestation that ends before it starts", old: "expires: 2026-01-02", new: "expires: 2025-12-31", schema: true},
	{name: "attestation in the future", old: "    on: 2026-11-01", new: "    on: 2026-11-26", schema: true},
	{name: "attestation by nobody", old: "    by: jane@acme.example\n"},
	{name: "evidence missing", old: "evidence/redirects.png", new: "evidence/redirect.png", schema: true},
	{name: "evidence is a folder", old: "evidence/redirects.png", new: "evidence", schema: true},
	{name: "waiver of an unknown check", old: "input.bounded", new: "input.bound", schema: true},
	{name: "waiver of the same build", old: "input.bounded", new: "environments.same-build", schema: true},
	{name: "waiver of every check", old: "input.bounded", new: "input.*"},
	{name: "waiver without an end", old: "    expires: 2027-01-31\n"},
	{name: "waiver for too long", old: "    expires: 2027-01-31\n", new: "    expires: 2027-11-25\n", schema: true},
	{name: "waiver approved by its owner", old: "approved_by: jane@acme.example", new: `approved_by: "BOB@acme.example "`, schema: true},
	{name: "waiver without a reason", old: "gateway limit lands in January", new: `""`},

	{name: "roots missing", old: "ca_file: ca.pem", new: "ca_file: none.pem", schema: true},
	{name: "roots that are none", old: "ca_file: ca.pem", new: "ca_file: client.key", schema: true},
	{name: "client key missing", old: "{cert: client.pem, key: client.key}", new: "{cert: client.pem}"},
	{name: "client key of another", old: "{cert: client.pem, key: client.key}", new: "{cert: ca.pem, key: client.key}", schema: true},
	{name: "client key is a folder", old: "{cert: client.pem, key: client.key}", new: "{cert: none.pem, key: evidence}", schema: true},
	{name: "resolve without port", old: `"Hooks.acme.example.:443"`, new: `"hooks.acme.example"`},
	{name: "resolve to a name", old: `"127.0.0.1:8443"`, new: `"localhost:8443"`},
	{name: "resolve to port 0", old: `"127.0.0.1:8443"`, new: `"127.0.0.1:0"`, schema: true},
	{name: "resolve to nothing", old: `"127.0.0.1:8443"`, new: "[]"},
	{name: "resolve twice", old: `    "Hooks.acme.example.:443"`, new: "    \"hooks.acme.example:443\": \"127.0.0.1:1\"\n    \"Hooks.acme.example.:443\"", schema: true},
	{name: "vantage", old: "vantage: allowlisted", new: "vantage: allowlist"},
	{name: "timeout without unit", old: "timeout: 2.5s", new: "timeout: 10"},
	{name: "timeout too long", old: "timeout: 2.5s", new: "timeout: 1h"},
	{name: "timeout too short", old: "timeout: 2.5s", new: "timeout: 1ms", schema: true},
	{name: "rate zero", old: "second: 0.5", new: "second: 0"},
	{name: "rate infinite", old: "second: 0.5", new: "second: .inf"},
	{name: "rate that may be a key", old: "second: 0.5", new: "second: 123456789.123456789"},
	{name: "connections", old: "fresh_connections: 12", new: "fresh_connections: 1_000", schema: true},
}

func (m mistake) content(t testing.TB) string {
	if m.old == "" {
		return m.new
	}
	if strings.Count(full, m.old) < 1 {
		t.Fatalf("%s: full.yaml has no %q", m.name, m.old)
	}
	return strings.Replace(full, m.old, m.new, 1)
}

func TestEveryMistakeIsSaidInTheseWords(t *testing.T) {
	t.Parallel()
	directory := folder(t)
	var got strings.Builder
	for _, row := range mistakes {
		_, err := loadIn(t, directory, row.content(t))
		var list *shape.Error
		if !errors.As(err, &list) {
			t.Fatalf("%s: got %v", row.name, err)
		}
		got.WriteString("== " + row.name + "\n" + strings.ReplaceAll(err.Error(), directory+string(filepath.Separator), "") + "\n")
		if strings.Contains(err.Error(), "4fQ8") {
			t.Errorf("%s: the key is repeated: %v", row.name, err)
		}
	}
	compareGolden(t, "testdata/mistakes.txt", got.String())
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	content := full
	for _, name := range []string{"misspelt key", "duplicate key", "literal key", "UID too short", "section has no value", "log pattern", "day that is none",
		"attestation for too long", "waiver for too long", "waiver approved by its owner", "roots missing", "timeout without unit", "vantage", "connections"} {
		for _, row := range mistakes {
			if row.name == name {
				content = strings.Replace(content, row.old, row.new, 1)
			}
		}
	}
	directory := folder(t)
	_, err := loadIn(t, directory, content)
	if err == nil {
		t.Fatal("it loads")
	}
	compareGolden(t, "testdata/at_once.txt", strings.ReplaceAll(err.Error(), directory+string(filepath.Separator), "")+"\n")
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		write(t, path, []byte(got))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if differences := cmp.Diff(string(want), got); differences != "" {
		t.Errorf("%s (-want +got):\n%s", path, differences)
	}
}
