package webhook

import (
	"slices"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// TestDrawsAreSummedUp: those that were answered alike are one fact, and a leak in one of them is not lost among the others, whose
// answers have the same digest since what leaked is what varies.
func TestDrawsAreSummedUp(t *testing.T) {
	t.Parallel()
	transcript := newTranscript(audit.Environment{Name: audit.Test}, provider.Must(provider.Default))
	for _, leaks := range [][]string{nil, nil, {response.LeakKey}, nil} {
		transcript.instances = append(transcript.instances, &record{address: "192.0.2.1:443", fact: Exchange{Case: "unsigned", Status: 401, Digest: "same", Leaks: leaks}})
	}
	transcript.instances = append(transcript.instances, &record{fact: Exchange{Case: "unsigned", NotSent: cases.NotSentInterrupted}})
	sums := transcript.instanceSums()
	if len(sums) != 2 || sums[0].Draws != 3 || sums[1].Draws != 1 || !slices.Equal(sums[1].Leaks, []string{response.LeakKey}) {
		t.Errorf("%+v", sums)
	}
}
