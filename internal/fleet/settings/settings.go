// Package settings reads fleet.yaml, strictly: what the operator decides about the configurations of many teams. Teams write
// configurations; only the operator writes this file.
package settings

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/schedule"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Settings are those of a fleet.
type Settings struct {
	Sources   []Source
	Secrets   string // directory of an integration's keys, with {integration} and {team} in it
	Schedules []Schedule
	Quiet     schedule.Quiet
	Allow     []Allow
	Policies  []string // directories with the operator's own checks
	Limits    Limits
	Keep      Keep
	Announce  time.Duration // before what people have to renew expires; 0: not at all

	tree *shape.Value
}

// Source is where configurations are read: a directory, or a branch of a Git repository.
type Source struct {
	Name      string
	Directory string // absolute
	Git       string // address of a repository; empty: Directory is used as it is
	Branch    string
	Team      string // of all its integrations; empty: the first directory below the source names it
}

// Schedule says when integrations are audited.
type Schedule struct {
	Match
	Cron string
}

// Allow is what the operator lets configurations use.
type Allow struct {
	Match
	Env      []string       // patterns of variables
	Commands [][]string     // a pattern for each argument, the program first; {integration}, {team} stand for themselves
	Networks []netip.Prefix // addresses that are not public
	APIHosts []string       // that keys may be sent to
	Paths    []string       // directories, with {integration} and {team} in them
}

// Match says which integrations something is for.
type Match struct {
	Integrations []string // patterns of names; none: all
	Teams        []string // none: all
}

// Fits reports whether it is for an integration.
func (m Match) Fits(integration, team string) bool {
	named := len(m.Integrations) == 0 || slices.ContainsFunc(m.Integrations, func(pattern string) bool {
		ok, err := path.Match(pattern, integration)
		return err == nil && ok
	})
	return named && (len(m.Teams) == 0 || slices.Contains(m.Teams, team))
}

// Limits bound what the fleet does at a time.
type Limits struct {
	Audits     int           // at once, in one worker
	PerAddress int           // at once, over all workers
	PerMinute  int           // that are queued a minute, by schedule
	Timeout    time.Duration // of one audit
}

// Keep says how long what is kept.
type Keep struct{ Runs, Facts, Events time.Duration }

// DefaultSecrets is where the keys of an integration are, unless the operator says otherwise.
const DefaultSecrets = "/run/secrets/prelaunch/{integration}"

// Defaults are the settings of a file that says nothing about them.
func Defaults() Settings {
	day := 24 * time.Hour
	return Settings{
		Secrets:   DefaultSecrets,
		Schedules: []Schedule{{Cron: "0 5 * * *"}},
		Limits:    Limits{Audits: 16, PerAddress: 4, PerMinute: 200, Timeout: 20 * time.Minute},
		Announce:  14 * day,
		Keep:      Keep{Runs: 400 * day, Facts: 30 * day, Events: 400 * day},
	}
}

// Cron is the schedule of an integration: the first that fits.
func (s *Settings) Cron(integration, team string) string {
	for _, one := range s.Schedules {
		if one.Fits(integration, team) {
			return one.Cron
		}
	}
	return Defaults().Schedules[0].Cron
}

// Allowed is everything that is allowed to an integration, its name and team put in.
func (s *Settings) Allowed(integration, team string) Allow {
	var all Allow
	for _, one := range s.Allow {
		if !one.Fits(integration, team) {
			continue
		}
		all.Env = append(all.Env, one.Env...)
		all.Networks = append(all.Networks, one.Networks...)
		all.APIHosts = append(all.APIHosts, one.APIHosts...)
		for _, command := range one.Commands {
			filled := make([]string, len(command))
			for i, pattern := range command {
				filled[i] = fill(pattern, escaped(integration), escaped(team))
			}
			all.Commands = append(all.Commands, filled)
		}
		for _, directory := range one.Paths {
			all.Paths = append(all.Paths, fill(directory, integration, team))
		}
	}
	return all
}

// SecretsOf is the directory of an integration's keys.
func (s *Settings) SecretsOf(integration, team string) string {
	return fill(s.Secrets, integration, team)
}

func fill(pattern, integration, team string) string {
	return strings.NewReplacer("{integration}", integration, "{team}", team).Replace(pattern)
}

// escaped is a text as a pattern that matches it alone.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(text)
}

// PermitsCommand reports whether one of the patterns fits each argument of a command.
func (a Allow) PermitsCommand(args []string) bool {
	return slices.ContainsFunc(a.Commands, func(patterns []string) bool {
		if len(patterns) != len(args) || len(args) == 0 || patterns[0] != args[0] {
			return false
		}
		for i, pattern := range patterns {
			if ok, err := path.Match(pattern, args[i]); err != nil || !ok {
				return false
			}
		}
		return true
	})
}

