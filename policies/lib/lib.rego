# METADATA
# description: |
#   What every policy shares: building findings, next steps and inflected words, what was checked, dates, attestations.
package prelaunch.lib

# finding completes what a check says about one environment. Fields: outcome, message and subject, which is
# different for each finding of a check and the same in every run, since ids are made from it; optional are environment
# (none: the integration as a whole), target (what was checked, as a whole), evidence, basis, valid_until, next_step
# (the one thing that settles what is inconclusive) and cause (a key that findings share which depend on one cause; the
# finding that is the cause has is_cause in its evidence).
finding(fields) := object.union({"environment": "", "target": "", "basis": "observed", "evidence": {}}, fields)

# declared is a finding that rests on the configuration alone.
declared(fields) := finding(object.union({"basis": "declared"}, fields))

# label names an environment at the start of a message.
label(environment) := concat("", [upper(substring(environment, 0, 1)), substring(environment, 1, -1)])

# amount inflects: "1 account", "3 accounts".
amount(1, one, _) := concat("", ["1 ", one])

amount(n, _, many) := sprintf("%d %s", [n, many]) if n != 1

# all_of is "the forged request" or "all 3 forged requests".
all_of(n, noun) := concat("", ["the ", noun]) if {
	n == 1
} else := sprintf("all %d %ss", [n, noun])

# A next step is a sentence and, on the lines after it, YAML to paste where configuration settles it.

# setting is the next step of setting something for an environment.
setting(sentence, environment, lines) := concat("\n", array.concat(
	[concat("", [sentence, ":"]), "environments:", sprintf("  %s:", [environment])],
	[concat("", ["    ", line]) | some line in lines],
))

# redirects_needed is the next step and the cause where an environment has no redirect URLs: one for all that have none.
redirects_needed(environment) := {
	"next_step": concat("\n", array.concat(
		["Configure the pages to which users come back:", "environments:"],
		[line |
			some name in sort({environment} | without_redirects)
			some line in [
				sprintf("  %s:", [name]), "    redirect_urls:",
				"      completion: https://…", "      cancellation: https://…", "      expiry: https://…",
			]
		],
	)),
	"cause": "not-declared.redirect_urls",
	"evidence": {"reason": "not_declared", "option": sprintf("environments.%s.redirect_urls", [environment])},
}

without_redirects := {name |
	some name, environment in environments
	every url in environment.redirect_urls {
		url == ""
	}
}

# declare is the next step and the cause where an optional section of the configuration is missing.
declare(section, sentence, lines) := {
	"next_step": concat("\n", array.concat([concat("", [sentence, ":"])], lines)),
	"cause": concat("", ["not-declared.", section]),
}

# attest is the next step of attesting something.
attest(sentence, check, statement) := concat("\n", [
	concat("", [sentence, ":"]),
	"attestations:", sprintf("  - check: %s", [check]), sprintf("    statement: %s", [statement]),
	"    by: you@acme.example", sprintf("    on: %s", [today]),
])

environments[name] := environment if {
	some environment in input.integration.environments
	name := environment.name
}

# reference is the environment on which others may rest where the same build is attested: Test or, where none has that
# name, the first that is probed in full, or else the first.
reference := "test" if {
	environments.test
} else := probed_in_full[0] if {
	count(probed_in_full) > 0
} else := input.integration.environments[0].name

probed_in_full := [environment.name |
	some environment in input.integration.environments
	environment.probing == "full"
]

# pairs are the environments two by two, each pair in the order of the configuration.
pairs := [[one.name, other.name] |
	some i, one in input.integration.environments
	some j, other in input.integration.environments
	i < j
]

# of_pair is the subject of a finding about two environments, which names them where there are more.
of_pair(subject, pair) := subject if {
	count(pairs) == 1
} else := sprintf("%s: %s and %s", [subject, pair[0], pair[1]])

# of_both begins a message about two environments.
of_both(pair) := sprintf("%s and %s", [label(pair[0]), label(pair[1])])

# alone is the finding of a check that compares environments, where there is only one.
alone := declared({
	"outcome": "not_applicable", "subject": "one environment",
	"message": sprintf("%s is the only environment, so there is nothing to compare", [
		label(input.integration.environments[0].name),
	]),
}) if {
	count(input.integration.environments) == 1
}

# complete holds when the probe that gathers facts of that kind finished: only then the absence of a fact proves
# something.
complete(kind) if {
	some probe in input.probes
	kind in probe.kinds
	probe.state == "complete"
}

