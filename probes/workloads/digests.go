package workloads

import (
	"context"
	"encoding/json"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Digests implements audit.Digester. Manifests are few and name other files, so each workload is read as ever, and what it shows is
// summed up.
func (probe) Digests(ctx context.Context, run *audit.Run) (map[string]string, error) {
	known, err := newRecognizer(run.Integration)
	if err != nil {
		return nil, err
	}
	shown := map[string][]any{} // one path may be declared for both environments
	for _, workload := range run.Integration.Workloads {
		name := "workload " + known.shown(workload.Path)
		reading := *run
		reading.Sink = recorder(func(fact any) { shown[name] = append(shown[name], fact) })
		if err := look(ctx, &reading, known, workload); err != nil {
			return nil, err
		}
	}
	digests := map[string]string{}
	for name, facts := range shown {
		raw, err := json.Marshal(facts)
		if err != nil {
			return nil, err
		}
		digests[name] = audit.Digest(raw)
	}
	return digests, nil
}

// recorder is a sink that hands every fact to a function.
type recorder func(fact any)

func (r recorder) Emit(_ string, fact any)        { r(fact) }
func (r recorder) Scope(func(scope *audit.Scope)) {}
