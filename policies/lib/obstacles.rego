# METADATA
# description: |
#   What keeps a receiver from being observed. Each obstacle is said once: findings that depend on it carry its cause,
#   why it is one (a clause that completes "inconclusive: …") and the one next step that removes it.
package prelaunch.lib.obstacles

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text

# obstacle is one of an environment: its kind, why it is one, and the next step.
obstacle(environment, fields) := {
	"cause": cause(fields.kind, environment),
	"why": fields.why,
	"next_step": fields.next_step,
}

# cause is the name of an obstacle that findings share.
cause(kind, environment) := sprintf("webhook.%s/%s", [kind, environment])

# blocked is why nothing can be said about an environment's receiver at all.
blocked(environment) := obstacle(environment, {
	"kind": "passive",
	"why": "probing is passive, so nothing was sent",
	"next_step": lib.setting("Allow probing", environment, ["probing: careful"]),
}) if {
	responses.baselines[environment].state == "passive"
}

blocked(environment) := obstacle(environment, {
	"kind": "unreachable",
	"why": sprintf("the receiver could not be reached (%s)", [text.error(responses.baselines[environment].reason)]),
	"next_step": "Make the webhook endpoint reachable from this machine (see https.webhook-reachable), and audit again.",
}) if {
	responses.baselines[environment].state == "unreachable"
}

blocked(environment) := obstacle(environment, {
	"kind": "interrupted",
	"why": "the audit was interrupted before the receiver had responded",
	"next_step": "Audit again without interrupting.",
}) if {
	responses.baselines[environment].state == "stopped"
}

# unsigned is why correctly signed requests could not be sent: the first that there is.
unsigned(environment) := [one |
	some kind in ["provider-signs", "key-fingerprint-only", "plain-http", "certificate"]
	one := unsigned_by(kind, environment)
][0]

unsigned_by("provider-signs", environment) := obstacle(environment, {
	"kind": "provider-signs",
	"why": sprintf("only the provider can sign, and %s", [signs.why]),
	"next_step": lib.setting(signs.step, environment, ["captured: recorded-delivery.http"]),
}) if {
	signs := provider_signs[responses.baselines[environment].recorded]
	not recorded_withheld(environment)
}

unsigned_by("key-fingerprint-only", environment) := obstacle(environment, {
	"kind": "key-fingerprint-only",
	"why": "the key is not available (only its fingerprint is configured), so nothing could be signed",
	"next_step": lib.setting("Let the audit sign with the key", environment, ["api_key: {env: NAME_OF_VARIABLE}"]),
}) if {
	not responses.baselines[environment].key_held
	not responses.baselines[environment].recorded
}

unsigned_by("plain-http", environment) := obstacle(environment, {
	"kind": "plain-http",
	"why": "the webhook URL is plain http, over which nothing made with a key is sent",
	"next_step": lib.setting(
		"Configure the https URL of the webhook endpoint", environment,
		["webhook_url: https://…"],
	),
}) if {
	responses.baselines[environment].transport == "plain"
}

unsigned_by("certificate", environment) := obstacle(environment, {
	"kind": "certificate",
	"why": "the receiver's certificate does not verify, so nothing made with a key was sent to it",
	"next_step": "Fix the certificate (see https.certificate-valid), and audit again.",
}) if {
	responses.baselines[environment].transport == "unverified"
}

# recorded_withheld holds where a recorded delivery could be sent, but not to this peer.
recorded_withheld(environment) if {
	responses.baselines[environment].recorded == "replayed"
	responses.baselines[environment].transport != "verified"
}

