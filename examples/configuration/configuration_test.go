// Package configuration holds a configuration to copy. Its test loads it.
package configuration

import (
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/config"
)

func TestConfigurationLoads(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC) }
	integration, err := config.Load("prelaunch.yaml", config.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if len(integration.Attestations) != 4 || len(integration.Waivers) != 1 || len(integration.RetiredKeys) != 1 {
		t.Errorf("%+v", integration)
	}
}
