// Package source reads the configurations of a fleet from directories and Git repositories.
//
// Rules: configurations come from the audited teams, so one that is wrong or hostile harms nothing but itself. What a configuration may
// read, run and contact is what is its own and what the operator's settings allow. Whose it is follows from where it is: a source, or a
// directory of a source, belongs to one team. Links are followed within their source only, and directories whose name begins with a dot
// are not searched, which suits both clones and mounted ConfigMaps.
package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/command"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Bounds of what is read, so that one source cannot keep the server busy.
const (
	maxFiles   = 50_000 // configurations of a source
	maxEntries = 2_000_000
	maxSize    = 1 << 20 // bytes of a configuration, as config has it
	maxBeside  = 1000    // files next to a configuration that are watched
)

// Expiry is something that a configuration rests on.
type Expiry struct {
	Kind, Subject, Person string
	At                    time.Time // start of the first day on which it no longer holds
}

// Found is one configuration.
type Found struct {
	Name, Team, Source, Path string // the path is relative to the source
	Provider                 string
	Digest                   string // of the file
	Content                  string // digest of what the file means, with the files that it names
	Problem                  string // why it cannot be used
	Expiries                 []Expiry
	Unread                   bool // it is no configuration: the team has further ones that could not be read
}

// Reader reads configurations. It is safe for concurrent use.
type Reader struct {
	settings  *settings.Settings
	library   *policy.Library
	lookupEnv func(name string) (value string, set bool)
	now       func() time.Time
	log       *slog.Logger
	bounds    bounds

	mu    sync.Mutex // one at a time
	known map[string]remembered
}

// remembered is what was read of a file that has not changed since.
type remembered struct {
	state string
	found Found
}

// NewReader returns a reader. The library's checks are those that configurations may name.
func NewReader(s *settings.Settings, library *policy.Library, lookupEnv func(name string) (value string, set bool), now func() time.Time, log *slog.Logger) *Reader {
	return &Reader{settings: s, library: library, lookupEnv: lookupEnv, now: now, log: log, known: map[string]remembered{},
		bounds: bounds{census{files: maxFiles, entries: maxEntries}, census{files: maxFiles / 4, entries: maxEntries / 4}}}
}

// Read returns every configuration by source. A source that cannot be read is absent: nothing is known about its configurations.
func (r *Reader) Read(ctx context.Context) map[string][]Found {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string][]Found{}
	seen := map[string]bool{}
	for _, one := range r.settings.Sources {
		found, err := r.source(ctx, one, seen)
		if err != nil {
			r.log.Error("a source of configurations cannot be read", "source", one.Name, "problem", err.Error())
			continue
		}
		all[one.Name] = found
	}
	for file := range r.known {
		if !seen[file] && ctx.Err() == nil {
			delete(r.known, file)
		}
	}
	return all
}

func (r *Reader) source(ctx context.Context, one settings.Source, seen map[string]bool) ([]Found, error) {
	if one.Git != "" {
		if err := r.fetch(ctx, one); err != nil {
			return nil, err
		}
	}
	root, err := filepath.EvalSymlinks(one.Directory)
	if err != nil {
		return nil, fmt.Errorf("find the directory: %w", err)
	}
	found := []Found{}
	var all census
	ofTeams := map[string]*census{} // where several teams share the source
	err = filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		all.entries++
		team := &census{}
		owner, _, below := strings.Cut(strings.TrimPrefix(file, root+string(filepath.Separator)), string(filepath.Separator))
		if shared := one.Team == "" && settings.IsTeam(owner) && (below || entry != nil && entry.IsDir() && file != root); shared {
			if ofTeams[owner] == nil {
				ofTeams[owner] = &census{}
			}
			team = ofTeams[owner]
			team.entries++
			switch {
			case ctx.Err() != nil || team.unread:
			case err != nil:
				team.unread = true
				found = append(found, Found{Source: one.Name, Path: owner, Team: owner, Unread: true, Problem: "A directory of the team cannot be read; what was there before stays as it is."})
			case team.over(r.bounds.ofTeam):
				team.unread = true
				found = append(found, Found{Source: one.Name, Path: owner, Team: owner, Unread: true,
					Problem: fmt.Sprintf("The team has more than %d configurations or %d files; what was there before stays as it is.", r.bounds.ofTeam.files, r.bounds.ofTeam.entries)})
			}
			if team.unread && ctx.Err() == nil {
				return fs.SkipDir
			}
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("read the directory: %w", err)
		case all.over(r.bounds.all):
			return fmt.Errorf("it holds more than %d configurations or %d files", r.bounds.all.files, r.bounds.all.entries)
		case entry.IsDir() && file != root && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || !isConfiguration(entry.Name()):
			return nil
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		seen[file] = true
		all.files++
		team.files++
		found = append(found, r.read(one, root, relative))
		return nil
	})
	return found, err
}

