# METADATA
# title: Configuration files must not mix environments
# description: |
#   A settings file that belongs to one environment by its name (.env.production, config/test.json,
#   deploy/production/values.yaml) must not contain the other's integration ID, webhook URL or key.
# custom:
#   id: environments.no-mixed-configuration
#   order: 320
#   section: Separate Test and Production cleanly
#   level: recommended
#   severity: medium
#   cwe: ["CWE-653"]
#   owasp_asvs: []
#   compares_environments: true
#   passes: |
#     No settings file that belongs to one environment by its name contains the integration ID, webhook URL or key of
#     another.
#   fails: |
#     One does, which warns: the check is recommended. The finding names the file.
#   remediation: |
#     Give each environment's file its own integration ID, webhook URL and key reference, each copied from its {{tab}}.
#   facts: [repository.pairing, repository.status]
package prelaunch.checks.environments.no_mixed_configuration

import data.prelaunch.lib
import data.prelaunch.lib.exposure

names := {"integration_id": "integration ID", "webhook_url": "webhook URL", "key": "key"}

findings contains lib.finding({
	"outcome": "fail", "environment": pairing.belongs,
	"subject": concat(" ", [pairing.repository, pairing.path, pairing.carries]),
	"target": pairing.repository,
	"message": sprintf("%s configuration file %s%s contains the %s of %s", [
		lib.label(pairing.belongs), pairing.path, exposure.of_repository(pairing.repository),
		names[pairing.carries], lib.label(pairing.of),
	]),
	"evidence": {
		"repository": pairing.repository, "path": pairing.path, "carries": pairing.carries,
		"of": pairing.of, "lines": lines,
	},
}) if {
	count(lib.pairs) > 0
	some pairing in input.facts["repository.pairing"]
	lines := array.slice(
		sort({other.line |
			some other in input.facts["repository.pairing"]
			object.remove(other, ["line"]) == object.remove(pairing, ["line"])
		}),
		0, 20,
	)
}

findings contains lib.finding({
	"outcome": "inconclusive", "subject": "more places",
	"message": "More configuration files mix environments than are listed",
	"next_step": "Fix the listed files, and audit again.",
	"evidence": {"reason": "cut_short"},
}) if {
	count(lib.pairs) > 0
	some status in exposure.statuses
	status.others_cut > 0
}

problems := (exposure.undeclared | exposure.unfinished) | exposure.partly("files")

findings contains lib.alone

findings contains finding if {
	count(lib.pairs) > 0
	some finding in problems
}

findings contains lib.finding({
	"outcome": "pass", "subject": "searched",
	"message": "No configuration file contains what belongs to the other environment",
	"evidence": {"repositories": exposure.searched},
}) if {
	count(lib.pairs) > 0
	count(problems) == 0
	count(input.facts["repository.pairing"]) == 0
	every status in exposure.statuses {
		status.others_cut == 0
	}
}
