package sandbox

import (
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/gitrepo"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Deployment is everything around the receivers that the configuration tells. rightDeployment fills it; a DeploymentFlaw changes it
// before anything is started.
type Deployment struct {
	Profile          string // name of the provider's profile
	Test, Production environment
	ProviderChecks   bool
	Retired          []retiredKey
	Attestations     []attestation
	Resolve          []Resolved
	Roster           [][]string // rows after the header
	ExportedOn       string
	ReviewedOn       string
	ReviewedBy       string
	Domains          []string
	TrustsCA         bool
	Vantage          string
	Timeout          string // per request; empty: the default

	ClientCertificate bool

	Redirects map[string]string // path of a page → where it redirects to
	Misnamed  []string          // more hosts of the pages, for which the certificate is not
	Files     map[string]string // more files to write, by path
	Commits   []gitrepo.Commit  // of the repository of the receiver's code, under app
	Keys      map[string]secret.Key
	Refs      []keyRef
	keyFiles  bool
	variable  string // in the names of the keys' variables
	path      string // of the receivers
	today     time.Time
}

type environment struct {
	Name, IntegrationID, WebhookURL, APIBase, Probing string
	Key                                               string // the reference, in YAML
	Completion, Cancellation, Expiry                  string
	ProbeUIDs, Effects                                []string
	Queued                                            bool

	host            string
	Secret, retired secret.Key
	users           []string
}

type (
	retiredKey  struct{ Key, Environment, Until string }
	attestation struct{ Check, Statement, By, On string }
	Resolved    struct {
		Host      string
		Addresses []string
	}
	keyRef struct {
		name string
		Key  secret.Key
	}
)

func rightDeployment(o PairOptions) *Deployment {
	d := &Deployment{
		Profile: "begini", variable: "BEGINI", path: "/begini", today: o.Now(), keyFiles: o.KeyFiles, Keys: map[string]secret.Key{}, Files: map[string]string{},
		TrustsCA: true, Vantage: audit.Allowlisted,
	}
	newKey := func(string) secret.Key { return secret.New([]byte("bk_" + RandomHex(20))) }
	if o.Profile != nil {
		d.Profile, d.variable, d.path, newKey = o.Profile.Name, "PRELAUNCH", "/webhooks", keysOf(o.Profile)
	}
	make := func(name, id, host, pages string) environment {
		key, retired := newKey(name), newKey(name)
		d.Keys[name], d.Keys[name+" retired"] = key, retired
		probing := o.Probing[name]
		if probing == "" {
			probing = audit.Full
		}
		return environment{
			Name: name, IntegrationID: id, WebhookURL: "https://" + host + d.path, Probing: probing, Key: d.reference(name, key),
			Completion: "https://" + pages + "/done", Cancellation: "https://" + pages + "/cancelled", Expiry: "https://" + pages + "/expired",
			host: host, Secret: key, retired: retired, users: []string{"KNOWN0001", "KNOWN0002"},
		}
	}
	d.Test = make(audit.Test, "1234567890987654321", TestHost, TestPages)
	d.Production = make(audit.Production, "9876543210123456789", ProductionHost, ProductionPage)
	d.ExportedOn, d.ReviewedOn, d.ReviewedBy, d.Domains = d.Day(-20), d.Day(-19), "jane@acme.example", []string{"acme.example"}
	d.Roster = [][]string{{"jane@acme.example", "Admin"}, {"bob@acme.example", "Admin"}, {"kim@acme.example", "Viewer"}}
	for _, check := range []struct{ id, statement string }{
		{"api-key.stored-securely", "The receivers get their keys from the secret manager"},
		{"deployment-centre.webhook-registered", "The webhook URLs were seen in the Deployment Centre, in both tabs"},
		{"deployment-centre.redirects-registered", "The redirect URLs were seen in the Deployment Centre, in both tabs"},
		{"network.ip-allowlist", "The gateway admits the provider's addresses and this machine"},
		{audit.SameBuild, "Both environments run the same build"},
	} {
		if o.Profile != nil && !o.Profile.Features.Registration && strings.HasPrefix(check.id, "deployment-centre.") {
			continue
		}
		d.Attestations = append(d.Attestations, attestation{check.id, check.statement, "jane@acme.example", d.Day(-5)})
	}
	d.Files["dist/index.html"] = "<!doctype html><html lang=en><title>Acme loans</title><script src=app.js></script></html>\n"
	d.Files["dist/app.js"] = "document.title = \"Acme loans\";\n"
	d.Files["deploy/receiver.yaml"] = workload
	d.Commits = []gitrepo.Commit{
		{Message: "Receive webhooks", Author: "Jane <jane@acme.example>", When: d.today.AddDate(0, 0, -30), Files: map[string]string{"receiver.py": ReceiverCode("")}},
		{Message: "Tell how to run it", Author: "Jane <jane@acme.example>", When: d.today.AddDate(0, 0, -20), Files: map[string]string{
			"receiver.py": ReceiverCode(""), "README.md": "Set BEGINI_API_KEY and run receiver.py.\n"}},
	}
	if o.Profile != nil {
		d.fit(o.Profile)
	}
	if o.Profile != nil && !o.Profile.BuiltIn {
		d.Profile, d.Files["provider.yaml"] = "./provider.yaml", o.Profile.Source
	}
	return d
}

// keysOf makes keys as a provider does: their value shows the environment where that of the provider's does.
func keysOf(profile *provider.Profile) func(environment string) secret.Key {
	return func(environment string) secret.Key {
		key := profile.Signature.Secret([]byte(RandomHex(16)))
		prefixed := map[string]string{audit.Test: "sk_test_", audit.Production: "sk_live_"}[environment] + key
		if profile.Secret.Environment(prefixed) == environment {
			key = prefixed
		}
		return secret.New([]byte(key))
	}
}

// fit leaves out what a provider has not.
func (d *Deployment) fit(profile *provider.Profile) {
	for _, e := range []*environment{&d.Test, &d.Production} {
		if !profile.Environments.HasIdentity() {
			e.IntegrationID = ""
		}
		if !profile.Features.Redirects {
			e.Completion, e.Cancellation, e.Expiry = "", "", ""
		}
	}
	for name, text := range d.Files {
		d.Files[name] = strings.NewReplacer("BEGINI_API_KEY", profile.Variable(), "name: begini", "name: "+profile.Name).Replace(text)
	}
	for _, commit := range d.Commits {
		for name, text := range commit.Files {
			commit.Files[name] = strings.ReplaceAll(text, "BEGINI_API_KEY", profile.Variable())
		}
	}
}

// ReceiverCode is what the repository of the receiver holds; with a key, as it must not be.
func ReceiverCode(key string) string {
	from := `os.environ["BEGINI_API_KEY"]`
	if key != "" {
		from = fmt.Sprintf("%q", key)
	}
	return "import os\n\nAPI_KEY = " + from + "\n"
}

// workload shows where a receiver gets its key.
//
//go:embed workload.yaml
var workload string

// Day is a date that many days from today.
func (d *Deployment) Day(days int) string { return audit.NewDate(d.today).AddDays(days).String() }

// reference notes a key and returns the YAML that refers to it, without its braces.
func (d *Deployment) reference(name string, key secret.Key) string {
	ref := keyRef{d.variable + "_" + strings.ToUpper(name) + "_API_KEY", key}
	d.Refs = append(d.Refs, ref)
	if d.keyFiles {
		return "file: keys/" + ref.name
	}
	return "env: " + ref.name
}

// write writes the configuration and the files that it refers to.
func (p *Pair) write(d *Deployment) error {
	for _, ref := range d.Refs {
		if !d.keyFiles {
			p.env = append(p.env, ref.name+"="+string(ref.Key.Expose()))
		} else if err := os.WriteFile(filepath.Join(p.Dir, "keys", ref.name), append(ref.Key.Expose(), '\n'), 0o600); err != nil {
			return err
		}
	}
	for name, text := range d.Files {
		if err := os.WriteFile(filepath.Join(p.Dir, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if _, err := gitrepo.Write(filepath.Join(p.Dir, "app"), d.Commits); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.Dir, "ca.pem"), p.Authority.CAPEM(), 0o600); err != nil {
		return err
	}
	if d.ClientCertificate {
		chain, key := certs.PEM(p.Authority.Client("prelaunch"))
		if err := errors.Join(os.WriteFile(filepath.Join(p.Dir, "client.pem"), chain, 0o600), os.WriteFile(filepath.Join(p.Dir, "client.key"), key, 0o600)); err != nil {
			return err
		}
	}
	var roster strings.Builder
	rows := csv.NewWriter(&roster)
	if err := rows.WriteAll(append([][]string{{"email", "role"}}, d.Roster...)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.Dir, "evidence", "beacon-users.csv"), []byte(roster.String()), 0o600); err != nil {
		return err
	}
	file, err := os.OpenFile(p.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := configuration().Execute(file, d); err != nil {
		return errors.Join(fmt.Errorf("write the sandbox configuration: %w", err), file.Close())
	}
	return file.Close()
}

// quoted spells a value in JSON, which YAML reads as it is.
func quoted(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

//go:embed prelaunch.yaml.tmpl
var configurationText string

var configuration = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("prelaunch.yaml").Funcs(template.FuncMap{"q": quoted}).Parse(configurationText))
})
