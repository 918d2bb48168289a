# METADATA
# description: |
#   What the provider's responses prove. A key that is accepted (422 to an invalid UID) proves something only where a
#   random key was rejected in the same run; one that is rejected proves something only where another was accepted.
package prelaunch.lib.provider

import data.prelaunch.lib

calls := input.facts["provider.call"]

# rejected and accepted are what the documented statuses of a pairing show about its key.
rejected(call) if call.status in {401, 403}

accepted(call) if call.status == 422

# discerning holds the API hosts that rejected a random key for a pairing and accepted another key.
discerning contains host if {
	some stranger in calls
	stranger.purpose == "pairing"
	stranger.role == "random"
	rejected(stranger)
	host := stranger.host
	some other in calls
	other.purpose == "pairing"
	other.role != "random"
	other.host == host
	accepted(other)
}

# trusted holds the environments for whose integration ID a random key was rejected.
trusted contains stranger.environment if {
	some stranger in calls
	stranger.purpose == "pairing"
	stranger.role == "random"
	rejected(stranger)
}

# pairs holds the calls that show whether a key is accepted for an environment's integration ID.
pairs contains pair(call, "accepted") if {
	some call in calls
	call.purpose == "pairing"
	call.role != "random"
	call.environment in trusted
	accepted(call)
}

pair(call, verdict) := object.union(
	{"verdict": verdict},
	object.filter(call, ["environment", "owner", "role", "fingerprint", "status"]),
)

pairs contains pair(call, "rejected") if {
	some call in calls
	call.purpose == "pairing"
	call.role != "random"
	call.host in discerning
	rejected(call)
}

# why is why an environment's call did not settle anything.
why(environment, purpose) := reason if {
	some call in calls
	call.environment == environment
	call.purpose == purpose
	call.role == "current"
	call.owner == environment
	reason := concat("", [left_out(call), without_response(call), response(call)])
} else := lib.why_incomplete("provider.call")

left_out(call) := object.get(reasons, call.not_sent, call.not_sent)

reasons := {
	"passive": "probing is passive, and the provider's test webhook would be an event to the receiver",
	"not_https": "the API base URL is not https, so no key was sent there",
	"host_not_allowed": "the API host is not the provider's own (--allow-api-host allows to send it the key)",
	"key_not_held": "only the key's fingerprint is known, so the provider could not be asked",
	"key_unsendable": "the key has characters that a request header cannot have",
	"random_not_refused": "the API did not reject a random key, so its responses prove nothing and it got no real one",
	"api_silent": "the API did not respond to an earlier call, so it was not asked again",
	"session_created": "the API responded as if it had created a session for an invalid UID, so nothing more was asked: look for one in {{accounts}}",
}

without_response(call) := "" if {
	call.error == ""
} else := sprintf("the API did not respond (%s)", [call.error])

response(call) := "" if {
	call.status == 0
} else := sprintf("the API responded with %d", [call.status])
