# METADATA
# title: Events signed with a wrong key are refused
# description: |
#   Signed with a random key, an empty key, a default, or what a missing variable turns into (undefined, null, None): refused.
# custom:
#   id: webhook.rejects-wrong-key
#   order: 100
#   section: Verify all webhook requests
#   items: [2]
#   level: required
#   severity: critical
#   per_environment: true
#   remediation: |
#     Let the receiver refuse to start when its key is missing or empty, and read it from one place only.
#   sources: ["Begini Security Checklist, Psychometric Integration, 2 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange]
package prelaunch.checks.webhook.rejects_wrong_key

import data.prelaunch.lib
import data.prelaunch.reading

findings contains finding if {
	some environment, _ in lib.environments
	some finding in reading.judge(environment, items(environment))
}

items(environment) := reading.family(environment, "F04")
