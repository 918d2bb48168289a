package webhook_test

import (
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
)

// TestKeysOfEveryOtherEnvironment: a receiver is sent events signed with the key of each other environment, and none where it is the
// only one.
func TestKeysOfEveryOtherEnvironment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environments []string
		want         []string
	}{
		{[]string{"sandbox"}, nil},
		{[]string{"sandbox", "live"}, []string{"other-environment"}},
		{[]string{"sandbox", "live", "staging"}, []string{"key-of-staging", "other-environment"}},
	} {
		l := newLab(t, nil)
		l.selected = func(check string) bool { return check == "environments.credentials-not-interchangeable" }
		first := *l.environment(audit.Test)
		l.integration.Environments = nil
		for i, name := range test.environments {
			environment := first
			environment.Name = name
			if i > 0 {
				environment.Probing, environment.Key.Key = audit.Passive, secret.New([]byte("the key of "+name+" 8fKq2mXw9Lr4"))
			}
			l.integration.Environments = append(l.integration.Environments, environment)
		}
		l.integration.Network.RequestsPerSec = map[string]float64{"sandbox": 1000}
		var got []string
		for _, x := range facts[webhook.Exchange](t, l.run(t.Context()), webhook.KindExchange) {
			if x.Family == "F15" && x.Environment == "sandbox" {
				got = append(got, x.Case)
				if x.Status != 401 {
					t.Errorf("%s: %+v", x.Case, x)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.environments, got, test.want)
		}
	}
}
