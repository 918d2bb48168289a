package webhook_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
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
			if e.NotSent != "" {
				continue
			}
			family := e.Family
			if family == "type" || family == "baseline" {
				family = "valid"
			}
			families[family]++
			if e.Unmarked {
				unmarked[family]++
				sum++
			}
		}
		for family, n := range families {
			shared := family == "valid" || strings.HasPrefix(family, "F") || slices.Contains([]string{"malformed", "missing", "unexpected", "bounded"}, family)
			if unmarked[family] > 0 && onlyMarked || unmarked[family] == 0 && shared && !onlyMarked || n > 2 && unmarked[family] == n {
				t.Errorf("only marked %v: %d of %d requests of %s are unmarked", onlyMarked, unmarked[family], n, family)
			}
		}
		if len(doc.Scope.Unmarked) != sum {
			t.Errorf("%d unmarked requests are listed of %d", len(doc.Scope.Unmarked), sum)
		}
		t.Logf("%d requests, %d unmarked", doc.Scope.Requests[audit.Test], sum)
	}
}

// TestNothingNamesTheAuditorAtFirst: a receiver that verifies only once it has seen its auditor has by
// then accepted a forgery, also in careful probing and where there is one type of event.
func TestNothingNamesTheAuditorAtFirst(t *testing.T) {
	t.Parallel()
	for _, probing := range []string{audit.Full, audit.Careful} {
		t.Run(probing, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, map[string][]sandbox.Behavior{audit.Test: named(t, "verifies-once-its-auditor-came")})
			l.silence(audit.Production)
			l.environment(audit.Test).Probing = probing
			l.integration.EventTypes = l.integration.EventTypes[:1]
			doc, report := l.audited(t)
			wantOutcomes(t, report, audit.Test, map[string]audit.Outcome{"webhook.rejects-unsigned": audit.Fail})
			recognized := strings.Contains(explain(report, "webhook.rejects-bypass", audit.Test), "verifies for the auditor only")
			if recognized != (probing == audit.Full) { // careful probing sends nothing again that was accepted
				t.Errorf("it is recognized: %v", recognized)
			}
			if n := len(doc.Scope.Sent); n == 0 || n > 20 && probing == audit.Careful {
				t.Errorf("%d events are listed as accepted", n)
			}
		})
	}
}
