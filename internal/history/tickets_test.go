package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// run is an audit that comes to these verdicts, a number of days after the first.
func run(t *testing.T, day int, verdicts map[string][]audit.Verdict) *audit.Report {
	t.Helper()
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	expires := audit.NewDate(at).AddDays(30)
	doc := &audit.Document{
		Tool: audit.Tool{Name: "prelaunch", Version: "0.1.0"}, StartedAt: at, FinishedAt: at,
		Integration: audit.Integration{Name: "acme", Provider: "begini", Environments: []audit.Environment{{Name: audit.Test}, {Name: audit.Production}},
			Waivers: []audit.Waiver{{Check: "waived.check", Reason: "later", Owner: "bob@acme.example", ApprovedBy: "jane@acme.example", Expires: expires}}},
	}
	var checks []audit.CheckInfo
	for _, id := range []string{"code.check", "web.check", "rec.check", "waived.check"} {
		if _, judged := verdicts[id]; !judged {
			continue
		}
		level := audit.Required
		if id == "rec.check" {
			level = audit.Recommended
		}
		checks = append(checks, audit.CheckInfo{ID: id, Title: "Title of " + id, Level: level, Severity: "high", Remediation: "Mend it.", Items: []int{1}})
	}
	return verdict.Assemble(doc, fmt.Sprint("sha256:", day), verdict.Judgment{Checks: checks, Verdicts: verdicts, PolicyDigest: "sha256:p"}, nil)
}

func says(outcome audit.Outcome, subject, message string) audit.Verdict {
	return audit.Verdict{Outcome: outcome, Environment: audit.Production, Subject: subject, Target: "repo", Message: message, Evidence: map[string]any{"path": subject}}
}

type verdicts = map[string][]audit.Verdict

