package webhook_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// TestEventsAreNotedBeforeTheyAreSent holds the list of what has to be purged: every event that a receiver accepted was noted before, so
// that the list outlives the process.
func TestEventsAreNotedBeforeTheyAreSent(t *testing.T) {
	t.Parallel()
	l := newLab(t, map[string][]sandbox.Behavior{audit.Test: named(t, "presence-only")})
	var mu sync.Mutex
	noted := map[string]bool{}
	l.sending = func(_ context.Context, event audit.SentEvent) error {
		mu.Lock()
		defer mu.Unlock()
		noted[event.Environment+event.UID] = event.EventType != ""
		return nil
	}
	doc := l.run(t.Context())
	if len(doc.Scope.Sent) < 50 {
		t.Fatalf("a receiver that accepts any signature accepted %d events", len(doc.Scope.Sent))
	}
	for _, event := range doc.Scope.Sent {
		if !noted[event.Environment+event.UID] {
			t.Errorf("%s was accepted without having been noted", event.UID)
		}
	}
}

func TestNoEventIsSentThatCannotBeNoted(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.sending = func(context.Context, audit.SentEvent) error { return errors.New("the disk is full") }
	doc := l.run(t.Context())
	if len(doc.Scope.Sent) > 0 {
		t.Errorf("%d events were accepted", len(doc.Scope.Sent))
	}
}
