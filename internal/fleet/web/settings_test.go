package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// read reads the settings of the pages as fleet.yaml has them.
func read(t *testing.T, text string, env map[string]string) (Options, error) {
	t.Helper()
	found := shape.NewProblems("fleet.yaml")
	root := &shape.Shape{Kind: shape.Object, Fields: []shape.Field{Field()}}
	tree, _ := root.Read([]byte(text), "the settings", "write them", found)
	if err := found.Err(); err != nil {
		return Options{}, err
	}
	var o Options
	return o, From(tree.Field("web"), func(name string) (string, bool) { value, set := env[name]; return value, set }, &o)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	private, public, err := signoff.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"server.pem": private, "jane.pub": public, "client": []byte("from-a-file\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(`
web:
  public_url: https://fleet.acme.example
  session: 4h
  login: {oidc: {issuer: "https://id.acme.example", client_id: fleet, client_secret: {file: DIR/client}, groups_claim: roles}}
  access: [{group: security, role: reviewer, teams: ["*"]}, {group: devs, role: operator, teams: [payments]}]
  reviewers: [{name: jane@acme.example, key: DIR/jane.pub, teams: [payments]}]
  signing_key: DIR/server.pem
`, "DIR", dir)
	o, err := read(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Login.Check("0.0.0.0:8443"); err != nil {
		t.Error(err)
	}
	if string(o.Login.OIDC.ClientSecret.Expose()) != "from-a-file" || o.Login.OIDC.GroupsClaim != "roles" || o.Login.Session != 4*time.Hour || len(o.Login.Access) != 2 || o.Login.Access[0].Role != login.Reviewer {
		t.Errorf("the login is %+v", o.Login)
	}
	if len(o.Reviewers) != 1 || len(o.Reviewers[0].Key) == 0 || len(o.Signer) == 0 {
		t.Errorf("reviewers %v, a signing key of %d bytes", o.Reviewers, len(o.Signer))
	}
	o, err = read(t, `web: {login: {proxy: {user_header: X-User, networks: [10.0.0.7]}}}`, nil)
	if err != nil || o.Login.Proxy == nil || len(o.Login.Proxy.Networks) != 1 || o.Login.Proxy.Networks[0].String() != "10.0.0.7/32" {
		t.Errorf("%v: the proxy is %+v", err, o.Login.Proxy)
	}
	o, err = read(t, `web: {login: {basic: [{name: ann, bcrypt: "$2y$12$x", groups: [security]}]}}`, nil)
	if err != nil || len(o.Login.Basic) != 1 || o.Login.Basic[0].Groups[0] != "security" {
		t.Errorf("%v: the users are %+v", err, o.Login.Basic)
	}
	for text, says := range map[string]string{
		`web: {login: {oidc: {issuer: x, client_id: fleet, client_secret: {env: MISSING}}}}`:             "MISSING is not set",
		`web: {login: {oidc: {issuer: x, client_id: fleet, client_secret: hunter2-hunter2}}}`:            "client_secret",
		`web: {login: {basic: [{name: a, bcrypt: b}], proxy: {user_header: X, networks: [10.0.0.0/8]}}}`: "login",
		`web: {access: [{group: a, role: admin, teams: [b]}]}`:                                           "role",
		`web: {session: 1s}`: "session",
		`web: {reviewers: [{name: a, key: /nowhere/a.pub}]}`:                                                                        "reviewers",
		`web: {pushes: [{name: lending, provider: github, secrets: [{env: SHORT}]}]}`:                                               "could be guessed",
		`web: {pushes: [{name: lending, provider: gitlab, secrets: [{env: LONG}]}]}`:                                                "not of the form",
		`web: {pushes: [{name: lending, provider: gitlab, secrets: [{env: EMPTY}]}]}`:                                               "could be guessed",
		`web: {pushes: [{name: lending, provider: stripe, secrets: [{env: LONG}]}]}`:                                                "provider",
		`web: {pushes: [{name: a/b, provider: github, secrets: [{env: LONG}]}]}`:                                                    "name",
		`web: {pushes: [{name: lending, provider: github, secrets: []}]}`:                                                           "secrets",
		`web: {pushes: [{name: a, provider: github, secrets: [{env: LONG}]}, {name: a, provider: github, secrets: [{env: LONG}]}]}`: "another push",
		`web: {signing_key: /nowhere/key.pem}`:                                                                                      "signing_key",
		`web: {login: {proxy: {user_header: X, networks: [everybody]}}}`:                                                            "networks",
		`web: {publicurl: x}`: "public_url",
	} {
		_, err := read(t, text, map[string]string{"SHORT": "hunter2-hunter2", "LONG": "not base64, but long enough", "EMPTY": "whsec_MTIzNDU2Nzg5MDEy"})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v does not say %q", text, err, says)
		}
	}
}
