package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: the configuration may come from the audited team, but it is read on the reviewer's machine. A file whose
// content or digest reaches somebody else (keys, client certificates, evidence) must be in the configuration's own directory, and
// a variable must be one that belongs to the audit; anything else needs a flag. Paths are compared after symbolic links were
// resolved on both sides. Nothing is ever read from the kernel's file systems.

// Permissions are what only the reviewer may grant, on the command line.
type Permissions struct {
	// Environment is the only one that is audited; empty: all. Files and variables of the others may be missing or not permitted.
	Environment string
	Paths       []string // --allow-path: directories that key files, client certificates and evidence may come from
	Env         []string // --allow-env: patterns of variables that keys and commands may use, such as VAULT_*
	// Secrets is for a server that audits the configurations of many teams: the one directory that keys and client certificates come
	// from. Nothing else is then read from outside the configuration's own directory and Paths, and of the variables only those that Env
	// names. Empty: the configuration is a reviewer's own business.
	Secrets string
	// Survey makes Load list what lacks a permission in Integration.Needs, without reading it, instead of reporting it.
	Survey bool
}

// secretsDirectory is where orchestrators mount secrets.
const secretsDirectory = "/run/secrets"

// guard decides which files and variables a configuration may name.
type guard struct {
	own      string   // the configuration's directory; this and the next two are absolute, with links resolved
	secrets  string   // the only directory of keys; empty: there is none, and a person decides about the rest
	allowed  []string // directories that the reviewer allows
	patterns []string // of variables
	words    []string // of the built-in provider profile, lower case: variables with one of them belong to the audit
	bare     []string // words of variables that hold other credentials, unless they are said to be a webhook's
}

// newGuard checks the permissions themselves.
func newGuard(directory string, options Options) (*guard, error) {
	g := &guard{patterns: options.Permissions.Env}
	var err error
	if g.own, err = resolveLinks(directory); err != nil {
		return nil, fmt.Errorf("find the directory of the configuration: %w", err)
	}
	for _, allowed := range options.Permissions.Paths {
		info, err := os.Stat(allowed)
		if err != nil || !info.IsDir() {
			return nil, fmt.Errorf("--allow-path %s: not a readable directory", allowed)
		}
		resolved, err := resolveLinks(allowed)
		if err != nil {
			return nil, fmt.Errorf("--allow-path %s: %w", allowed, err)
		}
		g.allowed = append(g.allowed, resolved)
	}
	mounted := []string{secretsDirectory}
	if options.Permissions.Secrets != "" {
		mounted = nil
		if g.secrets, err = resolveLinks(options.Permissions.Secrets); err != nil {
			return nil, fmt.Errorf("find the directory of secrets: %w", err)
		}
	} else if options.LookupEnv != nil {
		if credentials, _ := options.LookupEnv("CREDENTIALS_DIRECTORY"); filepath.IsAbs(credentials) {
			mounted = append(mounted, credentials)
		}
	}
	for _, directory := range mounted {
		if resolved, err := resolveLinks(directory); err == nil {
			g.allowed = append(g.allowed, resolved)
		}
	}
	for _, pattern := range g.patterns {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return nil, fmt.Errorf("--allow-env %s: not a pattern of variable names such as VAULT_*", pattern)
		}
	}
	return g, nil
}

// resolveLinks makes a path absolute and follows its symbolic links. What does not exist stays as it is below its nearest parent
// that does.
func resolveLinks(name string) (string, error) {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	missing := ""
	for existing := absolute; ; existing = filepath.Dir(existing) {
		resolved, err := filepath.EvalSymlinks(existing)
		if err == nil {
			return filepath.Join(resolved, missing), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || existing == filepath.Dir(existing) {
			return "", withoutPath(err)
		}
		if _, err := os.Lstat(existing); err == nil {
			return "", errors.New("it is a symbolic link to something that does not exist")
		}
		missing = filepath.Join(filepath.Base(existing), missing)
	}
}

// inside reports whether a resolved path is a directory or lies below it.
func inside(resolved, directory string) bool {
	relative, err := filepath.Rel(directory, resolved)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// permitsFile reports whether a resolved path needs no flag.
func (g *guard) permitsFile(resolved string) bool {
	return inside(resolved, g.own) || slices.ContainsFunc(g.allowed, func(directory string) bool { return inside(resolved, directory) })
}

// permitsVariable reports whether a variable may be read for a key or passed to a command.
func (g *guard) permitsVariable(name string) bool {
	if g.secrets == "" && g.belongs(name) {
		return true
	}
	return slices.ContainsFunc(g.patterns, func(pattern string) bool {
		matches, err := path.Match(pattern, name)
		return err == nil && matches
	})
}

// belongs reports whether a variable belongs to the audit by its name.
func (g *guard) belongs(name string) bool {
	if strings.HasPrefix(name, "PRELAUNCH_") {
		return true
	}
	parts := strings.Split(strings.ToLower(name), "_")
	among := func(words ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(words, part) })
	}
	return among(g.words...) && (!among(g.bare...) || among("webhook", "webhooks", "hook"))
}

