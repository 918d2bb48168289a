# METADATA
# description: |
#   The words of findings about a receiver: families of test cases, what responses show, errors, lists of cases.
package prelaunch.lib.text

import data.prelaunch.lib
import data.prelaunch.lib.responses

# receiver names the receiver of an environment at the start of a message.
receiver(environment) := sprintf("%s receiver", [lib.label(environment)])

# families are, by the name that facts and finding ids use, the name that is printed and words that complete
# "the receiver accepted …".
families := {
	"F01": {"name": "unsigned", "accepted": "events without a signature, or with an empty or placeholder one"},
	"F02": {"name": "malformed-signature", "accepted": "events with a malformed or random signature"},
	"F02-near": {"name": "malformed-signature", "accepted": "signatures with one incorrect digit"},
	"F03": {"name": "truncated-signature", "accepted": "truncated signatures"},
	"F04": {
		"name": "guessable-key",
		"accepted": "events signed with a random or default key, or with the value of an unset variable",
	},
	"F05": {"name": "unkeyed-digest", "accepted": "a digest without HMAC (no key, or the key next to the body)"},
	"F06": {"name": "other-hash", "accepted": "the correct key with another hash"},
	"F07": {"name": "tampered", "accepted": "a body that was changed after signing"},
	"F08": {"name": "reserialized", "accepted": "a body that was re-serialized after signing"},
	"F09": {"name": "decoded-text", "accepted": "a body of which only the decoded text was signed"},
	"F10": {"name": "content-type", "accepted": "incorrectly signed events under another content type"},
	"F11": {"name": "empty-body-signature", "accepted": "the signature of an empty body for a form or text"},
	"F12": {"name": "method", "accepted": "unsigned events sent with another method"},
	"F13": {"name": "path", "accepted": "unsigned events sent to a variant of the path"},
	"F14": {"name": "trust-header", "accepted": "unsigned events with a header or field that hints at trust"},
	"F15": {"name": "other-environment", "accepted": "events signed with the other environment's key"},
	"F16": {
		"name": "misplaced-signature",
		"accepted": "a correct signature in the wrong place, next to an incorrect one in the header",
	},
	"F17": {"name": "unparsable-header", "accepted": "events with a signature header that cannot be parsed"},
	"F18": {"name": "compressed", "accepted": "unsigned events under a Content-Encoding"},
	"F19": {"name": "repeated-header", "accepted": "incorrect signatures in a repeated header"},
	"F20": {"name": "retired-key", "accepted": "events signed with a retired key"},
	"F21": {"name": "transport", "accepted": "unsigned events that are large, chunked or sent over HTTP/2"},
}

# family is the printed name of a family.
family(id) := object.get(object.get(families, id, {}), "name", id)

# shows are, by class, words that complete "N requests …".
shows := {
	"acknowledged": "got a 2xx that differs from the response to valid events",
	"redirected": "got a redirect",
	"failed": "got a 5xx or no response",
	"busy": "got 429 or 503, also after waiting",
	"firewall": "were stopped by a firewall before the receiver",
	"same": "got the response that an event which is not forged gets, too",
	"unproven": "got a 4xx, but no correct signature was seen to make a difference",
	"unwitnessed": "got a 4xx while valid events were rejected, too",
	"queued": "got an acknowledgment before verification",
	"left_out": "could not be sent",
	"shadowed": "succeeded only because a simpler forgery does, which another check reports",
}

# errors are, by class of error, words for a request that got no complete response.
errors := {
	"timeout": "no response in time",
	"reset": "the connection was closed without a response",
	"refused": "the connection was refused",
	"no_route": "there is no route to it",
	"no_address": "its name has no address",
	"certificate": "its certificate does not verify",
	"client_certificate": "it asks for a client certificate (network.client_certificate)",
	"tls": "no TLS connection could be set up",
	"not_tls": "it does not speak TLS",
	"header_too_large": "its response header is too large",
	"malformed": "its response is not valid HTTP",
	"truncated": "its response is truncated",
	"endless": "its response does not end",
	"url": "the webhook URL is not valid",
}

error(class) := object.get(errors, class, "the request failed")

# response is the status of an exchange, or why there is none.
response(x) := sprintf("%d", [x.status]) if {
	x.status
	not x.error
} else := error(x.error)

responses_of(list) := concat(", ", sort({response(x) | some x in list}))

# case_name is the name of an exchange's case, with the type of its event where the case is sent for each type.
case_name(x) := sprintf("%s (%s)", [x.case, x.event_type]) if {
	x.case in {"absent", "random"}
} else := x.case

cases(items) := sort({case_name(item.fact) | some item in items})

# few lists the cases for a message, the first of them where there are many; the evidence has all.
few(items) := concat(", ", cases(items)) if {
	count(cases(items)) <= 4
} else := concat(", ", kinds(items)) if {
	count(kinds(items)) <= 4
} else := sprintf("%s and %d more", [concat(", ", array.slice(kinds(items), 0, 3)), count(kinds(items)) - 3])

kinds(items) := sort({item.fact.case | some item in items})

# queue is what keeps a receiver that verifies behind a queue from being observed.
queue(environment) := sprintf(
	"acknowledges every request before verifying it, and %s",
	[observer(responses.baselines[environment].observer)],
)

observers := {
	"": "no effects observer is configured",
	"not_allowed": "the effects observer was not run (it needs --allow-commands)",
	"failed": "the effects observer could not be run",
	"fixed_uids": "with probe_uids an effects observer cannot distinguish events",
	"credulous": "the effects observer reports an event that was never sent as processed",
}

observer(state) := object.get(observers, state, "the effects observer did not see a later valid event processed")
