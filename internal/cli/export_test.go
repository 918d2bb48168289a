package cli

import (
	"context"
	"fmt"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/policy"
)

// Compiling the policies takes most of the CPU time of a short audit, and several times as much under the
// race detector: it is done once for all calls that judge by the same checks in the same words.
func init() {
	var mu sync.Mutex
	judges := map[string]*policy.Judge{}
	compile = func(library *policy.Library, ctx context.Context, selection policy.Selection) (*policy.Judge, error) {
		key := fmt.Sprint(library.Digest(), library.Checks(), selection)
		mu.Lock()
		judge := judges[key]
		mu.Unlock()
		if judge != nil {
			return judge, nil
		}
		judge, err := library.Compile(ctx, selection)
		if err == nil {
			mu.Lock()
			judges[key] = judge
			mu.Unlock()
		}
		return judge, err
	}
}
