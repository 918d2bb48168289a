package history

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

var update = flag.Bool("update", false, "write the golden files")

// side is one audit: what was judged and from which facts.
type side struct {
	day      int
	policies string
	scope    audit.Scope
	waivers  []audit.Waiver
	facts    map[string][]json.RawMessage
	verdicts map[string][]audit.Verdict
}

func (s side) report(t *testing.T) (*audit.Report, *audit.Document) {
	t.Helper()
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, s.day)
	doc := &audit.Document{
		Schema: audit.FactsSchema, Tool: audit.Tool{Name: "prelaunch", Version: "0.1.0"}, StartedAt: at, FinishedAt: at, Facts: s.facts, Scope: s.scope, ConfigDigest: "sha256:c",
		Integration: audit.Integration{Name: "acme", Provider: "begini", Environments: []audit.Environment{{Name: audit.Test}, {Name: audit.Production}}, Waivers: s.waivers},
	}
	raw, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var checks []audit.CheckInfo
	for _, id := range []string{"code.check", "web.check", "old.check", "new.check"} {
		if _, judged := s.verdicts[id]; judged {
			checks = append(checks, audit.CheckInfo{ID: id, Title: "Title of " + id, Level: audit.Required, Severity: "high"})
		}
	}
	return verdict.Assemble(doc, audit.Digest(raw), verdict.Judgment{Checks: checks, Verdicts: s.verdicts, PolicyDigest: s.policies}, nil), doc
}

func fact(format string, args ...any) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(format, args...))
}

func sides() (older, newer side) {
	web := func(outcome audit.Outcome, status int, digest string) []audit.Verdict {
		return []audit.Verdict{{Outcome: outcome, Environment: audit.Production, Subject: "tampered", Target: "https://hooks.acme.example", Message: fmt.Sprintf("a forgery is answered with %d", status),
			Evidence: map[string]any{"status": status, "answer": map[string]any{"digest": digest, "type": "text/plain"}, "cases": []any{"a", "b"}}}}
	}
	exchange := func(name string, status int) json.RawMessage {
		return fact(`{"environment":"production","family":"tampered","case":%q,"status":%d,"answer":"x"}`, name, status)
	}
	older = side{policies: "sha256:p1", scope: audit.Scope{
		Probing: map[string]string{audit.Production: audit.Careful}, Repositories: []audit.RepositoryScope{{Path: ".", Head: "aaaa"}},
		Keys: []audit.KeyScope{{Environment: audit.Production, Role: "current", Fingerprint: "sha256:11111111", Source: "env KEY"}},
	}, facts: map[string][]json.RawMessage{
		"webhook.exchange": {exchange("a", 200), exchange("b", 401), exchange("same", 401)}, "git.hit": {fact(`{"path":"a"}`)}, "same.kind": {fact(`{"a":1}`)},
	}, verdicts: map[string][]audit.Verdict{
		"web.check":  web(audit.Fail, 200, "d1"),
		"code.check": {{Outcome: audit.Fail, Subject: "a", Target: ".", Message: "key in a", Evidence: map[string]any{"path": "a", "line": 3}}},
		"old.check":  {{Outcome: audit.Pass, Subject: "x", Message: "fine"}},
	}}
	newer = side{day: 7, policies: "sha256:p1", scope: audit.Scope{
		Probing: map[string]string{audit.Production: audit.Full}, Repositories: []audit.RepositoryScope{{Path: ".", Head: "bbbb"}},
		Keys:    []audit.KeyScope{{Environment: audit.Production, Role: "current", Fingerprint: "sha256:22222222", Source: "env KEY"}},
		Skipped: []audit.Skipped{{What: "the provider's API", Reason: "provider_checks is off"}},
	}, facts: map[string][]json.RawMessage{
		"webhook.exchange": {exchange("a", 401), exchange("b", 401), exchange("same", 401), fact(`{"environment":"test","new":true}`)}, "same.kind": {fact(`{ "a": 1 }`)},
	}, verdicts: map[string][]audit.Verdict{
		"web.check":  web(audit.Pass, 401, "d2"),
		"code.check": {{Outcome: audit.Pass, Subject: "all", Target: ".", Message: "no key"}},
		"new.check":  {{Outcome: audit.Inconclusive, Subject: "x", Message: "not looked at"}},
	}}
	return older, newer
}

