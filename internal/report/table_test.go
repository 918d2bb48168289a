package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// reportOf is a report of checks that found what is given.
func reportOf(t testing.TB, found map[string][]audit.Verdict, infos ...audit.CheckInfo) *audit.Report {
	t.Helper()
	doc := sampleDocument(t)
	doc.Integration.Waivers = nil
	return verdict.Assemble(doc, audit.Digest([]byte("facts")), verdict.Judgment{Checks: infos, Verdicts: found, PolicyDigest: audit.Digest([]byte("p"))}, sampleChecklist)
}

// unreachable is a report in which one cause keeps many checks from being proven, and another check
// fails.
func unreachable(t testing.TB) *audit.Report {
	t.Helper()
	const why = "webhook.unreachable/test"
	infos := []audit.CheckInfo{
		info("https.webhook-reachable", "The webhook endpoint is reachable", "Use HTTPS everywhere", "high", "Start the receiver, and open its port.", 3),
		info("api-key.not-in-code", "API keys must not be hard-coded", "Protect your API key", "critical", "Rotate the key: it is public.", 1),
		info("api-key.not-in-client", "API keys must not be exposed in clients", "Protect your API key", "critical", "Rotate the key at once.", 1),
	}
	found := map[string][]audit.Verdict{
		"https.webhook-reachable": {{Outcome: audit.Fail, Environment: audit.Test, Subject: "x", Message: "the Test receiver refused the connection", Cause: why,
			NextStep: "Start the Test receiver.", Evidence: map[string]any{"is_cause": true, "replay": "prelaunch replay valid --environment test"}}},
		"api-key.not-in-code": {{Outcome: audit.Fail, Subject: "x", Message: "Production API key found in src/leak.py", Evidence: map[string]any{"repository": "repo2", "path": "src/leak.py", "line": 1}}},
		"api-key.not-in-client": {{Outcome: audit.Inconclusive, Subject: "x", Message: "clients is not declared",
			NextStep: "Add to prelaunch.yaml:\n  clients:\n    - {path: dist}", Evidence: map[string]any{"replay": "prelaunch replay duplicate"}}},
	}
	for i := range 12 {
		id := fmt.Sprintf("webhook.check-%02d", i)
		infos = append(infos, info(id, "Requests must be rejected", "Verify all webhook requests", "critical", "Never shown.", 2))
		found[id] = []audit.Verdict{{Outcome: audit.Inconclusive, Environment: audit.Test, Subject: "x", Message: "nothing was observed", Cause: why}}
	}
	return reportOf(t, found, infos...)
}

