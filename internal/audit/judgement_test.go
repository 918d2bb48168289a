package audit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var finished = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func date(t *testing.T, text string) Date {
	t.Helper()
	d, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func document(waivers ...Waiver) *Document {
	return &Document{FinishedAt: finished, Integration: Integration{
		Name: "acme", Environments: []Environment{{Name: Test}, {Name: Production}}, Waivers: waivers,
	}}
}

var (
	required    = CheckInfo{ID: "a.required", Level: Required, Items: []int{1}}
	recommended = CheckInfo{ID: "a.recommended", Level: Recommended}
	perEach     = CheckInfo{ID: "a.each", Level: Required, Items: []int{1}, PerEnvironment: true, Facts: []string{"a.fact"}}
)

func assemble(doc *Document, partial bool, verdicts map[string][]Verdict, checks ...CheckInfo) *Report {
	return Assemble(doc, "sha256:f", Judgement{Checks: checks, Verdicts: verdicts, Partial: partial}, []string{"First", "Second"})
}

func verdict(outcome Outcome, environment, subject string) Verdict {
	return Verdict{Outcome: outcome, Environment: environment, Subject: subject, Message: outcome.String()}
}

func TestOutcomesOrderAndZero(t *testing.T) {
	t.Parallel()
	var zero Outcome
	if zero != Inconclusive || Worst() != Inconclusive {
		t.Error("nothing must prove nothing")
	}
	order := []Outcome{Fail, Inconclusive, Warn, Waived, Pass, NotApplicable}
	for i, worse := range order {
		for _, better := range order[i+1:] {
			if !worse.Worse(better) || better.Worse(worse) || Worst(better, worse) != worse {
				t.Errorf("%v against %v", worse, better)
			}
		}
		var again Outcome
		text, err := worse.MarshalText()
		if err != nil || again.UnmarshalText(text) != nil || again != worse {
			t.Errorf("%v does not survive being written", worse)
		}
	}
	if (&zero).UnmarshalText([]byte("passed")) == nil {
		t.Error("an unknown outcome was read")
	}
}

// TestStatusAndExitCode goes through what a report as a whole can come to.
func TestStatusAndExitCode(t *testing.T) {
	t.Parallel()
	waiver := Waiver{Check: "a.required", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-12-01")}
	expired := waiver
	expired.Expires = date(t, "2026-11-23")
	lastDay := waiver
	lastDay.Expires = date(t, "2026-11-24")
	elsewhere := waiver
	elsewhere.Environment = Test
	for name, test := range map[string]struct {
		waivers  []Waiver
		verdicts []Verdict
		check    CheckInfo
		partial  bool
		cutShort bool
		status   string
		code     int
		ready    bool
	}{
		"pass":                      {check: required, verdicts: []Verdict{verdict(Pass, "", "x")}, status: "READY", ready: true},
		"not applicable":            {check: required, verdicts: []Verdict{verdict(NotApplicable, "", "x")}, status: "READY", ready: true},
		"warn":                      {check: required, verdicts: []Verdict{verdict(Warn, "", "x")}, status: "READY", ready: true},
		"fail":                      {check: required, verdicts: []Verdict{verdict(Pass, "", "y"), verdict(Fail, "", "x")}, status: "NOT READY", code: 1},
		"inconclusive":              {check: required, verdicts: []Verdict{verdict(Inconclusive, "", "x")}, status: "NOT PROVEN", code: 3},
		"silence":                   {check: required, status: "NOT PROVEN", code: 3},
		"recommended fails":         {check: recommended, verdicts: []Verdict{verdict(Fail, "", "x")}, status: "NOT PROVEN"},
		"waived":                    {check: required, waivers: []Waiver{waiver}, verdicts: []Verdict{verdict(Fail, "", "x")}, status: "READY WITH 1 WAIVER", ready: true},
		"waived on its last day":    {check: required, waivers: []Waiver{lastDay}, verdicts: []Verdict{verdict(Fail, "", "x")}, status: "READY WITH 1 WAIVER", ready: true},
		"two waivers":               {check: required, waivers: []Waiver{elsewhere, waiver}, verdicts: []Verdict{verdict(Fail, Test, "x"), verdict(Inconclusive, Production, "x")}, status: "READY WITH 2 WAIVERS", ready: true},
		"waiver expired":            {check: required, waivers: []Waiver{expired}, verdicts: []Verdict{verdict(Fail, "", "x")}, status: "NOT READY", code: 1},
		"waiver of another half":    {check: required, waivers: []Waiver{elsewhere}, verdicts: []Verdict{verdict(Fail, Production, "x")}, status: "NOT READY", code: 1},
		"waiver of half, whole":     {check: required, waivers: []Waiver{elsewhere}, verdicts: []Verdict{verdict(Fail, "", "x")}, status: "NOT READY", code: 1},
		"partial":                   {check: required, partial: true, verdicts: []Verdict{verdict(Pass, "", "x")}, status: "PARTIAL"},
		"partial and failing":       {check: required, partial: true, verdicts: []Verdict{verdict(Fail, "", "x")}, status: "PARTIAL", code: 1},
		"cut short":                 {check: required, cutShort: true, verdicts: []Verdict{verdict(Pass, "", "x")}, status: "PARTIAL", code: 2},
		"one environment is silent": {check: perEach, verdicts: []Verdict{verdict(Pass, Test, "x")}, status: "NOT PROVEN", code: 3},
		"each environment":          {check: perEach, verdicts: []Verdict{verdict(Pass, Test, "x"), verdict(Pass, Production, "x")}, status: "READY", ready: true},
	} {
		doc := document(test.waivers...)
		doc.CutShort = test.cutShort
		report := assemble(doc, test.partial, map[string][]Verdict{test.check.ID: test.verdicts}, test.check)
		if report.Status() != test.status || report.ExitCode() != test.code || report.Ready != test.ready {
			t.Errorf("%s: %s, exit %d, ready %v; want %s, %d, %v", name, report.Status(), report.ExitCode(), report.Ready, test.status, test.code, test.ready)
		}
		if len(report.Checks[0].Findings) == 0 {
			t.Errorf("%s: a check without a finding", name)
		}
	}
}

func TestRecommendedFailureWarns(t *testing.T) {
	t.Parallel()
	report := assemble(document(), false, map[string][]Verdict{"a.recommended": {verdict(Fail, "", "x")}}, recommended)
	if report.Checks[0].Outcome != Warn {
		t.Errorf("got %v", report.Checks[0].Outcome)
	}
}

func TestWaivedFindingKeepsWhatItWouldHaveBeen(t *testing.T) {
	t.Parallel()
	waiver := Waiver{Check: "a.required", Reason: "later", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-12-01")}
	report := assemble(document(waiver), false, map[string][]Verdict{"a.required": {verdict(Fail, "", "x"), verdict(Warn, "", "y")}}, required)
	raw, err := json.Marshal(report.Checks[0].Findings)
	if err != nil {
		t.Fatal(err)
	}
	var findings []map[string]any
	if err := json.Unmarshal(raw, &findings); err != nil {
		t.Fatal(err)
	}
	waived := findings[1]
	if findings[0]["outcome"] != "warn" || waived["outcome"] != "waived" || waived["raw_outcome"] != "fail" {
		t.Errorf("got %v", findings)
	}
	want := map[string]any{"check": "a.required", "reason": "later", "owner": "bob", "approved_by": "jane", "expires": "2026-12-01"}
	if diff := cmp.Diff(want, waived["waiver"]); diff != "" {
		t.Error(diff)
	}
}

func TestExpiredWaiverIsReported(t *testing.T) {
	t.Parallel()
	waiver := Waiver{Check: "a.required", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-11-23")}
	report := assemble(document(waiver), false, map[string][]Verdict{"a.required": {verdict(Fail, "", "x")}}, required)
	if len(report.Notes) != 1 || report.Checks[0].Findings[0].Evidence["expired_waiver"] == nil {
		t.Errorf("notes %v, evidence %v", report.Notes, report.Checks[0].Findings[0].Evidence)
	}
}

// TestIdentity: an id depends on the check, the integration, the environment and the subject; a scope on the target instead.
func TestIdentity(t *testing.T) {
	t.Parallel()
	first := func(v Verdict) Finding {
		return assemble(document(), false, map[string][]Verdict{"a.required": {v}}, required).Checks[0].Findings[0]
	}
	base := first(Verdict{Outcome: Fail, Environment: Test, Subject: "x", Target: "t", Message: "one"})
	same := first(Verdict{Outcome: Inconclusive, Environment: Test, Subject: "x", Target: "t", Message: "two", Evidence: map[string]any{"status": 500}})
	if base.ID != same.ID || base.Scope != same.Scope {
		t.Error("wording, outcome or evidence change the id")
	}
	if other := first(Verdict{Environment: Test, Subject: "y", Target: "t"}); other.ID == base.ID || other.Scope != base.Scope {
		t.Error("another subject has the same id, or another scope")
	}
	if other := first(Verdict{Environment: Production, Subject: "x", Target: "t"}); other.ID == base.ID || other.Scope == base.Scope {
		t.Error("another environment has the same id or scope")
	}
}

func TestSameSubjectTwiceKeepsTheWorse(t *testing.T) {
	t.Parallel()
	report := assemble(document(), false, map[string][]Verdict{"a.required": {verdict(Pass, "", "x"), verdict(Fail, "", "x"), verdict(Warn, "", "x")}}, required)
	if findings := report.Checks[0].Findings; len(findings) != 1 || findings[0].Outcome != Fail {
		t.Errorf("got %+v", findings)
	}
}

func TestValidUntilIsTheFirstThingToRunOut(t *testing.T) {
	t.Parallel()
	waiver := Waiver{Check: "a.required", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-12-20")}
	unused := Waiver{Check: "a.other", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-11-25")}
	attested := verdict(Pass, "", "attested")
	attested.ValidUntil = date(t, "2026-12-24")
	for _, test := range []struct {
		verdicts []Verdict
		want     string
	}{
		{[]Verdict{verdict(Pass, "", "x")}, "2027-02-22"},
		{[]Verdict{attested}, "2026-12-24"},
		{[]Verdict{attested, verdict(Fail, "", "x")}, "2026-12-20"},
	} {
		report := assemble(document(waiver, unused), false, map[string][]Verdict{"a.required": test.verdicts}, required)
		if report.ValidUntil.String() != test.want {
			t.Errorf("got %v, want %s", report.ValidUntil, test.want)
		}
	}
}

func TestChecklistSumsUpItsRequiredChecks(t *testing.T) {
	t.Parallel()
	withItem := recommended
	withItem.Items = []int{1}
	report := assemble(document(), false, map[string][]Verdict{
		"a.required": {verdict(Pass, "", "x")}, "a.recommended": {verdict(Inconclusive, "", "x")},
	}, required, withItem)
	want := []ChecklistItem{
		{Item: 1, Title: "First", Outcome: Pass, Checks: []string{"a.required"}},
		{Item: 2, Title: "Second", Outcome: Inconclusive, Checks: []string{}},
	}
	if diff := cmp.Diff(want, report.Checklist); diff != "" {
		t.Error(diff)
	}
}

func TestSilenceSaysWhy(t *testing.T) {
	t.Parallel()
	for want, probes := range map[string][]ProbeStatus{
		"not looked at: no route":                      {{Name: "p", Kinds: []string{"a.fact"}, State: ProbeFailed, Reason: "no route"}},
		"not looked at: the p probe is cut short":      {{Name: "p", Kinds: []string{"a.fact"}, State: ProbeCutShort}},
		"not looked at: these facts hold no a.fact":    nil,
		"what was observed does not decide this check": {{Name: "p", Kinds: []string{"a.fact"}, State: ProbeComplete}},
	} {
		doc := document()
		doc.Probes = probes
		report := assemble(doc, false, nil, perEach)
		for _, finding := range report.Checks[0].Findings {
			if finding.Message != want || finding.Outcome != Inconclusive {
				t.Errorf("got %q, want %q", finding.Message, want)
			}
		}
	}
}

func TestDecodeDocumentRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": ``, "truncated": `{"schema":"prelaunch.facts/v1"`, "another version": `{"schema":"prelaunch.facts/v2"}`,
		"a report": `{"schema":"prelaunch.report/v1"}`, "unknown member": `{"schema":"prelaunch.facts/v1","x":1}`,
		"trailing": `{"schema":"prelaunch.facts/v1"} {}`,
	} {
		if _, err := DecodeDocument([]byte(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzDecodeDocument(f *testing.F) {
	f.Add([]byte(`{"schema":"prelaunch.facts/v1","facts":{"a.b":[{"x":1}]},"probes":[]}`))
	f.Add([]byte(`{"schema":"prelaunch.facts/v1","started_at":"yesterday"}`))
	f.Add([]byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		doc, err := DecodeDocument(raw)
		if err != nil {
			return
		}
		first, err := doc.Encode()
		if err != nil {
			return
		}
		again, err := DecodeDocument(first)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if second, err := again.Encode(); err != nil || string(first) != string(second) {
			t.Errorf("a document changes by being read and written")
		}
	})
}
