# METADATA
# description: |
#   Classification: what a receiver's response to a request means. Facts say what was sent and what came back; this is
#   the one place that says whether a forgery was accepted or rejected, or why it is inconclusive. An exchange without a
#   class proves nothing.
package prelaunch.lib.responses

import data.prelaunch.lib

baselines[baseline.environment] := baseline if some baseline in input.facts["webhook.baseline"]

# exchanges is every request by environment and family, each with its class.
exchanges[environment] := families if {
	some environment, _ in baselines
	all := [{"fact": x, "class": weighed(x, baselines[environment])} |
		some x in input.facts["webhook.exchange"]
		x.environment == environment
	]
	names := {item.fact.family | some item in all}
	families := {name: [item | some item in all; item.fact.family == name] | some name in names}
}

# in_family is the exchanges of a family in an environment.
in_family(environment, family) := object.get(object.get(exchanges, environment, {}), family, [])

# in_families is those of several families.
in_families(environment, families) := [item |
	some family in families
	some item in in_family(environment, family)
]

# weighed is the class of an exchange, or tolerated where the forgery changes what the scheme does not cover, or what
# official SDKs of the provider accept: only that it is rejected then counts. Where they throw, a 5xx is tolerated.
weighed(x, b) := "tolerated" if {
	x.variant in {"tolerated", "uncovered"}
	not class(x, b) in {"rejected", "exempt"}
} else := "tolerated" if {
	x.variant == "throws"
	class(x, b) == "failed"
	x.status >= 500
} else := class(x, b)

# The classes:
#   accepted      as a valid event is, or processed according to the observer
#   rejected      with a 4xx that counts
#   acknowledged  2xx, but not the response to valid events
#   redirected    3xx
#   failed        5xx, or no complete response
#   busy          429 or 503, also after waiting
#   firewall      a firewall's page, where a plain incorrect signature gets the receiver's own rejection
#   same          the very response that a valid or an otherwise invalid event gets
#   unproven      4xx, but nothing shows that a correct signature would have made a difference
#   unwitnessed   4xx, but at that time the control request did not get its usual response either
#   queued        the receiver acknowledges everything before it verifies
#   meaningless   another path, or a GET by its own word, where only the response to valid events means something
#   exempt        not sent, for a reason that leaves nothing open
#   tolerated     what correct receivers may accept, see weighed
#   left_out      not sent
class(x, _) := unsent_class(x.not_sent) if x.not_sent

class(x, b) := observed_class(x, b) if not x.not_sent

class(x, b) := "queued" if {
	undetermined(x, b)
	b.receiver == "queued"
}

class(x, b) := response_class(x, b) if {
	undetermined(x, b)
	not b.receiver == "queued"
}

unsent_class(reason) := "exempt" if {
	reason in {"same_key", "not_possible", "careful", "family_ended", "not_offered"}
} else := "left_out"

# observed_class is what an effects observer reports.
observed_class(x, _) := "accepted" if x.effect == "processed"

observed_class(x, b) := "rejected" if {
	x.effect == "not_processed"
	b.observer_sees
}

undetermined(x, b) if {
	not x.not_sent
	not observed_class(x, b)
}

response_class(x, b) := "accepted" if {
	as_valid(x, b)
} else := "meaningless" if {
	meaningless(x)
} else := "failed" if {
	x.error
} else := status_class(x, b)

meaningless(x) if x.elsewhere

# A receiver responds to a POST that asks to be treated as a GET as it may well respond to a GET: with a page.
meaningless(x) if {
	x.case == "override-get"
	x.status >= 200
	x.status < 300
}

# as_valid holds for the response that valid events get or, where there is none to compare with, any 2xx.
as_valid(x, b) if {
	b.genuine
	"genuine" in x.equals
	not any_path(x, b.environment)
}

as_valid(x, b) if {
	not b.genuine
	not x.elsewhere
	x.status >= 200
	x.status < 300
}

# any_path holds for another path where even an unrelated path gets the response to valid events, and not only for
# events.
any_path(x, environment) if {
	x.elsewhere
	some other in input.facts["webhook.exchange"]
	other.environment == environment
	other.case == "unrelated"
	"genuine" in other.equals
	not events_only(environment)
}

