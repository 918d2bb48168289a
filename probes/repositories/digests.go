package repositories

import (
	"context"
	"fmt"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/gitscan"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan"
)

// Digests implements audit.Digester: one digest of each repository, over all that the search reads.
func (p *probe) Digests(ctx context.Context, run *audit.Run) (map[string]string, error) {
	keys, err := keyscan.New(run.Integration)
	if err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for _, repository := range run.Integration.Repositories {
		digest, err := gitscan.Digest(ctx, run.Integration.Resolve(repository.Path), gitscan.Options{ExcludesFile: p.excludes}, run.Now)
		if err != nil {
			return digests, fmt.Errorf("compare repository %s: %w", keys.Shown(repository.Path), err)
		}
		digests["repository "+keys.Shown(repository.Path)] = digest
	}
	return digests, nil
}
