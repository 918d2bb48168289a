# METADATA
# title: Answers hold no internal detail
# description: |
#   No answer of the receiver, to whatever request, carries a stack trace, a debug page, SQL, a server's path, the signature that it expected
#   or a key. A receiver that tells the expected signature signs whatever an attacker sends it.
# custom:
#   id: errors.no-internal-detail
#   order: 410
#   section: Handle errors safely
#   items: [7]
#   level: required
#   severity: critical
#   per_environment: true
#   remediation: |
#     Answer errors with a fixed text and an id, log the detail on the server, and switch every debug mode off in both environments.
#   sources: ["Begini Security Checklist, Psychometric Integration, 6 (2026-04-14)"]
#   facts: [webhook.baseline, webhook.exchange, webhook.instance]
package prelaunch.checks.errors.no_internal_detail

import data.prelaunch.lib
import data.prelaunch.reading

answers(environment) := array.concat(
	[x | some x in input.facts["webhook.exchange"]; x.environment == environment; x.status > 0],
	[x | some x in input.facts["webhook.instance"]; x.environment == environment; x.status > 0],
)

words := {
	"key": "a key of the integration", "expected_signature": "the signature that it expected: it signs for anybody who asks",
	"python": "a Python traceback or debug page", "node": "a Node stack trace or path", "java": "a Java stack trace or exception",
	"dotnet": "a .NET stack trace or exception", "php": "a PHP error or debug header", "ruby": "a Ruby stack trace or error page",
	"go": "a Go stack trace or source line", "rust": "a Rust panic", "sql": "a database error or SQL", "path": "a path on the server",
	"credentials": "a URL with a user name and password", "private_key": "a private key", "network": "an internal connection error",
	"go_decoder": "a message of Go's JSON decoder",
}

# What merely tells the language warns; versions are a note.
level(family) := "warn" if {
	family == "go_decoder"
} else := "fail"

leaking(environment, family) := [x | some x in answers(environment); family in x.leaks]

findings contains lib.finding({
	"outcome": level(family), "environment": environment, "subject": family, "target": reading.url(environment),
	"message": sprintf("%d answers hold %s", [count(leaking(environment, family)), words[family]]),
	"evidence": {
		"family": family, "answers": count(leaking(environment, family)), "statuses": sort({x.status | some x in leaking(environment, family)}),
		"cases": sort({x.case | some x in leaking(environment, family)}),
	},
}) if {
	some environment, _ in lib.environments
	some family, _ in words
	count(leaking(environment, family)) > 0
}

findings contains reading.unread(environment) if some environment, _ in lib.environments

leaky(environment) if {
	some family, _ in words
	count(leaking(environment, family)) > 0
}

because(environment) := sprintf("only unsigned requests were sent: %s", [reading.unsigned_only(environment)]) if {
	reading.unsigned_only(environment)
} else := "not all requests were sent" if {
	not reading.baselines[environment].complete
} else := "the receiver stopped answering before all requests were sent" if {
	reading.given_up(environment)
} else := "no request was answered" if {
	count(answers(environment)) == 0
} else := "some answers were larger than what is looked at of one (256 KiB and twice what was sent, less where a key is known by its fingerprint)" if {
	some x in answers(environment)
	x.cut
} else := "some answers broke off before their end" if {
	some x in answers(environment)
	x.error
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "undecided",
	"target": reading.url(environment),
	"message": sprintf("no internal detail was seen, but %s", [because(environment)]),
	"evidence": {"answers": count(answers(environment))},
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	not leaky(environment)
	because(environment)
}

versions(environment) if "version" in {leak | some x in answers(environment); some leak in x.leaks}

note(environment) := {"note": "answers tell the version of the server or framework"} if {
	versions(environment)
} else := {}

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": "answers", "target": reading.url(environment),
	"message": sprintf("%d answers hold no internal detail", [count(answers(environment))]),
	"evidence": object.union({"answers": count(answers(environment))}, note(environment)),
}) if {
	some environment, _ in lib.environments
	not reading.unread(environment)
	not leaky(environment)
	not because(environment)
}
