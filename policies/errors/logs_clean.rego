# METADATA
# title: Logs contain no keys, signatures, UIDs or payloads
# description: |
#   The declared logs contain no configured key anywhere and, since the probing began, no signature, UID or payload of a
#   request that was sent, in any usual encoding. A log that does not even show the receiver's own activity proves
#   nothing. What the receiver logs about an event that it accepts shows only where valid events were sent, which
#   careful probing does not do.
# custom:
#   id: errors.logs-clean
#   order: 420
#   section: Handle errors safely
#   level: required
#   severity: high
#   cwe: ["CWE-532"]
#   owasp_asvs: ["v5.0.0-16.2.5"]
#   passes: |
#     The declared logs show the receiver's activity during the probing and contain no key and, since it began, no
#     signature, UID or payload that was sent.
#   fails: |
#     A log contains one of them; the finding names the log.
#   remediation: |
#     Log the type of an event, a request id and a digest of the body; never the body, the UID, the signature or the
#     key. Check what frameworks log on errors, and access logs with request bodies. A key that was logged is exposed:
#     rotate it.
#   facts: [log.source, log.follow, log.hit]
package prelaunch.checks.errors.logs_clean

import data.prelaunch.lib
import data.prelaunch.lib.exposure
import data.prelaunch.lib.obstacles

same_build := "environments.same-build"

findings contains lib.finding(object.union(declare, {
	"outcome": "inconclusive", "subject": "not declared",
	"message": "Logs are not declared, so nothing was searched",
	"evidence": {"reason": "not_declared", "option": "logs"},
})) if {
	not lib.has_section("logs")
}

declare := lib.declare(
	"logs", "Declare the receiver's logs (`logs: []` if there are none)",
	["logs:", "  - {path: ./logs/*.log, environment: production}"],
)

findings contains lib.declared_empty("logs", "log") if {
	lib.has_section("logs")
	count(input.integration.logs) == 0
}

findings contains lib.incomplete("", "log.follow") if {
	count(input.integration.logs) > 0
	not lib.complete("log.follow")
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "no log",
	"message": sprintf("%s logs are not declared, so nothing was searched", [lib.label(environment)]),
	"evidence": {"reason": "not_declared", "option": "logs"},
	"next_step": declare.next_step, "cause": declare.cause,
}) if {
	count(input.integration.logs) > 0
	some environment, _ in lib.environments
	environment != lib.reference
	every declared in input.integration.logs {
		not declared.environment in {"", environment}
	}
}

# --- What is in the logs

named := {
	"key": "{{a_key}}",
	"signature": "a signature",
	"uid": "the UID of an event",
	"payload": "the payload of an event",
}

bad := [hit | some hit in input.facts["log.hit"]; not excused(hit)]

# A retired key is not a failure here: dead, it opens nothing, and until it is seen to be rejected it is inconclusive.
excused(hit) if hit.role == "retired"

findings contains lib.finding({
	"outcome": "fail", "environment": where[0], "subject": concat(" ", [where[1], where[2], where[3]]),
	"target": where[1],
	"message": sprintf(
		"%s contains %s%s: %s",
		[log_of(where[0]), named[where[3]], since(list), exposure.spot(where[2], list[0])],
	),
	"evidence": {"log": where[1], "file": where[2], "what": where[3], "places": exposure.spots(list)},
	"cause": logged_cause(where[3], list[0]),
}) if {
	some where in {[hit.environment, hit.source, hit.file, hit.what] | some hit in bad}
	list := [hit | some hit in bad; [hit.environment, hit.source, hit.file, hit.what] == where]
}

logged_cause("key", hit) := exposure.cause(hit)

logged_cause(what, _) := "" if what != "key"

# log_of names the log of an environment at the start of a message.
log_of("") := "Log"

log_of(environment) := concat(" ", [lib.label(environment), "log"]) if environment != ""

since(list) := " since the probing began" if {
	every hit in list {
		hit.phase == "since"
	}
} else := ""

findings contains lib.finding(object.union(exposure.unsettled, {
	"outcome": "inconclusive", "environment": hit.environment,
	"subject": concat(" ", ["retired key:", hit.source, hit.file]),
	"target": hit.source,
	"message": sprintf("%s was logged, and it was not seen to be rejected: %s", [
		exposure.key_name(hit), exposure.spot(hit.file, hit),
	]),
	"evidence": {"reason": "not_seen_refused", "log": hit.source, "file": hit.file, "fingerprint": hit.fingerprint},
})) if {
	some hit in unsettled
}

unsettled contains hit if {
	some hit in exposure.log_keys
	hit.role == "retired"
	not exposure.dead(hit)
}

# --- How much of each log was read

states := {
	"missing": "no file matches it",
	"unreadable": "it cannot be read",
	"not_allowed": "it is a command, which needs --allow-commands",
	"failed": "its command failed",
}

# why lists what keeps a log from proving anything.
why(source) := sort(((before(source) | after(source)) | unseen(source)))

before(source) := {states[source.state] | states[source.state]} | gaps(source.gaps)

