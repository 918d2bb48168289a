# METADATA
# description: |
#   What keeps a receiver from being observed. Each obstacle is said once: findings that depend on it carry its cause,
#   why it is one (a clause that completes "inconclusive: …") and the one next step that removes it.
package prelaunch.lib.obstacles

import data.prelaunch.lib
import data.prelaunch.lib.responses
import data.prelaunch.lib.text

obstacle(kind, environment, why, next_step) := {
	"cause": cause(kind, environment),
	"why": why,
	"next_step": next_step,
}

# cause is the name of an obstacle that findings share.
cause(kind, environment) := sprintf("webhook.%s/%s", [kind, environment])

# blocked is why nothing can be said about an environment's receiver at all.
blocked(environment) := obstacle(
	"passive", environment, "probing is passive, so nothing was sent",
	lib.setting("Allow probing", environment, ["probing: careful"]),
) if {
	responses.baselines[environment].state == "passive"
}

blocked(environment) := obstacle(
	"unreachable", environment,
	sprintf("the receiver could not be reached (%s)", [text.error(responses.baselines[environment].reason)]),
	"Make the webhook endpoint reachable from this machine (see https.webhook-reachable), and audit again.",
) if {
	responses.baselines[environment].state == "unreachable"
}

blocked(environment) := obstacle(
	"interrupted", environment, "the audit was interrupted before the receiver had responded",
	"Audit again without interrupting.",
) if {
	responses.baselines[environment].state == "stopped"
}

