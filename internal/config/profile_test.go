package config

import (
	"encoding/base64"
	encodepem "encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// ownProfile is a profile of the user's own.
const ownProfile = `schema: prelaunch.provider/v1
name: acme
sources: [https://docs.acme.example/webhooks]
secret: {names: [acme, github]}
signature:
  kind: hmac
  hash: sha256
  over: "{timestamp}.{body}"
  put: {header: X-Acme-Signature, value: "t={timestamp},v1={signature}"}
  timestamp: {in: signature, tolerance: 300s}
events: [{type: payment.failed, body: '{"id":"{{uid}}"}'}]
`

// other is a configuration for another provider, whose environments have no identifier.
const other = `version: 1
integration: acme
provider: PROVIDER
environments:
  test:
    secret: {env: TEST_KEY}
    webhook_url: https://hooks-test.acme.example/
  production:
    secret: {env: PRODUCTION_KEY}
    webhook_url: https://hooks.acme.example/
`

// TestAKeyPairOfTheReviewers takes the place of a key that only the provider has, and of no other.
func TestAKeyPairOfTheReviewers(t *testing.T) {
	t.Parallel()
	pem := func(profile string) string {
		private, _, err := provider.Must(profile).Signature.NewKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		return string(encodepem.EncodeToMemory(&encodepem.Block{Type: "PRIVATE KEY", Bytes: private}))
	}
	const pair = "keypair: {env: TEST_KEY}"
	for name, test := range map[string]struct{ profile, test, production, key, want string }{
		"pair":          {"discord", pair, "", pem("discord"), ""},
		"file":          {"wise", "keypair: {file: pair.pem}", "", "", ""},
		"both":          {"discord", "secret: {env: TEST_KEY}\n    " + pair, "", pem("discord"), "stands next to the environment's key"},
		"secret":        {"stripe", pair, "secret: {env: PRODUCTION_KEY}\n    ", "x", "stripe signs with a secret"},
		"production":    {"discord", pair, "keypair: {env: PRODUCTION_KEY}\n    ", pem("discord"), "environments.production.keypair would have events of the reviewer's accepted in Production"},
		"fingerprint":   {"discord", "keypair: {sha256: " + strings.Repeat("a", 64) + ", length: 40}", "", "", "fingerprint only"},
		"no key":        {"discord", pair, "", "acme-secret-4fQ8zX92jKs81mNq", "6:14: the key pair cannot sign: the key is no private key in PKCS #8"},
		"other kind":    {"discord", pair, "", pem("plaid"), "6:14: the key pair cannot sign: the key is none of the algorithm ed25519"},
		"other curve":   {"sendgrid", pair, "", pem("discord"), "the key is none of the algorithm ecdsa-p256-sha256"},
		"elliptic pair": {"plaid", pair, "", pem("plaid"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := folder(t)
			write(t, filepath.Join(directory, "pair.pem"), []byte(pem("wise")))
			content := "version: 1\nintegration: acme\nprovider: " + test.profile + "\nenvironments:\n  test:\n    " + test.test +
				"\n    webhook_url: https://hooks-test.acme.example/\n  production:\n    " + test.production + "webhook_url: https://hooks.acme.example/\n"
			integration, err := loadIn(t, directory, content)
			if err == nil {
				err = ResolveKeys(t.Context(), integration, Resolver{LookupEnv: variables(map[string]string{"TEST_KEY": test.key, "PRODUCTION_KEY": "acme-secret-9dP3vB71mLt46xRw"})})
			}
			switch {
			case test.want == "" && (err != nil || !integration.Environments[0].KeyPair || integration.Environments[1].KeyPair):
				t.Errorf("%+v, %v", integration.Environments, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestALiteralKeyInAProfileIsRefused: neither as it is, nor encoded, nor in a comment.
func TestALiteralKeyInAProfileIsRefused(t *testing.T) {
	t.Parallel()
	key := "acme-secret-4fQ8zX92jKs81mNq"
	keys := variables(map[string]string{"TEST_KEY": key, "PRODUCTION_KEY": "acme-secret-9dP3vB71mLt46xRw"})
	for name, profile := range map[string]string{
		"comment": ownProfile + "# " + key + "\n",
		"header":  ownProfile + "delivery: {headers: {Authorization: Bearer " + key + "}}\n",
		"base64":  ownProfile + "title: " + base64.StdEncoding.EncodeToString([]byte(key)) + "\n",
		"none":    ownProfile,
	} {
		directory := folder(t)
		write(t, filepath.Join(directory, "profiles/acme.yaml"), []byte(profile))
		integration, err := loadIn(t, directory, strings.Replace(other, "PROVIDER", "./profiles/acme.yaml", 1))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = ResolveKeys(t.Context(), integration, Resolver{LookupEnv: keys})
		if name == "none" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "the key of environments.test.api_key is written in the provider's profile") || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProviderOfTheUsersOwn(t *testing.T) {
	t.Parallel()
	directory := folder(t)
	write(t, filepath.Join(directory, "profiles/acme.yaml"), []byte(ownProfile))
	integration, err := loadIn(t, directory, strings.Replace(other, "PROVIDER", "./profiles/acme.yaml", 1))
	if err != nil {
		t.Fatal(err)
	}
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil || integration.Provider != "acme" || profile.BuiltIn || profile.Signature.Over != "{timestamp}.{body}" {
		t.Errorf("%s, %+v, %v", integration.Provider, profile, err)
	}
	if key := integration.Environments[0].Key; key.Variable != "TEST_KEY" {
		t.Errorf("secret is no other name of api_key: %+v", key)
	}
	if len(integration.ProfileFiles) != 1 || integration.ProfileFiles[0] != "./profiles/acme.yaml" {
		t.Errorf("files %v", integration.ProfileFiles)
	}
	if len(integration.EventTypes) != 1 || integration.EventTypes[0] != "payment.failed" {
		t.Errorf("event types %v", integration.EventTypes)
	}
}

func TestWordsOfAProfileOfTheUsersOwnOpenNoVariables(t *testing.T) {
	t.Parallel()
	directory := folder(t)
	write(t, filepath.Join(directory, "acme.yaml"), []byte(ownProfile))
	load := func(name, variable string) error {
		content := strings.NewReplacer("PROVIDER", name, "TEST_KEY", variable, "PRODUCTION_KEY", "PRELAUNCH_KEY").Replace(other)
		path := filepath.Join(directory, "prelaunch.yaml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, Options{Now: options.Now})
		return err
	}
	for _, row := range []struct {
		provider, variable string
		allowed            bool
	}{
		{"acme.yaml", "ACME_SECRET", false},
		{"acme.yaml", "GITHUB_TOKEN", false},
		{"acme.yaml", "PRELAUNCH_ACME", true},
		{"github", "GITHUB_WEBHOOK_SECRET", true},
		{"github", "GITHUB_TOKEN", false},
		{"github", "GITHUB_WEBHOOK_TOKEN", true},
		{"gitlab-token", "GITLAB_TOKEN", false},
		{"stripe", "STRIPE_TEST_SECRET", true},
		{"stripe", "GITHUB_WEBHOOK_SECRET", false},
	} {
		if err := load(row.provider, row.variable); (err == nil) != row.allowed {
			t.Errorf("%s with %s: %v", row.provider, row.variable, err)
		}
	}
}

func TestBadProfilesOfTheUsersOwn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, content, want string }{
		{"unknown piece", strings.Replace(ownProfile, "{body}", "{bdy}", 1), `acme.yaml:8:3: signature.over has an unknown piece: did you mean {body}?`},
		{"cyclic", strings.Replace(ownProfile, "{body}", "{header:x-acme-signature}", 1), `acme.yaml:8:3: signature.over is cyclic`},
		{"exploding pattern", strings.Replace(ownProfile, "names: [acme, github]", "pattern: '((a{100}){100}){100}'", 1), `acme.yaml:4:19: secret.pattern is not a regular expression that is small`},
		{"10 MB", ownProfile + strings.Repeat("# padding\n", 1<<20), `prelaunch.yaml:3:11: provider cannot be read: it is larger than`},
		{"duplicate key", ownProfile + "name: acme\n", `acme.yaml:12:1: duplicate key "name", given first in line 2`},
		{"unknown key", strings.Replace(ownProfile, "sources:", "source:", 1), `acme.yaml:3:1: unknown key "source": did you mean "sources"?`},
		{"wrong type", strings.Replace(ownProfile, "sources: [https://docs.acme.example/webhooks]", "sources: yes please", 1), `acme.yaml:3:10: sources is a text, expected a list`},
		{"built-in name", strings.Replace(ownProfile, "name: acme", "name: stripe", 1), `acme.yaml:2:7: name is that of a built-in profile`},
		{"no profile", "hello", `acme.yaml:1:1: the profile is a text, expected a mapping with schema,`},
		{"empty", "", `acme.yaml: is empty`},
		{"event that cannot be signed", strings.Replace(ownProfile, "in: signature", "in: body:sent", 1), `acme.yaml:11:33: events[0].body cannot be signed: the body has no field sent`},
		{"time that the signature overwrites", strings.Replace(ownProfile, "in: signature", "in: 'header:X-Acme-Signature'", 1), `acme.yaml:5:1: signature cannot be read as it is written: its timestamp does not fit`},
		{"body many times", strings.Replace(ownProfile, "{body}", strings.Repeat("{body}", 70), 1), `acme.yaml:8:3: signature.over has too many pieces`},
		{"wrong vector", ownProfile + "vectors: [{secret: s, body: x, timestamp: '1', signature: 't=1,v1=00'}]\n", `acme.yaml:12:11: vectors[0] is not what the recipe makes`},
		{"event that is no JSON", strings.Replace(ownProfile, `"id":"{{uid}}"`, `"id":{{uid}}`, 1), `acme.yaml:11:33: events[0].body is not JSON`},
		{"placeholder in a placeholder", strings.Replace(ownProfile, `{{uid}}`, `{{uid{{uid}}}}`, 1), `acme.yaml:11:33: events[0].body has {{ without a known placeholder`},
		{"header of the connection", ownProfile + "delivery: {headers: {host: elsewhere.example}}\n", `acme.yaml:12:12: delivery.headers has host, which the request itself has`},
		{"alias in an alias", "bomb: &a [x, x]\nmore: [*a, *a]\n" + ownProfile, `acme.yaml:1:1: unknown key "bomb"`},
		{"1,000 deep", ownProfile + "words: " + strings.Repeat("{a: ", 1000) + "1" + strings.Repeat("}", 1000) + "\n", `acme.yaml:12:12: words is a mapping, expected a text`},
		{"unknown placeholder", strings.Replace(ownProfile, `{{uid}}`, `{{uids}}`, 1), `acme.yaml:11:33: events[0].body has an unknown placeholder: did you mean {{uid}}?`},
	} {
		directory := folder(t)
		write(t, filepath.Join(directory, "acme.yaml"), []byte(row.content))
		_, err := loadIn(t, directory, strings.Replace(other, "PROVIDER", "acme.yaml", 1))
		var mistakes *shape.Error
		if !errors.As(err, &mistakes) {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if got := strings.ReplaceAll(mistakes.Problems[0].String(), directory+string(filepath.Separator), ""); !strings.HasPrefix(got, row.want) {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

func TestTheGenericProfileIsCompletedInFiveLines(t *testing.T) {
	t.Parallel()
	directory := folder(t)
	write(t, filepath.Join(directory, "events/order.json"), []byte("{\"order\":\"{{uid}}\"}\n"))
	integration, err := loadIn(t, directory, strings.Replace(other, "PROVIDER", provider.Generic, 1)+`signature:
  hash: sha512
  over: "{timestamp}:{body}"
  put: {header: X-Acme-Signature, value: "v1={signature}"}
  timestamp: {in: "header:X-Acme-Time", unit: ms}
  key: {decode: base64}
events: [{type: order.placed, file: events/order.json}]
event_types: [order.placed]
`)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil {
		t.Fatal(err)
	}
	event, found := profile.Event("order.placed")
	if !found || event.Body != `{"order":"{{uid}}"}` || profile.Signature.Hash != "sha512" || profile.Signature.Encoding != "hex" || profile.Secret.Key.Decode != "base64" || !profile.BuiltIn {
		t.Errorf("%+v", profile)
	}
	for content, want := range map[string]string{
		"signature: {over: '{bdy}'}\n": "signature.over has an unknown piece: did you mean {body}?",
		"signature: {hsh: sha512}\n":   `unknown key "hsh": did you mean "hash"?`,
	} {
		_, err := loadIn(t, directory, strings.Replace(other, "PROVIDER", provider.Generic, 1)+content)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "prelaunch.yaml:11:") {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := loadIn(t, directory, strings.Replace(other, "PROVIDER", "stripe", 1)+"signature: {hash: sha1}\n"); err == nil || !strings.Contains(err.Error(), "stripe has a signature of its own") {
		t.Errorf("stripe takes another signature: %v", err)
	}
}

func TestAnEventReplacesThatOfTheProfile(t *testing.T) {
	t.Parallel()
	directory := folder(t)
	write(t, filepath.Join(directory, "event.json"), []byte(`{"id":"{{uid}}","type":"customer.created"}`))
	integration, err := loadIn(t, directory, strings.Replace(other, "PROVIDER", "stripe", 1)+"events: [{type: customer.created, file: event.json, harmless: true}]\n")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil {
		t.Fatal(err)
	}
	stripe := provider.Must("stripe")
	if event, _ := profile.Event("customer.created"); event.Body != `{"id":"{{uid}}","type":"customer.created"}` || len(profile.Events) != len(stripe.Events) || profile.Grade != stripe.Grade {
		t.Errorf("%+v", profile.Events)
	}
}

func TestEnvironmentsNeedWhatTheProviderHas(t *testing.T) {
	t.Parallel()
	withoutKeys := strings.NewReplacer("    secret: {env: TEST_KEY}\n", "", "    secret: {env: PRODUCTION_KEY}\n", "").Replace(other)
	for name, want := range map[string]string{
		"stripe":  `environments.test has no "api_key"`,
		"discord": "",
		"begini":  `environments.test has no "integration_id"`,
	} {
		_, err := loadIn(t, folder(t), strings.Replace(withoutKeys, "PROVIDER", name, 1))
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	both := strings.Replace(other, "    secret: {env: TEST_KEY}\n", "    secret: {env: TEST_KEY}\n    api_key: {env: TEST_KEY}\n", 1)
	if _, err := loadIn(t, folder(t), strings.Replace(both, "PROVIDER", "stripe", 1)); err == nil || !strings.Contains(err.Error(), "which are the same setting") {
		t.Errorf("secret next to api_key: %v", err)
	}
}