after(source) := union({gaps(follow.gaps) | some follow in follows(source)})

gaps(list) := {sprintf("%s: %s", [gap.file, gap.reason]) | some gap in list}

follows(source) := [follow | some follow in input.facts["log.follow"]; follow.index == source.index]

unseen(source) := {reason |
	source.state == "read"
	some follow in follows(source)
	some reason in inactive(follow)
}

# inactive is why what the log shows since the probing began is not enough: the first that there is, or nothing.
inactive(follow) := array.slice([why | some lack in lacks; why := lacking(lack, follow)], 0, 1)

lacks := ["requests", "activity", "marker", "long UIDs"]

lacking("requests", follow) := "nothing was sent to the receiver, so nothing can show in it" if follow.sent == 0

lacking("activity", follow) := "the receiver's own activity does not show in it" if follow.activity == "none"

lacking("marker", follow) := "the declared marker did not show since the probing began" if {
	follow.marker
	follow.activity != "marker"
}

lacking("long UIDs", follow) := sprintf("%s too short to be searched for", [
	lib.amount(follow.uids_not_searched, "configured UID (probe_uids) is", "configured UIDs (probe_uids) are"),
]) if {
	follow.uids_not_searched > 0
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": source.environment,
	"subject": concat(" ", ["not seen in full:", source.source]),
	"target": source.source,
	"message": sprintf("%s %s does not show enough: %s", [
		log_of(source.environment), source.source, exposure.shorter(why(source)),
	]),
	"next_step": next_step(source),
	"cause": sprintf("log.not-read/%s", [source.source]),
	"evidence": {"reason": "not_looked_at", "log": source.source, "gaps": array.slice(why(source), 0, 20)},
}) if {
	some source in input.facts["log.source"]
	count(why(source)) > 0
}

findings contains finding if some finding in exposure.unsearchable(input.facts["log.source"])

next_step(source) := "Audit again with --allow-commands." if {
	source.state == "not_allowed"
} else := "Check that this is the receiver's log and that it is written in time, and audit again."

# --- What the log shows about events that were accepted

# seen holds the environments to which valid events were sent and that accepted one.
seen contains environment if {
	some environment, declared in lib.environments
	declared.probing == "full"
	some sent in input.scope.sent
	sent.environment == environment
}

covered(source) := {environment |
	some environment, _ in lib.environments
	source.environment in {"", environment}
}

clean(source) if {
	count(why(source)) == 0
	not dirty[source.index]
	count(exposure.too_short(input.facts["log.source"])) == 0
	lib.complete("log.follow")
}

dirty contains hit.index if some hit in bad

dirty contains hit.index if some hit in unsettled

findings contains lib.finding({
	"outcome": "pass", "environment": environment, "subject": concat(" ", ["clean:", source.source]),
	"target": source.source,
	"message": sprintf("%s %s contains no {{key}} that is in use, and nothing of the requests that were sent", [
		log_of(source.environment), source.source,
	]),
	"evidence": object.union(exposure.searched_less([source]), {
		"log": source.source, "files": source.files, "bytes": source.bytes, "activity": activities(source),
		"requests": requests(source),
	}),
}) if {
	some source in input.facts["log.source"]
	clean(source)
	some environment in covered(source)
	environment in seen
}

activities(source) := sort({follow.activity | some follow in follows(source)})

requests(source) := sum([follow.sent | some follow in follows(source)])

# clean_in_reference: the reference environment was observed and is clean, so what it shows holds for the same build.
clean_in_reference if {
	lib.reference in seen
	logs := [source | some source in input.facts["log.source"]; lib.reference in covered(source)]
	count(logs) > 0
	every source in logs {
		clean(source)
	}
}

findings contains object.union(lib.attested(same_build, environment, source.source), {
	"subject": concat(" ", ["same build:", source.source]),
	"message": sprintf("%s %s contains no {{key}} or signature; %s's no UID or payload; %s attests the same build", [
		log_of(source.environment), source.source, lib.label(lib.reference), lib.attestation(same_build).by,
	]),
}) if {
	some source in input.facts["log.source"]
	clean(source)
	some environment in covered(source)
	bridged(environment)
}

bridged(environment) if {
	not environment in seen
	lib.environments[environment].probing == "careful"
	lib.attestation(same_build)
	clean_in_reference
}

findings contains lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": concat(" ", ["events:", source.source]),
	"target": source.source,
	"message": sprintf("%s %s contains no {{key}} and no signature, but no event was accepted that it could log: %s", [
		log_of(source.environment), source.source, obstacle.why,
	]),
	"evidence": {"reason": "not_observed", "log": source.source},
	"next_step": obstacle.next_step, "cause": obstacle.cause,
}) if {
	some source in input.facts["log.source"]
	clean(source)
	some environment in covered(source)
	not environment in seen
	not bridged(environment)
	obstacle := missing(environment)
}

missing(environment) := obstacles.unproven(environment) if {
	lib.environments[environment].probing == "full"
} else := obstacles.careful_of(environment)
