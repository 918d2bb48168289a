package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// TestVerificationFollowsFromTheRecipe: hash, header, prefix, encoding and what is signed are the provider's in every framework, and a
// scheme that takes more says so instead of printing what would be wrong.
func TestVerificationFollowsFromTheRecipe(t *testing.T) {
	t.Parallel()
	_, list, _ := programIn(t, nil, "explain", "verification")
	frameworks := strings.Split("aspnet django express fastapi fastify flask go hono laravel nest next php rack rails spring symfony", " ")
	for _, framework := range frameworks {
		if !strings.Contains(strings.Join(strings.Fields(list), " "), framework) {
			t.Errorf("%s is not listed:\n%s", framework, list)
		}
		for name, parts := range map[string][]string{
			"begini":   {"X-Signature", "512", "uid"},
			"github":   {"X-Hub-Signature-256", "256", "sha256="},
			"typeform": {"Typeform-Signature", "256", "sha256="},
		} {
			code, text, stderr := programIn(t, nil, "explain", "verification", framework, "--provider", name)
			for _, part := range parts {
				if code != 0 || !strings.Contains(text, part) || strings.Contains(text, "[[if") || strings.Contains(text, "[[.") || strings.Contains(text, "no value") {
					t.Errorf("%s for %s: exit %d, %s: no %q in\n%s", framework, name, code, stderr, part, text)
				}
			}
		}
	}
	for _, name := range provider.Names() {
		code, text, stderr := programIn(t, nil, "explain", "verification", "go", "--provider", name)
		if code != 0 && !strings.Contains(stderr, "official SDK") || code == 0 && !strings.Contains(text, "hmac.Equal(") {
			t.Errorf("%s: exit %d, %s", name, code, stderr)
		}
	}
	if code, _, stderr := programIn(t, nil, "explain", "verification", "expres"); code != 2 || !strings.Contains(stderr, `did you mean "express"?`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestExplainPages: a check's page has the provider's source, the families, what passes and fails, and where correct code is; a case
// says what it sends.
func TestExplainPages(t *testing.T) {
	t.Parallel()
	_, page, _ := programIn(t, nil, "explain", "webhook.rejects-partial-signature")
	for _, part := range []string{"What is sent\n", "- truncated-signature (7 cases)", "What passes\n", "What fails\n", "one incorrect digit", "explain verification", "Source\n  \"HMAC verification implemented and tested\" (Begini Security Checklist"} {
		if !strings.Contains(page, part) {
			t.Errorf("no %q in\n%s", part, page)
		}
	}
	_, page, _ = programIn(t, nil, "explain", "https.modern-tls")
	if !strings.Contains(page, "  - \"Production webhook reachable over HTTPS\" (Begini Security Checklist") || !strings.Contains(page, "\n  - Mozilla Server Side TLS") {
		t.Errorf("not both sources, each on a line of its own, in\n%s", page)
	}
	_, list, _ := programIn(t, nil, "checks", "-o", "json")
	var checks []struct{ ID string }
	if err := json.Unmarshal([]byte(list), &checks); err != nil || len(checks) < 50 {
		t.Fatalf("%d checks: %v", len(checks), err)
	}
	for _, check := range checks {
		if _, page, _ := programIn(t, nil, "explain", check.ID); strings.Contains(page, "Everything that the check reads") || strings.Contains(page, "Something that was observed") {
			t.Errorf("%s does not say for itself what passes and what fails:\n%s", check.ID, page)
		}
	}
	_, page, _ = programIn(t, nil, "explain", "access.reviewed", "-o", "json")
	for _, part := range []string{`"id": "access.reviewed"`, `"families": []`, `"passes": "`, `"fails": "`} {
		if !strings.Contains(page, part) {
			t.Errorf("no %q in\n%s", part, page)
		}
	}
	code, page, stderr := programIn(t, nil, "explain", "truncated-signature/first-16")
	if code != 0 || !strings.Contains(page, "webhook.rejects-partial-signature") || !strings.Contains(page, "prelaunch replay truncated-signature/first-16") {
		t.Errorf("exit %d: %s\n%s", code, stderr, page)
	}
	if code, _, stderr := programIn(t, nil, "explain", "truncated-signature/first-17"); code != 2 || !strings.Contains(stderr, "did you mean truncated-signature/first-1") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
