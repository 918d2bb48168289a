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
#   compares_environments: true
#   passes: |
#     The environments have different webhook URLs; a shared host is a note.
#   fails: |
#     Two environments have the same webhook URL.
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

url(environment) := lib.environments[environment].webhook_url

declared(pair) if {
	every environment in pair {
		url(environment) != ""
	}
}

same(pair) if urls.canonical(url(pair[0])) == urls.canonical(url(pair[1]))

findings contains lib.alone

findings contains lib.declared({
	"outcome": "fail", "subject": lib.of_pair("same webhook", pair),
	"message": sprintf("%s use the same webhook URL", [lib.of_both(pair)]),
	"evidence": {"url": urls.shown(url(pair[1]))},
}) if {
	some pair in lib.pairs
	declared(pair)
	same(pair)
}

findings contains lib.declared({
	"outcome": "pass", "subject": lib.of_pair("different webhooks", pair),
	"message": sprintf("%s use different webhook URLs", [lib.of_both(pair)]),
	"evidence": object.union(
		{environment: urls.shown(url(environment)) | some environment in pair},
		{"same_host": urls.parts(url(pair[0])).host == urls.parts(url(pair[1])).host},
	),
}) if {
	some pair in lib.pairs
	declared(pair)
	not same(pair)
}

findings contains lib.declared({
	"outcome": "inconclusive", "subject": lib.of_pair("no webhook", pair),
	"message": "Webhook URLs are not both configured, so they cannot be compared",
	"next_step": "Configure the webhook URL of both environments under environments.NAME.webhook_url.",
	"evidence": {"reason": "not_declared"},
}) if {
	some pair in lib.pairs
	not declared(pair)
}
