// Package probes lists every probe. To add one, write its directory and its line here; to drop one, delete both.
package probes

import (
	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/probes/clients"
	"github.com/prelaunch-audit/prelaunch/probes/delivery"
	"github.com/prelaunch-audit/prelaunch/probes/https"
	"github.com/prelaunch-audit/prelaunch/probes/keys"
	"github.com/prelaunch-audit/prelaunch/probes/logs"
	"github.com/prelaunch-audit/prelaunch/probes/providerapi"
	"github.com/prelaunch-audit/prelaunch/probes/repositories"
	"github.com/prelaunch-audit/prelaunch/probes/roster"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
	"github.com/prelaunch-audit/prelaunch/probes/workloads"
)

// All returns a fresh instance of every probe, for one run.
func All() []audit.Probe {
	return []audit.Probe{
		keys.New(),
		https.New(),
		workloads.New(),
		logs.New(),
		clients.New(),
		repositories.New(),
		roster.New(),
		delivery.New(),
		providerapi.New(),
		webhook.New(),
	}
}
