package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// defaultMaxAdmins is how many Admins the documentation of the setting states.
const defaultMaxAdmins = 3

// reader puts the values of a configuration into an integration, and checks what concerns several values or the world outside.
type reader struct {
	found       *shape.Problems
	options     Options
	guard       *guard
	integration *audit.Integration
	profile     provider.Profile
}

func (r *reader) problem(at *shape.Value, message, next string) { r.found.Add(at.At, message, next) }

func (r *reader) integrationFrom(tree *shape.Value) {
	i := r.integration
	i.Name = tree.Field("integration").String()
	i.Declared = []string{}
	for _, f := range root().Fields {
		if !f.Required && tree.Field(f.Name) != nil {
			i.Declared = append(i.Declared, f.Name)
		}
	}
	r.readProfile(tree)
	i.Provider, i.ProviderProfile = r.profile.Name, r.profile.Source
	i.EventTypes = r.eventTypes(tree.Field("event_types"))
	i.Environments = r.environments(tree.Field("environments"))
	i.ProviderChecks = tree.Field("provider_checks").IsTrue()
	i.RetiredKeys = []audit.RetiredKey{}
	for _, v := range tree.Field("retired_keys").List() {
		var reference audit.KeyReference
		r.of(v.Field("environment").String(), func() { reference = r.keyReference(v) })
		i.RetiredKeys = append(i.RetiredKeys, audit.RetiredKey{KeyReference: reference,
			Environment: r.environmentName(v.Field("environment")), AcceptedUntil: v.Field("accepted_until").Date()})
	}
	i.Repositories = []audit.Repository{}
	for _, v := range tree.Field("repositories").List() {
		r.otherFile(v.Field("path"))
		i.Repositories = append(i.Repositories, audit.Repository{Path: v.Field("path").String()})
	}
	i.Workloads = []audit.Workload{}
	for _, v := range tree.Field("workloads").List() {
		r.otherFile(v.Field("path"))
		i.Workloads = append(i.Workloads, audit.Workload{Path: v.Field("path").String(), Environment: r.environmentName(v.Field("environment"))})
	}
	i.Clients = []audit.Client{}
	for _, v := range tree.Field("clients").List() {
		r.otherFile(v.Field("path"))
		i.Clients = append(i.Clients, audit.Client{Path: v.Field("path").String(), URL: v.Field("url").String(), Environment: r.environmentName(v.Field("environment"))})
	}
	i.Logs = []audit.LogSource{}
	for _, v := range tree.Field("logs").List() {
		command, program := r.command(v)
		r.otherFile(v.Field("path"))
		i.Logs = append(i.Logs, audit.LogSource{Path: v.Field("path").String(), Command: command, Program: program,
			Environment: r.environmentName(v.Field("environment")), Marker: v.Field("marker").String()})
	}
	i.DeclaredEmpty = []audit.EmptySection{}
	for _, section := range []string{"repositories", "clients", "logs"} {
		if v := tree.Field(section); v != nil && len(v.Items) == 0 {
			i.DeclaredEmpty = append(i.DeclaredEmpty, r.emptySection(section, v))
		}
	}
	r.access(tree.Field("access"))
	r.authorized(tree.Field("authorized"))
	r.policyDigest(tree.Field("policy_digest"))
	r.attestations(tree.Field("attestations"))
	r.waivers(tree.Field("waivers"))
	r.network(tree.Field("network"))
}

// eventTypes are those of the configuration that the provider has, or all of the provider's.
func (r *reader) eventTypes(v *shape.Value) []string {
	if v == nil {
		return r.profile.EventTypes()
	}
	for _, item := range v.Items {
		if _, known := r.profile.Event(item.Text); !known && r.profile.Name != "" {
			r.problem(item, item.Path+" is no event of "+r.profile.Name, shape.Suggest(item.Text, "event", r.profile.EventTypes()))
		}
	}
	return v.Strings()
}