func TestTickets(t *testing.T) {
	t.Parallel()
	failA, failB := says(audit.Fail, "a", "key in a"), says(audit.Fail, "b", "key in b")
	pass, unsure := says(audit.Pass, "all", "no key"), says(audit.Inconclusive, "all", "shallow clone")
	moved := failA
	moved.Evidence = map[string]any{"path": "a", "line": 7}
	elsewhere := pass
	elsewhere.Target = "another repo"
	blind := audit.Verdict{Outcome: audit.Inconclusive, Environment: audit.Production, Subject: "not looked at", Message: "not looked at"}
	failElsewhere := elsewhere
	failElsewhere.Outcome = audit.Fail
	several := audit.Verdict{Outcome: audit.Pass, Subject: "searched", Message: "no key anywhere", Evidence: map[string]any{"repositories": map[string]any{"repo": map[string]any{"files": 3}}}}
	others := several
	others.Evidence = map[string]any{"repositories": map[string]any{"another repo": map[string]any{"files": 3}}, "list": []any{"x"}}
	severalOfTest := several
	severalOfTest.Environment = audit.Test
	testOnly := pass
	testOnly.Environment = audit.Test
	unapplied := says(audit.NotApplicable, "all", "no repository")
	for _, test := range []struct {
		name string
		runs []verdicts
		want []string // action, outcome and reason's beginning, of the last comparison
	}{
		{"everything is new", []verdicts{{"code.check": {failA, failB}}}, []string{"open fail: This audit found it.", "open fail: This audit found it."}},
		{"nothing is wrong", []verdicts{{"code.check": {pass}}}, nil},
		{"nothing changes", []verdicts{{"code.check": {failA}}, {"code.check": {failA}}}, nil},
		{"evidence changes", []verdicts{{"code.check": {failA}}, {"code.check": {moved}}}, []string{"update fail: What is known"}},
		{"another place", []verdicts{{"code.check": {failA}}, {"code.check": {failA, failB}}}, []string{"open fail: This audit found it."}},
		{"the scope passes", []verdicts{{"code.check": {failA}}, {"code.check": {pass}}}, []string{"close pass: A fresh audit"}},
		{"both places are mended", []verdicts{{"code.check": {failA, failB}}, {"code.check": {pass}}}, []string{"close pass: A fresh audit", "close pass: A fresh audit"}},
		{"one of two places is mended", []verdicts{{"code.check": {failA, failB}}, {"code.check": {failB}}}, []string{"update fail: This audit did not find it again, but its scope does not pass: it is fail."}},
		{"another scope passes", []verdicts{{"code.check": {failA}}, {"code.check": {elsewhere}}}, []string{"update fail: This audit says nothing about the place"}},
		{"the check disappears", []verdicts{{"code.check": {failA}, "web.check": {pass}}, {"web.check": {pass}}}, nil},
		{"it becomes inconclusive", []verdicts{{"code.check": {failA}}, {"code.check": {unsure}}},
			[]string{"open inconclusive: This audit found it.", "update fail: This audit did not find it again, but its scope does not pass: it is inconclusive."}},
		{"it becomes not applicable", []verdicts{{"code.check": {failA}}, {"code.check": {unapplied}}}, []string{"update fail: This audit did not find it again, but its scope does not pass: it is not applicable."}},
		{"it passes here and fails there", []verdicts{{"code.check": {failA}}, {"code.check": {pass, failB}}},
			[]string{"open fail: This audit found it.", "update fail: This audit did not find it again, but its scope does not pass: it is fail."}},
		{"inconclusive passes", []verdicts{{"code.check": {unsure}}, {"code.check": {pass}}}, []string{"close pass: A fresh audit"}},
		{"what was not looked at passes", []verdicts{{"code.check": {blind}}, {"code.check": {pass}}}, []string{"close pass: A fresh audit"}},
		{"what was not looked at passes in part", []verdicts{{"code.check": {blind}}, {"code.check": {pass, failElsewhere}}},
			[]string{"open fail: This audit found it.", "update inconclusive: This audit did not find it again, but its scope does not pass: it is fail."}},
		{"what was not looked at passes in another environment", []verdicts{{"code.check": {blind}}, {"code.check": {testOnly}}}, []string{"update inconclusive: This audit says nothing about the place"}},
		{"a pass names the place among several", []verdicts{{"code.check": {failA}}, {"code.check": {several}}}, []string{"close pass: A fresh audit"}},
		{"a pass of several places does not name this one", []verdicts{{"code.check": {failA}}, {"code.check": {others}}}, []string{"update fail: This audit says nothing about the place"}},
		{"a pass of several places in another environment", []verdicts{{"code.check": {failA}}, {"code.check": {severalOfTest}}}, []string{"update fail: This audit says nothing about the place"}},
		{"a pass names the place, which also fails", []verdicts{{"code.check": {failA}}, {"code.check": {several, failB}}},
			[]string{"open fail: This audit found it.", "update fail: This audit did not find it again, but its scope does not pass: it is fail."}},
		{"a recommended check warns", []verdicts{{"rec.check": {failA}}}, []string{"open warn: This audit found it."}},
		{"a recommended check is inconclusive", []verdicts{{"rec.check": {unsure}}}, nil},
		{"a recommended check passes", []verdicts{{"rec.check": {failA}}, {"rec.check": {pass}}}, []string{"close pass: A fresh audit"}},
		{"what is waived from the start", []verdicts{{"waived.check": {failA}}}, nil},
		{"what is waived stays", []verdicts{{"waived.check": {failA}}, {"waived.check": {failA}}}, nil},
		{"what is waived is not looked at", []verdicts{{"waived.check": {failA}}, {"waived.check": {elsewhere}}}, nil},
		// Its ticket, if there is one, was opened before the waiver was given, by a report that is not at hand.
		{"what was waived passes", []verdicts{{"waived.check": {failA}}, {"waived.check": {pass}}}, []string{"close pass: A fresh audit"}},
		{"an earlier ticket is known over a gap", []verdicts{{"code.check": {failA}}, {"web.check": {pass}}, {"code.check": {pass}}}, []string{"close pass: A fresh audit"}},
		{"what was closed stays closed", []verdicts{{"code.check": {failA}}, {"code.check": {pass}}, {"code.check": {pass}}}, nil},
		{"it comes back", []verdicts{{"code.check": {failA}}, {"code.check": {pass}}, {"code.check": {failA}}}, []string{"open fail: This audit found it."}},
		{"nobody is told the same twice", []verdicts{{"code.check": {failA, failB}}, {"code.check": {failB}}, {"code.check": {failB}}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var reports []*audit.Report
			for day, v := range test.runs {
				reports = append(reports, run(t, day, v))
			}
			tickets, err := Tickets(reports[:len(reports)-1], reports[len(reports)-1])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ticket := range tickets {
				got = append(got, ticket.Action+" "+ticket.Outcome+": "+ticket.Reason)
			}
			slices.Sort(got)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestAnAuditOfOneEnvironmentClosesNoTicketOfOthers: a key of another environment in the code, say, was not searched for.
func TestAnAuditOfOneEnvironmentClosesNoTicketOfOthers(t *testing.T) {
	t.Parallel()
	whole, found := says(audit.Fail, "a", "a key in a"), says(audit.Fail, "a", "a key in a")
	whole.Environment, found.Environment = "", audit.Test
	clean := says(audit.Pass, "all", "no key")
	clean.Environment = ""
	later := run(t, 1, verdicts{"code.check": {clean}})
	later.Partial, later.LeftOpen = true, &audit.LeftOpen{Environments: []string{audit.Production}}
	for name, was := range map[string]audit.Verdict{"of the integration": whole, "of the one left out": says(audit.Fail, "a", "x")} {
		tickets, err := Tickets([]*audit.Report{run(t, 0, verdicts{"code.check": {was}})}, later)
		if err != nil || len(tickets) != 0 {
			t.Errorf("%s: %v, %v", name, tickets, err)
		}
	}
	difference, err := Compare(run(t, 0, verdicts{"code.check": {says(audit.Fail, "a", "x"), clean}}), later, DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range difference.Checks {
		for _, finding := range check.Findings {
			if finding.Change == Removed && finding.Environment == audit.Production {
				t.Errorf("a finding of Production is said to be gone: %+v", finding)
			}
		}
	}
	passesInTest := says(audit.Pass, "all", "no key")
	passesInTest.Environment = audit.Test
	now := run(t, 1, verdicts{"code.check": {passesInTest}})
	now.Partial, now.LeftOpen = true, later.LeftOpen
	if tickets, err := Tickets([]*audit.Report{run(t, 0, verdicts{"code.check": {found}})}, now); err != nil || len(tickets) != 1 || tickets[0].Action != Close {
		t.Errorf("what is shown in the environment that was audited stays open: %v, %v", tickets, err)
	}
}

// TestStateOfManyRuns goes through many runs with nothing but the encoded state of the one before, as when every earlier report was
// dropped, and applies each round to a tracker: it always holds exactly the tickets of what is wrong or not freshly shown to be right.
func TestStateOfManyRuns(t *testing.T) {
	t.Parallel()
	failA, failB, pass := says(audit.Fail, "a", "key in a"), says(audit.Fail, "b", "key in b"), says(audit.Pass, "all", "no key")
	unsure := says(audit.Inconclusive, "all", "shallow clone")
	web := says(audit.Fail, "w", "forgery")
	rounds := []struct {
		v    verdicts
		open []string
	}{
		{verdicts{"code.check": {failA}}, []string{"key in a"}},
		{verdicts{"code.check": {failA, failB}}, []string{"key in a", "key in b"}},
		{verdicts{"web.check": {web}}, []string{"forgery", "key in a", "key in b"}},
		{verdicts{"code.check": {unsure}}, []string{"forgery", "key in a", "key in b", "shallow clone"}},
		{verdicts{"code.check": {pass}}, []string{"forgery"}},
		{verdicts{"code.check": {failA}, "web.check": {pass}}, []string{"key in a"}},
		{verdicts{"code.check": {pass}}, nil},
	}
	state, tracker := &State{}, map[string]string{}
	var all [][]Ticket
	apply := func(tracker map[string]string, tickets []Ticket) {
		for _, ticket := range tickets {
			_, known := tracker[ticket.Key]
			if known != (ticket.Action != Open) {
				t.Errorf("%s of %s, which is known: %v", ticket.Action, ticket.Title, known)
			}
			tracker[ticket.Key] = ticket.Title[strings.LastIndex(ticket.Title, ": ")+2:]
			if ticket.Action == Close {
				delete(tracker, ticket.Key)
			}
		}
	}
	for day, round := range rounds {
		raw, err := state.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if state, err = DecodeState(raw); err != nil {
			t.Fatal(err)
		}
		again, err := DecodeState(raw)
		if err != nil {
			t.Fatal(err)
		}
		r := run(t, day, round.v)
		tickets, err := state.Apply(r)
		if err != nil {
			t.Fatal(err)
		}
		repeated, err := again.Apply(r)
		if diff := cmp.Diff(tickets, repeated, cmp.AllowUnexported(Ticket{}, part{})); err != nil || diff != "" {
			t.Error("the same state and report give other tickets: ", err, diff)
		}
		all = append(all, tickets)
		apply(tracker, tickets)
		late := map[string]string{}
		apply(late, Net(all...)) // a tracker that has seen none of the rounds so far
		for name, got := range map[string]map[string]string{"each round": tracker, "all rounds at once": late} {
			if diff := cmp.Diff(round.open, slices.Sorted(maps.Values(got))); diff != "" {
				t.Errorf("day %d, %s:\n%s", day, name, diff)
			}
		}
	}
	for _, wrong := range []string{"", "{}", `{"schema":"prelaunch.tickets/v2"}`, `{"schema":"prelaunch.tickets/v1","open":{"x":null}}`} {
		if _, err := DecodeState([]byte(wrong)); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}

// TestOneCauseOneTicket: findings that depend on one cause share a ticket, that of the cause, which stays the same whatever is judged.
func TestOneCauseOneTicket(t *testing.T) {
	t.Parallel()
	because := func(v audit.Verdict, is bool) audit.Verdict {
		v.Cause = "https.certificate-expired/production"
		if is {
			v.Evidence = map[string]any{"is_cause": true}
		}
		return v
	}
	waiting := because(says(audit.Inconclusive, "w", "not tested"), false)
	other := because(says(audit.Inconclusive, "v", "not tested either"), false)
	cause := because(says(audit.Fail, "c", "the certificate has expired"), true)
	pass := says(audit.Pass, "all", "fine")
	state := &State{}
	key := ""
	for day, round := range []struct {
		name string
		v    verdicts
		want []string
	}{
		{"everything waits", verdicts{"code.check": {waiting, other}, "web.check": {cause}}, []string{"open the certificate has expired, waiting code.check (production)"}},
		{"again", verdicts{"code.check": {waiting, other}, "web.check": {cause}}, nil},
		{"the cause is not judged", verdicts{"code.check": {waiting, other}}, []string{"update not tested, waiting code.check (production)"}},
		{"the cause is judged again", verdicts{"code.check": {waiting}, "web.check": {cause}}, []string{"update the certificate has expired, waiting code.check (production)"}},
		{"the cause is gone", verdicts{"code.check": {pass}, "web.check": {pass}}, []string{"close the certificate has expired, waiting code.check (production)"}},
	} {
		tickets, err := state.Apply(run(t, day, round.v))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, ticket := range tickets {
			waits := ""
			for _, part := range ticket.parts {
				if part.name == "Waiting for the same cause" {
					waits = ", waiting " + part.text
				}
			}
			got = append(got, ticket.Action+" "+ticket.Title[strings.LastIndex(ticket.Title, ": ")+2:]+waits)
			if key != "" && ticket.Key != key {
				t.Errorf("%s: another ticket, %s", round.name, ticket.Key)
			}
			key = ticket.Key
		}
		if diff := cmp.Diff(round.want, got); diff != "" {
			t.Errorf("%s:\n%s", round.name, diff)
		}
	}
}

// TestFailuresOfOneCauseShareATicket: an expired certificate of several hosts, say, is one ticket, which is closed once all of them are
// seen to pass, and nothing else closes it.
func TestFailuresOfOneCauseShareATicket(t *testing.T) {
	t.Parallel()
	fails := func(target, cause string) audit.Verdict {
		v := says(audit.Fail, target, target+" has an expired certificate")
		v.Target, v.Cause = target, cause
		return v
	}
	passes := func(target string) audit.Verdict {
		v := says(audit.Pass, target, "valid")
		v.Target = target
		return v
	}
	hooks, pages, old := fails("hooks", "certificate/1"), fails("pages", "certificate/1"), fails("hooks", "")
	type round struct {
		v    verdicts
		want []string
	}
	both, fixed := verdicts{"code.check": {hooks}, "web.check": {pages}}, verdicts{"code.check": {passes("hooks")}, "web.check": {passes("pages")}}
	opened := round{both, []string{"open hooks, failing web.check (production): This audit found it."}}
	for name, rounds := range map[string][]round{
		"all is fixed": {opened, {both, nil}, {fixed, []string{"close hooks, failing web.check (production): A fresh audit"}}, {fixed, nil}},
		"the first one is fixed": {opened, {verdicts{"code.check": {passes("hooks")}, "web.check": {pages}}, []string{"update pages: What is known"}},
			{both, []string{"update hooks, failing web.check (production): What is known"}}, {fixed, []string{"close hooks, failing web.check (production): A fresh audit"}}},
		"the other one is fixed": {opened, {verdicts{"code.check": {hooks}, "web.check": {passes("pages")}}, []string{"update hooks: What is known"}}, {fixed, []string{"close hooks: A fresh"}}},
		"one after the other, each audited alone": {opened,
			{verdicts{"code.check": {passes("hooks")}}, []string{"update hooks, failing web.check (production): Not everything of the same cause was seen to pass: web.check (production)."}},
			{verdicts{"code.check": {passes("hooks")}}, nil},
			{verdicts{"web.check": {passes("pages")}}, []string{"close hooks, failing web.check (production): A fresh audit"}}},
		"another certificate is no better": {opened, {verdicts{"code.check": {fails("hooks", "certificate/2")}, "web.check": {fails("pages", "certificate/2")}}, nil}, {fixed, []string{"close hooks"}}},
		"tickets of their own are kept":    {{verdicts{"code.check": {old}, "web.check": {fails("pages", "")}}, []string{"open hooks: This", "open pages: This"}}, {both, nil}, {both, nil}, {fixed, []string{"close hooks: A", "close pages: A"}}},
		"one ticket of its own is shared":  {{verdicts{"code.check": {old}}, []string{"open hooks: This"}}, {both, []string{"update hooks, failing web.check (production): What"}}, {fixed, []string{"close hooks"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := &State{}
			for day, round := range rounds {
				raw, err := state.Encode()
				if err != nil {
					t.Fatal(err)
				}
				if state, err = DecodeState(raw); err != nil {
					t.Fatal(err)
				}
				tickets, err := state.Apply(run(t, day, round.v))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, ticket := range tickets {
					text := strings.Fields(ticket.Title[strings.LastIndex(ticket.Title, ": ")+2:])[0]
					for _, part := range ticket.parts {
						if part.name == "Failing for the same cause" {
							text += ", failing " + part.text
						}
					}
					got = append(got, ticket.Action+" "+text+": "+ticket.Reason)
				}
				slices.Sort(got)
				if !slices.EqualFunc(got, round.want, strings.HasPrefix) {
					t.Errorf("day %d:\n%s\nwant\n%s", day, strings.Join(got, "\n"), strings.Join(round.want, "\n"))
				}
			}
		})
	}
}

func TestWaivedTicketStaysOpen(t *testing.T) {
	t.Parallel()
	before := run(t, 0, verdicts{"code.check": {says(audit.Fail, "a", "key in a")}})
	after := run(t, 1, verdicts{"code.check": {says(audit.Fail, "a", "key in a")}})
	finding := &after.Checks[0].Findings[0]
	raw := audit.Fail
	finding.Outcome, finding.RawOutcome = audit.Waived, &raw
	finding.Waiver = &audit.Waiver{Check: "code.check", Reason: "later", Owner: "bob@acme.example", ApprovedBy: "jane@acme.example", Expires: audit.NewDate(after.FinishedAt).AddDays(3)}
	tickets, err := Tickets([]*audit.Report{before}, after)
	if err != nil {
		t.Fatal(err)
	}
	if len(tickets) != 1 || tickets[0].Action != Update || !slices.Contains(tickets[0].Labels, "waived") || !strings.Contains(tickets[0].Body, "bob") {
		t.Errorf("tickets are %+v", tickets)
	}
}

func TestTicketsRefuse(t *testing.T) {
	t.Parallel()
	first, second := run(t, 0, verdicts{"code.check": {}}), run(t, 1, verdicts{"code.check": {}})
	other := run(t, 0, verdicts{"code.check": {}})
	other.Integration = "acme-cards"
	if _, err := Tickets([]*audit.Report{other}, second); err == nil || !strings.Contains(err.Error(), `"acme-cards"`) {
		t.Errorf("another integration: error is %v", err)
	}
	if _, err := Tickets([]*audit.Report{second}, first); err == nil || !strings.Contains(err.Error(), "older") {
		t.Errorf("the wrong order: error is %v", err)
	}
	if tickets, err := Tickets([]*audit.Report{first}, first); err != nil || len(tickets) != 0 {
		t.Errorf("the same report twice: %v, %v", tickets, err)
	}
}

const hostile = "\x1b[31m @everyone #1 <script>alert(1)</script> [x](javascript:alert(1)) \u202e --> <!-- ``` | \n# h \xff"

func TestBodyIsOnlyText(t *testing.T) {
	t.Parallel()
	v := says(audit.Fail, hostile, hostile)
	v.Evidence = map[string]any{"path": hostile, hostile: []any{hostile}, "long": strings.Repeat("@x ", 5000)}
	for i := range 50 {
		v.Evidence[fmt.Sprint("more", i)] = strings.Repeat("#1 ", 2000)
	}
	r := run(t, 0, verdicts{"code.check": {v}})
	r.Checks[0].Title, r.Checks[0].Remediation, r.Integration = hostile, hostile, "acme"+hostile
	tickets, err := Tickets(nil, r)
	if err != nil || len(tickets) != 1 {
		t.Fatalf("%v, %v", tickets, err)
	}
	ticket := tickets[0]
	if strings.ContainsAny(ticket.Title, "\n\x1b\u202e") || len([]rune(ticket.Title)) > 256 {
		t.Errorf("title is %q", ticket.Title)
	}
	if len(ticket.Body) > 65_000 || !strings.HasSuffix(ticket.Body, Marker(ticket.Key, ticket.Scope)+"\n") {
		t.Errorf("the body is %d bytes long and ends in %q", len(ticket.Body), ticket.Body[len(ticket.Body)-100:])
	}
	for _, label := range ticket.Labels {
		if len([]rune(label)) > 50 || strings.ContainsAny(label, " \n\x1b") {
			t.Errorf("label %q", label)
		}
	}
	var page bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(ticket.Body), &page); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<a ", "<script", "<h1", "<code", "<table", "<blockquote"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the body holds %s: %s", bad, page.String())
		}
	}
}

func TestTicketFormats(t *testing.T) {
	t.Parallel()
	before := run(t, 0, verdicts{"code.check": {says(audit.Fail, "a", "key in a")}, "web.check": {says(audit.Fail, "x", "forgery")}})
	after := run(t, 1, verdicts{"code.check": {says(audit.Pass, "all", "no key")}, "web.check": {says(audit.Fail, "x", "another forgery"), says(audit.Fail, "y", "new")}})
	tickets, err := Tickets([]*audit.Report{before}, after)
	if err != nil {
		t.Fatal(err)
	}
	lines := func(format string, o TicketOptions) []map[string]any {
		t.Helper()
		var out bytes.Buffer
		if err := WriteTickets(&out, format, tickets, o); err != nil {
			t.Fatal(err)
		}
		var all []map[string]any
		for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				t.Fatalf("%s: %v in %s", format, err, line)
			}
			all = append(all, object)
		}
		return all
	}
	pick := func(objects []map[string]any, paths ...string) (got []string) {
		for _, object := range objects {
			var values []string
			for _, path := range paths {
				var value any = object
				for _, name := range strings.Split(path, ".") {
					inner, _ := value.(map[string]any)
					value = inner[name]
				}
				values = append(values, fmt.Sprint(value))
			}
			got = append(got, strings.Join(values, " | "))
		}
		slices.Sort(got)
		return got
	}
	for _, test := range []struct {
		format string
		o      TicketOptions
		paths  []string
		want   []string
	}{
		{"json", TicketOptions{}, []string{"action", "title", "severity"}, []string{"close | code.check (production): key in a | high", "open | web.check (production): new | high", "update | web.check (production): another forgery | high"}},
		{"github", TicketOptions{}, []string{"title", "state", "state_reason"}, []string{"code.check (production): key in a | closed | completed", "web.check (production): another forgery | open | <nil>", "web.check (production): new | <nil> | <nil>"}},
		{"jira", TicketOptions{JiraProject: "ACME", JiraTransition: "31"}, []string{"fields.summary", "fields.project.key", "fields.issuetype.name", "fields.priority.name", "transition.id"},
			[]string{"<nil> | <nil> | <nil> | <nil> | 31", "web.check (production): another forgery | <nil> | <nil> | High | <nil>", "web.check (production): new | ACME | Bug | High | <nil>"}},
		{"servicenow", TicketOptions{}, []string{"short_description", "urgency", "state", "close_code"},
			[]string{"code.check (production): key in a | 1 | 6 | Solution provided", "web.check (production): another forgery | 1 | 2 | <nil>", "web.check (production): new | 1 | <nil> | <nil>"}},
	} {
		if diff := cmp.Diff(test.want, pick(lines(test.format, test.o), test.paths...)); diff != "" {
			t.Errorf("%s:\n%s", test.format, diff)
		}
	}
	for _, issue := range lines("github", TicketOptions{}) { // PATCH replaces all labels with those that it gets
		if _, labelled := issue["labels"]; labelled != (issue["state"] == nil) {
			t.Errorf("labels go with a new issue only: %v", issue)
		}
	}
	if err := WriteTickets(&bytes.Buffer{}, "xml", tickets, TicketOptions{}); err == nil || !strings.Contains(err.Error(), "json, github, jira") {
		t.Errorf("an unknown format: error is %v", err)
	}
}