// keyFile is secretFile for keys and client certificates, which have a directory of their own on a server.
func (r *reader) keyFile(v *shape.Value) string {
	if r.guard.secrets == "" {
		return r.secretFile(v)
	}
	resolved, ok := r.location(v)
	if ok && !inside(resolved, r.guard.secrets) {
		r.problem(v, v.Path+" is not in the integration's own directory of secrets", "keep it there, as the operator of the fleet arranges")
		return ""
	}
	return resolved
}

// What a server says of a file that is not the configuration's own.
const (
	notItsOwn       = " is outside the configuration's own directory"
	askForDirectory = "keep it there, or ask the operator of the fleet to allow its directory"
)

// secretFile is the resolved path of a file whose content or digest reaches somebody else; "" when it may not be read, which is
// reported.
func (r *reader) secretFile(v *shape.Value) string {
	resolved, ok := r.location(v)
	if !ok {
		return ""
	}
	if !r.guard.permitsFile(resolved) {
		directory := filepath.Dir(resolved)
		shown := "DIR"
		if secret.PlainWords(directory) {
			shown = directory
		}
		next := "if the reviewer trusts the audited team with this file, add --allow-path " + shown
		if r.guard.secrets != "" {
			next = askForDirectory
		}
		r.needs(v, "--allow-path "+directory, v.Path+notItsOwn, next)
		return ""
	}
	return resolved
}

// otherFile resolves a file or directory that is only searched or trusted. It may be anywhere but in the kernel's file systems;
// outside the configuration's own directory it is listed.
func (r *reader) otherFile(v *shape.Value) (resolved string) {
	if v == nil {
		return ""
	}
	resolved, ok := r.location(v)
	if ok && r.guard.secrets != "" && !r.guard.permitsFile(resolved) {
		r.problem(v, v.Path+notItsOwn, askForDirectory)
		return ""
	}
	if ok && !inside(resolved, r.guard.own) {
		r.integration.Outside = append(r.integration.Outside, audit.Override{Setting: v.Path, Value: v.Text + " (outside the configuration's directory)"})
	}
	return resolved
}

// location resolves the links of a path of the configuration, up to its first wildcard where it has one.
func (r *reader) location(v *shape.Value) (resolved string, ok bool) {
	written := r.integration.Resolve(v.Text)
	resolved = written
	if !audit.KernelFile(written) {
		for strings.ContainsAny(resolved, `*?[`) {
			resolved = filepath.Dir(resolved)
		}
		var err error
		if resolved, err = resolveLinks(resolved); err != nil {
			r.problem(v, v.Path+" cannot be found: "+err.Error(), "correct the path, which starts at the configuration's directory")
			return "", false
		}
	}
	if audit.KernelFile(resolved) {
		r.problem(v, v.Path+" is in /proc, /sys or /dev, which an audit never reads", "name a regular file or directory")
		return "", false
	}
	return resolved, true
}

// permittedVariable reports a variable that the configuration may not use.
func (r *reader) permittedVariable(v *shape.Value) {
	if r.profile.Name == "" || r.guard.permitsVariable(v.Text) {
		return
	}
	next := "ask the operator of the fleet to allow it"
	if r.guard.secrets == "" {
		next = "use a name with " + r.ownWords() + " in it, or, if the reviewer trusts the audited team with its value, add --allow-env " + v.Text
	}
	r.needs(v, "--allow-env "+v.Text, v.Path+" names the variable "+v.Text+", which does not belong to the audit", next)
}

// ownWords are what the names of variables that belong to the audit have in them.
func (r *reader) ownWords() string {
	var own []string
	for _, word := range r.guard.words {
		if !strings.Contains(word, "_") {
			own = append(own, strings.ToUpper(word))
		}
	}
	return strings.Join(append(own, "PRELAUNCH_"), " or ")
}

// needs reports a permission that is not granted, or lists it for a survey.
func (r *reader) needs(v *shape.Value, flag, message, next string) {
	if r.options.Permissions.Survey {
		r.integration.Needs = append(r.integration.Needs, audit.Permission{Setting: v.Path, Flag: flag})
		return
	}
	r.problem(v, message, next)
}
