package verdict

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

var finished = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func date(t *testing.T, text string) audit.Date {
	t.Helper()
	d, err := audit.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func document(waivers ...audit.Waiver) *audit.Document {
	return &audit.Document{FinishedAt: finished, Integration: audit.Integration{
		Name: "acme", Environments: []audit.Environment{{Name: audit.Test}, {Name: audit.Production}}, Waivers: waivers,
	}}
}

var (
	required    = audit.CheckInfo{ID: "a.required", Level: audit.Required, Items: []int{1}}
	recommended = audit.CheckInfo{ID: "a.recommended", Level: audit.Recommended}
	perEach     = audit.CheckInfo{ID: "a.each", Level: audit.Required, Items: []int{1}, PerEnvironment: true, Facts: []string{"a.fact"}}
)

func assemble(doc *audit.Document, partial bool, verdicts map[string][]audit.Verdict, checks ...audit.CheckInfo) *audit.Report {
	return Assemble(doc, "sha256:f", Judgment{Checks: checks, Verdicts: verdicts, Partial: partial}, []string{"First", "Second"})
}

func verdict(outcome audit.Outcome, environment, subject string) audit.Verdict {
	return audit.Verdict{Outcome: outcome, Environment: environment, Subject: subject, Message: outcome.String()}
}

// TestStatusAndExitCode goes through what a report as a whole can come to.
func TestStatusAndExitCode(t *testing.T) {
	t.Parallel()
	waiver := audit.Waiver{Check: "a.required", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-12-01")}
	expired := waiver
	expired.Expires = date(t, "2026-11-23")
	lastDay := waiver
	lastDay.Expires = date(t, "2026-11-24")
	elsewhere := waiver
	elsewhere.Environment = audit.Test
	one := waiver
	one.Finding = fingerprint("finding", "a.required", "acme", "", "x")
	for name, test := range map[string]struct {
		waivers  []audit.Waiver
		verdicts []audit.Verdict
		check    audit.CheckInfo
		partial  bool
		cutShort bool
		status   string
		code     int
		ready    bool
	}{
		"pass":                      {check: required, verdicts: []audit.Verdict{verdict(audit.Pass, "", "x")}, status: "READY", ready: true},
		"not applicable":            {check: required, verdicts: []audit.Verdict{verdict(audit.NotApplicable, "", "x")}, status: "READY", ready: true},
		"warn":                      {check: required, verdicts: []audit.Verdict{verdict(audit.Warn, "", "x")}, status: "READY", ready: true},
		"fail":                      {check: required, verdicts: []audit.Verdict{verdict(audit.Pass, "", "y"), verdict(audit.Fail, "", "x")}, status: "NOT READY", code: 1},
		"inconclusive":              {check: required, verdicts: []audit.Verdict{verdict(audit.Inconclusive, "", "x")}, status: "NOT PROVEN", code: 3},
		"silence":                   {check: required, status: "NOT PROVEN", code: 3},
		"recommended fails":         {check: recommended, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x")}, status: "NOT PROVEN"},
		"waived":                    {check: required, waivers: []audit.Waiver{waiver}, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x")}, status: "READY WITH 1 WAIVER", ready: true},
		"waived on its last day":    {check: required, waivers: []audit.Waiver{lastDay}, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x")}, status: "READY WITH 1 WAIVER", ready: true},
		"two waivers":               {check: required, waivers: []audit.Waiver{elsewhere, waiver}, verdicts: []audit.Verdict{verdict(audit.Fail, audit.Test, "x"), verdict(audit.Inconclusive, audit.Production, "x")}, status: "READY WITH 2 WAIVERS", ready: true},
		"waiver expired":            {check: required, waivers: []audit.Waiver{expired}, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x")}, status: "NOT READY", code: 1},
		"waiver of another half":    {check: required, waivers: []audit.Waiver{elsewhere}, verdicts: []audit.Verdict{verdict(audit.Fail, audit.Production, "x")}, status: "NOT READY", code: 1},
		"waiver of half, whole":     {check: required, waivers: []audit.Waiver{elsewhere}, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x")}, status: "NOT READY", code: 1},
		"waiver of this finding":    {check: required, waivers: []audit.Waiver{one}, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x")}, status: "READY WITH 1 WAIVER", ready: true},
		"waiver of another finding": {check: required, waivers: []audit.Waiver{one}, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x"), verdict(audit.Fail, "", "y")}, status: "NOT READY", code: 1},
		"partial":                   {check: required, partial: true, verdicts: []audit.Verdict{verdict(audit.Pass, "", "x")}, status: "PARTIAL"},
		"partial and failing":       {check: required, partial: true, verdicts: []audit.Verdict{verdict(audit.Fail, "", "x")}, status: "PARTIAL, 1 failed", code: 1},
		"cut short":                 {check: required, cutShort: true, verdicts: []audit.Verdict{verdict(audit.Pass, "", "x")}, status: "PARTIAL", code: 2},
		"one environment is silent": {check: perEach, verdicts: []audit.Verdict{verdict(audit.Pass, audit.Test, "x")}, status: "NOT PROVEN", code: 3},
		"each environment":          {check: perEach, verdicts: []audit.Verdict{verdict(audit.Pass, audit.Test, "x"), verdict(audit.Pass, audit.Production, "x")}, status: "READY", ready: true},
	} {
		doc := document(test.waivers...)
		doc.CutShort = test.cutShort
		report := assemble(doc, test.partial, map[string][]audit.Verdict{test.check.ID: test.verdicts}, test.check)
		if Status(report) != test.status || ExitCode(report) != test.code || report.Ready != test.ready {
			t.Errorf("%s: %s, exit %d, ready %v; want %s, %d, %v", name, Status(report), ExitCode(report), report.Ready, test.status, test.code, test.ready)
		}
		if len(report.Checks[0].Findings) == 0 {
			t.Errorf("%s: a check without a finding", name)
		}
	}
}

func TestRecommendedFailureWarns(t *testing.T) {
	t.Parallel()
	report := assemble(document(), false, map[string][]audit.Verdict{"a.recommended": {verdict(audit.Fail, "", "x")}}, recommended)
	if report.Checks[0].Outcome != audit.Warn {
		t.Errorf("got %v", report.Checks[0].Outcome)
	}
}

func TestWaivedFindingKeepsWhatItWouldHaveBeen(t *testing.T) {
	t.Parallel()
	waiver := audit.Waiver{Check: "a.required", Reason: "later", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-12-01")}
	report := assemble(document(waiver), false, map[string][]audit.Verdict{"a.required": {verdict(audit.Fail, "", "x"), verdict(audit.Warn, "", "y")}}, required)
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
	waiver := audit.Waiver{Check: "a.required", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-11-23")}
	report := assemble(document(waiver), false, map[string][]audit.Verdict{"a.required": {verdict(audit.Fail, "", "x")}}, required)
	if len(report.Notes) != 1 || report.Checks[0].Findings[0].Evidence["expired_waiver"] == nil {
		t.Errorf("notes %v, evidence %v", report.Notes, report.Checks[0].Findings[0].Evidence)
	}
}

// TestIdentity: an id depends on the check, the integration, the environment and the subject; a scope on the target instead.
func TestIdentity(t *testing.T) {
	t.Parallel()
	first := func(v audit.Verdict) audit.Finding {
		return assemble(document(), false, map[string][]audit.Verdict{"a.required": {v}}, required).Checks[0].Findings[0]
	}
	base := first(audit.Verdict{Outcome: audit.Fail, Environment: audit.Test, Subject: "x", Target: "t", Message: "one"})
	same := first(audit.Verdict{Outcome: audit.Inconclusive, Environment: audit.Test, Subject: "x", Target: "t", Message: "two", Evidence: map[string]any{"status": 500}})
	if base.ID != same.ID || base.Scope != same.Scope {
		t.Error("wording, outcome or evidence change the id")
	}
	if other := first(audit.Verdict{Environment: audit.Test, Subject: "y", Target: "t"}); other.ID == base.ID || other.Scope != base.Scope {
		t.Error("another subject has the same id, or another scope")
	}
	if other := first(audit.Verdict{Environment: audit.Production, Subject: "x", Target: "t"}); other.ID == base.ID || other.Scope == base.Scope {
		t.Error("another environment has the same id or scope")
	}
}

func TestSameSubjectTwiceKeepsTheWorse(t *testing.T) {
	t.Parallel()
	report := assemble(document(), false, map[string][]audit.Verdict{"a.required": {verdict(audit.Pass, "", "x"), verdict(audit.Fail, "", "x"), verdict(audit.Warn, "", "x")}}, required)
	if findings := report.Checks[0].Findings; len(findings) != 1 || findings[0].Outcome != audit.Fail {
		t.Errorf("got %+v", findings)
	}
}

func TestValidUntilIsTheFirstThingToRunOut(t *testing.T) {
	t.Parallel()
	waiver := audit.Waiver{Check: "a.required", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-12-20")}
	unused := audit.Waiver{Check: "a.other", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-11-25")}
	attested := verdict(audit.Pass, "", "attested")
	attested.ValidUntil = date(t, "2026-12-24")
	for _, test := range []struct {
		verdicts []audit.Verdict
		want     string
	}{
		{[]audit.Verdict{verdict(audit.Pass, "", "x")}, "2027-02-22"},
		{[]audit.Verdict{attested}, "2026-12-24"},
		{[]audit.Verdict{attested, verdict(audit.Fail, "", "x")}, "2026-12-20"},
	} {
		report := assemble(document(waiver, unused), false, map[string][]audit.Verdict{"a.required": test.verdicts}, required)
		if report.ValidUntil.String() != test.want {
			t.Errorf("got %v, want %s", report.ValidUntil, test.want)
		}
	}
}

func TestChecklistSumsUpItsRequiredChecks(t *testing.T) {
	t.Parallel()
	withItem := recommended
	withItem.Items = []int{1}
	report := assemble(document(), false, map[string][]audit.Verdict{
		"a.required": {verdict(audit.Pass, "", "x")}, "a.recommended": {verdict(audit.Inconclusive, "", "x")},
	}, required, withItem)
	want := []audit.ChecklistItem{
		{Item: 1, Title: "First", Outcome: audit.Pass, Checks: []string{"a.required"}},
		{Item: 2, Title: "Second", Outcome: audit.Inconclusive, Checks: []string{}},
	}
	if diff := cmp.Diff(want, report.Checklist); diff != "" {
		t.Error(diff)
	}
	left := assemble(document(), true, map[string][]audit.Verdict{"a.required": {verdict(audit.Pass, "", "x")}}, required)
	if diff := cmp.Diff(want[:1], left.Checklist); diff != "" {
		t.Errorf("with checks left out: %s", diff)
	}
}

// An item that only recommended checks prove shows how those stand, and is not open for ever.
func TestChecklistItemOfRecommendedChecks(t *testing.T) {
	t.Parallel()
	advice := recommended
	advice.Items = []int{1, 2}
	r := assemble(document(), false, map[string][]audit.Verdict{
		"a.required": {verdict(audit.Pass, "", "x")}, "a.recommended": {verdict(audit.Fail, "", "x")},
	}, required, advice)
	if got := r.Checklist[0]; got.Outcome != audit.Pass || len(got.Checks) != 1 {
		t.Errorf("an item with a required check: %+v", got)
	}
	if got := r.Checklist[1]; got.Outcome != audit.Warn || len(got.Checks) != 1 {
		t.Errorf("an item with a recommended one: %+v", got)
	}
}

// A report holds the profile that is not built in, by which its texts can be read again.
func TestReportHoldsAProfileOfTheUsersOwn(t *testing.T) {
	t.Parallel()
	doc := document()
	doc.Profile = audit.Profile{Name: "acme", Title: "Acme"}
	if r := assemble(doc, false, nil, required); r.Profile != nil {
		t.Errorf("a built-in profile is in the report: %+v", r.Profile)
	}
	doc.Integration.ProviderProfile = "name: acme"
	if r := assemble(doc, false, nil, required); r.Profile == nil || r.Profile.Name != "acme" {
		t.Errorf("the report has no profile: %+v", r.Profile)
	}
}

func TestSilenceSaysWhy(t *testing.T) {
	t.Parallel()
	for want, probes := range map[string][]audit.ProbeStatus{
		"not checked: no route":                        {{Name: "p", Kinds: []string{"a.fact"}, State: audit.ProbeFailed, Reason: "no route"}},
		"not checked: the p probe is cut short":        {{Name: "p", Kinds: []string{"a.fact"}, State: audit.ProbeCutShort}},
		"not checked: these facts hold no a.fact":      nil,
		"what was observed does not decide this check": {{Name: "p", Kinds: []string{"a.fact"}, State: audit.ProbeComplete}},
	} {
		doc := document()
		doc.Probes = probes
		report := assemble(doc, false, nil, perEach)
		for _, finding := range report.Checks[0].Findings {
			if finding.Message != want || finding.Outcome != audit.Inconclusive {
				t.Errorf("got %q, want %q", finding.Message, want)
			}
		}
	}
}

func TestSectionsDeclaredEmptyAreCountedInTheVerdict(t *testing.T) {
	t.Parallel()
	waiver := audit.Waiver{Check: "a.required", Owner: "bob", ApprovedBy: "jane", Expires: date(t, "2026-12-01")}
	for want, test := range map[string]struct {
		sections []string
		outcome  audit.Outcome
		waivers  []audit.Waiver
	}{
		"READY, 1 section declared empty":                {sections: []string{"logs"}, outcome: audit.Pass},
		"READY, 3 sections declared empty":               {sections: []string{"repositories", "clients", "logs"}, outcome: audit.NotApplicable},
		"READY WITH 1 WAIVER, 2 sections declared empty": {sections: []string{"clients", "logs"}, outcome: audit.Fail, waivers: []audit.Waiver{waiver}},
		"NOT READY":  {sections: []string{"clients", "logs"}, outcome: audit.Fail},
		"NOT PROVEN": {sections: []string{"clients", "logs"}, outcome: audit.Inconclusive},
	} {
		doc := document(test.waivers...)
		for _, section := range test.sections {
			doc.Scope.DeclaredEmpty = append(doc.Scope.DeclaredEmpty, audit.EmptySection{Section: section})
		}
		report := assemble(doc, false, map[string][]audit.Verdict{"a.required": {verdict(test.outcome, "", "x")}}, required)
		if got := Status(report); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDeclarationsLimitValidity(t *testing.T) {
	t.Parallel()
	doc := document()
	doc.Scope.DeclaredEmpty = []audit.EmptySection{{Section: "logs", Expires: date(t, "2026-12-10")}}
	if r := assemble(doc, false, nil, required); r.ValidUntil != date(t, "2026-12-10") {
		t.Errorf("valid until %s", r.ValidUntil)
	}
}

func TestFollows(t *testing.T) {
	t.Parallel()
	catalog := []audit.CheckInfo{required, recommended, perEach}
	for name, test := range map[string]struct {
		judged []audit.CheckInfo
		edit   func(*audit.Report)
		wrong  string
	}{
		"everything":                 {judged: catalog},
		"a recommended one less":     {judged: []audit.CheckInfo{required, perEach}},
		"a required one less":        {judged: []audit.CheckInfo{required}, wrong: "a.each is missing"},
		"a required one less, said":  {judged: []audit.CheckInfo{required}, edit: func(r *audit.Report) { r.Partial = true }},
		"one that is not known":      {judged: append(catalog[:3:3], audit.CheckInfo{ID: "a.other"}), wrong: `no check "a.other"`},
		"one demoted":                {judged: catalog, edit: func(r *audit.Report) { r.Checks[0].Level = audit.Recommended }, wrong: "the level of a.required"},
		"one of another item":        {judged: catalog, edit: func(r *audit.Report) { r.Checks[0].Items = []int{2} }, wrong: "the checklist items of a.required"},
		"another remediation":        {judged: catalog, edit: func(r *audit.Report) { r.Checks[0].Remediation = "Run this." }, wrong: "the remediation of a.required"},
		"an item without its checks": {judged: catalog, edit: func(r *audit.Report) { r.Checklist[0].Checks = nil }, wrong: "leaves out a.required"},
	} {
		r := assemble(document(), false, nil, test.judged...)
		if test.edit != nil {
			test.edit(r)
		}
		if err := Follows(r, catalog); (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: error is %v, want %q", name, err, test.wrong)
		}
	}
}

// TestAnAuditOfOneEnvironmentLeavesChecksOpen: those that compare, those of the other, and those that read only what is declared for
// it. They are not in the report, which is partial.
func TestAnAuditOfOneEnvironmentLeavesChecksOpen(t *testing.T) {
	t.Parallel()
	doc := document()
	if err := doc.Integration.Narrow(audit.Test); err != nil {
		t.Fatal(err)
	}
	doc.Integration.LeftOut.Sections = []string{"logs"}
	verdicts := map[string][]audit.Verdict{}
	checks := []audit.CheckInfo{
		required,
		{ID: "a.compares", Level: audit.Required, Compares: true},
		{ID: "a.production", Level: audit.Required, Environment: audit.Production},
		{ID: "a.test", Level: audit.Required, Environment: audit.Test},
		{ID: "a.logs", Level: audit.Required, Facts: []string{"log.source", "log.hit"}},
		{ID: "a.more", Level: audit.Required, Facts: []string{"log.source", "client.hit"}},
	}
	for _, check := range checks {
		verdicts[check.ID] = []audit.Verdict{verdict(audit.Pass, "", "x")}
	}
	report := assemble(doc, false, verdicts, checks...)
	want := &audit.LeftOpen{Environments: []string{audit.Production}, Checks: []string{"a.compares", "a.production", "a.logs"}}
	if diff := cmp.Diff(want, report.LeftOpen); diff != "" {
		t.Error(diff)
	}
	if Status(report) != "PARTIAL" || report.Ready || ExitCode(report) != 0 || len(report.Checks) != 3 {
		t.Errorf("%s, ready %v, exit %d, %d checks", Status(report), report.Ready, ExitCode(report), len(report.Checks))
	}
}
