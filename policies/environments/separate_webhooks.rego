# METADATA
# title: Test and Production use different webhook endpoints
# description: |
#   Results of real people must not reach the receiver that is being tested, nor synthetic ones the receiver that
#   decides. Each environment has a webhook URL of its own; a shared host is a note.
# custom:
#   id: environments.separate-webhooks
#   order: 280
#   section: Separate Test and Production cleanly
#   level: required
#   severity: high
#   cwe: ["CWE-653"]
#   owasp_asvs: []
#   remediation: |
#     Give each environment a webhook endpoint of its own, register it in the {{tab}} it belongs to
#     (Test, Production), and configure both under environments.test.webhook_url and
#     environments.production.webhook_url.
#   sources:
#     - "RFC 3986, 6.2: when two URLs are equivalent"
#   facts: []
package prelaunch.checks.environments.separate_webhooks

import data.prelaunch.lib
import data.prelaunch.lib.urls

test := lib.environments.test.webhook_url

production := lib.environments.production.webhook_url

declared if {
	test != ""
	production != ""
}

same if urls.canonical(test) == urls.canonical(production)

findings contains lib.declared({
	"outcome": "fail", "subject": "same webhook",
	"message": "Test and Production use the same webhook URL",
	"evidence": {"url": urls.shown(production)},
}) if {
	declared
	same
}

findings contains lib.declared({
	"outcome": "pass", "subject": "different webhooks",
	"message": "Test and Production use different webhook URLs",
	"evidence": {
		"test": urls.shown(test), "production": urls.shown(production),
		"same_host": urls.parts(test).host == urls.parts(production).host,
	},
}) if {
	declared
	not same
}

findings contains lib.declared({
	"outcome": "inconclusive", "subject": "no webhook",
	"message": "Webhook URLs are not both configured, so they cannot be compared",
	"next_step": "Configure the webhook URL of both environments under environments.NAME.webhook_url.",
	"evidence": {"reason": "not_declared"},
}) if {
	not declared
}
