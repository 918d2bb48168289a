package cli_test

import (
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
)

// TestTruthProvider audits a deployment whose webhook nobody attests, with the provider's word in its place. What a silent provider
// comes to is held beside the probe, with a shorter timeout than a configuration's.
func TestTruthProvider(t *testing.T) {
	t.Parallel()
	for _, behavior := range behaviors.ProviderBehaviors() {
		if behavior.Name == "silent" {
			continue
		}
		t.Run(behavior.Name, func(t *testing.T) {
			t.Parallel()
			var unattested []sandbox.DeploymentFlaw
			for _, flaw := range behaviors.DeploymentFlaws() {
				if flaw.Name == "webhook-not-attested" {
					unattested = append(unattested, flaw)
				}
			}
			if len(unattested) != 1 {
				t.Fatal("the sandbox has no deployment whose webhook is not attested")
			}
			got := auditPair(t, sandbox.PairOptions{Provider: &behavior, Flaws: unattested}, "--only", "deployment-centre.webhook-registered,api-key.separate-environments")
			const id = "deployment-centre.webhook-registered"
			check := got.report.Checks[slices.IndexFunc(got.report.Checks, func(c audit.Check) bool { return c.ID == id })]
			outcome, told := saw(check, "")
			shown := !behavior.Undelivered && !behavior.Undecided
			if shown != (outcome == audit.Pass) {
				t.Errorf("%s%s", outcome, told)
			}
			if behavior.Undelivered && outcome != audit.Fail && outcome != audit.Inconclusive {
				t.Errorf("%s, though nothing was delivered%s", outcome, told)
			}
			failures := map[string]bool{"no-endpoint": true, "cannot-connect": true, "delivered-says-the-status-only": true}
			if failures[behavior.Name] != (outcome == audit.Fail) {
				t.Errorf("%s, though a failure is what it should be only where the provider itself says so%s", outcome, told)
			}
		})
	}
}