# unsigned is why correctly signed requests could not be sent.
unsigned(environment) := obstacle(
	"provider-signs", environment, sprintf("only the provider can sign, and %s", [signs.why]),
	lib.setting(signs.step, environment, ["captured: recorded-delivery.http"]),
) if {
	signs := provider_signs[responses.baselines[environment].recorded]
	not recorded_withheld(environment)
} else := obstacle(
	"key-fingerprint-only", environment,
	"the key is not available (only its fingerprint is configured), so nothing could be signed",
	lib.setting("Let the audit sign with the key", environment, ["api_key: {env: NAME_OF_VARIABLE}"]),
) if {
	not responses.baselines[environment].key_held
	not responses.baselines[environment].recorded
} else := obstacle(
	"plain-http", environment, "the webhook URL is plain http, over which nothing made with a key is sent",
	lib.setting("Configure the https URL of the webhook endpoint", environment, ["webhook_url: https://…"]),
) if {
	responses.baselines[environment].transport == "plain"
} else := obstacle(
	"certificate", environment, "the receiver's certificate does not verify, so nothing made with a key was sent to it",
	"Fix the certificate (see https.certificate-valid), and audit again.",
) if {
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

careful_of(environment) := obstacle(
	"careful", environment,
	sprintf("%s probing sends no valid events%s", [lib.environments[environment].probing, careful_why(environment)]),
	careful_step(environment),
)

careful_why(environment) := sprintf(
	", and the receiver rejects correctly signed invalid bodies as incorrectly signed, which %s tells apart: %s",
	[lib.label(lib.reference), "most likely it has another key"],
) if {
	responses.unlike_test(environment)
} else := lib.lapse("environments.same-build")

careful_step(environment) := concat("", [
	"Compare the key that the receiver has with api_key (a fingerprint of each will do), make sure that the receiver itself ",
	"responds to this machine, and audit again.",
]) if {
	responses.unlike_test(environment)
} else := "Audit the other environments too: leave out --environment." if {
	environment == lib.reference
	input.integration.left_out
} else := lib.setting("Probe it in full, where synthetic events do no harm", environment, ["probing: full"]) if {
	environment == lib.reference
	count(lib.environments) == 1
} else := sprintf("Make %s pass in full probing: with the same build attested, the rest follows from it.", [
	lib.label(lib.reference),
]) if {
	responses.same_build
} else := lib.attest(
	sprintf("Probe %s in full, and attest that both environments run the same build", [lib.label(lib.reference)]),
	"environments.same-build", sprintf("%s run the same build", [lib.of_both([lib.reference, environment])]),
)

# unsent is why no valid event was sent; undefined where nothing kept it from being sent.
unsent(environment) := unsigned(environment) if {
	unsigned(environment)
} else := careful(environment)

# queued is why the response of a receiver that verifies behind a queue shows nothing.
queued(environment) := queue(environment) if responses.queued_unobserved(environment)

queue(environment) := obstacle(
	"queued",
	environment,
	sprintf("the receiver %s", [text.queue(environment)]),
	observer_step(environment),
)

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
uncounted(environment) := obstacle(
	"uncounted", environment, "no effects observer reported how often it was processed",
	count_step(environment),
)

count_step(environment) := "Let the effects observer print how often the event was processed, and audit again." if {
	responses.baselines[environment].observer == "asked"
} else := observer_step(environment)

# unproven is why rejections show nothing: no correct signature was seen to make a difference, or none could be sent.
unproven(environment) := unsent(environment) if {
	unsent(environment)
} else := obstacle(
	"valid-events-rejected", environment, "no correct signature was seen to make a difference",
	"Make the receiver accept valid events first: see webhook.accepts-genuine.",
)

# accepts_everything is why the response to valid events shows nothing.
accepts_everything(environment) := obstacle(
	"accepts-everything", environment, "the receiver gives every request the same response",
	"Make the receiver verify signatures first: see webhook.rejects-unsigned.",
) if {
	responses.accepts_everything(environment)
}

# gave_up is why the test suite was ended before its end.
gave_up(environment) := obstacle(
	"stopped-responding", environment, gave_up_words[responses.baselines[environment].reason],
	concat(" ", [
		"Find out in the receiver's log, or in that of a firewall before it, why it stopped responding, and audit again;",
		"lower network.max_requests_per_second if it was busy.",
	]),
) if {
	responses.gave_up(environment)
}

gave_up_words := {
	"no_answer": "the receiver stopped responding",
	"timeouts": "too many requests timed out",
	"busy": "the receiver responded to every request with 429 or 503, also after waiting",
}

# incomplete is why not all requests were sent, where the receiver did not end the test suite.
incomplete(environment) := obstacle(
	"incomplete",
	environment,
	"not all requests were sent",
	"Audit again without interrupting.",
) if {
	not responses.baselines[environment].complete
	not responses.gave_up(environment)
}

not_sent(environment) := obstacle(
	"not-sent",
	environment,
	"not all requests were sent",
	"Audit again without interrupting.",
)

other_key(environment) := obstacle(
	"other-key-fingerprint-only", environment, "the key to sign with is known by its fingerprint only",
	"Reference the key itself ({env: …}, {file: …} or {command: […]}) instead of its sha256, and audit again.",
)

unstable(environment) := obstacle(
	"unstable", environment, "valid events were rejected, too, while these requests were sent",
	"Find out in the receiver's log why it rejected valid events at times, and audit again.",
)

firewall(environment) := obstacle(
	"firewall", environment, "a firewall responded in place of the receiver",
	"Audit from a machine that the firewall admits, and say so:\nnetwork:\n  vantage: allowlisted",
)

busy(environment) := obstacle(
	"busy", environment, "the receiver responded with 429 or 503, also after waiting",
	"Audit more slowly:\nnetwork:\n  max_requests_per_second: 2",
)

not_4xx(environment) := obstacle(
	"not-4xx", environment, "the receiver does not reject with a 4xx",
	"Make the receiver reject with a 4xx (see errors.status-codes), and audit again.",
)

simpler_forgery(environment) := obstacle(
	"simpler-forgery", environment, "a simpler forgery is accepted",
	"Make the receiver reject the simpler forgery first: see webhook.rejects-unsigned and webhook.rejects-bypass.",
)

no_response(environment) := obstacle(
	"no-response",
	environment,
	"no request got a response",
	"Audit again when the receiver responds.",
)

large_response(environment) := obstacle(
	"large-response", environment,
	"some responses were larger than what is read of one (256 KiB and twice the request, less with a key known by fingerprint)",
	"Make the receiver respond with a short fixed body, and audit again.",
)

truncated_response(environment) := obstacle(
	"truncated-response", environment, "some responses were truncated",
	"Make the receiver complete every response, and audit again.",
)

no_rejection(environment) := obstacle(
	"no-rejection", environment, "no rejection was seen",
	"Make the receiver verify signatures first: see webhook.rejects-unsigned.",
)
