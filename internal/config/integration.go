package config

import (
	"os"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// defaultMaxAdmins is how many Admins the documentation of the setting states.
const defaultMaxAdmins = 3

// reader puts the values of a configuration into an integration, and checks what concerns several values or the world outside.
type reader struct {
	found       *problems
	options     Options
	guard       *guard
	integration *audit.Integration
	profile     provider.Profile
}

func (r *reader) problem(at *value, message, next string) { r.found.add(at.at, message, next) }

func (r *reader) integrationFrom(tree *value) {
	i := r.integration
	i.Name = tree.field("integration").string()
	i.Provider = tree.field("provider").string()
	i.Declared = []string{}
	for _, f := range root().fields {
		if !f.required && tree.field(f.name) != nil {
			i.Declared = append(i.Declared, f.name)
		}
	}
	r.profile, _ = provider.ByName(i.Provider) // an unknown one was reported
	r.guard.words = r.profile.KeyNames
	i.EventTypes = r.eventTypes(tree.field("event_types"))
	i.Environments = []audit.Environment{
		r.environment(audit.Test, tree.field("environments").field(audit.Test)),
		r.environment(audit.Production, tree.field("environments").field(audit.Production)),
	}
	i.ProviderChecks = tree.field("provider_checks").isTrue()
	i.RetiredKeys = []audit.RetiredKey{}
	for _, v := range tree.field("retired_keys").list() {
		i.RetiredKeys = append(i.RetiredKeys, audit.RetiredKey{KeyReference: r.keyReference(v),
			Environment: v.field("environment").string(), AcceptedUntil: v.field("accepted_until").date()})
	}
	i.Repositories = []audit.Repository{}
	for _, v := range tree.field("repositories").list() {
		r.otherFile(v.field("path"))
		i.Repositories = append(i.Repositories, audit.Repository{Path: v.field("path").string()})
	}
	i.Workloads = []audit.Workload{}
	for _, v := range tree.field("workloads").list() {
		r.otherFile(v.field("path"))
		i.Workloads = append(i.Workloads, audit.Workload{Path: v.field("path").string(), Environment: v.field("environment").string()})
	}
	i.Clients = []audit.Client{}
	for _, v := range tree.field("clients").list() {
		r.otherFile(v.field("path"))
		i.Clients = append(i.Clients, audit.Client{Path: v.field("path").string(), URL: v.field("url").string(), Environment: v.field("environment").string()})
	}
	i.Logs = []audit.LogSource{}
	for _, v := range tree.field("logs").list() {
		command, program := r.command(v)
		r.otherFile(v.field("path"))
		i.Logs = append(i.Logs, audit.LogSource{Path: v.field("path").string(), Command: command, Program: program,
			Environment: v.field("environment").string(), Marker: v.field("marker").string()})
	}
	i.DeclaredEmpty = []audit.EmptySection{}
	for _, section := range []string{"repositories", "clients", "logs"} {
		if v := tree.field(section); v != nil && len(v.items) == 0 {
			i.DeclaredEmpty = append(i.DeclaredEmpty, r.emptySection(section, v))
		}
	}
	r.access(tree.field("access"))
	r.authorized(tree.field("authorized"))
	r.policyDigest(tree.field("policy_digest"))
	r.attestations(tree.field("attestations"))
	r.waivers(tree.field("waivers"))
	r.network(tree.field("network"))
}

// eventTypes are those of the configuration that the provider has, or all of the provider's.
func (r *reader) eventTypes(v *value) []string {
	if v == nil {
		return r.profile.EventTypes()
	}
	for _, item := range v.items {
		if _, known := r.profile.Event(item.text); !known && r.profile.Name != "" {
			r.problem(item, item.path+" is no event of "+r.profile.Name, suggest(item.text, "event", r.profile.EventTypes()))
		}
	}
	return v.strings()
}

func (r *reader) environment(name string, v *value) audit.Environment {
	probing := audit.Full
	if name == audit.Production {
		probing = audit.Careful
	}
	redirects := v.field("redirect_urls")
	environment := audit.Environment{
		Name:          name,
		IntegrationID: v.field("integration_id").string(),
		WebhookURL:    asciiURL(v.field("webhook_url").string()),
		Redirects: audit.Redirects{
			Completion:   asciiURL(redirects.field("completion").string()),
			Cancellation: asciiURL(redirects.field("cancellation").string()),
			Expiry:       asciiURL(redirects.field("expiry").string()),
		},
		APIBaseURL: asciiURL(strings.TrimRight(v.field("api_base_url").or(r.profile.API.BaseURL), "/")),
		Probing:    v.field("probing").or(probing),
		ProbeUIDs:  v.field("probe_uids").strings(),
		Receiver:   v.field("receiver").or(audit.Inline),
	}
	if key := v.field("api_key"); key != nil {
		environment.Key = r.keyReference(key)
	}
	allowed := uidForm(r.profile.UIDs.Min, r.profile.UIDs.Max)
	for _, uid := range v.field("probe_uids").list() {
		if r.profile.Name != "" && !allowed.takes(uid.text) {
			r.problem(uid, uid.path+" is not "+allowed.is, allowed.next)
		}
	}
	if command := v.field("effects").field("command"); command != nil {
		environment.Effects, _ = r.command(v.field("effects"))
		environment.HasEffects = true
		if !slices.ContainsFunc(environment.Effects.Args, func(argument string) bool { return strings.Contains(argument, "{uid}") }) {
			r.problem(command, command.path+" has no argument with {uid} in it", "add \"{uid}\" where the observer expects the UID it is asked about")
		}
	}
	return environment
}

// keyReference says where a key is. A key that is known by its fingerprint only is complete with that.
func (r *reader) keyReference(v *value) audit.KeyReference {
	switch {
	case v.field("command") != nil:
		command, program := r.command(v)
		return audit.KeyReference{Source: audit.FromCommand, Command: command, Program: program}
	case v.field("env") != nil:
		r.permittedVariable(v.field("env"))
		return audit.KeyReference{Source: audit.FromEnv, Variable: v.field("env").text}
	case v.field("file") != nil:
		file := v.field("file")
		resolved := r.secretFile(file)
		if resolved != "" {
			if _, err := os.Stat(resolved); err != nil {
				r.problem(file, file.path+" cannot be read: "+withoutPath(err).Error(), "write the path of the key's file (it is not repeated here, in case it is the key)")
			}
		}
		return audit.KeyReference{Source: audit.FromFile, Path: file.text, File: resolved}
	case v.field("sha256") != nil && v.field("length") != nil:
		key, err := secret.FromFingerprint(v.field("sha256").text, int(v.field("length").number))
		if err != nil {
			r.problem(v, v.path+" is no fingerprint", err.Error())
		}
		return audit.KeyReference{Source: audit.FromFingerprint, Key: key}
	}
	return audit.KeyReference{}
}

// command is the command of a key, a log or an observer, and its program, which is withheld where it does not read like one.
func (r *reader) command(v *value) (command audit.Command, program string) {
	if len(v.field("command").list()) == 0 {
		return audit.Command{}, ""
	}
	command.Args = v.field("command").strings()
	for _, name := range v.field("env").list() {
		r.permittedVariable(name)
		command.Env = append(command.Env, name.text)
	}
	return command, secret.ProgramName(command.Args[0])
}

func (r *reader) access(v *value) {
	r.otherFile(v.field("roster"))
	r.integration.Access = audit.Access{
		Roster:         v.field("roster").string(),
		ExportedOn:     v.field("exported_on").date(),
		AllowedDomains: []string{},
		MaxAdmins:      int(v.field("max_admins").numberOr(defaultMaxAdmins)),
		ReviewedBy:     v.field("reviewed").field("by").string(),
		ReviewedOn:     v.field("reviewed").field("on").date(),
	}
	for _, name := range v.field("allowed_domains").strings() {
		r.integration.Access.AllowedDomains = append(r.integration.Access.AllowedDomains, strings.ToLower(name))
	}
}

// nearestCheck is the next step after an id that is none of ids.
func nearestCheck(id string, ids []string) string {
	best, _ := nearest(id, ids)
	if best == "" {
		return "`prelaunch checks` lists them"
	}
	return "did you mean \"" + best + "\"? `prelaunch checks` lists them"
}