// census is how much of a source, or of a team in it, was seen.
type census struct {
	files, entries int // configurations, and all files and directories
	unread         bool
}

func (c census) over(most census) bool { return c.files > most.files || c.entries > most.entries }

// bounds are the most of a source, and of one team where several share it: no team keeps the configurations of another from being read.
type bounds struct{ all, ofTeam census }

// isConfiguration reports whether a file is one by its name.
func isConfiguration(name string) bool {
	return name == "prelaunch.yaml" || name == "prelaunch.yml" || strings.HasSuffix(name, ".prelaunch.yaml")
}

// read reads one configuration, or remembers it.
func (r *Reader) read(one settings.Source, root, relative string) Found {
	file := filepath.Join(root, relative)
	f := Found{Source: one.Name, Path: relative, Team: one.Team}
	if f.Team == "" {
		f.Team, _, _ = strings.Cut(relative, string(filepath.Separator))
	}
	fail := func(err error) Found {
		f.Problem = err.Error()
		return f
	}
	if !utf8.ValidString(relative) || !shape.Printable(relative) {
		f.Path, f.Team = strings.ToValidUTF8(relative, "?"), ""
		return fail(errors.New("its path holds what is no text"))
	}
	if f.Team == relative || !settings.IsTeam(f.Team) {
		f.Team = ""
		return fail(errors.New("it belongs to no team: put it in the directory of a team, or set team for the source"))
	}
	text, err := contained(root, file)
	if err != nil {
		return fail(err)
	}
	state := audit.Digest(text) + beside(filepath.Dir(file))
	if known, ok := r.known[file]; ok && known.state == state && known.found.Problem == "" {
		return known.found
	}
	document, mistakes := yamldoc.Strict(text)
	f.Name, f.Digest = document.Member("integration").Text, audit.Digest(text)
	if document == nil && len(mistakes) > 0 {
		return fail(fmt.Errorf("%s:%d:%d: %s: %s", relative, mistakes[0].At.Line, mistakes[0].At.Column, mistakes[0].Message, mistakes[0].Next))
	}
	if !settings.IsIntegration(f.Name) {
		f.Name = ""
		return fail(errors.New("integration is not a name of letters, digits, spaces, hyphens, underscores and dots"))
	}
	integration, err := r.load(file, f.Name, f.Team)
	if err != nil {
		return fail(err)
	}
	f.Provider, f.Expiries = integration.Provider, expiries(integration)
	content, err := json.Marshal(integration)
	if err != nil {
		return fail(err)
	}
	f.Content = audit.Digest(content)
	r.known[file] = remembered{state, f}
	return f
}

// contained reads a regular file that lies in the root once its links are followed.
func contained(root, file string) ([]byte, error) {
	resolved, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil, errors.New("it cannot be found")
	}
	if relative, err := filepath.Rel(root, resolved); err != nil || !filepath.IsLocal(relative) {
		return nil, errors.New("it is a link that leads out of its source")
	}
	info, err := os.Lstat(resolved)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("it is not a regular file of at most %d KiB", maxSize>>10)
	}
	opened, err := os.Open(resolved)
	if err != nil {
		return nil, errors.New("it cannot be opened")
	}
	defer func() { _ = opened.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(opened, maxSize))
	if err != nil {
		return nil, errors.New("it cannot be read")
	}
	return text, nil
}