var (
	word     = shape.Form{Is: "a word", Next: "write lower-case letters, digits and hyphens", Pattern: lazy.Regexp(`^[a-z0-9][a-z0-9-]*$`), Longest: 50}
	team     = shape.Form{Is: "the name of a team", Next: "write letters, digits, hyphens, underscores and dots", Check: IsTeam}
	absolute = shape.Form{Is: "an absolute path", Next: "write it from / on", Pattern: lazy.Regexp(`^/\S(.*\S)?$|^/$`), Check: shape.Printable}
	pattern  = shape.Form{Is: "a pattern", Next: "write a name, with * for any characters but /", Pattern: lazy.Regexp(`^\S(.*\S)?$`), Longest: 200, Check: isPattern}
	argument = shape.Form{Is: "an argument or a pattern of one", Next: "write it as the command has it, with * for any characters but /", Check: isPattern}
	cron     = shape.Form{Is: "a schedule of cron", Next: "write minute, hour, day, month and weekday, such as \"0 5 * * *\", at least once in 31 days", Longest: 100, Check: func(s string) bool { return schedule.Check(s) == nil }}
	clock    = shape.Form{Is: "a time of day", Next: "write it in quotes, such as \"22:00\"", Pattern: lazy.Regexp(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)}
	zone     = shape.Form{Is: "a time zone", Next: "write it like Europe/Berlin", Check: func(s string) bool { _, err := time.LoadLocation(s); return err == nil }}
	network  = shape.Form{Is: "an address or a range", Next: "write it like 10.1.0.0/16", Check: func(s string) bool { _, err := netprobe.ParseAllowed(s); return err == nil }}
	host     = shape.Form{Is: "a host", Next: "write it like api.acme.example", Pattern: lazy.Regexp(`^[A-Za-z0-9.-]+$`), Longest: 253}
	period   = shape.Form{Is: "a time", Next: "write it like 30m or 12h", Pattern: lazy.Regexp(`^[0-9]+(s|m|h)$`), Check: func(s string) bool {
		d, err := time.ParseDuration(s)
		return err == nil && d >= time.Second && d <= 6*time.Hour
	}}
	address = shape.Form{Is: "an address of a Git repository", Next: "write an https, ssh or file URL", Pattern: lazy.Regexp(`^(https|ssh|file)://\S+$`), Check: func(s string) bool {
		return !strings.Contains(strings.TrimPrefix(s, "https://"), "@") || strings.HasPrefix(s, "ssh://")
	}}
	variable = shape.Form{Is: "the name of an environment variable", Next: "write the name of the variable, never the secret itself", Pattern: lazy.Regexp(`^[A-Z_][A-Z0-9_]*$`), Longest: 128}
	branch   = shape.Form{Is: "a branch", Next: "write its name, such as main", Pattern: lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`), Longest: 100}
)

var teamName, integrationName = lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`), lazy.Regexp(`^[A-Za-z0-9]([A-Za-z0-9 ._-]{0,98}[A-Za-z0-9_-])?$`)

// IsTeam reports whether a name can be that of a team: it is part of paths.
func IsTeam(name string) bool { return teamName().MatchString(name) }

// IsIntegration reports whether a name can be that of an integration in a fleet: it is part of paths.
func IsIntegration(name string) bool { return integrationName().MatchString(name) }

func isPattern(s string) bool {
	_, err := path.Match(s, "")
	return err == nil && shape.Printable(s)
}

func list(item *shape.Shape) *shape.Shape {
	return &shape.Shape{Kind: shape.List, Item: item, Distinct: true}
}

// table says which settings there are.
var table = sync.OnceValue(func() []shape.Field {
	match := []shape.Field{
		{Name: "integrations", Shape: list(shape.Texts(pattern)), About: "patterns of names; default: all"},
		{Name: "teams", Shape: list(shape.Texts(team)), About: "default: all"},
	}
	with := func(fields ...shape.Field) *shape.Shape {
		return &shape.Shape{Kind: shape.Object, Fields: append(slices.Clone(match), fields...)}
	}
	days := shape.Between(shape.Integer, 1, 4000)
	return []shape.Field{
		{Name: "version", Required: true, Shape: shape.Between(shape.Integer, 1, 1), About: "version of this format: 1"},
		{Name: "sources", Required: true, About: "where configurations are read", Shape: &shape.Shape{Kind: shape.List, Fewest: 1, Item: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "name", Required: true, Shape: shape.Texts(word), About: "name of the source"},
			{Name: "directory", Required: true, Shape: shape.Texts(absolute), About: "directory with prelaunch.yaml files at any depth; of a Git repository, where it is cloned to"},
			{Name: "git", Shape: shape.Texts(address), About: "address of a Git repository, without a password: a credential helper or an SSH key of the server's own gives access"},
			{Name: "branch", Shape: shape.Texts(branch), About: "default: main"},
			{Name: "team", Shape: shape.Texts(team), About: "team that owns the integrations; default: the first directory below the source"},
		}}}},
		{Name: "secrets", Shape: shape.Texts(absolute), About: "directory of an integration's keys, with {integration} and, where several teams share the fleet, {team}; default: " + DefaultSecrets},
		{Name: "schedules", About: "when integrations are audited; the first that fits counts", Shape: &shape.Shape{Kind: shape.List, Item: with(
			shape.Field{Name: "cron", Required: true, Shape: shape.Texts(cron), About: "in UTC; each integration starts up to a tenth of the interval later"})}},
		{Name: "quiet_hours", About: "when no audit begins except by hand or after a deployment", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "from", Required: true, Shape: shape.Texts(clock), About: "beginning"},
			{Name: "to", Required: true, Shape: shape.Texts(clock), About: "end, on the next day where it is earlier than the beginning"},
			{Name: "time_zone", Shape: shape.Texts(zone), About: "default: UTC"},
		}}},
		{Name: "allow", About: "what configurations may use beyond their own keys and public addresses", Shape: &shape.Shape{Kind: shape.List, Item: with(
			shape.Field{Name: "env", Shape: list(shape.Texts(pattern)), About: "patterns of variables that keys and commands may use"},
			shape.Field{Name: "commands", Shape: &shape.Shape{Kind: shape.List, Item: &shape.Shape{Kind: shape.List, Fewest: 1, Item: shape.Texts(argument)}}, About: "commands that may run: the program's absolute path, and a pattern for each argument"},
			shape.Field{Name: "networks", Shape: list(shape.Texts(network)), About: "addresses that are not public and may be contacted"},
			shape.Field{Name: "api_hosts", Shape: list(shape.Texts(host)), About: "API hosts that keys may be sent to, next to the provider's own"},
			shape.Field{Name: "paths", Shape: list(shape.Texts(absolute)), About: "directories outside a configuration's own that it may name, such as /srv/checkouts/{integration}"},
		)}},
		{Name: "policies", Shape: list(shape.Texts(absolute)), About: "directories with the operator's own checks"},
		{Name: "announce_expiry", Shape: shape.Between(shape.Integer, 0, 90), About: "how many days before a waiver, attestation, declaration, review or sign-off expires there is a notice; 0: none; default: 14"},
		{Name: "limits", About: "how much is done at a time", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "audits", Shape: shape.Between(shape.Integer, 1, 1000), About: "at once in one worker; default: 16"},
			{Name: "audits_per_address", Shape: shape.Between(shape.Integer, 1, 1000), About: "at once at one address over all workers; default: 4"},
			{Name: "audits_per_minute", Shape: shape.Between(shape.Integer, 1, 10000), About: "that are queued by schedule; default: 200"},
			{Name: "audit_timeout", Shape: shape.Texts(period), About: "of one audit; default: 20m"},
		}}},
		{Name: "keep", About: "how many days what is kept; the newest report and the newest that was ready always are", Shape: &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
			{Name: "reports", Shape: days, About: "default: 400"},
			{Name: "facts", Shape: days, About: "default: 30"},
			{Name: "events", Shape: days, About: "events and the audit log; default: 400"},
		}}},
	}
})

