package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

func TestStarterLoads(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "acme-personal-loans", `Ümlaut: "quoted" # {{integration}}`} {
		content, err := Starter(provider.Must(provider.Default), name, "")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "prelaunch.yaml")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		integration, err := Load(path, Options{Now: func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }})
		if err != nil {
			t.Fatal(err)
		}
		want := name
		if want == "" {
			want = "my-integration"
		}
		if integration.Name != want {
			t.Errorf("name %q, want %q", integration.Name, want)
		}
		if e, _ := integration.Environment(audit.Production); e.Probing != audit.Careful || e.Key.Variable != "BEGINI_PRODUCTION_API_KEY" {
			t.Errorf("production: %+v", e)
		}
	}
	if _, err := Starter(provider.Must(provider.Default), "two\nlines", ""); err == nil {
		t.Error("a name on two lines is taken")
	}
}

// TestStarterLoadsWithEverySettingSwitchedOn takes the # off every line that is no prose.
func TestStarterLoadsWithEverySettingSwitchedOn(t *testing.T) {
	t.Parallel()
	content, err := Starter(provider.Must(provider.Default), "acme", "")
	if err != nil {
		t.Fatal(err)
	}
	switchedOn := regexp.MustCompile(`(?m)^( *)#([a-z]|  )`).ReplaceAllString(string(content), "$1$2")
	integration, err := loadIn(t, folder(t), switchedOn)
	if err != nil {
		t.Fatal(err)
	}
	// version, integration, provider and environments are required, signature and events are for other providers; everything else
	// is declared.
	if got, want := len(integration.Declared), len(root().Fields)-6; got != want {
		t.Errorf("%d of %d optional sections: %v", got, want, integration.Declared)
	}
	for path := range mustLoad(t, full).Positions {
		if _, there := integration.Positions[path]; !there && !strings.ContainsAny(path, "[]") && !strings.Contains(path, "api_key.") && !strings.Contains(path, "api_base_url") && !strings.Contains(path, "production.") {
			t.Errorf("the starter does not show %s", path)
		}
	}
}

// TestStarterOfEveryProviderLoads reads the starter of each built-in profile, with the variables that it names permitted by them.
func TestStarterOfEveryProviderLoads(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		content, err := Starter(provider.Must(name), "acme", "")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "prelaunch.yaml")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		integration, err := Load(path, Options{Now: func() time.Time { return today }})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if integration.Provider != name || strings.Contains(string(content), "{{") {
			t.Errorf("%s: %s", name, content)
		}
		if name != provider.Default && regexp.MustCompile(`(?i)begini|beacon|deployment.centre`).Match(content) {
			t.Errorf("the starter of %s names another provider", name)
		}
	}
}
