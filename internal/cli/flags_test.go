package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// TestQuietRevisit: nothing but errors goes to standard error.
func TestQuietRevisit(t *testing.T) {
	t.Parallel()
	pair := start(t, sandbox.PairOptions{})
	store := filepath.Join(t.TempDir(), "store")
	for _, run := range []string{"first", "second"} {
		args := append([]string{"revisit", pair.File, "--quiet", "--only", "access.*", "--store", store}, pair.Args()...)
		if code, _, stderr := pair.call(t.Context(), args...); code != 0 || stderr != "" {
			t.Errorf("%s run: exit %d: %q", run, code, stderr)
		}
	}
}

// hostilePolicy is a user's own check whose texts act on a terminal, or hide what they say.
const hostilePolicy = `# METADATA
# title: "A \u001b[31mtitle\u202e that\u200b hides"
# description: "A \u001b]0;description\u0007 that acts"
# custom:
#   id: acme.hostile
#   section: "Own \u001b[2Jsection"
#   level: recommended
#   severity: low
#   facts: []
#   remediation: "Nothing\u2066 to do"
package acme.checks.hostile

import data.prelaunch.lib

findings contains lib.declared({"outcome": "pass", "subject": "all", "target": "all", "message": "fine"})
`

func TestTextsOfPoliciesActOnNoTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hostile.rego"), []byte(hostilePolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	program := started{Pair: &sandbox.Pair{}} // nothing runs
	for _, args := range [][]string{{"checks"}, {"checks", "-o", "markdown"}, {"checks", "-o", "json"}, {"explain"},
		{"explain", "acme.hostile"}, {"explain", "acme.hostile", "-o", "json"}} {
		code, stdout, stderr := program.call(t.Context(), append(args, "--policy", dir)...)
		if code != 0 || !strings.Contains(stdout, "acme.hostile") {
			t.Fatalf("%v: exit %d: %s", args, code, stderr)
		}
		if strings.ContainsAny(stdout, "\x1b\a\u202e\u200b\u2066") {
			t.Errorf("%v prints what acts on a terminal", args)
		}
	}
}

// TestHelpFitsTheTerminal: no line of any command's help is wider than the terminal, so that none breaks within a word.
func TestHelpFitsTheTerminal(t *testing.T) {
	t.Parallel()
	_, list, _ := programIn(t, []string{"COLUMNS=80"}, "--help")
	_, list, _ = strings.Cut(list, "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for line := range strings.Lines(list) {
		if name := strings.TrimPrefix(line, "  "); name != line && !strings.HasPrefix(name, " ") {
			names = append(names, strings.Fields(name)[0])
		}
	}
	if len(names) < 25 {
		t.Fatalf("%d commands are listed: %s", len(names), list)
	}
	for _, name := range names {
		code, text, _ := programIn(t, []string{"COLUMNS=80"}, name, "--help")
		for line := range strings.Lines(text) {
			if code != 0 || utf8.RuneCountInString(line) > 80+1 && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s: exit %d: %s", name, code, line)
			}
		}
		if _, piped, _ := programIn(t, nil, name, "--help"); strings.Join(strings.Fields(piped), " ") != strings.Join(strings.Fields(text), " ") {
			t.Errorf("%s: the help in a terminal says something else than in a pipe:\n%s\n%s", name, piped, text)
		}
	}
}
