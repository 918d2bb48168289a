package config

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: the profile is a built-in one or a user's file, completed by the configuration. A
// user's profile comes from whoever wrote the configuration, so its words open no variables.

// maxEvent bounds the file of an event, in bytes.
const maxEvent = 16 << 10

// readProfile finds the provider's profile; without one r.profile has no name, and what is wrong was reported.
func (r *reader) readProfile(tree *shape.Value) {
	name := tree.Field("provider")
	switch {
	case name == nil:
		return
	case slices.Contains(provider.Names(), name.Text):
		profile, err := provider.ByName(name.Text)
		if err != nil {
			r.problem(name, name.Path+" cannot be read: "+err.Error(), "report this")
			return
		}
		r.profile = profile
		r.guard.words, r.guard.bare = profile.Secret.Names, bareWords(&profile)
	default:
		r.ownProfile(name)
	}
	r.completeProfile(tree)
}

// bareWords are words of variables that hold other credentials of the provider's: a variable with one of
// them needs a permission.
func bareWords(profile *provider.Profile) []string {
	if profile.Signature.Kind == provider.Token || profile.Secret.Reach == "" || profile.Secret.Reach == provider.ReachEndpoint {
		return []string{"token", "pat"}
	}
	return nil
}

func (r *reader) ownProfile(name *shape.Value) {
	resolved := r.otherFile(name)
	if resolved == "" {
		return
	}
	content, err := readBounded(resolved, provider.MaxSize)
	if err != nil {
		r.problem(name, name.Path+" cannot be read: "+err.Error(), "correct the path, which starts at the configuration's directory, or write the name of a built-in profile")
		return
	}
	file := name.Text
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(r.found.File()), file)
	}
	profile, err := provider.ParseOwn(file, content)
	var mistakes *shape.Error
	switch {
	case errors.As(err, &mistakes):
		r.found.Include(mistakes)
	case err != nil:
		r.problem(name, name.Path+" cannot be read: "+err.Error(), "correct the profile")
	default:
		r.profile = *profile
		r.integration.ProfileFiles = append(r.integration.ProfileFiles, name.Text)
	}
}

// completeProfile adds what the configuration itself says of the provider.
func (r *reader) completeProfile(tree *shape.Value) {
	signature, added := tree.Field("signature"), tree.Field("events")
	if r.profile.Name == "" || (signature == nil && added == nil) {
		return
	}
	if signature != nil && r.profile.Name != provider.Generic {
		r.problem(signature, signature.Path+" is given, but "+r.profile.Name+" has a signature of its own", "remove it, write provider: "+provider.Generic+", or name a profile of your own")
		return
	}
	var overlay []byte
	if signature != nil {
		var err error
		if overlay, err = json.Marshal(signature.Plain()); err != nil {
			r.problem(signature, signature.Path+" cannot be read", "correct it")
			return
		}
	}
	var events []provider.Event
	for _, item := range added.List() {
		file := item.Field("file")
		if file == nil || item.Field("type") == nil {
			continue
		}
		resolved := r.otherFile(file)
		if resolved == "" {
			continue
		}
		body, err := readBounded(resolved, maxEvent)
		if err != nil {
			r.problem(file, file.Path+" cannot be read: "+err.Error(), "correct the path, which starts at the configuration's directory")
			continue
		}
		r.integration.ProfileFiles = append(r.integration.ProfileFiles, file.Text)
		events = append(events, provider.Event{Type: item.Field("type").Text, Harmless: item.Field("harmless").IsTrue(), Body: strings.TrimRight(string(body), "\r\n")})
	}
	completed, err := r.profile.Complete(overlay, events, func(path, message, next string) {
		at := signature
		if strings.HasPrefix(path, "events") || at == nil {
			at = added
		}
		if position, known := r.integration.Positions[path]; known && !strings.HasPrefix(path, "events") {
			r.found.Add(position, message, next)
			return
		}
		r.problem(at, message, next)
	})
	if err != nil {
		r.problem(tree.Field("provider"), "the provider's profile cannot be completed: "+err.Error(), "correct signature and events")
		return
	}
	r.profile = *completed
}

// checkKeyPair reports where a key pair of the reviewer's has no place. What is wrong with the key itself is
// reported at its setting.
func (r *reader) checkKeyPair(environment, pair *shape.Value) {
	path := environment.Path + ".api_key"
	switch {
	case environment.Field("api_key") != nil:
		r.problem(pair, pair.Path+" stands next to the environment's key", "remove one of them")
	case r.profile.Name != "" && r.profile.Signature.Kind != provider.PublicKey:
		r.problem(pair, pair.Path+" is given, but "+r.profile.Name+" signs with a secret", "write secret in its place")
	case pair.Field("sha256") != nil:
		r.problem(pair, pair.Path+" is known by its fingerprint only, which signs nothing", "refer to the private key")
	case strings.HasSuffix(environment.Path, "."+audit.Production):
		r.problem(pair, pair.Path+" would have events of the reviewer's accepted in Production", "audit Production with the provider's own key there, and have a pair of your own in Test")
	}
	r.integration.Positions[path] = pair.At
}

// checkIdentity reports what an environment lacks for the provider.
func (r *reader) checkIdentity(v *shape.Value) {
	if v == nil || r.profile.Name == "" {
		return
	}
	identity, dashboard := r.profile.Words["identity"], r.profile.Words["dashboard"]
	if identity == "" {
		identity = "identifier"
	}
	if dashboard == "" {
		dashboard = "provider"
	}
	for _, setting := range []struct {
		name, about string
		needed      bool
	}{
		{"integration_id", "the environment's " + identity + " from the " + dashboard + ", in quotes", r.profile.Environments.HasIdentity()},
		{"api_key", aboutKey, !r.profile.Signature.NegativeOnly()},
	} {
		misspelt := v.Misspelt[setting.name] || v.Misspelt["account"] && setting.name == "integration_id" || v.Misspelt["secret"] && setting.name == "api_key"
		if _, written := r.integration.Positions[v.Path+"."+setting.name]; !written && setting.needed && !misspelt {
			r.problem(v, v.Path+" has no \""+setting.name+"\"", "add it: "+setting.about)
		}
	}
}
