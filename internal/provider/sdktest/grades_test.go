package sdktest

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// A profile is verified only where a published vector or an SDK that is run here confirms it, and names
// the version that is run.
func TestVerifiedProfilesAreConfirmedHere(t *testing.T) {
	var installed struct {
		Dependencies map[string]string `json:"dependencies"`
	}
	text, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &installed); err != nil {
		t.Fatal(err)
	}
	verified := 0
	for _, name := range provider.Names() {
		p := profile(t, name)
		if p.Grade != provider.Verified {
			continue
		}
		verified++
		_, inGo := goSDKs[name]
		tested := inGo || slices.Contains(symmetric, name) || slices.Contains([]string{"sendgrid", "discord"}, name)
		if !tested && len(p.Vectors) == 0 {
			t.Errorf("%s is verified, but no vector and no SDK that is run here confirms it", name)
		}
		for _, confirmation := range p.ConfirmedBy {
			if rest, npm := strings.CutPrefix(confirmation.SDK, "npm "); npm {
				words := strings.Fields(strings.ReplaceAll(rest, ",", " "))
				if version := installed.Dependencies[words[0]]; version != words[1] {
					t.Errorf("%s is confirmed by %s %s, but %q is run", name, words[0], words[1], version)
				}
			}
		}
	}
	if verified < 15 {
		t.Errorf("only %d profiles are verified", verified)
	}
}
