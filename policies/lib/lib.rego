# METADATA
# description: |
#   What every policy shares: building findings, telling what was looked at, dates, attestations.
package prelaunch.lib

# finding is what a check says of one environment ("" for the integration as a whole). subject tells it from the check's other
# findings there and must be the same in every run; target is what was looked at as a whole.
finding(outcome, environment, subject, target, message, evidence) := {
	"outcome": outcome,
	"environment": environment,
	"subject": subject,
	"target": target,
	"basis": "observed",
	"message": message,
	"evidence": evidence,
}

# declared is a finding that rests on the configuration alone.
declared(outcome, environment, subject, target, message, evidence) := object.union(
	finding(outcome, environment, subject, target, message, evidence),
	{"basis": "declared"},
)

environments[name] := environment if {
	some environment in input.integration.environments
	name := environment.name
}

# complete holds when the probe that gathers facts of that kind looked at everything: only then the absence of a fact proves something.
complete(kind) if {
	some probe in input.probes
	kind in probe.kinds
	probe.state == "complete"
}

# why_incomplete says for a reader why facts of that kind are missing.
why_incomplete(kind) := probe.reason if {
	some probe in input.probes
	kind in probe.kinds
	probe.state != "complete"
	probe.reason
} else := concat("", ["nothing in this version looks at ", kind])

# incomplete is the finding of a check whose facts of that kind are missing.
incomplete(environment, kind) := finding(
	"inconclusive", environment, "not looked at", "", concat("", ["not looked at: ", why_incomplete(kind)]),
	{"reason": "not_looked_at", "kind": kind},
)

# has_section holds when the configuration has that optional section, be it empty.
has_section(name) if name in input.integration.declared

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

# attested is the pass of an attestable check that somebody vouches for.
attested(check, environment, target) := object.union(
	finding(
		"pass", environment, "attested", target,
		sprintf("attested by %s on %s, valid until %s%s: %s", [a.by, a.on, a.expires, shown_by(a), a.statement]),
		attestation_evidence(a),
	),
	{"basis": "attested", "valid_until": a.expires},
) if {
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

# lapse tells, for a message, why the attestations that were given do not count; "" when none was given.
lapse(check) := sprintf("; the attestation by %s of %s no longer holds (it expired on %s)", [last.by, last.on, last.expires]) if {
	last := max({[candidate.expires, candidate] | some candidate in lapsed_attestations(check)})[1]
	days_since(last.expires) > 0
} else := sprintf("; the attestation by %s is dated in the future (%s)", [last.by, last.on]) if {
	last := max({[candidate.expires, candidate] | some candidate in lapsed_attestations(check)})[1]
} else := ""