# why_incomplete is why facts of that kind are missing.
why_incomplete(kind) := probe.reason if {
	some probe in input.probes
	kind in probe.kinds
	probe.state != "complete"
	probe.reason
} else := concat("", ["no probe of this version gathers ", kind])

# incomplete is the finding of a check whose facts of that kind are missing.
incomplete(environment, kind) := finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not looked at",
	"message": concat("", ["Not checked: ", why_incomplete(kind)]),
	"evidence": {"reason": "not_looked_at", "kind": kind},
	"next_step": "Audit again when this probe can finish.",
	"cause": concat("", ["probe.", split(kind, ".")[0]]),
})

# has_section holds when the configuration has that optional section, even if it is empty.
has_section(name) if name in input.integration.declared

# expires is the last day on which a section's declaration that there is nothing in it holds, where somebody declared it
# by name.
expires(section) := empty.expires if {
	some empty in input.integration.declared_empty
	empty.section == section
	empty.expires != ""
}

# expired holds when that day has passed.
expired(section) if days_since(expires(section)) > 0

# declared_empty is the finding of a check whose section is declared to have nothing in it.
declared_empty(section, nothing) := declared({
	"outcome": "inconclusive", "subject": "declaration expired",
	"message": sprintf("The declaration that there is no %s expired on %s", [nothing, expires(section)]),
	"evidence": {"reason": "declaration_expired", "option": section},
	"next_step": sprintf("Declare again that there is none, or list what there is under %s.", [section]),
}) if {
	expired(section)
} else := declared({
	"outcome": "not_applicable", "subject": "none", "valid_until": expires(section),
	"message": sprintf("The configuration declares that there is no %s", [nothing]),
}) if {
	expires(section)
} else := declared({
	"outcome": "not_applicable", "subject": "none",
	"message": sprintf("The configuration declares that there is no %s", [nothing]),
})

# Dates are "2026-11-01"; an unset one is "".
today := substring(input.finished_at, 0, 10)

day(date) := time.parse_rfc3339_ns(concat("", [date, "T00:00:00Z"]))

# days_since is how many days ago a date was; negative for the future.
days_since(date) := floor((day(today) - day(date)) / 86400000000000)

add_days(date, days) := substring(time.format(time.add_date(day(date), 0, 0, days)), 0, 10)

# attestation is the one for a check that holds today, the longest where there are several.
attestation(check) := longest if {
	holding := {[candidate.expires, candidate] |
		some candidate in input.integration.attestations
		candidate.check == check
		attestation_holds(candidate)
	}
	longest := max(holding)[1]
}

attestation_holds(attestation) if {
	days_since(attestation.on) >= 0
	days_since(attestation.expires) <= 0
}

# lapsed_attestations are those for a check that hold no longer, or not yet.
lapsed_attestations(check) := [lapsed |
	some lapsed in input.integration.attestations
	lapsed.check == check
	not attestation_holds(lapsed)
]

# attested is the pass of an attestable check for which there is an attestation.
attested(check, environment, target) := by_attestation(check, {
	"environment": environment, "subject": "attested", "target": target,
	"message": sprintf("Attested by %s on %s, valid until %s%s: %s", [a.by, a.on, a.expires, shown_by(a), a.statement]),
}) if {
	a := attestation(check)
}

# by_attestation is a pass that rests on the attestation for a check.
by_attestation(check, fields) := finding(object.union(
	{"outcome": "pass", "basis": "attested", "valid_until": a.expires, "evidence": attestation_evidence(a)},
	fields,
)) if {
	a := attestation(check)
}

# shown_by names the evidence of an attestation, for a message; "" when there is none.
shown_by(a) := sprintf(", evidence %s", [a.evidence]) if object.get(a, "evidence", "") != ""

else := ""

attestation_evidence(a) := {
	"attested_by": a.by,
	"attested_on": a.on,
	"expires": a.expires,
	"evidence": object.get(a, "evidence", ""),
	"evidence_sha256": object.get(a, "evidence_sha256", ""),
}

# lapse is, for a message, why the attestations there are do not count; "" when there is none.
lapse(check) := sprintf(
	"; the attestation by %s of %s no longer holds (it expired on %s)",
	[last.by, last.on, last.expires],
) if {
	last := max({[candidate.expires, candidate] | some candidate in lapsed_attestations(check)})[1]
	days_since(last.expires) > 0
} else := sprintf("; the attestation by %s is dated in the future (%s)", [last.by, last.on]) if {
	last := max({[candidate.expires, candidate] | some candidate in lapsed_attestations(check)})[1]
} else := ""
