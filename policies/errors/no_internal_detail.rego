# METADATA
# title: Responses must not leak internal details
# description: |
#   No response of the receiver, to any request, carries a stack trace, a debug page, SQL, a path of the server, the
#   signature that it expected or a key. A receiver that reveals the expected signature signs whatever an attacker sends
#   it.
# custom:
#   id: errors.no-internal-detail
#   order: 410
#   section: Handle errors safely
#   level: required
#   severity: critical
#   cwe: ["CWE-209"]
#   owasp_asvs: ["v5.0.0-13.4.2", "v5.0.0-16.5.1"]
#   per_environment: true
#   passes: |
#     No response to any request contains internal details, a key or the expected signature.
#   fails: |
#     A response contains a stack trace, a debug page, SQL, a path, a key or the signature that was expected; the
#     finding names the request.
#   remediation: |
#     Respond to errors with a fixed text and an id, log the detail on the server, and switch every debug mode off in
#     both environments.
#   facts: [webhook.baseline, webhook.exchange, webhook.instance]
package prelaunch.checks.errors.no_internal_detail

import data.prelaunch.lib
import data.prelaunch.lib.obstacles
import data.prelaunch.lib.responses
import data.prelaunch.lib.text
import data.prelaunch.lib.verdict

answered(environment) := array.concat(
	[x | some x in input.facts["webhook.exchange"]; x.environment == environment; says_something(x)],
	[x | some x in input.facts["webhook.instance"]; x.environment == environment; says_something(x)],
)

says_something(x) if x.status > 0

# What comes in place of a response may leak as well.
says_something(x) if count(x.leaks) > 0

leaks := {
	"key": "a key of the integration",
	"expected_signature": "the signature that it expected: it signs for anybody who asks",
	"python": "a Python traceback or debug page",
	"node": "a Node stack trace or path",
	"java": "a Java stack trace or exception",
	"dotnet": "a .NET stack trace or exception",
	"php": "a PHP error or debug header",
	"ruby": "a Ruby stack trace or error page",
	"go": "a Go stack trace or source line",
	"rust": "a Rust panic",
	"sql": "a database error or SQL",
	"path": "a path of the server",
	"credentials": "a URL with a user name and password",
	"private_key": "a private key",
	"network": "an internal connection error",
	"go_decoder": "a message of Go's JSON decoder",
}

# What merely reveals the language warns; versions are a note.
level(family) := "warn" if {
	family == "go_decoder"
} else := "fail"

leaking(environment, family) := [x | some x in answered(environment); family in x.leaks]

findings contains verdict.finding(environment, {
	"outcome": level(family), "subject": family,
	"message": sprintf("%s leaked %s (%d of %s)", [
		text.receiver(environment), leaks[family], count(hits),
		lib.amount(count(answered(environment)), "response", "responses"),
	]),
	"evidence": {
		"family": family, "answers": count(hits), "statuses": sort({x.status | some x in hits}),
		"cases": sort({text.replayed(x) | some x in hits}),
		"replay": text.replay(environment, hits),
	},
}) if {
	some environment, _ in lib.environments
	some family, _ in leaks
	hits := leaking(environment, family)
	count(hits) > 0
}

leaky(environment) if {
	some family, _ in leaks
	count(leaking(environment, family)) > 0
}

findings contains verdict.unread(environment) if some environment, _ in lib.environments

# obstacle is why no leak was seen and yet not every response was: the first that there is.
obstacle(environment) := [one | some kind in order; one := obstacle_of(kind, environment)][0]

order := ["unsigned", "incomplete", "gave up", "no response", "large response", "truncated response"]

obstacle_of("unsigned", environment) := obstacles.unsigned(environment)

obstacle_of("incomplete", environment) := obstacles.incomplete(environment)

obstacle_of("gave up", environment) := obstacles.gave_up(environment)

obstacle_of("no response", environment) := obstacles.no_response(environment) if count(answered(environment)) == 0

obstacle_of("large response", environment) := obstacles.large_response(environment) if {
	some x in answered(environment)
	x.cut
}

obstacle_of("truncated response", environment) := obstacles.truncated_response(environment) if {
	some x in answered(environment)
	x.error
}

findings contains verdict.inconclusive(environment, obstacle(environment), {
	"subject": "undecided",
	"message": sprintf("%s leaked no internal details in %s, but %s", [
		text.receiver(environment), lib.amount(count(answered(environment)), "response", "responses"),
		obstacle(environment).why,
	]),
	"evidence": {"answers": count(answered(environment))},
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not leaky(environment)
	not bridged(environment)
}

# bridged holds where only what could not be signed is open, and Test was observed.
bridged(environment) if {
	responses.bridged(environment)
	not leaky(environment)
	obstacle(environment).cause == obstacles.unsigned(environment).cause
	count(answered(environment)) > 0
	not verdict.unread(lib.reference)
	not leaky(lib.reference)
	not obstacle(lib.reference)
}

findings contains verdict.bridged(environment, "answers", sprintf("%s leaked no internal details in %s", [
	text.receiver(lib.reference), lib.amount(count(answered(lib.reference)), "response", "responses"),
])) if {
	some environment, _ in lib.environments
	bridged(environment)
}

note(environment) := {"note": "responses reveal the version of the server or framework"} if {
	"version" in {leak | some x in answered(environment); some leak in x.leaks}
} else := {}

findings contains verdict.finding(environment, {
	"outcome": "pass", "subject": "answers",
	"message": sprintf("%s leaked no internal details in %s", [
		text.receiver(environment), lib.amount(count(answered(environment)), "response", "responses"),
	]),
	"evidence": object.union({"answers": count(answered(environment))}, note(environment)),
}) if {
	some environment, _ in lib.environments
	not verdict.unread(environment)
	not leaky(environment)
	not obstacle(environment)
}