// environments are those of the configuration, Test before Production and others as they are written. A provider may have exactly
// those two.
func (r *reader) environments(v *shape.Value) []audit.Environment {
	environments := []audit.Environment{}
	if v == nil {
		return environments
	}
	names := slices.Clone(v.Names)
	if two := []string{audit.Test, audit.Production}; r.profile.Environments.Number == len(two) {
		missing := slices.DeleteFunc(slices.Clone(two), func(name string) bool { // what could not be read was reported
			_, written := r.integration.Positions[v.Path+"."+name]
			return written
		})
		for _, name := range names {
			if near := shape.Nearest(name, missing); !slices.Contains(two, name) {
				r.found.Add(r.integration.Positions[v.Path+"."+name], "unknown environment "+name, shape.Suggest(name, "environment of "+r.profile.Name, two))
				missing = slices.DeleteFunc(missing, func(other string) bool { return other == near })
			}
		}
		for _, name := range missing {
			r.problem(v, fmt.Sprintf("environments has no %q", name), "add it: "+r.profile.Name+" has the environments test and production")
		}
		names = two
	}
	if test, production := slices.Index(names, audit.Test), slices.Index(names, audit.Production); test > production && production >= 0 {
		names = slices.Insert(slices.Delete(names, test, test+1), production, audit.Test)
	}
	written := 0
	for path := range r.integration.Positions {
		if name, below := strings.CutPrefix(path, v.Path+"."); below && !strings.Contains(name, ".") {
			written++
		}
	}
	switch number := r.profile.Environments.Number; {
	case written == 0:
		r.problem(v, "environments is empty", "write at least one, such as test")
	case number > 0 && number != 2 && number != written:
		r.problem(v, fmt.Sprintf("environments has %d entries", written), fmt.Sprintf("%s has exactly %d", r.profile.Name, number))
	}
	for _, name := range names {
		r.of(name, func() { environments = append(environments, r.environment(name, v.Field(name))) })
	}
	return environments
}

// of reads what belongs to an environment. Of one that is not audited, it is no mistake that something is missing here.
func (r *reader) of(environment string, read func()) {
	found, needs := r.found, r.integration.Needs
	left := r.options.Permissions.Environment != "" && environment != r.options.Permissions.Environment
	if left {
		r.found = shape.NewProblems(found.File())
	}
	read()
	if left {
		r.found, r.integration.Needs = found, needs
	}
}

// environmentName is the name of one of the environments, "" for all of them.
func (r *reader) environmentName(v *shape.Value) string {
	if v == nil {
		return ""
	}
	if _, known := r.integration.Environment(v.Text); !known {
		names := make([]string, len(r.integration.Environments))
		for i, environment := range r.integration.Environments {
			names[i] = environment.Name
		}
		next := "write one of them"
		if meant := shape.Nearest(v.Text, names); meant != "" {
			next = fmt.Sprintf("did you mean %q?", meant)
		}
		r.problem(v, v.Path+" is none of "+strings.Join(names, ", "), next)
	}
	return v.Text
}

// rehearses reports whether an environment is by its name one in which nothing is real.
func rehearses(environment string) bool {
	return environment == audit.Test || environment == "sandbox"
}

func (r *reader) environment(name string, v *shape.Value) audit.Environment {
	probing := audit.Careful
	if rehearses(name) {
		probing = audit.Full
	}
	r.checkIdentity(v)
	redirects := v.Field("redirect_urls")
	environment := audit.Environment{
		Name:          name,
		IntegrationID: v.Field("integration_id").String(),
		WebhookURL:    asciiURL(v.Field("webhook_url").String()),
		Redirects: audit.Redirects{
			Completion:   asciiURL(redirects.Field("completion").String()),
			Cancellation: asciiURL(redirects.Field("cancellation").String()),
			Expiry:       asciiURL(redirects.Field("expiry").String()),
		},
		APIBaseURL: asciiURL(strings.TrimRight(v.Field("api_base_url").Or(r.profile.API.BaseURL), "/")),
		Probing:    v.Field("probing").Or(probing),
		ProbeUIDs:  v.Field("probe_uids").Strings(),
		Receiver:   v.Field("receiver").Or(audit.Inline),
	}
	if key := v.Field("api_key"); key != nil {
		environment.Key = r.keyReference(key)
	}
	if pair := v.Field("keypair"); pair != nil {
		environment.Key, environment.KeyPair = r.keyReference(pair), true
		r.checkKeyPair(v, pair)
	}
	allowed := uidForm(r.profile.UID.Min(), r.profile.UID.Max())
	for _, uid := range v.Field("probe_uids").List() {
		if r.profile.Name != "" && !allowed.Takes(uid.Text) {
			r.problem(uid, uid.Path+" is not "+allowed.Is, allowed.Next)
		}
	}
	if file := v.Field("captured"); file != nil {
		environment.Captured = r.captured(file)
	}
	if command := v.Field("effects").Field("command"); command != nil {
		environment.Effects, _ = r.command(v.Field("effects"))
		environment.HasEffects = true
		if !slices.ContainsFunc(environment.Effects.Args, func(argument string) bool { return strings.Contains(argument, "{uid}") }) {
			r.problem(command, command.Path+" has no argument with {uid} in it", "add \"{uid}\" where the observer expects the UID it is asked about")
		}
	}
	return environment
}

