package webhook

import (
	"slices"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/send"
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

// TestWhatArrivesLaterIsSearched: it may come in pieces, and what the request held itself is no leak.
func TestWhatArrivesLaterIsSearched(t *testing.T) {
	t.Parallel()
	key, profile := []byte("begini-test-key-7Jq2mXw9Lr4VzT0s"), provider.Must(provider.Default)
	environment := audit.Environment{Name: audit.Test, WebhookURL: "https://test.hooks.acme.example/begini", Key: audit.KeyReference{Key: secret.New(key)}}
	run := &audit.Run{Integration: &audit.Integration{Environments: []audit.Environment{environment}}, Now: time.Now}
	p := newProber(run, *profile, environment, newProgress(nil))
	transcript := newTranscript(environment, profile)
	for text, leaks := range map[string][]string{"": nil, string(key): {response.LeakKey}} {
		f, err := p.source.Request(profile.Events[0], true)
		if err != nil {
			t.Fatal(err)
		}
		result := send.Result{Request: f, Response: response.Response{Status: 401, Late: func(take func([]byte)) {
			take([]byte(f.UID))
			for i := range text {
				take([]byte{text[i]})
			}
		}}}
		if got := p.lateLeaks(p.read(transcript, job{}, &result).late); !slices.Equal(got, leaks) {
			t.Errorf("%q: %q", text, got)
		}
	}
}
