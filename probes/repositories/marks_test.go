package repositories

import (
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// TestMarksOfSeveralEnvironments: what tells one environment from every other counts, by the names that the configuration uses.
func TestMarksOfSeveralEnvironments(t *testing.T) {
	t.Parallel()
	environment := func(name, id, key string) audit.Environment {
		return audit.Environment{Name: name, IntegrationID: id, Key: audit.KeyReference{Key: secret.New([]byte(key))}}
	}
	m := newMarks(&audit.Integration{Environments: []audit.Environment{
		environment("sandbox", "1234567890987654321", "key-of-sandbox-8fKq2m"),
		environment("staging", "1234567890987654321", "key-of-staging-8fKq2m"),
		environment("live", "9876543210123456789", "key-of-staging-8fKq2m"),
	}}, provider.Profile{}, 0)
	var of []string
	for _, mark := range m.list {
		of = append(of, mark.kind+" "+mark.environment)
	}
	if want := []string{"integration_id live"}; !slices.Equal(of, want) {
		t.Errorf("got %v, want %v", of, want)
	}
	if !m.own["sandbox"] || m.own["staging"] || m.own["live"] {
		t.Errorf("keys: %v", m.own)
	}
	for file, want := range map[string]string{
		".env.staging": "staging", ".env.live": "live", "config/prod.yaml": "live", "deploy/test/values.yaml": "sandbox",
		"staging-and-live.yml": "", "live/index.js": "", "README.md": "", "tests/fixtures/test.json": "",
	} {
		if got := m.environmentOf(file); got != want {
			t.Errorf("%s belongs to %q, want %q", file, got, want)
		}
	}
	if alone := newMarks(&audit.Integration{Environments: []audit.Environment{environment("test", "1234567890987654321", "k")}}, provider.Profile{}, 0); len(alone.list) > 0 || alone.own["test"] {
		t.Error("the only environment is told from others")
	}
}
