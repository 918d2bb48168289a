package report

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Place is where a finding was made, such as "app: src/app.js:12 (commit 0123456789ab)", read from
// its evidence; "" when that names no place.
func Place(evidence map[string]any) string { return placesOf(evidence)[0].String() }

// place is where a finding was made, read from the evidence keys that are agreed for it.
type place struct {
	Root   string // the repository or client that Path is relative to; "": the configuration's directory
	Path   string // of a file, with forward slashes
	Line   int    // from 1; 0: not known
	Object string // id of a Git object
	Commit string // id of a commit
	URL    string
}

func evidencePlace(evidence map[string]any) place {
	text := func(key string) string {
		s, _ := evidence[key].(string)
		return s
	}
	root := cmp.Or(text("repository"), text("target"))
	if root == "." {
		root = ""
	}
	return place{Root: root, Path: text("path"), Line: lineNumber(evidence["line"]), Object: text("object"),
		Commit: text("commit"), URL: text("url")}
}

// placesOf are all places that evidence names, at least one: those listed under "places", each
// completed by what stands next to the list, or the one that stands there alone.
func placesOf(evidence map[string]any) []place {
	common := evidencePlace(evidence)
	listed, _ := evidence["places"].([]any)
	var out []place
	for _, one := range listed {
		fields, ok := one.(map[string]any)
		if !ok {
			continue
		}
		p := evidencePlace(fields)
		if p.isNowhere() && p.Line == 0 {
			continue
		}
		if p.Path == "" && p.URL == "" {
			p.Path, p.URL = common.Path, common.URL
		}
		p.Root = cmp.Or(p.Root, common.Root)
		out = append(out, p)
	}
	if len(out) == 0 {
		out = []place{common}
	}
	return out
}

// lineNumber reads a positive whole number, of whatever type; anything else is 0.
func lineNumber(value any) int {
	n, err := strconv.ParseInt(strings.TrimSuffix(fmt.Sprint(value), ".0"), 10, 64)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

func (p place) isNowhere() bool {
	return p.Path == "" && p.Object == "" && p.Commit == "" && p.URL == ""
}

// String is the place as a person would write it down, such as "app: src/app.js:12 (commit
// 0123456789ab)".
func (p place) String() string {
	where := p.Path
	if where != "" && p.Line > 0 {
		where += ":" + strconv.Itoa(p.Line)
	}
	where = cmp.Or(where, p.URL)
	var git []string
	if p.Commit != "" {
		git = append(git, "commit "+short(p.Commit))
	}
	if p.Object != "" {
		git = append(git, "object "+short(p.Object))
	}
	switch inGit := strings.Join(git, ", "); {
	case where == "":
		where = inGit
	case inGit != "":
		where += " (" + inGit + ")"
	}
	if p.Root != "" && where != "" && p.Root != p.Path && p.Root != p.URL {
		return p.Root + ": " + where
	}
	return where
}

// namedIn reports whether a message names the place: the line of a file, the file where its line is
// not known, or the URL.
func (p place) namedIn(message string) bool {
	p.Root, p.Commit, p.Object = "", "", ""
	where := p.String()
	_, after, found := strings.Cut(message, where)
	return where != "" && found && (after == "" || !strings.ContainsAny(after[:1], "0123456789/"))
}

// short is the first 12 digits of an object id, which is unique in all but the largest
// repositories.
func short(id string) string { return id[:min(len(id), 12)] }

// file is the place as a path relative to the root that the configuration file's name is relative
// to, and whether it can be one.
func (v *view) file(p place) (string, bool) {
	if p.Path == "" || strings.Contains(p.Root, "://") {
		return "", false
	}
	relative := func(name string) string { return path.Clean(strings.ReplaceAll(name, "\\", "/")) }
	root, file := relative(p.Root), relative(p.Path)
	if path.IsAbs(root) || path.IsAbs(file) || file == ".." || strings.HasPrefix(file, "../") {
		return "", false
	}
	if root == file { // the client is that file
		root = "."
	}
	file = path.Join(path.Dir(v.ConfigFile), root, file)
	return file, file != "." && file != ".." && !strings.HasPrefix(file, "../")
}

// fileAndLine are where formats that must point at a file point for a finding: at its place, or at
// the line of the configuration that declares what was checked.
func (v *view) fileAndLine(check string, finding audit.Finding, p place) (file string, line int) {
	if file, ok := v.file(p); ok {
		return file, max(p.Line, 1)
	}
	return v.ConfigFile, v.configLine(check, finding)
}

// fileURI is a path as a relative URI.
func fileURI(file string) string { return (&url.URL{Path: Plain(file)}).String() }

// declaredBy are the settings that declare what checks read, by the prefix of a check's id; the
// first that fits counts. ENV stands for the finding's environment.
var declaredBy = []struct{ check, setting string }{
	{"api-key.not-in-client", "clients"},
	{"api-key.not-in-", "repositories"},
	{"api-key.", "environments.ENV.api_key"},
	{"https.redirects", "environments.ENV.redirect_urls"},
	{"https.api-requests", "environments.ENV.api_base_url"},
	{"https.", "environments.ENV.webhook_url"},
	{"webhook.", "environments.ENV.webhook_url"},
	{"redirects.", "environments.ENV.redirect_urls"},
	{"deployment-centre.redirects", "environments.ENV.redirect_urls"},
	{"deployment-centre.", "environments.ENV.webhook_url"},
	{"environments.separate-redirects", "environments.ENV.redirect_urls"},
	{"environments.separate-integrations", "environments.ENV.integration_id"},
	{"environments.separate-webhooks", "environments.ENV.webhook_url"},
	{"environments.no-mixed-configuration", "repositories"},
	{"environments.", "environments.ENV.api_key"},
	{"access.", "access"},
	{"input.", "environments.ENV.webhook_url"},
	{"errors.logs-clean", "logs"},
	{"errors.", "environments.ENV.webhook_url"},
	{"network.", "network"},
	{"", "environments.ENV"},
}

// configLine is the line of the configuration that declares what a check read: the one in the
// evidence, or that of the setting, or of what the setting is part of; 1 where none of that is
// known.
func (v *view) configLine(check string, finding audit.Finding) int {
	if line := lineNumber(finding.Evidence["config_line"]); line > 0 {
		return line
	}
	environment := finding.Environment
	if environment == "" {
		environment = audit.Production
	}
	for _, declared := range declaredBy {
		if !strings.HasPrefix(check, declared.check) {
			continue
		}
		setting := strings.ReplaceAll(declared.setting, "ENV", environment)
		if which, ok := finding.Evidence["redirect"].(string); ok {
			setting += "." + which // of redirect_urls: completion, cancellation or expiry
		}
		for {
			if line := v.Scope.ConfigLines[setting]; line > 0 {
				return line
			}
			end := strings.LastIndexByte(setting, '.')
			if end < 0 {
				return 1
			}
			setting = setting[:end]
		}
	}
	return 1
}

// ConfigLines are the lines of a configuration that findings may point at, by setting, for the
// scope of a report.
func ConfigLines(positions map[string]audit.Position) map[string]int {
	sections := map[string]bool{}
	for _, declared := range declaredBy {
		section, _, _ := strings.Cut(declared.setting, ".")
		sections[section] = true
	}
	lines := map[string]int{}
	for setting, at := range positions {
		section, _, _ := strings.Cut(setting, ".")
		if sections[section] && !strings.Contains(setting, "[") {
			lines[setting] = at.Line
		}
	}
	return lines
}
