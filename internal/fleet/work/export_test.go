package work

import (
	"context"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// UseProbes has audits use other probes.
func (f *Fleet) UseProbes(probes func([]audit.Probe) []audit.Probe) { f.probes = probes }

var sharedJudges = newJudges()

// ShareJudges has it judge with the built-in policies as other tests have compiled them.
func (f *Fleet) ShareJudges() { f.judges = sharedJudges }

// Sweep, Reload, Check and Retain are what the jobs of those names do.
func (f *Fleet) Sweep(ctx context.Context) error  { return f.sweep(ctx) }
func (f *Fleet) Reload(ctx context.Context) error { return f.reload(ctx) }
func (f *Fleet) Check(ctx context.Context) error  { return f.check(ctx) }

// Compiled are the policies that are kept compiled.
func (f *Fleet) Compiled() (list []any) {
	f.judges.mu.Lock()
	defer f.judges.mu.Unlock()
	for _, judge := range f.judges.made {
		list = append(list, judge)
	}
	return list
}

// SeenExpiries is what a report rests on that expires.
var SeenExpiries = seenExpiries
