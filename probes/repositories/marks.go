package repositories

import (
	"net"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Rules of this file: what is searched for beside the keys, and what a file's name tells.
//   - A text is an environment's mark when the other environment has another, and neither is part of the other's.
//   - An http URL of the API counts when its host ends there, so that longer names are no alarm.
//   - A file belongs to an environment only by a whole word of its own name or of a folder of settings; a folder of tests is no environment.

// Kinds of marks; the first two as Pairing.Carries has them.
const (
	integrationID = "integration_id"
	webhookURL    = "webhook_url"
	plainAPI      = "plain_api"
)

type mark struct {
	kind        string
	environment string // of integrationID and webhookURL
	host        string // of plainAPI
}

// marks are the literals that are searched for beside the keys; their IDs begin at first.
type marks struct {
	first      int
	list       []mark
	texts      []match.Literal
	keysDiffer bool // otherwise a key tells no environment
}

func newMarks(integration *audit.Integration, profile provider.Profile, first int) *marks {
	m := &marks{first: first, keysDiffer: true}
	add := func(text, notBefore, notAfter string, of mark) {
		m.texts = append(m.texts, match.Literal{ID: first + len(m.list), Bytes: []byte(text), NotBefore: notBefore, NotAfter: notAfter})
		m.list = append(m.list, of)
	}
	environments := integration.Environments
	if len(environments) == 2 {
		m.keysDiffer = !environments[0].Key.Key.Equal(environments[1].Key.Key)
		for i, this := range environments {
			other := environments[1-i]
			for _, value := range []struct{ kind, own, others, notBefore, notAfter string }{
				{integrationID, this.IntegrationID, other.IntegrationID, alnum, alnum}, {webhookURL, this.WebhookURL, other.WebhookURL, "", alnum + "-_"},
			} {
				if len(value.own) >= secret.MinSearchable && !strings.Contains(value.own, value.others) && !strings.Contains(value.others, value.own) {
					add(value.own, value.notBefore, value.notAfter, mark{kind: value.kind, environment: this.Name})
				}
			}
		}
	}
	hosts := []string{profile.API.Host()}
	for _, environment := range environments {
		if u, err := url.Parse(environment.APIBaseURL); err == nil {
			hosts = append(hosts, strings.ToLower(u.Hostname()))
		}
	}
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		if host == "" || host == "localhost" || net.ParseIP(host) != nil {
			continue // a stand-in for the API on this machine
		}
		for _, scheme := range []string{"http://", "HTTP://", `http:\/\/`, "http%3A%2F%2F", "http%3a%2f%2f"} {
			for _, spelled := range []string{host, strings.ToUpper(host)} {
				add(scheme+spelled, "", alnum+"-.", mark{kind: plainAPI, host: host})
			}
		}
	}
	return m
}

// alnum next to an ID or the end of a name makes it a longer one.
const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func (m *marks) literals() []match.Literal { return m.texts }

func (m *marks) of(id int) mark { return m.list[id-m.first] }

// words that name an environment. "live", "staging" and "dev" are left out: they mean other things too, or neither of the two.
var words = map[string]string{
	"test": audit.Test, "sandbox": audit.Test,
	"production": audit.Production, "prod": audit.Production, "prd": audit.Production,
}

var word = lazy.Regexp(`[a-z0-9]+`)

// settings are the endings of files that hold settings.
var settings = []string{
	"", ".env", ".yml", ".yaml", ".json", ".json5", ".toml", ".ini", ".properties", ".tfvars", ".conf", ".cfg", ".config", ".hcl", ".xml", ".service",
}

// settingsFolders are folders whose subfolders are environments.
var settingsFolders = []string{
	"deploy", "deployment", "deployments", "config", "configs", "configuration", "env", "envs", "environment", "environments", "k8s", "kubernetes",
	"overlays", "values", "infra", "infrastructure", "terraform", "helm", "stages", "settings",
}

// environmentOf is the environment that a file of settings belongs to by its name, "" for none.
func environmentOf(file string) string {
	file = strings.ToLower(file)
	folder, base := path.Split(file)
	if !slices.Contains(settings, path.Ext(base)) && !strings.HasPrefix(base, ".env") {
		return ""
	}
	if found := wordsIn(base); found != "" {
		if found == "several" || (found == audit.Test && testFolder().MatchString(file)) {
			return ""
		}
		return found
	}
	folders := strings.Split(strings.Trim(folder, "/"), "/")
	for i := len(folders) - 1; i >= 0; i-- {
		environment := words[folders[i]]
		if environment == audit.Production || environment == audit.Test && i > 0 && slices.Contains(settingsFolders, folders[i-1]) {
			return environment
		}
	}
	return ""
}

// wordsIn is the environment that a file's own name tells, "several" when it names both.
func wordsIn(base string) string {
	found := ""
	for _, w := range word().FindAllString(base, -1) {
		switch environment := words[w]; {
		case environment == "" || environment == found:
		case found != "":
			return "several"
		default:
			found = environment
		}
	}
	return found
}

// testFolder holds what code that tests reads.
var testFolder = lazy.Regexp(`(^|/)(tests|specs?|__tests__|testdata|fixtures?|mocks?|e2e|cypress|src/test)/`)

// testFile is a path of code that tests, or of what such code reads.
var testFile = lazy.Regexp(`(?i)(^|/)(tests?|specs?|__tests__|testdata|fixtures?|mocks?|e2e|cypress)/|[._-](test|spec)s?\.[a-z0-9]+$|tests?\.(java|kt|cs|php|swift)$|(^|/)test_[^/]*\.py$`)

var textFile = lazy.Regexp(`(?i)\.(md|markdown|rst|adoc|txt|pdf|docx|log|csv)$|(^|/)(readme|changelog|license|notice)[^/]*$|(^|/)docs?/`)

// contentOf tells code from what only talks of it.
func contentOf(file string) string {
	switch {
	case textFile().MatchString(file):
		return "text"
	case testFile().MatchString(file):
		return "test"
	}
	return "code"
}