// maxFile bounds fleet.yaml, in bytes.
const maxFile = 1 << 20

// Shape is what fleet.yaml must look like, with the settings of other parts of the server.
func Shape(more ...shape.Field) *shape.Shape {
	return &shape.Shape{Kind: shape.Object, Fields: append(slices.Clone(table()), more...)}
}

// Read reads a file. more are the settings of other parts of the server, which find theirs with Field.
func Read(file string, more ...shape.Field) (*Settings, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read the settings of the fleet: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d KiB: it holds no settings of a fleet", file, maxFile>>10)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the settings of the fleet: %w", err)
	}
	found := shape.NewProblems(file)
	tree, _ := Shape(more...).Read(text, "the settings of the fleet", "write version: 1 and sources", found)
	s := from(tree, found)
	if err := found.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Field is the value of a setting of another part of the server; nil where it is not set.
func (s *Settings) Field(name string) *shape.Value { return s.tree.Field(name) }

// Secret is the shape of a reference to a secret of the server's own.
func Secret() *shape.Shape {
	return &shape.Shape{Kind: shape.Object, IsKey: true, ExactlyOne: []string{"env", "file"}, Fields: []shape.Field{
		{Name: "env", Shape: shape.Texts(variable), About: "environment variable that holds it"},
		{Name: "file", Shape: shape.Texts(absolute), About: "file that holds it; one trailing newline is cut"},
	}}
}

// maxSecret bounds a secret, in bytes.
const maxSecret = 64 << 10

