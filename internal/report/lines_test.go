package report

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

func TestFixLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want []FixLine
	}{
		{"", nil},
		{" \n\n", nil},
		{"Do it.", []FixLine{{false, "Do it."}}},
		{"Do it:\n- nginx: `a;`\n-  Apache\n\nThen again.\n", []FixLine{{false, "Do it:"}, {true, "nginx: `a;`"}, {true, "Apache"}, {false, "Then again."}}},
		{"-x\n- \x1b[1m", []FixLine{{false, "-x"}, {true, `\x1b[1m`}}},
	} {
		if diff := cmp.Diff(test.want, FixLines(test.text)); diff != "" {
			t.Errorf("%q:\n%s", test.text, diff)
		}
	}
	if got := FixLines(strings.Repeat("- x\n", 10_000)); len(got) != mostFix {
		t.Errorf("%d lines, want %d", len(got), mostFix)
	}
}

// TestEveryFormatSaysEveryOutcome looks in each format for people and for machines for what each item and check came to.
func TestEveryFormatSaysEveryOutcome(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	said := map[string]func(audit.Outcome, string) string{ // outcome and name as the format writes them side by side
		"table":    func(o audit.Outcome, name string) string { return "| " + padTo(label(o), statusWidth) + " | " + name },
		"markdown": func(o audit.Outcome, name string) string { return outcomeMark(o) + " | " + name },
	}
	for format, find := range said {
		out := string(render(t, format, r, Options{Width: 0}))
		for _, item := range r.Checklist {
			name := map[string]string{"table": "%. ", "markdown": `%\. `}[format] + item.Title[:20]
			if want := find(item.Outcome, strings.Replace(name, "%", string(rune('0'+item.Item)), 1)); !strings.Contains(out, want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
		for _, check := range r.Checks {
			want := find(check.Outcome, check.ID)
			if format == "markdown" && (check.Outcome == audit.Fail || check.Outcome == audit.Inconclusive) {
				want = "#### " + symbol(check.Outcome) + " " + check.ID
			}
			if !strings.Contains(out, want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
	}
	var suites junitSuites
	if err := xml.Unmarshal(render(t, "junit", r, Options{}), &suites); err != nil {
		t.Fatal(err)
	}
	worst := map[string]audit.Outcome{}
	for _, suite := range suites.Suites {
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
