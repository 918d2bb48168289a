package cli

import (
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/policies"
)

// builtin are the policies of this version. A library is read only, so one serves the whole process.
var builtin = sync.OnceValues(func() (*policy.Library, error) { return policy.Load(policies.FS, nil) })

// loadPolicies reads the built-in policies and a user's own.
func loadPolicies(directories []string) (*policy.Library, error) {
	if len(directories) == 0 {
		return builtin()
	}
	return policy.Load(policies.FS, directories)
}
