package webhook

import (
	"context"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// TestCredulousObserver: one that has seen processed what was never sent is not asked again.
func TestCredulousObserver(t *testing.T) {
	t.Parallel()
	for exit, want := range map[int]string{0: observerCredulous, 1: observerAsked, 2: observerAsked} {
		exec := func(context.Context, audit.Command) ([]byte, int, error) { return nil, exit, nil }
		o := newObserver(exec, audit.Environment{Effects: audit.Command{Args: []string{"saw", "{uid}"}}, HasEffects: true})
		o.try(t.Context(), "PRELAUNCHNEVERSENT")
		if o.state != want || o.active() != (want == observerAsked) {
			t.Errorf("exit %d: %s", exit, o.state)
		}
	}
	var none *observer
	none.try(t.Context(), "PRELAUNCHNEVERSENT")
}