# provider_signs are why nothing was sent that the provider signed, who alone can, or nothing more.
provider_signs := {
	"none": {
		"why": "no recorded delivery of its own is configured",
		"step": "Record a delivery of the provider's, or let the receiver in Test have the public key of your own pair (keypair)",
	},
	"careful": {
		"why": "careful probing does not send its recorded delivery again",
		"step": "Probe it in full, where receiving an event twice does no harm",
	},
	"no_key": {
		"why": "without its public key the recorded delivery was not verified",
		"step": "Configure the provider's public key as secret, next to the recorded delivery",
	},
	"unverified": {
		"why": "its public key does not verify the recorded delivery",
		"step": "Record a delivery of this environment's, with every byte of its body (see `prelaunch verify-delivery`)",
	},
	"stale": {
		"why": "the recorded delivery is older than its scheme allows",
		"step": "Record a delivery just before the audit",
	},
	"replayed": {
		"why": "nothing but its recorded delivery could be sent",
		"step": "Record more deliveries (a HAR holds several), or let the receiver in Test have the public key of your own pair",
	},
}

# careful is why an environment got no valid events, where nothing else is.
careful(environment) := careful_of(environment) if responses.careful(environment)

careful_of(environment) := obstacle(environment, {
	"kind": "careful",
	"why": sprintf(
		"%s probing sends no valid events%s",
		[lib.environments[environment].probing, careful_why(environment)],
	),
	"next_step": careful_step(environment),
})

careful_why(environment) := sprintf(
	", and the receiver rejects correctly signed invalid bodies as incorrectly signed, which %s tells apart: %s",
	[lib.label(lib.reference), "most likely it has another key"],
) if {
	responses.unlike_test(environment)
} else := lib.lapse("environments.same-build")

careful_step(environment) := [step | some case in steps; step := step_of(case, environment)][0]

# steps are the cases of careful_step: the first that holds counts.
steps := ["other key", "left out", "alone", "same build", "build not attested"]

step_of("other key", environment) := concat("", [
	"Compare the key that the receiver has with api_key (a fingerprint of each will do), make sure that the receiver itself ",
	"responds to this machine, and audit again.",
]) if {
	responses.unlike_test(environment)
}

step_of("left out", environment) := "Audit the other environments too: leave out --environment." if {
	environment == lib.reference
	input.integration.left_out
}

step_of("alone", environment) := lib.setting(
	"Probe it in full, where synthetic events do no harm", environment,
	["probing: full"],
) if {
	environment == lib.reference
	count(lib.environments) == 1
}

step_of("same build", _) := sprintf(
	"Make %s pass in full probing: with the same build attested, the rest follows from it.",
	[lib.label(lib.reference)],
) if {
	responses.same_build
}

step_of("build not attested", environment) := lib.attest(
	sprintf("Probe %s in full, and attest that both environments run the same build", [lib.label(lib.reference)]),
	"environments.same-build", sprintf("%s run the same build", [lib.of_both([lib.reference, environment])]),
)

# unsent is why no valid event was sent; undefined where nothing kept it from being sent.
unsent(environment) := unsigned(environment) if {
	unsigned(environment)
} else := careful(environment)

# queued is why the response of a receiver that verifies behind a queue shows nothing.
queued(environment) := queue(environment) if responses.queued_unobserved(environment)

queue(environment) := obstacle(environment, {
	"kind": "queued",
	"why": sprintf("the receiver %s", [text.queue(environment)]),
	"next_step": observer_step(environment),
})

observer_step(environment) := object.get(
	{
		"": lib.setting(
			"Let a command report whether an event was processed, and run with --allow-commands", environment,
			[`effects: {command: [./was-processed, "{uid}"]}`],
		),
		"not_allowed": "Audit again with --allow-commands.",
		"fixed_uids": "Remove probe_uids, so that each event has a UID of its own, and audit again.",
	},
	responses.baselines[environment].observer,
	"Fix the effects observer: exit status 0 for a UID that was processed, 1 for one that was not.",
)

# uncounted is why nothing shows how often an event was processed.
uncounted(environment) := obstacle(environment, {
	"kind": "uncounted",
	"why": "no effects observer reported how often it was processed",
	"next_step": count_step(environment),
})

count_step(environment) := "Let the effects observer print how often the event was processed, and audit again." if {
	responses.baselines[environment].observer == "asked"
} else := observer_step(environment)

# unproven is why rejections show nothing: no correct signature was seen to make a difference, or none could be sent.
unproven(environment) := unsent(environment) if {
	unsent(environment)
} else := obstacle(environment, {
	"kind": "valid-events-rejected",
	"why": "no correct signature was seen to make a difference",
	"next_step": "Make the receiver accept valid events first: see webhook.accepts-genuine.",
})