// keyReference says where a key is. A key that is known by its fingerprint only is complete with that.
func (r *reader) keyReference(v *shape.Value) audit.KeyReference {
	switch {
	case v.Field("command") != nil:
		command, program := r.command(v)
		return audit.KeyReference{Source: audit.FromCommand, Command: command, Program: program}
	case v.Field("env") != nil:
		r.permittedVariable(v.Field("env"))
		return audit.KeyReference{Source: audit.FromEnv, Variable: v.Field("env").Text}
	case v.Field("file") != nil:
		file := v.Field("file")
		resolved := r.keyFile(file)
		if resolved != "" {
			if _, err := os.Stat(resolved); err != nil {
				r.problem(file, file.Path+" cannot be read: "+withoutPath(err).Error(), "write the path of the key's file (it is not repeated here, in case it is the key)")
			}
		}
		return audit.KeyReference{Source: audit.FromFile, Path: file.Text, File: resolved}
	case v.Field("sha256") != nil && v.Field("length") != nil:
		key, err := secret.FromFingerprint(v.Field("sha256").Text, int(v.Field("length").Number))
		if err != nil {
			r.problem(v, v.Path+" is no fingerprint", err.Error())
		}
		return audit.KeyReference{Source: audit.FromFingerprint, Key: key}
	}
	return audit.KeyReference{}
}

// command is the command of a key, a log or an observer, and its program, which is withheld where it does not read like one.
func (r *reader) command(v *shape.Value) (command audit.Command, program string) {
	if len(v.Field("command").List()) == 0 {
		return audit.Command{}, ""
	}
	command.Args = v.Field("command").Strings()
	for _, name := range v.Field("env").List() {
		r.permittedVariable(name)
		command.Env = append(command.Env, name.Text)
	}
	return command, secret.ProgramName(command.Args[0])
}

func (r *reader) access(v *shape.Value) {
	roster := v.Field("roster")
	r.otherFile(roster.Field("file"))
	var columns map[string]string
	for _, column := range []string{"email", "role", "name", "last_active", "justification"} {
		if title := roster.Field(column); title != nil {
			if columns == nil {
				columns = map[string]string{}
			}
			columns[column] = title.Text
		}
	}
	r.integration.Access = audit.Access{
		Roster: roster.Field("file").String(), RosterColumns: columns, RosterRoles: r.roles(roster.Field("roles")),
		ExportedOn:     v.Field("exported_on").Date(),
		AllowedDomains: []string{},
		MaxAdmins:      int(v.Field("max_admins").NumberOr(defaultMaxAdmins)),
		ReviewedBy:     v.Field("reviewed").Field("by").String(),
		ReviewedOn:     v.Field("reviewed").Field("on").Date(),
	}
	for _, name := range v.Field("allowed_domains").Strings() {
		r.integration.Access.AllowedDomains = append(r.integration.Access.AllowedDomains, strings.ToLower(name))
	}
}

// roles are what the roles of a roster are, by their words in lower case. One that plainly means more than its translation is a
// mistake: it would hide an administrator.
func (r *reader) roles(v *shape.Value) map[string]string {
	if v == nil {
		return nil
	}
	roles := map[string]string{}
	for _, word := range v.Names {
		role, lower := v.Fields[word], strings.ToLower(strings.TrimSpace(word))
		if role.Text != audit.RoleAdmin && administers().MatchString(lower) {
			r.problem(role, role.Path+" makes a Viewer of a role that administers", "write Admin, or rename the role in the export if it is none")
		}
		roles[lower] = role.Text
	}
	return roles
}

// administers takes the words of roles that may do everything.
var administers = lazy.Regexp(`\b(super|sys)?-?(admin|admins|administrator|administrators|owner|root)\b`)

// nearestCheck is the next step after an id that is none of ids.
func nearestCheck(id string, ids []string) string {
	if best := shape.Nearest(id, ids); best != "" {
		return "did you mean \"" + best + "\"? `prelaunch checks` lists them"
	}
	return "`prelaunch checks` lists them"
}
