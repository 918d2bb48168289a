# METADATA
# description: |
#   What the checks of exposed keys share: which retired keys are dead, how much of what was declared was searched, and
#   where keys were found. A retired key is dead once the receiver or the provider was seen to reject it; then it opens
#   nothing.
package prelaunch.lib.exposure

import data.prelaunch.lib
import data.prelaunch.lib.provider
import data.prelaunch.lib.responses

# --- Dead keys

# dead holds for a hit of a retired key that is rejected, and accepted nowhere. A key of both environments has to be
# rejected by both.
dead(hit) if {
	hit.role == "retired"
	not accepted(hit)
	count(homes(hit)) > 0
	every environment in homes(hit) {
		rejected(hit, environment)
	}
}

homes(hit) := {hit.key_environment} if {
	hit.key_environment != ""
} else := {environment | some environment, _ in lib.environments}

rejected(hit, environment) if {
	some pair in provider.pairs
	pair.fingerprint == hit.fingerprint
	pair.verdict == "rejected"
	pair.environment == environment
}

rejected(hit, environment) if {
	classes := {try.class | some try in tries(hit, environment)}
	classes == {"rejected"}
}

accepted(hit) if {
	some pair in provider.pairs
	pair.fingerprint == hit.fingerprint
	pair.verdict == "accepted"
}

accepted(hit) if {
	some environment in homes(hit)
	some try in tries(hit, environment)
	try.class == "accepted"
}

# tries are the events signed with a retired key that were meant for the receiver of an environment.
tries(hit, environment) := [try |
	some try in responses.in_family(environment, "F20")
	try.fact.key == hit.fingerprint
]

# key_name is the key of a hit at the start of a message.
key_name(hit) := trim_space(sprintf("%s {{key}}", [lib.label(hit.key_environment)])) if {
	hit.role == "current"
} else := concat(" ", array.concat(["Retired"], [word |
	some word in [lib.label(hit.key_environment), "{{key}}"]
	word != ""
]))

# of_repository names a repository in a message, where it is not the directory of the configuration itself.
of_repository(".") := ""

of_repository(name) := sprintf(" of %s", [name]) if name != "."

# spot is a place with its line and commit, where they are known.
spot(name, hit) := concat("", [name, line(hit), commit(hit)])

line(hit) := sprintf(":%d", [hit.line]) if {
	hit.line > 0
} else := ""

commit(hit) := sprintf(", commit %s", [substring(hit.commit, 0, 7)]) if {
	hit.commit != ""
} else := ""

# cause is shared by what fails because a key is exposed: it is one problem, wherever the key is found.
cause(hit) := concat("/", ["api-key.exposed", object.get(hit, "fingerprint", "")])

# unsettled is the next step and the cause for a retired key that was not seen to be rejected.
unsettled := {
	"next_step": "Let the provider be asked whether it rejects the retired key, or probe the receiver in full:\nprovider_checks: true",
	"cause": "retired-key.not-seen-rejected",
}

# too_short are the fingerprints that are too short to be searched for.
too_short(statuses) := {fingerprint |
	some status in statuses
	some fingerprint in status.not_searched
}

# by_fingerprint are keys of which only the fingerprint is known: they are found in fewer encodings, which a pass has to
# say.
by_fingerprint(statuses) := sort({fingerprint |
	some status in statuses
	some fingerprint in status.by_fingerprint
})

# searched_less is what the evidence of a pass has to say: keys of which only the fingerprint is known, and how many
# contents of high entropy and no known format there are, which may be encrypted.
searched_less(statuses) := {"searched_by_fingerprint_only": by_fingerprint(statuses), "not_decoded": count_opaque} if {
	count_opaque := sum([object.get(status, "not_decoded", 0) | some status in statuses])
	count_opaque > 0
} else := {"searched_by_fingerprint_only": by_fingerprint(statuses)}

# shorter is a message with at most four of a list.
shorter(list) := concat("; ", list) if {
	count(list) <= 4
} else := sprintf("%s; and %d more", [concat("; ", array.slice(list, 0, 4)), count(list) - 4])

# --- Repositories

statuses := input.facts["repository.status"]

# hits of an area are the keys found there: files or history. What the current commit of a bare repository holds is
# both.
hits(area) := [hit |
	some hit in input.facts["repository.hit"]
	in_area(hit, area)
]

in_area(hit, area) if hit.area == area

