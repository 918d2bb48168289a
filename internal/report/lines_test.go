package report

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

func TestBlocks(t *testing.T) {
	t.Parallel()
	text := func(s string) Block { return Block{Text: s} }
	item := func(s string) Block { return Block{Item: true, Text: s} }
	code := func(s string) Block { return Block{Code: true, Text: s} }
	for _, test := range []struct {
		text string
		want []Block
	}{
		{"", nil},
		{" \n\n", nil},
		{"Do it.", []Block{text("Do it.")}},
		{"Do it\nnow.\n\nThen rest.", []Block{text("Do it now."), text("Then rest.")}},
		{"Do it:\n- nginx: `a;`\n  b\n-  Apache\n\nThen again.\n", []Block{text("Do it:"), item("nginx: `a;` b"), item("Apache"), text("Then again.")}},
		{"Add to prelaunch.yaml:\n\n  attestations:\n    - check: x\n      by: jane\n\nAudit again.", []Block{
			text("Add to prelaunch.yaml:"), code("attestations:\n  - check: x\n    by: jane"), text("Audit again.")}},
		{"Add:\nclients:\n  - {path: dist}", []Block{text("Add:"), code("clients:\n  - {path: dist}")}},
		{"Add:\n```yaml\na: [1]\n- b\n```\nEnd.", []Block{text("Add:"), code("a: [1]\n- b"), text("End.")}},
		{"-x\n- \x1b[1m", []Block{text("-x"), item(`\x1b[1m`)}},
		{"Run:\n  a\u202e\x07", []Block{text("Run:"), code(`a\u202e\x07`)}},
	} {
		if diff := cmp.Diff(test.want, Blocks(test.text)); diff != "" {
			t.Errorf("%q:\n%s", test.text, diff)
		}
	}
	if got := Blocks(strings.Repeat("- x\n", 10_000)); len(got) != maxBlocks {
		t.Errorf("%d blocks, want %d", len(got), maxBlocks)
	}
}

func TestWrapKeepsCodeWhole(t *testing.T) {
	t.Parallel()
	got := Wrap("Set what follows:\n- nginx: a b c d e f; and reload it\n\n  ssl_ciphers A:B:C:D:E:F:G:H:I:J\n\nThen audit again.", 24, "  ")
	want := "  Set what follows:\n  - nginx: a b c d e f;\n    and reload it\n\n    ssl_ciphers A:B:C:D:E:F:G:H:I:J\n\n  Then audit again."
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestEveryFormatSaysEveryOutcome looks in each format for people and for machines for what each
// item and check came to.
func TestEveryFormatSaysEveryOutcome(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	table, markdown := string(render(t, "table", r, Options{Verbose: true, Width: maxWidth})), string(render(t, "markdown", r, Options{}))
	for _, item := range r.Checklist {
		name := fmt.Sprintf("%s%s  %d. %s", label(item.Outcome), strings.Repeat(" ", len("not applicable")-len(label(item.Outcome))), item.Item, item.Title)
		if !strings.Contains(table, name) {
			t.Errorf("table does not say %q", name)
		}
		if want := fmt.Sprintf("%s | %d\\. %s", outcomeMark(item.Outcome), item.Item, MarkdownText(item.Title)); !strings.Contains(markdown, want) {
			t.Errorf("markdown does not say %q", want)
		}
	}
	// What does not pass follows the headline of its section; what passes stands next to its
	// outcome.
	parts := map[audit.Outcome][2]string{audit.Fail: {"Failures (", "### Failures ("}, audit.Warn: {"Warnings (", "### Warnings ("},
		audit.Inconclusive: {"Not proven, by cause (", "### Not proven, by cause ("}, audit.Waived: {"Waived (", outcomeMark(audit.Waived)},
		audit.Pass: {"Passes (", outcomeMark(audit.Pass)}, audit.NotApplicable: {"not applicable  ", outcomeMark(audit.NotApplicable)}}
	for _, check := range r.Checks {
		for i, out := range []string{table, markdown} {
			_, after, found := strings.Cut(out, parts[check.Outcome][i])
			if !found || !strings.Contains(after, check.ID) {
				t.Errorf("%s: %q is not followed by %s", []string{"table", "markdown"}[i], parts[check.Outcome][i], check.ID)
			}
		}
	}
	var suite junitSuite
	if err := xml.Unmarshal(render(t, "junit", r, Options{}), &suite); err != nil {
		t.Fatal(err)
	}
	worst := map[string]audit.Outcome{}
	for _, c := range suite.Cases {
		id, _, _ := strings.Cut(c.Name, " ")
		name, _, _ := strings.Cut(strings.TrimPrefix(c.Out, "outcome: "), ";")
		var outcome audit.Outcome
		if err := outcome.UnmarshalText([]byte(name)); err != nil {
			t.Fatal(err)
		}
		if before, known := worst[id]; !known || outcome.Worse(before) {
			worst[id] = outcome
		}
	}
	for _, check := range r.Checks {
		if worst[check.ID] != check.Outcome {
			t.Errorf("junit says that %s is %s, not %s", check.ID, worst[check.ID], check.Outcome)
		}
	}
}

func TestCaveats(t *testing.T) {
	t.Parallel()
	partial := sampleReport(t)
	partial.Partial, partial.Ready = true, false
	for name, test := range map[string]struct {
		r    *audit.Report
		says string
	}{"cut short": {emptyReport(t), "cut short"}, "partial": {partial, "audit is partial"}} {
		for _, format := range Formats {
			if format.Name == "json" {
				continue
			}
			if out := string(render(t, format.Name, test.r, Options{})); !strings.Contains(out, test.says) {
				t.Errorf("%s as %s does not say so", name, format.Name)
			}
		}
	}
}

func TestConfigFileStaysInsideTheRepository(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": "prelaunch.yaml", "audit/prelaunch.yaml": "audit/prelaunch.yaml", "./acme.yaml": "acme.yaml", "/etc/acme.yaml": "acme.yaml", "../acme.yaml": "acme.yaml", "/": "prelaunch.yaml",
	} {
		v, err := newView(emptyReport(t), Options{ConfigFile: given})
		if err != nil {
			t.Fatal(err)
		}
		if v.ConfigFile != want {
			t.Errorf("%q became %q, want %q", given, v.ConfigFile, want)
		}
	}
}
