package config

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

//go:embed starter.yaml
var starter string

// Starter is a commented configuration for a provider to start from, which Load accepts as it is. An empty name stands for
// "my-integration"; reference is the path of a profile that is not built in, as the configuration has it.
func Starter(profile *provider.Profile, name, reference string) ([]byte, error) {
	if name == "" {
		name = "my-integration"
	}
	if !integrationName.Takes(name) {
		return nil, fmt.Errorf("the name of the integration is not %s: %s", integrationName.Is, integrationName.Next)
	}
	quoted, err := json.Marshal(name) // a JSON text is a YAML text
	if err != nil {
		return nil, fmt.Errorf("quote the name of the integration: %w", err)
	}
	word, opened := "PRELAUNCH", "PRELAUNCH_"
	if own := profile.Word(); own != "" {
		word = strings.ToUpper(own)
		opened = word + " or PRELAUNCH_"
	}
	has := map[string]bool{
		"generic": profile.Name == provider.Generic, "identity": profile.Environments.HasIdentity(),
		"key": !profile.Signature.NegativeOnly(), "public": profile.Signature.NegativeOnly(), "redirects": profile.Features.Redirects,
		"api": profile.API.BaseURL != "", "registration": profile.Features.Registration, "plain": !profile.Features.Registration,
	}
	or := func(word, fallback string) string {
		if profile.Words[word] == "" {
			return fallback
		}
		return profile.Words[word]
	}
	identity, roster, evidence := "account", "dashboard", "secret-store"
	if profile.Environments.Identity == "integration_id" {
		identity = "integration_id"
	}
	if profile.Features.Registration {
		roster, evidence = strings.ToLower(or("accounts", roster)), "redirects"
	}
	setting := profile.SecretSetting()
	fill := strings.NewReplacer("{{integration}}", string(quoted), "{{provider}}", cmp.Or(reference, profile.Name), "{{path}}", profile.Name,
		"{{events}}", strings.Join(someTypes(profile), ", "), "{{tab}}", or("tab", "page of the "+or("dashboard", "provider's dashboard")),
		"{{identity}}", identity, "{{words}}", opened, "{{word}}", word, "{{secret}}", setting, "{{SECRET}}", strings.ToUpper(setting),
		"{{roster}}", roster, "{{evidence}}", evidence)
	var out strings.Builder
	kept := true
	for line := range strings.Lines(starter) {
		switch text := strings.TrimRight(line, "\n"); {
		case strings.HasPrefix(text, "#<"):
			kept = has[text[2:]]
		case text == "#>":
			kept = true
		case kept:
			out.WriteString(line)
		}
	}
	return []byte(fill.Replace(out.String())), nil
}

// someTypes are a type that carries a result and one that does not.
func someTypes(profile *provider.Profile) []string {
	var types []string
	for _, harmless := range []bool{false, true} {
		for _, event := range profile.Events {
			if event.Harmless == harmless {
				types = append(types, event.Type)
				break
			}
		}
	}
	return types
}