// beside is the state of the files next to a configuration and one level below, which it may name: profiles, events, evidence.
func beside(directory string) string {
	var state strings.Builder
	count := 0
	var look func(directory string, depth int)
	look = func(directory string, depth int) {
		entries, err := os.ReadDir(directory)
		if err != nil {
			return
		}
		for _, entry := range entries {
			if count++; count > maxBeside {
				return
			}
			if entry.IsDir() {
				if depth > 0 && !strings.HasPrefix(entry.Name(), ".") {
					look(filepath.Join(directory, entry.Name()), depth-1)
				}
				continue
			}
			if info, err := os.Stat(filepath.Join(directory, entry.Name())); err == nil {
				fmt.Fprintf(&state, "\n%s %d %d", entry.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	look(directory, 1)
	return state.String()
}

// load reads a configuration as far as it may reach. It reads no key.
func (r *Reader) load(file, name, team string) (*audit.Integration, error) {
	allowed := r.settings.Allowed(name, team)
	paths := slices.DeleteFunc(slices.Clone(allowed.Paths), func(directory string) bool {
		info, err := os.Stat(directory)
		return err != nil || !info.IsDir() // the checkout of an integration that has none
	})
	integration, err := config.Load(file, config.Options{
		Checks: r.library.Checks(), PolicyDigest: r.library.Digest(), Now: r.now, LookupEnv: r.lookupEnv,
		Permissions: config.Permissions{Secrets: r.settings.SecretsOf(name, team), Paths: paths, Env: allowed.Env},
	})
	if err != nil {
		return nil, err
	}
	if integration.Name != name {
		return nil, errors.New("its name has changed since it was read")
	}
	integration.PublicOnly, integration.AllowedAddresses, integration.AllowedAPIHosts = true, allowed.Networks, allowed.APIHosts
	return integration, nil
}

// Load reads the configuration of an integration for its audit, and resolves its keys.
func (r *Reader) Load(ctx context.Context, name, team, source, path string) (*audit.Integration, audit.Exec, error) {
	at := slices.IndexFunc(r.settings.Sources, func(s settings.Source) bool { return s.Name == source })
	if at < 0 || !filepath.IsLocal(path) {
		return nil, nil, fmt.Errorf("the source %s is not configured here", source)
	}
	root, err := filepath.EvalSymlinks(r.settings.Sources[at].Directory)
	if err != nil {
		return nil, nil, fmt.Errorf("find the directory of the source %s: %w", source, err)
	}
	file := filepath.Join(root, path)
	if _, err := contained(root, file); err != nil {
		return nil, nil, fmt.Errorf("the configuration: %w", err)
	}
	integration, err := r.load(file, name, team)
	if err != nil {
		return nil, nil, err
	}
	exec := r.exec(integration.Directory, r.settings.Allowed(name, team))
	return integration, exec, config.ResolveKeys(ctx, integration, config.Resolver{LookupEnv: r.lookupEnv, Exec: exec, AllowCommands: true})
}

// exec runs the commands that the operator allows, and no others.
func (r *Reader) exec(directory string, allowed settings.Allow) audit.Exec {
	run := command.New(directory, len(allowed.Commands) > 0, r.lookupEnv)
	return func(ctx context.Context, c audit.Command) ([]byte, int, error) {
		if !allowed.PermitsCommand(c.Args) {
			return nil, -1, errors.New("the settings of the fleet do not allow this command")
		}
		return run(ctx, c)
	}
}

// Overrides are what the settings allow to an integration, as its report names it.
func (r *Reader) Overrides(name, team string) []audit.Override {
	allowed := r.settings.Allowed(name, team)
	var list []audit.Override
	add := func(setting, value string) { list = append(list, audit.Override{Setting: setting, Value: value}) }
	for _, prefix := range allowed.Networks {
		add("fleet.yaml allow.networks", prefix.String())
	}
	for _, host := range allowed.APIHosts {
		add("fleet.yaml allow.api_hosts", host)
	}
	for _, directory := range allowed.Paths {
		add("fleet.yaml allow.paths", directory)
	}
	for _, pattern := range allowed.Env {
		add("fleet.yaml allow.env", pattern)
	}
	for _, command := range allowed.Commands {
		add("fleet.yaml allow.commands", command[0])
	}
	return list
}

// expiries are what a configuration rests on until it expires.
func expiries(integration *audit.Integration) []Expiry {
	list := []Expiry{}
	add := func(kind, subject, person string, last audit.Date) {
		if !last.IsZero() {
			list = append(list, Expiry{kind, subject, person, last.AddDays(1).Time()})
		}
	}
	for _, waiver := range integration.Waivers {
		subject := waiver.Check
		if waiver.Environment != "" {
			subject += " (" + waiver.Environment + ")"
		}
		add("waiver", subject, waiver.Owner, waiver.Expires)
	}
	for _, attestation := range integration.Attestations {
		add("attestation", attestation.Check, attestation.By, attestation.Expires)
	}
	for _, empty := range integration.DeclaredEmpty {
		add("declaration", empty.Section, empty.By, empty.Expires)
	}
	return list
}
