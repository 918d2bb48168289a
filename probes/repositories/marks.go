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

// Rules of this file: what is searched for next to the keys, and what a file's name tells.
//   - A text is an environment's mark when every other environment has another, and neither is part of the other's.
//   - An http URL of the API counts when its host ends there, so that longer names are no alarm.
//   - A file belongs to an environment only by a whole word of its own name or of a directory of settings; a directory of tests is no environment.

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

// marks are the literals that are searched for next to the keys; their IDs begin at first.
type marks struct {
	first int
	list  []mark
	texts []match.Literal
	words map[string]string // word of a file's name → environment
	own   map[string]bool   // environments whose key no other has: otherwise a key tells no environment
}

func newMarks(integration *audit.Integration, profile provider.Profile, first int) *marks {
	m := &marks{first: first, words: wordsFor(integration), own: map[string]bool{}}
	add := func(text, notBefore, notAfter string, of mark) {
		m.texts = append(m.texts, match.Literal{ID: first + len(m.list), Bytes: []byte(text), NotBefore: notBefore, NotAfter: notAfter})
		m.list = append(m.list, of)
	}
	environments := integration.Environments
	id := func(e audit.Environment) string { return e.IntegrationID }
	webhook := func(e audit.Environment) string { return e.WebhookURL }
	for i, this := range environments {
		differs := func(like func(other audit.Environment) bool) bool {
			others := slices.Delete(slices.Clone(environments), i, i+1)
			return len(others) > 0 && !slices.ContainsFunc(others, like)
		}
		m.own[this.Name] = differs(func(other audit.Environment) bool { return other.Key.Key.Equal(this.Key.Key) })
		for _, value := range []struct {
			kind                string
			of                  func(audit.Environment) string
			notBefore, notAfter string
		}{{integrationID, id, alnum, alnum}, {webhookURL, webhook, "", alnum + "-_"}} {
			own := value.of(this)
			if len(own) >= secret.MinSearchable && differs(func(other audit.Environment) bool {
				return strings.Contains(own, value.of(other)) || strings.Contains(value.of(other), own)
			}) {
				add(own, value.notBefore, value.notAfter, mark{kind: value.kind, environment: this.Name})
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

// wordsFor are the words that name an environment of the integration: its own name, and others that mean Test or Production. "live",
// "staging" and "dev" are only names: as words they mean other things too.
func wordsFor(integration *audit.Integration) map[string]string {
	words := map[string]string{}
	for _, also := range []struct {
		environment string
		words       []string
	}{
		{"live", []string{"production", "prod", "prd"}}, {audit.Production, []string{"production", "prod", "prd"}},
		{"sandbox", []string{"test"}}, {audit.Test, []string{"sandbox"}},
	} {
		if _, declared := integration.Environment(also.environment); declared {
			for _, word := range also.words {
				words[word] = also.environment
			}
		}
	}
	for _, environment := range integration.Environments {
		words[environment.Name] = environment.Name
	}
	return words
}

var word = lazy.Regexp(`[a-z0-9]+`)

// settings are the endings of files that hold settings.
var settings = []string{
	"", ".env", ".yml", ".yaml", ".json", ".json5", ".toml", ".ini", ".properties", ".tfvars", ".conf", ".cfg", ".config", ".hcl", ".xml", ".service",
}

// settingsFolders are directories whose subdirectories are environments.
var settingsFolders = []string{
	"deploy", "deployment", "deployments", "config", "configs", "configuration", "env", "envs", "environment", "environments", "k8s", "kubernetes",
	"overlays", "values", "infra", "infrastructure", "terraform", "helm", "stages", "settings",
}

// environmentOf is the environment that a file of settings belongs to by its name, "" for none.
func (m *marks) environmentOf(file string) string {
	file = strings.ToLower(file)
	folder, base := path.Split(file)
	if !slices.Contains(settings, path.Ext(base)) && !strings.HasPrefix(base, ".env") {
		return ""
	}
	if found := m.wordsIn(base); found != "" {
		if found == "several" || (found == m.words["test"] && testFolder().MatchString(file)) {
			return ""
		}
		return found
	}
	folders := strings.Split(strings.Trim(folder, "/"), "/")
	for i := len(folders) - 1; i >= 0; i-- {
		environment := m.words[folders[i]]
		if environment == "" {
			continue
		}
		if environment == m.words["production"] || i > 0 && slices.Contains(settingsFolders, folders[i-1]) {
			return environment
		}
	}
	return ""
}

// wordsIn is the environment that a file's own name tells, "several" when it names more than one.
func (m *marks) wordsIn(base string) string {
	found := ""
	for _, w := range word().FindAllString(base, -1) {
		switch environment := m.words[w]; {
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
