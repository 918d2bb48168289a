package webhook_test

import (
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
)

// TestOnlyWhatIsReadIsSent: a selection of checks limits the requests to the families that they read,
// and to those that show how the receiver responds in general.
func TestOnlyWhatIsReadIsSent(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.integration.Environments = l.integration.Environments[:1]
	l.selected = func(check string) bool { return check == "webhook.rejects-wrong-key" }
	doc := l.run(t.Context())
	families := map[string]bool{}
	for _, e := range facts[webhook.Exchange](t, doc, webhook.KindExchange) {
		families[e.Family] = true
	}
	allowed := []string{"F01", "F04", "wrong", "type", "baseline", "control"}
	for family := range families {
		if !slices.Contains(allowed, family) {
			t.Errorf("%s was sent", family)
		}
	}
	if !families["F04"] || doc.Scope.Requests[audit.Test] > 60 {
		t.Errorf("%d requests of %v", doc.Scope.Requests[audit.Test], families)
	}
}

// TestShareOfUnmarkedRequests: some of every family and of the valid events do not name the auditor,
// and each is listed with its time; none without leave.
func TestShareOfUnmarkedRequests(t *testing.T) {
	t.Parallel()
	for _, onlyMarked := range []bool{false, true} {
		l := newLab(t, nil)
		l.integration.Environments = l.integration.Environments[:1]
		l.onlyMarked = onlyMarked
		doc := l.run(t.Context())
		unmarked, families := map[string]int{}, map[string]int{}
		sum := 0
		for _, e := range facts[webhook.Exchange](t, doc, webhook.KindExchange) {
			if e.NotSent == "" && (e.Purpose == webhook.PurposeForgery || e.Purpose == webhook.PurposeInvalid || e.Family == "baseline") {
				families[e.Family]++
				if e.Unmarked {
					unmarked[e.Family]++
					sum++
				}
			}
		}
		for family, n := range families {
			if (unmarked[family] > 0) == onlyMarked || n > 2 && unmarked[family] == n {
				t.Errorf("only marked %v: %d of %d requests of %s are unmarked", onlyMarked, unmarked[family], n, family)
			}
		}
		if len(doc.Scope.Unmarked) != sum {
			t.Errorf("%d unmarked requests are listed of %d", len(doc.Scope.Unmarked), sum)
		}
		t.Logf("%d requests, %d unmarked", doc.Scope.Requests[audit.Test], sum)
	}
}