# events_only holds where what is not an event gets another response at an unrelated path: that is a receiver, not a
# page for everything.
events_only(environment) if {
	some x in input.facts["webhook.exchange"]
	x.environment == environment
	x.case == "unrelated-brace"
	x.status >= 400
	x.status < 500
}

status_class(x, _) := "acknowledged" if x.status < 300

status_class(x, _) := "redirected" if {
	x.status >= 300
	x.status < 400
}

status_class(x, b) := rejection_class(x, b) if {
	x.status >= 400
	x.status < 500
	x.status != 429
}

status_class(x, _) := "busy" if asks_to_wait(x)

status_class(x, _) := "rejected" if unsupported_method(x)

status_class(x, _) := "failed" if {
	x.status >= 500
	not asks_to_wait(x)
	not unsupported_method(x)
}

# asks_to_wait holds for a response that says nothing about the request.
asks_to_wait(x) if x.status == 429

asks_to_wait(x) if {
	x.status == 503
	x.retry_after
}

unsupported_method(x) if {
	x.status == 501
	x.method
}

# A 404 or 405 to another method than POST is that of the router where an invalid POST gets something else. It says
# nothing about signatures, and needs no control request.
rejection_class(x, b) := "rejected" if other_route(x, b)

rejection_class(x, b) := array.concat(doubts(x, b), ["rejected"])[0] if not other_route(x, b)

# doubts are why a 4xx is not known to reject the signature; the first of them counts.
doubts(x, b) := [class | some class in ["firewall", "unproven", "same", "unwitnessed"]; doubtful(class, x, b)]

doubtful("firewall", x, b) if {
	x.firewall
	not b.wrong_firewall
}

doubtful("unproven", _, b) if not distinguishes(b)

doubtful("same", x, b) if {
	b.genuine
	"turned" in x.equals
	not x.status in {400, 401, 403}
	not "wrong" in x.equals
}

doubtful("same", x, b) if {
	not b.genuine
	some other in {"turned", "invalid"}
	other in x.equals
	not "wrong" in x.equals
}

doubtful("same", x, b) if {
	not b.genuine
	not x.status in usual_rejections
	not x.status in b.wrong_statuses
}

doubtful("unwitnessed", x, _) if {
	x.purpose == "forgery"
	not x.witnessed
}

doubtful("unwitnessed", x, b) if {
	x.purpose == "instance"
	not b.controlled
}

# Statuses of rejections that do not come from the content of the event.
usual_rejections := {400, 401, 403, 405, 411, 413, 414, 415, 431}

other_route(x, b) if {
	x.method
	x.status in {404, 405}
	count(b.wrong_statuses) > 0
	not x.status in b.wrong_statuses
	not "turned" in object.get(x, "equals", [])
	not invalid_gets(b.environment, x.status)
}

# invalid_gets holds where a correctly signed invalid body gets that status.
invalid_gets(environment, status) if {
	some x in input.facts["webhook.exchange"]
	x.environment == environment
	x.purpose == "invalid"
	x.status == status
}

# distinguishes holds where rejections mean something: the receiver treats correct signatures and incorrect ones
# differently.
distinguishes(b) if b.genuine

distinguishes(b) if b.distinguishes

# instance_class is the class of one draw of webhook.instance, which has no control request of its own: the test suite
# had.
instance_class(x, b) := class(object.union(x, {"purpose": "instance"}), b)

# shadowed replaces the class of an accepted case where a simpler case of another family is accepted too; simpler maps
# one to the other.
shadowed(items, other, simpler) := [shade(item, other, simpler) | some item in items]

shade(item, other, simpler) := object.union(item, {"class": "shadowed"}) if {
	item.class == "accepted"
	some plain in in_family(item.fact.environment, other)
	plain.fact.case == simpler[item.fact.case]
	plain.class == "accepted"
} else := item

# succeeded holds for the response that a valid event has to get.
succeeded(x) if {
	successful(x.status)
	not x.error
}

# successful holds for a status that the provider takes for a delivery.
successful(status) if {
	some range in success
	status >= range.from
	status <= range.to
}

success := input.profile.success if {
	input.profile.success
} else := [{"from": 200, "to": 200}]

# transient holds for a response, or a lack of one, that shows nothing about a valid event.
transient(x) if {
	not x.status
	x.error
	not dropped(x)
}

transient(x) if x.status == 429

transient(x) if x.retry_after

