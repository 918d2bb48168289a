// Package webhook sends genuine, forged and invalid events to an integration's webhook receivers and describes how each was answered.
// It judges nothing: which answer means what is the policies' business.
//
// The rules of the package:
//   - A case is a row in one of three tables (forgeries, genuine, invalid); adding a row adds a case.
//   - A forgery differs from an accepted genuine event in one thing.
//   - Nothing made with a held key leaves over plain HTTP or to a peer whose certificate does not verify; forge.keyed says what is.
//   - In careful probing nothing is sent that a right receiver takes, and never more than half of the body's right signature.
//   - Facts hold no body, no UID, no signature; an answer is a digest, and what it equals is worked out in memory.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// New returns the probe, for one run.
func New() audit.Probe { return &probe{} }

type probe struct{}

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

// Run probes all environments at the same time. What is known by then is emitted even when ctx ends.
func (*probe) Run(ctx context.Context, run *audit.Run) error {
	profile, err := provider.ByName(run.Integration.Provider)
	if err != nil {
		return fmt.Errorf("probe the webhook receivers: %w", err)
	}
	progress := newProgress(run.Progress)
	errs := make([]error, len(run.Integration.Environments))
	var wait sync.WaitGroup
	for i, environment := range run.Integration.Environments {
		wait.Go(func() {
			s := newSession(run, profile, environment, progress)
			errs[i] = s.probe(ctx)
			s.emit()
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(errs...)
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
