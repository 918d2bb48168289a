package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// maxStarterBlocks is how many things a new user has to do after the first audit of a correct deployment with the starter
// configuration: declare clients, logs and access, and attest the store of the keys, what is registered, and the build.
const maxStarterBlocks = 6

// TestStarterOfCorrectDeploymentAsksForFewThings: what is inconclusive is folded by what settles it.
func TestStarterOfCorrectDeploymentAsksForFewThings(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{})
	starter, err := config.Starter(provider.Must(provider.Default), "acme", "")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(pair.File)
	if err != nil {
		t.Fatal(err)
	}
	_, network, _ := strings.Cut(string(whole), "\nnetwork:")
	file, facts := filepath.Join(pair.Dir, "starter.yaml"), filepath.Join(pair.Dir, "report.json")
	text := strings.Replace(string(starter), "{path: .}", "{path: app}", 1) + "\nnetwork:" + network
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, table, stderr := pair.call(t.Context(), "audit", file, "-o", "table", "-o", "json="+facts)
	if code != 3 {
		t.Fatalf("exit %d: %s%s", code, table, stderr)
	}
	raw, err := os.ReadFile(facts)
	if err != nil {
		t.Fatal(err)
	}
	var report audit.Report
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(table, "waiting for it"); n > maxStarterBlocks {
		t.Errorf("%d blocks, want at most %d:\n%s", n, maxStarterBlocks, table)
	}
	for _, check := range report.Checks {
		if check.Outcome == audit.Inconclusive && slices.ContainsFunc(check.Findings, func(f audit.Finding) bool {
			return f.Outcome == audit.Inconclusive && f.NextStep == ""
		}) {
			t.Errorf("%s names no next step", check.ID)
		}
	}
}
