package cli_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

var nothing = started{Pair: &sandbox.Pair{}} // a program in whose environment no key is

// TestCasesAreListedWithTheirChecks: what a finding names can be looked up, and every case is read by a check.
func TestCasesAreListedWithTheirChecks(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := nothing.call(t.Context(), "cases", "-o", "json")
	var listed []struct {
		Case, Family, Changes string
		Checks                []string
		Careful               bool
	}
	if err := json.Unmarshal([]byte(stdout), &listed); code != 0 || err != nil {
		t.Fatalf("exit %d: %v\n%s", code, err, stderr)
	}
	seen := map[string]bool{}
	for _, c := range listed {
		if seen[c.Case] || !strings.HasPrefix(c.Case, c.Family+"/") || c.Changes == "" || len(c.Checks) == 0 {
			t.Errorf("%+v is listed twice, or lacks something", c)
		}
		seen[c.Case] = true
		if c.Case == "truncated-signature/first-16" && (!slices.Equal(c.Checks, []string{"webhook.rejects-partial-signature"}) || !c.Careful) {
			t.Errorf("%+v", c)
		}
		if c.Case == "valid/application.complete" && c.Careful {
			t.Error("careful probing is said to send valid events")
		}
	}
	if len(listed) < 200 {
		t.Errorf("only %d cases", len(listed))
	}
}

func TestCasesAreChosenByCheckFamilyAndGlob(t *testing.T) {
	t.Parallel()
	for selector, want := range map[string][2]string{
		"webhook.rejects-partial-signature": {"malformed-signature/flipped-63", "truncated-signature/last-64"},
		"other-hash":                        {"other-hash/sha256", "other-hash/md5-prefix"},
		"tampered/*":                        {"tampered/value-changed", "tampered/type-changed"},
		"errors.status-codes":               {"unsigned/absent", "malformed/cut-off"},
	} {
		code, stdout, stderr := nothing.call(t.Context(), "cases", selector)
		if code != 0 || !strings.Contains(stdout, "  "+want[0]+" ") || !strings.Contains(stdout, "  "+want[1]+" ") {
			t.Errorf("%s: exit %d: %s\n%s", selector, code, stderr, stdout)
		}
	}
	for selector, want := range map[string]string{
		"truncated-signature/first16": "did you mean truncated-signature/first-16?",
		"webhook.rejects-partial":     "`prelaunch cases` lists the cases",
		"access.reviewed":             "access.reviewed has no test case of its own",
		"[":                           "is no glob",
	} {
		code, stdout, stderr := nothing.call(t.Context(), "cases", selector)
		if code != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d: %s%s", selector, code, stdout, stderr)
		}
	}
}

func TestCasesComplete(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"cases", "replay", "explain"} {
		_, stdout, _ := nothing.call(t.Context(), "__complete", command, "")
		for _, want := range []string{"truncated-signature/first-16\t", "truncated-signature\t", "webhook.rejects-tampered\t"} {
			if strings.Count("\n"+stdout, "\n"+want) != 1 {
				t.Errorf("%s: %q is not proposed once", command, want)
			}
		}
	}
	if _, stdout, _ := nothing.call(t.Context(), "__complete", "explain", ""); !strings.Contains(stdout, "access.reviewed\t") || !strings.Contains(stdout, "verification\t") {
		t.Errorf("explain: %s", stdout)
	}
	if _, stdout, _ := nothing.call(t.Context(), "__complete", "explain", "verification", ""); !strings.HasPrefix(stdout, "aspnet\n") {
		t.Errorf("frameworks: %s", stdout)
	}
	if _, stdout, _ := nothing.call(t.Context(), "__complete", "cases", "--provider", ""); !strings.Contains(stdout, "begini\n") {
		t.Errorf("providers: %s", stdout)
	}
}