in_area(hit, "history") if hit.object != ""

# place names where a hit is, the same in every run: the file, or the kind of place where Git keeps no file name.
place(hit) := hit.path if {
	hit.path != ""
} else := hit.ref if {
	hit.place == "ref"
	hit.ref != ""
} else := concat(" ", [hit.place, hit.field]) if {
	hit.field != ""
} else := hit.place

# coverage is what a check of repositories reports when they are not declared, or were not searched in full.
coverage(area) := (((undeclared | unfinished) | partly(area)) | cut) | unsearchable(statuses)

undeclared contains lib.finding(object.union(declare, {
	"outcome": "inconclusive", "subject": "not declared",
	"message": "Repositories are not declared, so nothing was searched",
	"evidence": {"reason": "not_declared", "option": "repositories"},
})) if {
	not declared
}

undeclared contains lib.declared_empty("repositories", "repository") if {
	declared
	count(input.integration.repositories) == 0
}

declared if lib.has_section("repositories")

declare := lib.declare(
	"repositories", "Declare every repository of the integration's code (`repositories: []` if there is none)",
	["repositories:", "  - path: ."],
)

unfinished contains lib.incomplete("", "repository.hit") if {
	count(input.integration.repositories) > 0
	not lib.complete("repository.hit")
}

partly(area) := {finding |
	some status in statuses
	reasons := reasons_of(area, status)
	count(reasons) > 0
	finding := lib.finding({
		"outcome": "inconclusive", "subject": concat(" ", ["not searched in full:", status.repository]),
		"target": status.repository,
		"message": sprintf("Repository %s was not searched in full: %s", [status.repository, shorter(reasons)]),
		"evidence": {
			"reason": "not_looked_at", "repository": status.repository, "gaps": array.slice(reasons, 0, 20),
			"more": max([0, count(reasons) - 20]) + status.gaps_cut,
		},
		"next_step": "Make the listed places readable (fetch what is missing), and audit again.",
		"cause": sprintf("repository.not-searched/%s", [status.repository]),
	})
}

reasons_of(area, status) := sort({reason(gap) |
	some gap in status.gaps
	gap.area in {area, "both"}
} | {"more places are left out of the facts" |
	status.gaps_cut > 0
})

reason(gap) := concat("", [trim_space(concat(" ", [gap.path, gap.object])), ": ", what(gap)])

what(gap) := gap.detail if {
	gap.detail != ""
} else := replace(gap.reason, "-", " ")

cut contains lib.finding({
	"outcome": "inconclusive", "subject": concat(" ", ["more hits:", status.repository]),
	"target": status.repository,
	"message": sprintf("Repository %s contains a key in %s that are not listed", [
		status.repository, lib.amount(status.hits_cut, "more place", "more places"),
	]),
	"next_step": "Fix the listed places, and audit again",
	"evidence": {"reason": "cut_short", "repository": status.repository},
}) if {
	some status in statuses
	status.hits_cut > 0
}

unsearchable(from) := {finding |
	some fingerprint in too_short(from)
	finding := lib.finding({
		"outcome": "inconclusive", "subject": concat(" ", ["too short:", fingerprint]),
		"message": sprintf("{{Key}} %s is too short to be searched for: it would be found by chance", [fingerprint]),
		"next_step": "Rotate the key to one of at least 16 characters, and audit again.",
		"cause": sprintf("key.too-short/%s", [fingerprint]),
		"evidence": {"reason": "not_looked_at", "fingerprint": fingerprint},
	})
}

searched := {status.repository: {"objects": status.objects, "files": status.files} | some status in statuses}

# found groups hits by the key's environment, the repository and the place.
found(list) := {[hit.key_environment, hit.repository, place(hit)] | some hit in list}

at(list, where) := [hit |
	some hit in list
	[hit.key_environment, hit.repository, place(hit)] == where
]

# spots are the evidence of hits in one place.
spots(list) := array.slice(
	[spot |
		some hit in list
		spot := {name: value |
			some name in [
				"place", "member", "field", "line", "object", "commit", "ref", "reachable", "spelling", "role",
				"fingerprint", "more",
			]
			value := hit[name]
			not value in ["", 0]
		}
	],
	0, 10,
)

# --- Clients and logs

client_hits := input.facts["client.hit"]

log_keys := [hit |
	some hit in input.facts["log.hit"]
	hit.what == "key"
]
