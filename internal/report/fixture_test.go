package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

const sampleKey = "sk-begini-0a1b2c3d4e5f6071"

var sampleTime = time.Date(2026, 11, 5, 10, 12, 30, 0, time.UTC)

var sampleChecklist = []string{
	"API key stored securely on the server side",
	"HMAC verification implemented and tested",
	"Production webhook endpoint configured and reachable over HTTPS",
	"Production redirect URLs configured in the Deployment Centre",
	"Test and Production fully separated",
	"Beacon access restricted to appropriate users",
	"Error handling in place on the receiver",
}

func date(t testing.TB, text string) audit.Date {
	t.Helper()
	d, err := audit.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func info(id, title, section, severity, remediation string, items ...int) audit.CheckInfo {
	return audit.CheckInfo{ID: id, Title: title, Section: section, Items: items, Level: audit.Required, Severity: severity, Remediation: remediation}
}

// sampleDocument is an integration with one of everything.
func sampleDocument(t testing.TB) *audit.Document {
	return &audit.Document{
		Schema: audit.FactsSchema, Tool: audit.Tool{Name: "prelaunch", Version: "0.1.0"}, RunID: "run1",
		Integration: audit.Integration{
			Name: "acme-personal-loans", Provider: "begini",
			Environments: []audit.Environment{{Name: audit.Test}, {Name: audit.Production}},
			Waivers: []audit.Waiver{
				{Check: "errors.status-codes", Environment: audit.Production, Reason: "the gateway answers 302 until it is replaced in January",
					Owner: "bob@acme.example", ApprovedBy: "jane@acme.example", Expires: date(t, "2027-01-31")},
				{Check: "input.bounded", Reason: "gateway limit", Owner: "bob@acme.example", ApprovedBy: "jane@acme.example", Expires: date(t, "2026-10-01")},
			},
		},
		ConfigDigest: audit.Digest([]byte("config")),
		StartedAt:    sampleTime.Add(-14 * time.Second), FinishedAt: sampleTime,
		Scope: audit.Scope{
			Authorized: &audit.Authorization{By: "jane@acme.example", On: date(t, "2026-11-01"), Reference: "SEC-42"},
			Probing:    map[string]string{audit.Test: audit.Full, audit.Production: audit.Careful},
			Overrides:  []audit.Override{{Setting: "network.resolve", Value: "hooks.acme.example:443 = 127.0.0.1:8443"}},
			Skipped:    []audit.Skipped{{What: "genuine events", Environment: audit.Production, Reason: "careful probing sends none"}},
			Addresses:  []audit.Address{{Environment: audit.Production, Host: "hooks.acme.example", Address: "127.0.0.1:8443"}},
			Repositories: []audit.RepositoryScope{{Path: ".", Head: "4f2a9c1d0b7e6a5f4e3d2c1b0a9f8e7d6c5b4a39",
				RefsDigest: audit.Digest([]byte("refs")), Objects: 18231, Bytes: 48 << 20}},
			Keys: []audit.KeyScope{
				{Environment: audit.Test, Role: "current", Fingerprint: "sha256:1c2d3e4f", Source: "env BEGINI_TEST_API_KEY"},
				{Environment: audit.Production, Role: "current", Fingerprint: "sha256:9a8b7c6d", Source: "command vault"},
			},
			DeclaredEmpty: []audit.EmptySection{{Section: "clients"}, {Section: "logs", By: "jane@acme.example", On: date(t, "2026-11-01"),
				Reason: "the receiver writes none", Expires: date(t, "2027-01-30")}},
			Requests: map[string]int{audit.Test: 238, audit.Production: 131},
			Sent: []audit.SentEvent{
				{Environment: audit.Test, UID: "PRELAUNCHQ7K2M9", EventType: "psychometric_score.complete", At: sampleTime.Add(-9 * time.Second)},
				{Environment: audit.Test, UID: "PRELAUNCHW3X8P1", EventType: "application.complete", At: sampleTime.Add(-8 * time.Second)},
			},
			Digests: map[string]string{"roster": audit.Digest([]byte("roster"))},
		},
	}
}

// sampleReport is what an ordinary audit with some flaws comes to.
func sampleReport(t testing.TB) *audit.Report {
	t.Helper()
	checks := []audit.CheckInfo{
		info("api-key.stored-securely", "The API key is kept in a server-side variable or secret manager", "Protect your API key", "critical",
			"Attest where the receiver gets its key, or declare the manifest that shows it under `workloads`.", 1),
		info("api-key.not-in-code", "No API key in any file of the repository", "Protect your API key", "critical",
			"Rotate the key in the Deployment Centre, take it out of the file, and read it from a server-side variable or a secret manager.", 1),
		info("api-key.separate-environments", "Test and Production use different API keys", "Protect your API key", "critical", "Use the key of each tab.", 1, 5),
		info("webhook.accepts-genuine", "A genuine event is answered with exactly 200", "Verify all webhook requests", "high", "Answer 200.", 2),
		info("webhook.rejects-tampered", "A body changed after signing is refused", "Verify all webhook requests", "critical",
			"Compute HMAC-SHA-512 over the raw request body and compare it in constant time before anything is parsed:\n"+
				"- Node: `crypto.timingSafeEqual`, with `express.raw()` in front of the route\n- Go: `hmac.Equal`\nThen answer 401.\n", 2),
		info("https.production-reachable", "The Production webhook endpoint is reachable over HTTPS", "Use HTTPS everywhere", "high", "Serve it.", 3),
		info("deployment-centre.redirects-registered", "Production redirect URLs are registered", "Separate Test and Production", "medium", "Attest it.", 4),
		info("access.reviewed", "Dashboard access was reviewed in the last 90 days", "Limit access", "medium", "Review the roster.", 6),
		info("errors.status-codes", "Refusals are 4xx", "Handle errors safely", "medium", "Answer refusals with 401 or 403.", 7),
		info("webhook.rejects-retired-key", "A retired key is refused", "Verify all webhook requests", "high", "Stop accepting it.", 2),
		{ID: "input.bounded", Title: "Deep nesting and large bodies are handled", Section: "Validate incoming data", Items: []int{7}, Level: audit.Recommended,
			Severity: "low", Remediation: "Refuse bodies above a limit before parsing them."},
	}
	pass := func(environment, message string) audit.Verdict {
		return audit.Verdict{Outcome: audit.Pass, Environment: environment, Subject: message, Target: environment, Message: message}
	}
	leak := func(path string, line int) audit.Verdict {
		return audit.Verdict{Outcome: audit.Fail, Environment: audit.Production, Subject: path, Target: ".", Message: "the current Production key stands in a tracked file, as base64",
			Evidence: map[string]any{"path": path, "line": line, "key": "sha256:9a8b7c6d", "spelling": "base64"}}
	}
	tampered := func(environment string) audit.Verdict {
		return audit.Verdict{Outcome: audit.Fail, Environment: environment, Subject: "score-raised", Target: "https://hooks.acme.example/begini",
			Message:  "an event whose score was changed after signing gets the answer of a genuine one (200)",
			Evidence: map[string]any{"family": "tampered", "case": "score-raised", "status": 200, "url": "https://hooks.acme.example/begini", "config_line": 12}}
	}
	verdicts := map[string][]audit.Verdict{
		"api-key.stored-securely": {{Outcome: audit.Inconclusive, Environment: audit.Production, Subject: "receiver", Basis: audit.Declared,
			Message: "nothing shows where the receiver gets its key: no attestation and no workload manifest"}, pass(audit.Test, "the reference is an environment variable")},
		"api-key.not-in-code":           {leak("src/config/begini.js", 14), leak("deploy/values.yaml", 3), leak("docs/setup.md", 88), leak("scripts/seed.sh", 2), leak("test/fixtures/env.json", 5)},
		"api-key.separate-environments": {pass("", "the two keys differ")},
		"webhook.accepts-genuine": {pass(audit.Test, "each configured type is answered with 200"), {Outcome: audit.Inconclusive, Environment: audit.Production, Subject: "genuine",
			Message: "careful probing sends no genuine event; attest environments.same-build or set provider_checks"}},
		"webhook.rejects-tampered":   {tampered(audit.Test), tampered(audit.Production)},
		"https.production-reachable": {pass(audit.Production, "https://hooks.acme.example/begini answers over TLS 1.3")},
		"deployment-centre.redirects-registered": {{Outcome: audit.Pass, Environment: audit.Production, Subject: "attested", Basis: audit.Attested,
			Message:  "by jane@acme.example on 2026-11-01, until 2027-01-30: Production redirect URLs seen in the Production tab",
			Evidence: map[string]any{"evidence_sha256": audit.Digest([]byte("png"))}, ValidUntil: date(t, "2027-01-30")}},
		"access.reviewed": {pass("", "reviewed on 2026-11-01 by jane@acme.example")},
		"errors.status-codes": {pass(audit.Test, "every refusal is 401"), {Outcome: audit.Fail, Environment: audit.Production, Subject: "redirects", Target: "https://hooks.acme.example/begini",
			Message: "11 refusals are answered with 302", Evidence: map[string]any{"status": 302, "cases": 11}}},
		"webhook.rejects-retired-key": {{Outcome: audit.NotApplicable, Subject: "none", Message: "no retired key is listed"}},
		"input.bounded": {{Outcome: audit.Fail, Environment: audit.Test, Subject: "deep", Target: "https://hooks-test.acme.example/begini",
			Message: "a body nested 10,000 levels deep is answered with 500", Evidence: map[string]any{"status": 500, "url": "https://hooks-test.acme.example/begini"}}},
	}
	doc := sampleDocument(t)
	return verdict.Assemble(doc, audit.Digest([]byte("facts")), verdict.Judgment{Checks: checks, Verdicts: verdicts, PolicyDigest: audit.Digest([]byte("policies"))}, sampleChecklist)
}

// hostile is text that attacks each format at once: terminals, HTML, Markdown, XML, JSON, workflow
// commands, and line layout.
const hostile = "\x1b[31mred\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\u009b2J\r\n::error::injected\n# heading | cell |\n" +
	"<script>alert(1)</script><img src=x onerror=alert(2)> \"'`${{ env }}` [x](javascript:alert(3)) ![i](https://evil.example/p.png) @everyone #1 ~~~ ``` ]]> --> &lt; " +
	"\u202egnp.exe\u202c \u2066iso\u2069 \u200b\ufeff\u2028\u2029 \xff\xfe \x00\x08\x7f 漢字かな交じり文 👩‍👩‍👧‍👦 é́́́́́́́́́ ﷽ \U000e0041 *b* _i_ \\"

// awkwardReport has hostile text in every field that takes text, long texts, nothing at all, and
// 200 findings of one check.
func awkwardReport(t testing.TB) *audit.Report {
	t.Helper()
	doc := sampleDocument(t)
	doc.Integration.Name, doc.Integration.Provider = "acme "+hostile, hostile
	doc.Tool.Version = "0.1.0-" + hostile
	doc.Integration.Waivers = []audit.Waiver{{Check: "errors.status-codes", Reason: hostile, Owner: hostile, ApprovedBy: hostile, Expires: date(t, "2027-01-31")}}
	doc.Scope.Probing[hostile] = hostile
	doc.Scope.Requests[hostile] = 1
	doc.Scope.Overrides = append(doc.Scope.Overrides, audit.Override{Setting: hostile, Value: hostile})
	doc.Scope.Skipped = append(doc.Scope.Skipped, audit.Skipped{What: hostile, Environment: audit.Test, Reason: hostile})
	doc.Scope.Addresses = append(doc.Scope.Addresses, audit.Address{Host: hostile, Address: hostile})
	doc.Scope.Repositories = append(doc.Scope.Repositories, audit.RepositoryScope{Path: hostile, Head: hostile})
	doc.Scope.Keys = append(doc.Scope.Keys, audit.KeyScope{Environment: audit.Test, Role: hostile, Fingerprint: hostile, Source: hostile})
	doc.Scope.DeclaredEmpty = append(doc.Scope.DeclaredEmpty, audit.EmptySection{Section: hostile, By: hostile, Reason: hostile})
	doc.Scope.Digests[hostile] = hostile
	for i := range 30 {
		doc.Scope.Sent = append(doc.Scope.Sent, audit.SentEvent{Environment: audit.Test, UID: fmt.Sprintf("PRELAUNCH%03d%s", i, hostile), EventType: hostile, At: sampleTime})
		doc.Scope.Skipped = append(doc.Scope.Skipped, audit.Skipped{What: fmt.Sprint("thing ", i), Reason: "no reason"})
	}
	checks := []audit.CheckInfo{
		info("api-key.not-in-code", "Many findings "+hostile, hostile, "critical", hostile, 1),
		info("webhook.rejects-tampered", hostile, hostile, "high", strings.Repeat("very long ", 500), 2),
		info("webhook.accepts-genuine", "", "", "low", "", 2),
		info("errors.status-codes", hostile, hostile, "medium", hostile, 7),
		info("acme.custom/"+hostile, hostile, hostile, "medium", hostile),
	}
	verdicts := map[string][]audit.Verdict{
		"webhook.rejects-tampered": {
			{Outcome: audit.Fail, Environment: audit.Test, Subject: "long", Target: hostile, Message: strings.Repeat("x", 5000), Evidence: map[string]any{"url": "https://acme.example/" + strings.Repeat("long/", 400)}},
			{Outcome: audit.Fail, Environment: audit.Production, Subject: "empty", Message: "", Evidence: map[string]any{"path": "", "line": -1, "object": nil}},
			{Outcome: audit.Fail, Environment: audit.Production, Subject: "place", Message: hostile,
				Evidence: map[string]any{"path": "../../" + hostile, "line": "7", "commit": hostile, "object": hostile, "url": "javascript:alert(1)//" + hostile, hostile: []any{hostile, map[string]any{hostile: 1}}}},
			{Outcome: audit.Fail, Subject: "key", Message: "the key " + sampleKey + " got through", Evidence: map[string]any{sampleKey: sampleKey}},
		},
		"webhook.accepts-genuine": {{Outcome: audit.Pass, Basis: audit.Attested, Message: hostile}},
		"errors.status-codes":     {{Outcome: audit.Fail, Environment: audit.Test, Message: hostile}, {Outcome: audit.Inconclusive, Environment: audit.Production, Message: hostile}},
	}
	for i := range 200 {
		verdicts["api-key.not-in-code"] = append(verdicts["api-key.not-in-code"], audit.Verdict{Outcome: audit.Fail, Environment: []string{"", audit.Test, audit.Production}[i%3],
			Subject: fmt.Sprint("file ", i), Target: ".", Message: fmt.Sprintf("key in a file, way %d", i%20),
			Evidence: map[string]any{"path": fmt.Sprintf("src/%s/file %d#?%%.js", []string{"a b", "漢字", "c"}[i%3], i), "line": i, "commit": strings.Repeat("0a", 20)}})
	}
	r := verdict.Assemble(doc, audit.Digest([]byte("facts")), verdict.Judgment{Checks: checks, Verdicts: verdicts, PolicyDigest: audit.Digest([]byte("policies")), Partial: true}, append(sampleChecklist[:6:6], hostile))
	r.Notes = append(r.Notes, hostile)
	return r
}

// emptyReport is the least that is a report: cut short before anything was looked at.
func emptyReport(t testing.TB) *audit.Report {
	t.Helper()
	doc := &audit.Document{Tool: audit.Tool{Name: "prelaunch", Version: "0.1.0"}, Integration: audit.Integration{Name: "acme", Provider: "begini"}, StartedAt: sampleTime, FinishedAt: sampleTime, CutShort: true}
	return verdict.Assemble(doc, "", verdict.Judgment{}, sampleChecklist)
}

func sampleRedactor() *secret.Redactor { return secret.NewRedactor(secret.New([]byte(sampleKey))) }

func redactorOf(key string) *secret.Redactor { return secret.NewRedactor(secret.New([]byte(key))) }
