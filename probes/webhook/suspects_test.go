package webhook

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// TestSuspects: a request whose connection broke is one also where it was refused when it was sent
// again, as it is by a receiver that does not come back.
func TestSuspects(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	made := func(name, failure string, broke bool) *record {
		return &record{
			fact:  Exchange{Family: "F17", Case: name, Error: failure},
			broke: broke, begun: begun, ended: begun.Add(time.Second),
		}
	}
	responded := made("responded", "", false)
	responded.got, responded.ended = true, begun
	late := made("just-before", "", false)
	late.got, late.ended = true, begun.Add(900*time.Millisecond)
	got, before := suspects([]*record{
		responded, late, made("reset", netprobe.Reset, true), made("reset-then-refused", netprobe.Refused, true),
		made("refused", netprobe.Refused, false),
	})
	want := []StopCase{{Family: "F17", Case: "reset"}, {Family: "F17", Case: "reset-then-refused"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]StopCase{{Family: "F17", Case: "just-before"}}, before); diff != "" {
		t.Error(diff)
	}
}

// TestFastResponsesAreSeen: a response within a millisecond is no response that was not seen.
func TestFastResponsesAreSeen(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]int{time.Microsecond: 1, 700 * time.Microsecond: 1, 1600 * time.Microsecond: 2, time.Second: 1000} {
		if got := milliseconds(took); got != want {
			t.Errorf("%v: %d ms instead of %d", took, got, want)
		}
	}
}
