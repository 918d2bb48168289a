package cases_test

import (
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

func TestAll(t *testing.T) {
	t.Parallel()
	profile, err := provider.ByName("begini")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases.All(&profile) {
		label := c.Label()
		if seen[label] {
			t.Errorf("%s: two cases have this label", label)
		}
		seen[label] = true
		if c.What == "" || c.Change == nil || len(c.Checks()) == 0 && c.Family != cases.FamilyControl {
			t.Errorf("%s: words %q, checks %q", label, c.What, c.Checks())
		}
	}
	for _, label := range []string{"unsigned/absent", "valid/application.complete", "raw-body/pretty", "malformed/half", "missing-field/uid"} {
		if !seen[label] {
			t.Errorf("there is no case %s", label)
		}
	}
}