// ReadSecret reads what a Secret refers to; the zero key where v is nil.
func ReadSecret(v *shape.Value, lookupEnv func(name string) (value string, set bool)) (secret.Key, error) {
	if v == nil {
		return secret.Key{}, nil
	}
	if name := v.Field("env").String(); name != "" {
		value, set := lookupEnv(name)
		if !set || value == "" {
			return secret.Key{}, fmt.Errorf("%s: the variable %s is not set", v.Path, name)
		}
		return secret.New([]byte(value)), nil
	}
	file, err := os.Open(v.Field("file").String())
	if err != nil {
		return secret.Key{}, fmt.Errorf("%s: its file cannot be opened", v.Path)
	}
	defer func() { _ = file.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(file, maxSecret))
	if content = bytes.TrimSuffix(content, []byte("\n")); err != nil || len(content) == 0 {
		return secret.Key{}, fmt.Errorf("%s: its file is empty or cannot be read", v.Path)
	}
	return secret.New(content), nil
}

func from(tree *shape.Value, found *shape.Problems) *Settings {
	s := Defaults()
	s.tree = tree
	names := map[string]bool{}
	for _, v := range tree.Field("sources").List() {
		one := Source{Name: v.Field("name").String(), Directory: filepath.Clean(v.Field("directory").String()), Git: v.Field("git").String(), Branch: v.Field("branch").Or("main"), Team: v.Field("team").String()}
		if names[one.Name] {
			found.Add(v.At, v.Path+" has the name of another source", "choose another")
		}
		names[one.Name] = true
		s.Sources = append(s.Sources, one)
	}
	if secrets := tree.Field("secrets"); secrets != nil {
		s.Secrets = filepath.Clean(secrets.Text)
		if !strings.Contains(s.Secrets, "{integration}") {
			found.Add(secrets.At, "secrets has no {integration} in it, so that each integration could use the keys of all", "write it like "+DefaultSecrets)
		}
	}
	match := func(v *shape.Value) Match {
		return Match{Integrations: v.Field("integrations").Strings(), Teams: v.Field("teams").Strings()}
	}
	if schedules := tree.Field("schedules").List(); len(schedules) > 0 {
		s.Schedules = nil
		for _, v := range schedules {
			s.Schedules = append(s.Schedules, Schedule{match(v), v.Field("cron").String()})
		}
	}
	if quiet := tree.Field("quiet_hours"); quiet != nil {
		var err error
		if s.Quiet, err = schedule.NewQuiet(quiet.Field("from").String(), quiet.Field("to").String(), quiet.Field("time_zone").Or("UTC")); err != nil {
			found.Add(quiet.At, "quiet_hours: "+err.Error(), "write two different times of day")
		}
	}
	for _, v := range tree.Field("allow").List() {
		s.Allow = append(s.Allow, allow(v, match(v), found))
	}
	s.Policies = tree.Field("policies").Strings()
	s.Announce = time.Duration(tree.Field("announce_expiry").NumberOr(s.Announce.Hours()/24)) * 24 * time.Hour
	limits := tree.Field("limits")
	number := func(v *shape.Value, into *int) { *into = int(v.NumberOr(float64(*into))) }
	number(limits.Field("audits"), &s.Limits.Audits)
	number(limits.Field("audits_per_address"), &s.Limits.PerAddress)
	number(limits.Field("audits_per_minute"), &s.Limits.PerMinute)
	if timeout := limits.Field("audit_timeout"); timeout != nil {
		s.Limits.Timeout, _ = time.ParseDuration(timeout.Text) // its form was checked
	}
	keep := tree.Field("keep")
	days := func(v *shape.Value, into *time.Duration) {
		*into = time.Duration(v.NumberOr(into.Hours()/24)) * 24 * time.Hour
	}
	days(keep.Field("reports"), &s.Keep.Runs)
	days(keep.Field("facts"), &s.Keep.Facts)
	days(keep.Field("events"), &s.Keep.Events)
	return &s
}

func allow(v *shape.Value, match Match, found *shape.Problems) Allow {
	one := Allow{Match: match, Env: v.Field("env").Strings(), APIHosts: v.Field("api_hosts").Strings(), Paths: v.Field("paths").Strings()}
	for _, command := range v.Field("commands").List() {
		words := command.Strings()
		if !filepath.IsAbs(words[0]) || strings.ContainsAny(words[0], `*?[\{`) {
			found.Add(command.At, command.Path+" does not begin with the absolute path of a program", "write it out, so that no configuration decides what runs")
		}
		one.Commands = append(one.Commands, words)
	}
	for _, text := range v.Field("networks").Strings() {
		prefix, err := netprobe.ParseAllowed(text)
		if err == nil { // its form was checked
			one.Networks = append(one.Networks, prefix)
		}
	}
	return one
}