func TestCompare(t *testing.T) {
	t.Parallel()
	older, newer := sides()
	oldReport, oldFacts := older.report(t)
	newReport, newFacts := newer.report(t)
	d, err := Compare(oldReport, newReport, DiffOptions{OldFacts: oldFacts, NewFacts: newFacts, Reads: map[string][]string{"web.check": {"webhook.exchange"}, "code.check": {"git.hit"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, print := range map[string]func(*bytes.Buffer) error{
		"diff.txt":  func(out *bytes.Buffer) error { return d.WriteText(out) },
		"diff.json": func(out *bytes.Buffer) error { return d.WriteJSON(out) },
	} {
		var got bytes.Buffer
		if err := print(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: run the test with -update", err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s differs (-want +got); if that is meant, run the test with -update:\n%s", path, diff)
		}
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(older, newer *side)
		check  string
		want   string // among the reasons
		not    string // not among them
	}{
		{"evidence", func(_, _ *side) {}, "web.check", "What was found differs: 0 appeared, 0 gone, 1 changed.", "policies"},
		{"policies only", func(older, newer *side) {
			newer.verdicts["web.check"] = older.verdicts["web.check"]
			judged := newer.verdicts["web.check"][0]
			judged.Outcome = audit.Pass
			newer.verdicts["web.check"], newer.policies = []audit.Verdict{judged}, "sha256:p2"
		}, "web.check", "The policies differ", "What was found"},
		{"a waiver", func(older, newer *side) {
			newer.verdicts["web.check"] = older.verdicts["web.check"]
			newer.waivers = []audit.Waiver{{Check: "web.check", Reason: "r", Owner: "o", ApprovedBy: "a", Expires: audit.NewDate(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))}}
		}, "web.check", "A waiver was given", "What was found"},
		{"probing", func(_, _ *side) {}, "web.check", "Probing in production was careful and is now full.", ""},
		{"something skipped", func(_, _ *side) {}, "web.check", "Not checked this time: the provider's API", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			older, newer := sides()
			test.change(&older, &newer)
			oldReport, _ := older.report(t)
			newReport, _ := newer.report(t)
			d, err := Compare(oldReport, newReport, DiffOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range d.Checks {
				if check.ID != test.check {
					continue
				}
				reasons := strings.Join(check.Why, "\n")
				if !strings.Contains(reasons, test.want) || test.not != "" && strings.Contains(reasons, test.not) {
					t.Errorf("reasons are %q, want %q and not %q", reasons, test.want, test.not)
				}
				return
			}
			t.Errorf("%s is not among the changes", test.check)
		})
	}
}

func TestSameIsNoChange(t *testing.T) {
	t.Parallel()
	older, _ := sides()
	r, doc := older.report(t)
	d, err := Compare(r, r, DiffOptions{OldFacts: doc, NewFacts: doc})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Context)+len(d.Checks)+len(d.Facts) != 0 {
		t.Errorf("a report differs from itself: %+v", d)
	}
	var out bytes.Buffer
	if err := d.WriteText(&out); err != nil || !strings.Contains(out.String(), "No check changed.") {
		t.Errorf("%v, %q", err, out.String())
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	older, newer := sides()
	oldReport, oldFacts := older.report(t)
	newReport, newFacts := newer.report(t)
	other, _ := older.report(t)
	other.Integration = "acme-cards"
	for name, test := range map[string]struct {
		a, b *audit.Report
		o    DiffOptions
		says string
	}{
		"another integration":    {other, newReport, DiffOptions{}, `"acme-cards"`},
		"the wrong order":        {newReport, oldReport, DiffOptions{}, "older"},
		"facts of one side":      {oldReport, newReport, DiffOptions{OldFacts: oldFacts}, "both"},
		"facts of another audit": {oldReport, newReport, DiffOptions{OldFacts: newFacts, NewFacts: newFacts}, "older audit: the report was judged from other facts"},
	} {
		if _, err := Compare(test.a, test.b, test.o); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error is %v, should say %q", name, err, test.says)
		}
	}
}

func TestTextIsSafe(t *testing.T) {
	t.Parallel()
	const key, hostile = "sk-begini-0a1b2c3d4e5f", "\x1b[2J\u202e\nfake: pass"
	older, newer := sides()
	newer.verdicts["web.check"][0].Message = key + hostile
	newer.verdicts["web.check"][0].Evidence = map[string]any{hostile + key: hostile + key, "list": []any{key}}
	newer.scope.Overrides = []audit.Override{{Setting: hostile, Value: key}}
	newer.facts["webhook.exchange"] = append(newer.facts["webhook.exchange"], fact(`{"x":%s}`, text(hostile+key)))
	oldReport, oldFacts := older.report(t)
	newReport, newFacts := newer.report(t)
	d, err := Compare(oldReport, newReport, DiffOptions{OldFacts: oldFacts, NewFacts: newFacts})
	if err != nil {
		t.Fatal(err)
	}
	var asText, asJSON bytes.Buffer
	if err := d.WriteText(&asText); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteJSON(&asJSON); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(asText.String(), "\n") {
		if strings.IndexFunc(line, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) >= 0 || strings.HasPrefix(line, "fake") {
			t.Errorf("line %q", line)
		}
	}
}

func TestUnlikeFactsAreNotPaired(t *testing.T) {
	t.Parallel()
	document := func(facts ...json.RawMessage) *audit.Document {
		return &audit.Document{Facts: map[string][]json.RawMessage{"a.kind": facts}}
	}
	got := compareFacts(document(fact(`{"path":"a","line":1,"key":"k"}`)), document(fact(`{"path":"b","line":2,"key":"k"}`), fact(`"odd"`)))
	want := []KindChange{{Kind: "a.kind", Added: 2, Removed: 1, Changes: []FactChange{}, Samples: []Sample{
		{Removed, map[string]any{"path": "a", "line": 1.0, "key": "k"}}, {Added, map[string]any{"path": "b", "line": 2.0, "key": "k"}}, {Added, map[string]any{"fact": `"odd"`}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestUnchanged: neither the day, nor the order of lists, nor how much a log has grown is a change.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	on := func(day int, bytes int, list ...any) *audit.Report {
		r, _ := side{day: day, verdicts: map[string][]audit.Verdict{"web.check": {{Outcome: audit.Pass, Subject: "x", Message: "fine",
			Evidence: map[string]any{"bytes": bytes, "list": list}}}}}.report(t)
		return r
	}
	d, err := Compare(on(0, 1, "a", "b"), on(1, 2, "b", "a"), DiffOptions{})
	if err != nil || len(d.Checks)+len(d.Context)+len(d.Summary()) != 0 {
		t.Errorf("changes: %+v %+v %v", d.Checks, d.Context, err)
	}
	if d, err = Compare(on(0, 1, "a", "b"), on(1, 1, "a", "c"), DiffOptions{}); err != nil || len(d.Checks) != 1 {
		t.Errorf("another list is no change: %+v %v", d.Checks, err)
	}
}
