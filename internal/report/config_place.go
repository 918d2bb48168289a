package report

import (
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// declaredBy are the settings that declare what checks look at, by the beginning of a check's id; the first that fits counts. ENV
// stands for the finding's environment.
var declaredBy = []struct{ check, setting string }{
	{"api-key.not-in-client", "clients"},
	{"api-key.not-in-", "repositories"},
	{"api-key.", "environments.ENV.api_key"},
	{"https.redirects", "environments.ENV.redirect_urls"},
	{"https.api-requests", "environments.ENV.api_base_url"},
	{"https.", "environments.ENV.webhook_url"},
	{"webhook.", "environments.ENV.webhook_url"},
	{"redirects.", "environments.ENV.redirect_urls"},
	{"deployment-centre.redirects", "environments.ENV.redirect_urls"},
	{"deployment-centre.", "environments.ENV.webhook_url"},
	{"environments.separate-redirects", "environments.ENV.redirect_urls"},
	{"environments.separate-integrations", "environments.ENV.integration_id"},
	{"environments.separate-webhooks", "environments.ENV.webhook_url"},
	{"environments.no-mixed-configuration", "repositories"},
	{"environments.", "environments.ENV.api_key"},
	{"access.", "access"},
	{"input.", "environments.ENV.webhook_url"},
	{"errors.logs-clean", "logs"},
	{"errors.", "environments.ENV.webhook_url"},
	{"network.", "network"},
	{"", "environments.ENV"},
}

// configLine is the line of the configuration that declares what a check looked at: what the evidence says, or where the setting stands, or
// what it stands in; 1 where none of that is known.
func (v *view) configLine(check string, finding audit.Finding) int {
	if line := placeOf(finding.Evidence).ConfigLine; line > 0 {
		return line
	}
	environment := finding.Environment
	if environment == "" {
		environment = audit.Production
	}
	for _, declared := range declaredBy {
		if !strings.HasPrefix(check, declared.check) {
			continue
		}
		setting := strings.ReplaceAll(declared.setting, "ENV", environment)
		if which, ok := finding.Evidence["redirect"].(string); ok {
			setting += "." + which // of redirect_urls: completion, cancellation or expiry
		}
		for {
			if at, known := v.Positions[setting]; known && at.Line > 0 {
				return at.Line
			}
			end := strings.LastIndexByte(setting, '.')
			if end < 0 {
				return 1
			}
			setting = setting[:end]
		}
	}
	return 1
}