# dropped holds for a valid event that got no response, sent again neither, while the receiver responded to others after
# it: the receiver cannot take it, which is no accident.
dropped(x) if {
	x.purpose == "genuine"
	not x.status
	x.error in {"reset", "timeout", "truncated"}
	x.retries > 0
	survived(x)
}

survived(x) if x.witnessed

# Those of each type are sent before there is a control request, and more of one type after them.
survived(x) if {
	x.family == "type"
	later := in_family(x.environment, "baseline")
	count(later) > 0
	every item in later {
		succeeded(item.fact)
	}
}

# After a duplicate, another event is sent under its signature.
survived(x) if {
	x.family == "redelivery"
	some item in in_families(x.environment, ["F07", "F31"])
	item.fact.case == "signature-reused"
	item.fact.witnessed
}

# --- What the classes show together

of_class(items, class) := [item | some item in items; item.class == class]

statuses(items) := sort({item.fact.status | some item in items; item.fact.status})

# unverified holds when an event with a random signature gets what a valid one gets: then one thing is reported, once.
unverified(environment) if {
	references := in_family(environment, "wrong")
	count(references) > 0
	every item in references {
		item.class == "accepted"
	}
}

# accepts_everything holds when no request got another response than a valid event: unsigned events, random signatures
# and bodies that are not JSON alike. Its 200 then shows nothing, not even that valid events are accepted. A request
# without a response does not show otherwise, nor does one that was not sent because the receiver had stopped, nor one
# that correct receivers may accept, such as a request without a body.
accepts_everything(environment) if {
	every name in ["wrong", "F01"] {
		count(responded(in_family(environment, name))) > 0
	}
	count(in_family(environment, "malformed")) > 0
	every item in responded(in_families(environment, ["wrong", "F01", "malformed"])) {
		item.class == "accepted"
	}
}

responded(items) := [item |
	some item in items
	not item.fact.not_sent
	not item.fact.error
	not object.get(item.fact, "variant", "") in {"tolerated", "uncovered"}
]

# gave_up holds where the receiver ended the test suite: it no longer responded, or only with timeouts or requests to
# wait.
gave_up(environment) if baselines[environment].reason in {"no_answer", "timeouts", "busy"}

queued(environment) if baselines[environment].receiver == "queued"

queued_unobserved(environment) if {
	queued(environment)
	not observed(environment)
}

observed(environment) if {
	baselines[environment].observer == "asked"
	baselines[environment].observer_sees
}

careful(environment) if baselines[environment].probing == "careful"

# same_build is the attestation on which careful probing may rest.
same_build := lib.attestation("environments.same-build")

# bridged holds where an environment may rest on what was observed in the reference environment: what careful probing
# does not send, and what cannot be sent with a key that is known by its fingerprint only.
bridged(environment) if {
	reduced(environment)
	environment != lib.reference
	baselines[environment].state == "probed"
	baselines[environment].transport == "verified"
	baselines[lib.reference].probing == "full"
	same_build
	not unlike_test(environment)
}

# told_apart are the invalid bodies that the reference environment rejects for themselves where they are correctly
# signed.
told_apart contains [item.fact.family, item.fact.case] if {
	some item in in_families(lib.reference, ["malformed", "missing"])
	item.fact.status >= 400
	item.fact.status < 500
	item.fact.status != 429
	not "wrong" in object.get(item.fact, "equals", [])
}

# unlike_test holds where an environment rejects all of these as incorrectly signed: whatever build it runs, it does not
# verify with the key that was given, or something responds in its place.
unlike_test(environment) if {
	environment != lib.reference
	seen := [item.fact |
		some item in in_families(environment, ["malformed", "missing"])
		[item.fact.family, item.fact.case] in told_apart
		item.fact.status > 0
	]
	count(seen) > 0
	every x in seen {
		"wrong" in x.equals
	}
}

reduced(environment) if careful(environment)

reduced(environment) if {
	baselines[environment].probing == "full"
	not baselines[environment].key_held
}

# plain_forms maps the cases of a form or text with the signature of an empty body to the same with a random signature.
plain_forms := {
	"multipart-body-empty": "multipart-body", "multipart-body-braces": "multipart-body", "form-body-empty": "form-body",
	"form-body-braces": "form-body", "multipart-empty": "multipart", "form-empty": "form", "text-empty": "text",
	"text-braces": "text",
}
