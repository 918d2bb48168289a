package cli_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

func TestProvidersAreListedAndDescribed(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := nothing.call(t.Context(), "providers", "-o", "json")
	var listed []struct{ Name, Title, Grade, Scheme, Placement string }
	if err := json.Unmarshal([]byte(stdout), &listed); code != 0 || err != nil || len(listed) != len(provider.Names()) {
		t.Fatalf("exit %d: %d providers, %v\n%s", code, len(listed), err, stderr)
	}
	for _, one := range listed {
		if one.Title == "" || one.Scheme == "" || one.Placement == "" {
			t.Errorf("%+v lacks something", one)
		}
	}
	for _, name := range []string{"begini", "stripe", "gitlab-token", "discord", "generic-hmac"} {
		code, stdout, stderr := nothing.call(t.Context(), "providers", name)
		if code != 0 || !strings.Contains(stdout, "What can be proven") || !strings.Contains(stdout, "provider: "+name+"\n") || !strings.Contains(stdout, "What does not apply") {
			t.Errorf("%s: exit %d: %s%s", name, code, stdout, stderr)
		}
	}
	if code, _, stderr := nothing.call(t.Context(), "providers", "strip"); code != 2 || !strings.Contains(stderr, "did you mean stripe?") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	directory := t.TempDir()
	file := filepath.Join(directory, "acme.yaml")
	if err := os.WriteFile(file, []byte("schema: prelaunch.provider/v1\nname: acme\nsources: [s]\nsignature: {kind: hmac, hash: sha1, over: '{bodi}', put: {header: X}}\nevents: [{type: a, body: '{}'}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := nothing.call(t.Context(), "providers", file); code != 2 || !strings.Contains(stderr, "acme.yaml:4:37: signature.over has an unknown piece: did you mean {body}?") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestAProfileIsNamedByItsPath: what takes a provider takes a user's own, and a starter names it from where it is written.
func TestAProfileIsNamedByItsPath(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file, starter := filepath.Join(directory, "acme.yaml"), filepath.Join(directory, "audit", "prelaunch.yaml")
	text, err := os.ReadFile("../provider/providertest/jwt.yaml")
	if err = errors.Join(err, os.WriteFile(file, text, 0o600), os.Mkdir(filepath.Dir(starter), 0o700)); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ arguments, want string }{
		{"init " + starter + " --provider " + relative, "Wrote"},
		{"validate " + starter, "well-formed: my-integration at acme-jwt"},
		{"providers " + file, "prelaunch init --provider " + file},
		{"cases webhook.rejects-stale --provider " + file, "stale-timestamp/past-tolerance"},
		{"vectors --provider " + file, "stale-timestamp"},
		{"checks --provider " + file, "webhook.rejects-stale"},
		{"explain webhook.rejects-stale --provider " + file, "Stale timestamps"},
		{"request --provider " + file, "acme-jwt"},
	} {
		if code, stdout, stderr := nothing.call(t.Context(), strings.Fields(row.arguments)...); code != 0 || !strings.Contains(stdout, row.want) {
			t.Errorf("%s: exit %d: %s%s", row.arguments, code, stdout, stderr)
		}
	}
	if written, err := os.ReadFile(starter); err != nil || !strings.Contains(string(written), "\nprovider: ../acme.yaml\n") {
		t.Errorf("%v: %s", err, written)
	}
}

// TestRecordedDeliveriesAreVerified holds the exit status, and that neither key nor signature is shown.
func TestRecordedDeliveriesAreVerified(t *testing.T) {
	t.Parallel()
	const key, other = "whsec_0123456789abcdefghijklm", "whsec_anotherenvironmentskey0"
	stripe := provider.Must("stripe")
	message, err := stripe.Signature.Sign([]byte(key), stripe.Message(stripe.Events[0], "https://hooks.acme.example/stripe", provider.Values{UID: "PRELAUNCH0"}))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	signature := message.Header.Get("Stripe-Signature")
	recording := write("delivery.http", "POST /stripe HTTP/1.1\r\nHost: hooks.acme.example\r\nStripe-Signature: "+signature+"\r\n\r\n"+string(message.Body))
	keyFile := write("key", key+"\n")
	configuration := write("prelaunch.yaml", `version: 1
integration: acme
provider: stripe
environments:
  test: {secret: {env: PRELAUNCH_OTHER}, webhook_url: "https://hooks-test.acme.example/stripe"}
  production: {secret: {env: PRELAUNCH_KEY}, webhook_url: "https://hooks.acme.example/stripe"}
`)
	for _, row := range []struct {
		args  []string
		code  int
		shown string
	}{
		{[]string{"--key-file", keyFile}, 0, "VERIFIED by the recipe of stripe"},
		{[]string{"--provider", "stripe", "--key-env", "PRELAUNCH_KEY"}, 0, "VERIFIED by the recipe of stripe"},
		{[]string{"--key-env", "PRELAUNCH_OTHER"}, 1, "not verified by stripe: the key makes another signature"},
		{[]string{"--config", configuration}, 0, "with the key of production"},
		{[]string{"--config", configuration, "--environment", "test"}, 1, "it is correctly signed, but with the key of production"},
		{[]string{"--config", configuration, "--environment", "staging"}, 2, "it has test, production"},
		{[]string{"--key-env", "UNSET"}, 2, "is not set"},
		{nil, 2, "at least one of the flags"},
		{[]string{"--provider", "github", "--key-file", keyFile, "-o", "json"}, 1, `"verified": false`},
	} {
		var stdout, stderr strings.Builder
		lookup := func(name string) (string, bool) {
			value, set := map[string]string{"PRELAUNCH_KEY": key, "PRELAUNCH_OTHER": other}[name]
			return value, set
		}
		code := cli.Main(t.Context(), append([]string{"verify-delivery", recording}, row.args...), cli.Streams{Out: &stdout, Err: &stderr, LookupEnv: lookup})
		shown := stdout.String() + stderr.String()
		if code != row.code || !strings.Contains(shown, row.shown) {
			t.Errorf("%v: exit %d, want %d: %s", row.args, code, row.code, shown)
		}
		_, digits, _ := strings.Cut(signature, "v1=")
		for _, text := range []string{key, other, digits} {
			if strings.Contains(shown, text) {
				t.Errorf("%v shows a key or the signature", row.args)
			}
		}
	}
}
