// Package webhook sends valid, forged and invalid events to an integration's webhook receivers and
// describes how each was answered. It judges nothing: what a response means is up to the policies.
//
// The rules of the package:
//   - The probe is a list of phases over one transcript. Requests are made in package cases, sent by
//     package send, and responses read in package response.
//   - Facts hold no body, no UID and no signature; a response is a digest, and what it equals is worked
//     out in memory.
//   - In careful probing nothing is sent that a correct receiver accepts, and never more than half of
//     the body's correct signature.
package webhook

import (
	"context"
	"fmt"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// New returns the probe, for one run.
func New() audit.Probe { return &probe{} }

type probe struct {
	releases map[string]func() // by environment
}

func (*probe) Name() string  { return "webhook" }
func (*probe) Title() string { return "webhook receiver" }

func (*probe) Kinds() []audit.Kind {
	return []audit.Kind{
		audit.KindOf[Baseline](KindBaseline),
		audit.KindOf[Exchange](KindExchange),
		audit.KindOf[Instance](KindInstance),
		audit.KindOf[Diagnosis](KindDiagnosis),
	}
}

// Prepare holds back the requests of other probes to the receivers, until a receiver has shown how it
// responds and that it survives the plainest request: what stops it is known then.
func (pr *probe) Prepare(_ context.Context, run *audit.Run) {
	pr.releases = map[string]func(){}
	for _, environment := range run.Integration.Environments {
		pr.releases[environment.Name] = run.Shared.Hold(audit.Receiver(environment.Name))
	}
}

// Run probes all environments at the same time. What is known by then is emitted even when ctx ends.
func (pr *probe) Run(ctx context.Context, run *audit.Run) error {
	profile, err := provider.Of(run.Integration.Provider, run.Integration.ProviderProfile)
	if err != nil {
		return fmt.Errorf("probe the webhook receivers: %w", err)
	}
	progress := newProgress(run.Advance)
	var wait sync.WaitGroup
	for _, environment := range run.Integration.Environments {
		wait.Go(func() {
			p, t := newProber(run, profile, environment, progress), newTranscript(environment, &profile)
			if p.release = pr.releases[environment.Name]; p.release != nil {
				defer p.release()
			}
			p.probe(ctx, t)
			p.emit(t)
		})
	}
	wait.Wait()
	return ctx.Err()
}

// progress adds up what the environments have sent and will send.
type progress struct {
	mu          sync.Mutex
	report      func(done, total int)
	done, total int
}

func newProgress(report func(done, total int)) *progress {
	if report == nil {
		report = func(int, int) {}
	}
	return &progress{report: report}
}

func (p *progress) add(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += done
	p.total = max(p.total+total, p.done)
	p.report(p.done, p.total)
}