# indistinct is the same, where signatures made no difference.
indistinct(environment) := unproven(environment) if {
	not responses.distinguishes(responses.baselines[environment])
}

# accepts_everything is why the response to valid events shows nothing.
accepts_everything(environment) := obstacle(environment, {
	"kind": "accepts-everything",
	"why": "the receiver gives every request the same response",
	"next_step": "Make the receiver verify signatures first: see webhook.rejects-unsigned.",
}) if {
	responses.accepts_everything(environment)
}

# gave_up is why the test suite was ended before its end.
gave_up(environment) := obstacle(environment, {
	"kind": "stopped-responding",
	"why": gave_up_words[responses.baselines[environment].reason],
	"next_step": concat(" ", [
		"Find out in the receiver's log, or in that of a firewall before it, why it stopped responding, and audit again;",
		"lower network.max_requests_per_second if it was busy.",
	]),
}) if {
	responses.gave_up(environment)
}

gave_up_words := {
	"no_answer": "the receiver stopped responding",
	"timeouts": "too many requests timed out",
	"busy": "the receiver responded to every request with 429 or 503, also after waiting",
}

# incomplete is why not all requests were sent, where the receiver did not end the test suite.
incomplete(environment) := obstacle(environment, {
	"kind": "incomplete",
	"why": "not all requests were sent",
	"next_step": "Audit again without interrupting.",
}) if {
	not responses.baselines[environment].complete
	not responses.gave_up(environment)
}

not_sent(environment) := obstacle(environment, {
	"kind": "not-sent",
	"why": "not all requests were sent",
	"next_step": "Audit again without interrupting.",
})

other_key(environment) := obstacle(environment, {
	"kind": "other-key-fingerprint-only",
	"why": "the key to sign with is known by its fingerprint only",
	"next_step": "Reference the key itself ({env: …}, {file: …} or {command: […]}) instead of its sha256, and audit again.",
})

unstable(environment) := obstacle(environment, {
	"kind": "unstable",
	"why": "valid events were rejected, too, while these requests were sent",
	"next_step": "Find out in the receiver's log why it rejected valid events at times, and audit again.",
})

firewall(environment) := obstacle(environment, {
	"kind": "firewall",
	"why": "a firewall responded in place of the receiver",
	"next_step": "Audit from a machine that the firewall admits, and say so:\nnetwork:\n  vantage: allowlisted",
})

busy(environment) := obstacle(environment, {
	"kind": "busy",
	"why": "the receiver responded with 429 or 503, also after waiting",
	"next_step": "Audit more slowly:\nnetwork:\n  max_requests_per_second: 2",
})

not_4xx(environment) := obstacle(environment, {
	"kind": "not-4xx",
	"why": "the receiver does not reject with a 4xx",
	"next_step": "Make the receiver reject with a 4xx (see errors.status-codes), and audit again.",
})

simpler_forgery(environment) := obstacle(environment, {
	"kind": "simpler-forgery",
	"why": "a simpler forgery is accepted",
	"next_step": "Make the receiver reject the simpler forgery first: see webhook.rejects-unsigned and webhook.rejects-bypass.",
})

no_response(environment) := obstacle(environment, {
	"kind": "no-response",
	"why": "no request got a response",
	"next_step": "Audit again when the receiver responds.",
})

large_response(environment) := obstacle(environment, {
	"kind": "large-response",
	"why": "some responses were larger than what is read of one (256 KiB and twice the request, less with a key known by fingerprint)",
	"next_step": "Make the receiver respond with a short fixed body, and audit again.",
})

truncated_response(environment) := obstacle(environment, {
	"kind": "truncated-response",
	"why": "some responses were truncated",
	"next_step": "Make the receiver complete every response, and audit again.",
})

no_rejection(environment) := obstacle(environment, {
	"kind": "no-rejection",
	"why": "no rejection was seen",
	"next_step": "Make the receiver verify signatures first: see webhook.rejects-unsigned.",
})
