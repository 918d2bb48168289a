package webhook

import (
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// TestDrawsAreSummedUp: those that were answered alike are one fact, and a leak in one of them is not lost among the others, whose
// answers have the same digest since what leaked is what varies.
func TestDrawsAreSummedUp(t *testing.T) {
	t.Parallel()
	out := &audittest.Sink{}
	s := &session{run: &audit.Run{Sink: out}, environment: audit.Environment{Name: audit.Test}}
	for _, leaks := range [][]string{nil, nil, {response.LeakKey}, nil} {
		s.instances = append(s.instances, &record{address: "192.0.2.1:443", fact: Exchange{Case: "unsigned", Status: 401, Digest: "same", Leaks: leaks}})
	}
	s.instances = append(s.instances, &record{fact: Exchange{Case: "unsigned", NotSent: cases.NotSentInterrupted}})
	s.emitInstances()
	sums := audittest.Of[Instance](out)
	if len(sums) != 2 || sums[0].Draws != 3 || sums[1].Draws != 1 || !slices.Equal(sums[1].Leaks, []string{response.LeakKey}) {
		t.Errorf("%+v", sums)
	}
}
