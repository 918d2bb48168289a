package webhook_test

import (
	"context"
	"errors"
	"runtime"
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

// heap notes the memory that is in use while requests are sent. It looks at every fiftieth.
type heap struct{ last uint64 }

func (*heap) Start(audit.Probe)                  {}
func (*heap) End(audit.Probe, audit.ProbeStatus) {}

func (h *heap) Step(_ audit.Probe, done, _ int) {
	if done%50 == 0 {
		h.last = inUse()
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestRequestsAreNotKept holds what an audit takes of memory near its end: hundreds are made side by side. It runs alone, since others
// would be counted.
func TestRequestsAreNotKept(t *testing.T) {
	l := newLab(t, nil)
	h := &heap{}
	l.progress = h
	l.run(t.Context()) // makes what is made once
	before := inUse()
	l.run(t.Context())
	const most = 7 << 20 // of two environments, with connections and receivers of this process: 1 to 3.3 MB, and 10 more with the requests kept
	if held := h.last - before; held > most {
		t.Errorf("an audit holds %d kB", held>>10)
	}
}