func lines(out []byte) []string { return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") }

func TestVerdictComesFirstAndLast(t *testing.T) {
	t.Parallel()
	for name, r := range reports(t) {
		got := lines(render(t, "table", r, Options{}))
		if got[0] != verdict.Status(r) || got[len(got)-1] != verdict.Status(r) {
			t.Errorf("%s: begins with %q and ends with %q", name, got[0], got[len(got)-1])
		}
	}
}

// TestOneCauseIsOneBlock: what waits for one cause is folded under it, and says what settles it,
// never how to fix what nobody observed.
func TestOneCauseIsOneBlock(t *testing.T) {
	t.Parallel()
	r := unreachable(t)
	for _, format := range []string{"table", "markdown", "html"} {
		out := string(render(t, format, r, Options{}))
		if format == "html" {
			_, out = readHTML(t, out)
		}
		for command, wants := range map[string]map[string]int{ // of the failure and its cause, and of a cause alone; the evidence of a page has it too
			"prelaunch replay valid --environment test": {"table": 1, "markdown": 2, "html": 4},
			"prelaunch replay duplicate":                {"table": 1, "markdown": 1, "html": 2},
		} {
			if n := strings.Count(out, command); n != wants[format] {
				t.Errorf("%s: %s is named %d times instead of %d", format, command, n, wants[format])
			}
		}
		if n := strings.Count(out, "he Test receiver refused the connection"); n != 2 { // as a failure and as a cause
			t.Errorf("%s: the cause is named %d times", format, n)
		}
		if strings.Contains(out, "nothing was observed") || strings.Contains(out, "Never shown") || strings.Contains(out, "Rotate the key at once") {
			t.Errorf("%s: shows what depends on the cause, or the remedy of a failure that nobody observed", format)
		}
		for _, want := range []string{"12 checks are waiting for it", "clients:\n  - {path: dist}", "To settle it", "repo2: src/leak.py"} {
			if strings.Contains(want, "\n") && format == "table" {
				want = strings.ReplaceAll("      "+want, "\n", "\n        ")
			}
			if !strings.Contains(strings.ReplaceAll(out, `\`, ""), want) && !(format == "markdown" && strings.Contains(out, strings.ReplaceAll(want, ": ", ":"+" "))) {
				t.Errorf("%s: does not say %q", format, want)
			}
		}
	}
	v, err := newView(r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"12 checks: Start the Test receiver",
		"api-key.not-in-code: Rotate the key",
		"https.webhook-reachable: Start the receiver, and open its port",
		"api-key.not-in-client: Add to prelaunch.yaml",
	}
	if diff := cmp.Diff(want, v.nextSteps()); diff != "" {
		t.Errorf("next steps:\n%s", diff)
	}
}

// TestTwinCausesAreOne: both receivers are down, and one step settles both.
func TestTwinCausesAreOne(t *testing.T) {
	t.Parallel()
	down := func(environment string) audit.Verdict {
		return audit.Verdict{Outcome: audit.Inconclusive, Environment: environment, Subject: "x", Message: environment + " receiver was not tested",
			Cause: "webhook.unreachable/" + environment, NextStep: "Start the receivers."}
	}
	both := []audit.Verdict{down(audit.Test), down(audit.Production)}
	v, err := newView(reportOf(t, map[string][]audit.Verdict{"a.a": both, "a.b": both}, info("a.a", "A", "A", "high", "Fix.", 1), info("a.b", "B", "A", "high", "Fix.", 1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if causes := v.causes(); len(causes) != 1 || len(causes[0].Groups) != 2 || len(causes[0].Checks) != 2 {
		t.Errorf("%d causes: %+v", len(causes), causes)
	}
}

// TestAttestationsAreOneBlock: whoever writes one attestation can write the others, too.
func TestAttestationsAreOneBlock(t *testing.T) {
	t.Parallel()
	open := func(id, sentence string) []audit.Verdict {
		return []audit.Verdict{{Outcome: audit.Inconclusive, Subject: "x", Message: id + " is not attested", Cause: "attestation." + id,
			NextStep: sentence + ":\nattestations:\n  - check: " + id}}
	}
	v, err := newView(reportOf(t, map[string][]audit.Verdict{"a.a": open("a.a", "Attest A"), "a.b": open("a.b", "Look at B")},
		info("a.a", "A", "A", "high", "Fix.", 1), info("a.b", "B", "A", "high", "Fix.", 1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	causes := v.causes()
	if len(causes) != 1 || len(causes[0].Groups) != 2 || len(causes[0].Checks) != 2 {
		t.Fatalf("%d causes: %+v", len(causes), causes)
	}
	if want := "Attest A; look at B:\nattestations:\n  - check: a.a\n  - check: a.b"; causes[0].step() != want {
		t.Errorf("step %q, want %q", causes[0].step(), want)
	}
}

// TestDeadReceiverComesFirst: it explains most of what else went wrong, whatever the severities.
func TestDeadReceiverComesFirst(t *testing.T) {
	t.Parallel()
	fail := func(message string) []audit.Verdict {
		return []audit.Verdict{{Outcome: audit.Fail, Environment: audit.Test, Subject: "x", Message: message}}
	}
	r := reportOf(t, map[string][]audit.Verdict{"a.critical": fail("a critical flaw"), survives: fail("the receiver stopped responding")},
		info("a.critical", "A", "A", "critical", "Fix A.", 1), info(survives, "No request may stop the receiver", "Handle errors safely", "high", "Catch it.", 7))
	out := string(render(t, "table", r, Options{}))
	if dead, flaw := strings.Index(out, "the receiver stopped"), strings.Index(out, "critical flaw"); dead < 0 || dead > flaw {
		t.Errorf("the dead receiver does not come first:\n%s", out)
	}
	if !strings.Contains(out, "1. "+survives) {
		t.Error("it is not the first of the next steps")
	}
}

func TestMinSeverityHidesRowsOnly(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	for _, format := range []string{"table", "markdown"} {
		all, few := string(render(t, format, r, Options{})), string(render(t, format, r, Options{MinSeverity: "high"}))
		if !strings.Contains(all, "nested 10,000") || strings.Contains(few, "nested 10,000") || !strings.Contains(few, "2 checks below the severity high") {
			t.Errorf("%s: does not hide the warning, or does not say so", format)
		}
		if !strings.Contains(few, "2 fail, 2 inconclusive, 1 warn, 1 waived") {
			t.Errorf("%s: the counts change", format)
		}
	}
	if a, b := render(t, "json", r, Options{}), render(t, "json", r, Options{MinSeverity: "high"}); !slices.Equal(a, b) {
		t.Error("the json format changes")
	}
}

func TestVerboseShowsEveryCheck(t *testing.T) {
	t.Parallel()
	r := sampleReport(t)
	out := string(render(t, "table", r, Options{Verbose: true}))
	for _, check := range r.Checks {
		if !strings.Contains(out, check.ID) {
			t.Errorf("%s is not in the table", check.ID)
		}
	}
	if !strings.Contains(out, "crypto.timingSafeEqual") || !strings.Contains(out, "PRELAUNCHQ7K2M9") {
		t.Error("remediation or synthetic events are not there in full")
	}
}

// TestNothingInvisible: whatever the character, no format for people shows it as it is.
func TestNothingInvisible(t *testing.T) {
	t.Parallel()
	for _, r := range []rune{0x00, 0x1b, 0x7f, 0x85, 0xad, 0x34f, 0x61c, 0x115f, 0x17b4, 0x180b, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x202e, 0x2028, 0x2029, 0x2060,
		0x2066, 0x2800, 0x3164, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xe0041, 0xe0100, 0x1d173} {
		for name, shown := range map[string]string{"plain": Plain("a" + string(r) + "b"), "markdown": MarkdownText("a" + string(r) + "b"), "code": Blocks("x:\n  a" + string(r) + "b")[1].Text} {
			if strings.ContainsRune(shown, r) || !strings.Contains(shown, `\`) && r != 0x85 && r != 0x2028 && r != 0x2029 {
				t.Errorf("%U in %s is shown as %q", r, name, shown)
			}
		}
		if raw := string(EscapeInvisible([]byte(`"a` + string(max(r, 0x7f)) + `"`))); strings.ContainsRune(raw, r) && r >= 0x7f {
			t.Errorf("%U stands in JSON as it is: %q", r, raw)
		}
	}
}

// TestCodeScanningKeepsToLimits: of 6,000 findings GitHub gets the 5,000 gravest, and the number
// that is left out.
func TestCodeScanningKeepsToLimits(t *testing.T) {
	t.Parallel()
	found := map[string][]audit.Verdict{}
	for i := range 6000 {
		id := []string{"a.low", "b.critical"}[i%2]
		found[id] = append(found[id], audit.Verdict{Outcome: audit.Fail, Subject: fmt.Sprint(i), Message: fmt.Sprint("found in ", i)})
	}
	critical := info("b.critical", "B", "B", "critical", "Fix B.", 1)
	for i := range 30 {
		critical.CWE = append(critical.CWE, fmt.Sprintf("CWE-%d", 300+i))
	}
	out := string(render(t, "code-scanning", reportOf(t, found, info("a.low", "A", "A", "low", "Fix A.", 1), critical), Options{}))
	if n := strings.Count(out, `"ruleId"`); n != maxAlerts {
		t.Errorf("%d results, want %d", n, maxAlerts)
	}
	if n := strings.Count(out, `"ruleId": "b.critical"`); n != 3000 {
		t.Errorf("%d critical results, want all 3,000", n)
	}
	if !strings.Contains(out, `"leftOut": 1000`) || !strings.Contains(out, "1000 results left out") {
		t.Error("does not say how many are left out")
	}
	if n := strings.Count(out, `"external/cwe/cwe-`); n > maxTags || !strings.Contains(out, `"helpUri": "https://cwe.mitre.org/data/definitions/300.html"`) {
		t.Errorf("%d tags, or no page for help", n)
	}
}
