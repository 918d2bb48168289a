# METADATA
# description: |
#   What checks make of the provider's answers. A key that is taken (422 to an invalid UID) proves something only where a random key was
#   refused in the same run; one that is refused proves something only where another was taken.
package prelaunch.lib.provider

import data.prelaunch.lib

calls := input.facts["provider.call"]

# refused and taken are what the documented statuses of a pairing say of its key.
refused(call) if call.status in {401, 403}

taken(call) if call.status == 422

# discerning holds the API hosts that refused a random key for a pairing and took another key.
discerning contains host if {
	some stranger in calls
	stranger.purpose == "pairing"
	stranger.role == "random"
	refused(stranger)
	host := stranger.host
	some other in calls
	other.purpose == "pairing"
	other.role != "random"
	other.host == host
	taken(other)
}

# trusted holds the environments whose integration ID was refused to a random key.
trusted contains stranger.environment if {
	some stranger in calls
	stranger.purpose == "pairing"
	stranger.role == "random"
	refused(stranger)
}

# pairs holds the calls that say of a key whether it is taken for an environment's integration ID: its verdict is taken or refused.
pairs contains {"environment": call.environment, "owner": call.owner, "role": call.role, "fingerprint": call.fingerprint, "status": call.status, "verdict": "taken"} if {
	some call in calls
	call.purpose == "pairing"
	call.role != "random"
	call.environment in trusted
	taken(call)
}

pairs contains {"environment": call.environment, "owner": call.owner, "role": call.role, "fingerprint": call.fingerprint, "status": call.status, "verdict": "refused"} if {
	some call in calls
	call.purpose == "pairing"
	call.role != "random"
	call.host in discerning
	refused(call)
}

# why says for a reader why an environment's call did not decide anything.
why(environment, purpose) := reason if {
	some call in calls
	call.environment == environment
	call.purpose == purpose
	call.role == "current"
	call.owner == environment
	reason := concat("", [left_out(call), not_answered(call), answered(call)])
} else := lib.why_incomplete("provider.call")

left_out(call) := object.get(reasons, call.not_sent, call.not_sent)

reasons := {
	"passive": "probing is passive, and the provider's test webhook would be an event to the receiver",
	"not_https": "the API base URL is not https, so no key was sent there",
	"host_not_allowed": "the API host is not the provider's own: allow it with --allow-api-host to send it the key",
	"key_not_held": "only the key's digest is known, so the provider could not be asked",
	"key_unsendable": "the key holds characters that no request header takes",
	"random_not_refused": "the API did not refuse a random key, so its word proves nothing and it got no real one",
	"api_silent": "the API did not answer an earlier call, so it was not asked again: run the audit where it can be reached",
	"session_created": "the API answered as if it had created a session for an invalid UID, against its documentation, so nothing more was asked: look for one in Beacon",
}

not_answered(call) := "" if {
	call.error == ""
} else := sprintf("the API did not answer (%s)", [call.error])

answered(call) := "" if {
	call.status == 0
} else := sprintf("the API answered %d", [call.status])
