# METADATA
# description: |
#   What the checks of exposed keys share: which retired keys are dead, how much of what was declared was searched, and where keys were
#   found. A retired key is dead once the receiver or the provider was seen to refuse it; then what stands somewhere opens nothing.
package prelaunch.lib.exposure

import data.prelaunch.lib
import data.prelaunch.lib.provider
import data.prelaunch.lib.responses

# --- Dead keys

# dead holds for a hit of a retired key that is refused, and taken nowhere. A key of both environments has to be refused by both.
dead(hit) if {
	hit.role == "retired"
	not taken(hit)
	count(homes(hit)) > 0
	every environment in homes(hit) {
		refused(hit, environment)
	}
}

homes(hit) := {hit.key_environment} if {
	hit.key_environment != ""
} else := {environment | some environment, _ in lib.environments}

refused(hit, environment) if {
	some pair in provider.pairs
	pair.fingerprint == hit.fingerprint
	pair.verdict == "refused"
	pair.environment == environment
}

refused(hit, environment) if {
	classes := {try.class | some try in tries(hit, environment)}
	classes == {"rejected"}
}

taken(hit) if {
	some pair in provider.pairs
	pair.fingerprint == hit.fingerprint
	pair.verdict == "taken"
}

taken(hit) if {
	some environment in homes(hit)
	some try in tries(hit, environment)
	try.class == "accepted"
}

# tries are the events signed with a retired key that were meant for the receiver of an environment.
tries(hit, environment) := [try |
	some try in responses.in_family(environment, "F20")
	try.fact.key == hit.fingerprint
]

role_of(hit) := "the key" if {
	hit.role == "current"
} else := "a retired key"

# keys are the fingerprints that are too short to be searched for.
too_short(statuses) := {fingerprint |
	some status in statuses
	some fingerprint in status.not_searched
}

# by_fingerprint are keys of which only the fingerprint is known: they are found in fewer spellings, which a pass has to say.
by_fingerprint(statuses) := sort({fingerprint |
	some status in statuses
	some fingerprint in status.by_fingerprint
})

# shorter is a message with at most four of a list.
shorter(list) := concat("; ", list) if {
	count(list) <= 4
} else := sprintf("%s; and %d more", [concat("; ", array.slice(list, 0, 4)), count(list) - 4])

# --- Repositories

statuses := input.facts["repository.status"]

# hits of an area are the keys found there: files or history. What a bare repository's current commit holds is both.
hits(area) := [hit |
	some hit in input.facts["repository.hit"]
	in_area(hit, area)
]

in_area(hit, area) if hit.area == area

in_area(hit, "history") if hit.object != ""

# place names where a hit is, the same in every run: the file, or the kind of place where git keeps no file's name.
place(hit) := hit.path if {
	hit.path != ""
} else := hit.ref if {
	hit.place == "ref"
	hit.ref != ""
} else := concat(" ", [hit.place, hit.field]) if {
	hit.field != ""
} else := hit.place

# coverage is what a check of repositories says when they are not declared, or were not searched in full.
coverage(area) := (((undeclared | unfinished) | partly(area)) | cut) | unsearchable(statuses)

undeclared contains lib.finding({
	"outcome": "inconclusive", "subject": "not declared",
	"message": "no repository is declared: name each one that holds the integration's code under repositories, or say `repositories: []`",
	"evidence": {"reason": "not_declared", "option": "repositories"},
}) if {
	not declared
}

undeclared contains lib.declared_empty("repositories", "repository") if {
	declared
	count(input.integration.repositories) == 0
}

declared if lib.has_section("repositories")

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
		"message": sprintf("%s was not searched in full: %s", [status.repository, shorter(reasons)]),
		"evidence": {"reason": "not_looked_at", "repository": status.repository, "gaps": array.slice(reasons, 0, 20), "more": max([0, count(reasons) - 20]) + status.gaps_cut},
	})
}

reasons_of(area, status) := sort({reason(gap) |
	some gap in status.gaps
	gap.area in {area, "both"}
} | {"further places are left out of the facts" |
	status.gaps_cut > 0
})

reason(gap) := concat("", [trim_space(concat(" ", [gap.path, gap.object])), ": ", what(gap)])

what(gap) := gap.detail if {
	gap.detail != ""
} else := replace(gap.reason, "-", " ")

cut contains lib.finding({
	"outcome": "inconclusive", "subject": concat(" ", ["more hits:", status.repository]),
	"target": status.repository,
	"message": sprintf("%d further places with a key in %s are not listed", [status.hits_cut, status.repository]),
	"evidence": {"reason": "cut_short", "repository": status.repository},
}) if {
	some status in statuses
	status.hits_cut > 0
}

unsearchable(from) := {finding |
	some fingerprint in too_short(from)
	finding := lib.finding({
		"outcome": "inconclusive", "subject": concat(" ", ["too short:", fingerprint]),
		"message": sprintf("the key %s is too short to be searched for without finding it by chance", [fingerprint]),
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
			some name in ["place", "member", "field", "line", "object", "commit", "ref", "reachable", "spelling", "role", "fingerprint", "more"]
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
