# METADATA
# description: |
#   How an answer of a webhook receiver is read. Facts say what was sent and what came back; this is the one place that says whether
#   a forgery was accepted, refused, or cannot be told, and why. The rules are those of the contract, "How an answer to a forgery is
#   read". The zero reading proves nothing.
package prelaunch.reading

import data.prelaunch.lib

baselines[baseline.environment] := baseline if some baseline in input.facts["webhook.baseline"]

# exchanges is everything sent, by environment and family, each with its reading.
exchanges[environment] := families if {
	some environment, _ in baselines
	all := [{"fact": x, "means": reading(x, baselines[environment])} |
		some x in input.facts["webhook.exchange"]
		x.environment == environment
	]
	names := {item.fact.family | some item in all}
	families := {name: [item | some item in all; item.fact.family == name] | some name in names}
}

# of is the exchanges of a family in an environment.
of(environment, family) := object.get(object.get(exchanges, environment, {}), family, [])

# reading of an exchange:
#   accepted       as a genuine event is, or processed by the observer's word
#   refused        with a 4xx that counts
#   acknowledged   2xx, but not the genuine answer
#   redirected     3xx
#   failed         5xx, or no whole answer
#   busy           429 or 503, also after waiting
#   firewall       a firewall's page, where a plain wrong signature gets the receiver's own refusal
#   same           the very answer that a genuine or an otherwise invalid event gets
#   unproven       4xx, but nothing shows that a right signature would have made a difference
#   unwitnessed    4xx, but just then a genuine event did not get its usual answer either
#   queued         the receiver acknowledges everything before it verifies
#   nothing        another path, or a GET by its own word, where only the genuine answer means something
#   excused        not sent, for a reason that leaves no gap
#   left_out       not sent
reading(x, b) := unsent(x.not_sent) if {
	x.not_sent
} else := "accepted" if {
	x.effect == "processed"
} else := "refused" if {
	x.effect == "not_processed"
	b.observer_sees
} else := "queued" if {
	b.receiver == "queued"
} else := "accepted" if {
	taken(x, b)
} else := "nothing" if {
	x.elsewhere
} else := "nothing" if {
	as_get(x)
} else := "failed" if {
	x.error
} else := by_status(x, b)

# as_get holds where a receiver answers a POST that asks to be taken for a GET as it may well answer a GET: with a page.
as_get(x) if {
	x.case == "override-get"
	x.status >= 200
	x.status < 300
}

unsent(reason) := "excused" if {
	reason in {"same_key", "not_possible", "careful", "family_ended", "not_offered"}
} else := "left_out"

# taken holds when the answer is the genuine one, or, where there is none to compare with, any 2xx.
taken(x, b) if {
	b.genuine
	"genuine" in x.equals
	not anywhere(x, b.environment)
}

taken(x, b) if {
	not b.genuine
	not x.elsewhere
	x.status >= 200
	x.status < 300
}

# anywhere holds for another path where even an unrelated path gets the genuine answer, and not only for events.
anywhere(x, environment) if {
	x.elsewhere
	some other in input.facts["webhook.exchange"]
	other.environment == environment
	other.case == "unrelated"
	"genuine" in other.equals
	not events_only(environment)
}

# events_only holds where what is no event gets another answer at an unrelated path: there sits a receiver, not a page for everything.
events_only(environment) if {
	some x in input.facts["webhook.exchange"]
	x.environment == environment
	x.case == "unrelated-brace"
	x.status >= 400
	x.status < 500
}

by_status(x, _) := "busy" if {
	x.status in {429, 503}
	x.retry_after
} else := "busy" if {
	x.status == 429
} else := "refused" if {
	x.status == 501
	x.method
} else := "failed" if {
	x.status >= 500
} else := "acknowledged" if {
	x.status < 300
} else := "redirected" if {
	x.status < 400
}

by_status(x, b) := refusal(x, b) if {
	x.status >= 400
	x.status < 500
	x.status != 429
}

refusal(x, b) := "firewall" if {
	x.firewall
	not b.wrong_firewall
} else := "unproven" if {
	not counts(b)
} else := "same" if {
	like_genuine(x, b)
} else := "unwitnessed" if {
	x.purpose == "forgery"
	not x.witnessed
} else := "unwitnessed" if {
	x.purpose == "instance"
	not b.controlled
} else := "refused"

# counts holds where refusals mean something: the receiver tells right signatures from wrong ones.
counts(b) if b.genuine

counts(b) if b.distinguishes

# usual are refusals that do not come from looking at the event itself.
usual := {400, 401, 403, 405, 411, 413, 414, 415, 431}

like_genuine(x, b) if {
	b.genuine
	"turned" in x.equals
	not x.status in {400, 401, 403}
	not "wrong" in x.equals
}

like_genuine(x, b) if {
	not b.genuine
	some other in {"turned", "invalid"}
	other in x.equals
	not "wrong" in x.equals
}

like_genuine(x, b) if {
	not b.genuine
	not x.status in usual
	not x.status in b.wrong_statuses
}

# unobservable holds when an event under a random signature gets what a genuine one gets: then there is one thing to say, once.
unobservable(environment) if {
	references := of(environment, "wrong")
	count(references) > 0
	every item in references {
		item.means == "accepted"
	}
}

# takes_everything holds when nothing that was sent got another answer than a genuine event: unsigned events, random signatures and bodies
# that are no JSON alike. Its 200 then shows nothing, not even that genuine events are taken.
takes_everything(environment) if {
	unobservable(environment)
	every name in ["F01", "malformed"] {
		count(answered(of(environment, name))) > 0
	}
	every item in array.concat(answered(of(environment, "F01")), answered(of(environment, "malformed"))) {
		item.means == "accepted"
	}
}

answered(items) := [item | some item in items; not item.fact.not_sent; not item.fact.error]

url(environment) := lib.environments[environment].webhook_url

# blocked is why nothing can be said of an environment's receiver at all.
blocked(environment) := "probing is passive: nothing was sent" if {
	baselines[environment].state == "passive"
} else := sprintf("the receiver could not be reached: %s", [error_words(baselines[environment].reason)]) if {
	baselines[environment].state == "unreachable"
} else := "the audit was interrupted before the receiver had answered" if {
	baselines[environment].state == "stopped"
}

# unread is the finding where nothing can be said.
unread(environment) := lib.incomplete(environment, "webhook.baseline") if {
	not baselines[environment]
} else := lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "not observed", "target": url(environment),
	"message": blocked(environment),
	"evidence": {"reason": baselines[environment].state, "cause": baselines[environment].reason},
})

# unsigned_only is why properly signed requests could not be sent.
unsigned_only(environment) := "the key is not held (only its fingerprint is configured), so nothing could be signed" if {
	not baselines[environment].key_held
} else := "the webhook URL is plain http, over which nothing made with a key is sent" if {
	baselines[environment].transport == "plain"
} else := "the receiver's certificate does not verify, so nothing made with a key was sent to it" if {
	baselines[environment].transport == "unverified"
}

queued_unobserved(environment) if {
	baselines[environment].receiver == "queued"
	not observed(environment)
}

observed(environment) if {
	baselines[environment].observer == "asked"
	baselines[environment].observer_sees
}

# observer_words tells what keeps an observer from helping.
observer_words(environment) := "no effects observer is configured" if {
	baselines[environment].observer == ""
} else := "the effects observer was not run: it needs --allow-commands" if {
	baselines[environment].observer == "not_allowed"
} else := "the effects observer could not be run" if {
	baselines[environment].observer == "failed"
} else := "with probe_uids an effects observer cannot tell one event from another" if {
	baselines[environment].observer == "fixed_uids"
} else := "the effects observer says of an event that was never sent that it was processed" if {
	baselines[environment].observer == "credulous"
} else := "the effects observer did not see a later genuine event processed"

error_words(class) := object.get(
	{
		"timeout": "no answer in time", "reset": "the connection was closed without an answer", "refused": "the connection was refused",
		"no_route": "there is no route to it", "no_address": "its name has no address", "certificate": "its certificate does not verify",
		"client_certificate": "it asks for a client certificate (network.client_certificate)",
		"tls": "no TLS connection could be set up", "not_tls": "it does not speak TLS", "header_too_large": "the header of its answer is too large",
		"malformed": "its answer is no valid HTTP", "truncated": "its answer breaks off", "endless": "its answer does not end",
		"url": "the webhook URL is not valid",
	},
	class,
	"the request failed",
)

# families, in words that complete "the receiver accepted …".
families := {
	"F01": "events without a signature, or with an empty or placeholder one",
	"F02": "events with a nonsense signature",
	"F02-near": "signatures with a single wrong digit",
	"F03": "a piece of the right signature",
	"F04": "events signed with a random or default key, or with what a missing variable turns into",
	"F05": "a digest without a key, or with the key only put before or after the body",
	"F06": "the right key with another hash",
	"F07": "a body that was changed after signing",
	"F08": "a body that was spelled differently after signing",
	"F09": "a body of which only the decoded text was signed",
	"F10": "wrongly signed events under another content type",
	"F11": "the signature of an empty body for a form or text",
	"F12": "unsigned events sent with another method",
	"F13": "unsigned events sent to another spelling of the path",
	"F14": "unsigned events with a header or field that hints at trust",
	"F15": "events signed with the other environment's key",
	"F16": "a right signature in the wrong place beside a wrong one in the header",
	"F17": "events with a signature that cannot be parsed",
	"F18": "unsigned events under a Content-Encoding",
	"F19": "wrong signatures in a repeated header",
	"F20": "events signed with a retired key",
	"F21": "unsigned events that are large, chunked or sent over HTTP/2",
}

# reasons, in words that complete "N requests …".
reasons := {
	"acknowledged": "were answered with a 2xx that differs from the genuine answer",
	"redirected": "were answered with a redirect",
	"failed": "got a 5xx or no answer",
	"busy": "were put off with 429 or 503, also after waiting",
	"firewall": "were stopped by a firewall before the receiver saw them",
	"same": "got the answer that an event which is not forged gets too",
	"unproven": "were refused, but nothing shows that a right signature would have made a difference",
	"unwitnessed": "were refused while genuine events were refused as well",
	"queued": "were acknowledged before they were verified",
	"left_out": "were not sent",
	"shadowed": "were accepted, but so is a plainer forgery, of which another check tells",
}

# judge is the findings of a check that wants some forgeries refused. items are the exchanges, each with a member group, the name of
# the family in families.
judge(environment, items) := {unread(environment)} if {
	unread(environment)
} else := {lib.finding({
	"outcome": "inconclusive", "environment": environment, "subject": "queued", "target": url(environment),
	"message": sprintf("the receiver acknowledges everything before it verifies, and %s", [observer_words(environment)]),
	"evidence": {"reason": "queued", "observer": baselines[environment].observer},
})} if {
	queued_unobserved(environment)
	not processed(items)
} else := {lib.finding({
	"outcome": "fail", "environment": environment, "subject": "verification", "target": url(environment),
	"message": "verification cannot be observed: events under a random signature are answered as genuine ones are",
	"evidence": {"statuses": baselines[environment].wrong_statuses, "requests": count(of(environment, "wrong"))},
})} if {
	unobservable(environment)
} else := accepted_findings(environment, items) | undecided_findings(environment, items) if {
	count(accepted_findings(environment, items)) + count(undecided_findings(environment, items)) > 0
} else := {lib.finding({
	"outcome": "pass", "environment": environment, "subject": "refused", "target": url(environment),
	"message": sprintf("all %d forgeries were refused", [count(refused(items))]),
	"evidence": {
		"refused": count(refused(items)),
		"statuses": sort({item.fact.status | some item in refused(items); item.fact.status}),
		"cases": cases(refused(items)),
	},
})}

processed(items) if {
	some item in items
	item.means == "accepted"
}

refused(items) := [item | some item in items; item.means == "refused"]

accepted_findings(environment, items) := {finding |
	some group in {item.group | some item in items; item.means == "accepted"}
	taken_items := [item | some item in items; item.group == group; item.means == "accepted"]
	sent := [item | some item in items; item.group == group; not item.means in {"excused", "left_out"}]
	finding := lib.finding({
		"outcome": "fail", "environment": environment, "subject": group, "target": url(environment),
		"message": sprintf("the receiver accepted %s (%d of %d: %s)", [families[group], count(taken_items), count(sent), few(taken_items)]),
		"evidence": {"family": group, "accepted": cases(taken_items), "sent": count(sent), "statuses": statuses(taken_items)},
	})
}

undecided := {"acknowledged", "redirected", "failed", "busy", "firewall", "same", "unproven", "unwitnessed", "queued", "left_out", "shadowed"}

undecided_findings(environment, items) := {finding |
	open := [item | some item in items; item.means in undecided]
	count(open) > 0
	counts_by := {meaning: count([item | some item in open; item.means == meaning]) | some meaning in {item.means | some item in open}}
	parts := [sprintf("%d %s%s", [n, reasons[meaning], left_out_why(environment, meaning, open)]) | some meaning, n in counts_by]
	finding := lib.finding({
		"outcome": "inconclusive", "environment": environment, "subject": "undecided", "target": url(environment),
		"message": sprintf("of %d forgeries %s%s", [
			count([item | some item in items; not item.means == "excused"]), concat("; ", parts), advice(environment, counts_by),
		]),
		"evidence": {"undecided": {meaning: cases([item | some item in open; item.means == meaning]) | some meaning, _ in counts_by}, "statuses": statuses(open)},
	})
} | {finding |
	every item in items {
		item.means in {"excused", "nothing"}
	}
	finding := lib.finding({
		"outcome": "inconclusive", "environment": environment, "subject": "undecided", "target": url(environment),
		"message": "no forgery of this kind could be sent",
		"evidence": {"not_sent": sort({item.fact.not_sent | some item in items; item.fact.not_sent})},
	})
}

left_out_why(environment, meaning, items) := "" if {
	meaning != "left_out"
} else := sprintf(" (%s)", [unsigned_only(environment)]) if {
	unsigned_only(environment)
} else := " (the key to forge with is known by its fingerprint only)" if {
	{item.fact.not_sent | some item in items; item.means == "left_out"} == {"no_key"}
} else := " (the receiver no longer answered as at the beginning)" if {
	baselines[environment].reason == "no_answer"
} else := " (too many requests had timed out)" if {
	baselines[environment].reason == "timeouts"
} else := " (it turned every request away with 429 or 503, also after waiting)" if {
	baselines[environment].reason == "busy"
} else := ""

# advice tells what can be done about it.
advice(environment, counts_by) := "; see webhook.accepts-genuine for what the receiver takes instead" if {
	unwelcome(environment, counts_by)
	some guess in input.facts["webhook.diagnosis"]
	guess.environment == environment
	guess.taken
} else := "; see webhook.accepts-genuine, and list UIDs that the receiver knows as probe_uids" if {
	unwelcome(environment, counts_by)
} else := ""

# unwelcome holds where refusals show nothing because genuine events are refused too.
unwelcome(environment, counts_by) if {
	some meaning in {"unproven", "same"}
	counts_by[meaning]
	not baselines[environment].genuine
	baselines[environment].probing == "full"
	baselines[environment].key_held
}

cases(items) := sort({name(item.fact) | some item in items})

# few names what a message is about, where there are many the first of them; the evidence has all.
few(items) := concat(", ", cases(items)) if {
	count(cases(items)) <= 4
} else := concat(", ", kinds(items)) if {
	count(kinds(items)) <= 4
} else := sprintf("%s and %d more", [concat(", ", array.slice(kinds(items), 0, 3)), count(kinds(items)) - 3])

kinds(items) := sort({item.fact.case | some item in items})

name(x) := sprintf("%s (%s)", [x.case, x.event_type]) if {
	x.case in {"absent", "random"}
} else := x.case

statuses(items) := sort({item.fact.status | some item in items; item.fact.status})

# grouped gives exchanges of a family their group.
grouped(items, group) := [object.union(item, {"group": group}) | some item in items]

# family is the exchanges of a family, grouped under its name.
family(environment, name) := grouped(of(environment, name), name)

# same_build is what careful probing may rest on: both environments are attested to run the same build.
same_build := lib.attestation("environments.same-build")

careful(environment) if baselines[environment].probing == "careful"

# shadowed takes the meaning out of an accepted case where a plainer case of another family is accepted too: twins maps one to the other.
shadowed(items, environment, other, twins) := [shade(item, environment, other, twins) | some item in items]

shade(item, environment, other, twins) := object.union(item, {"means": "shadowed"}) if {
	item.means == "accepted"
	some plain in of(environment, other)
	plain.fact.case == twins[item.fact.case]
	plain.means == "accepted"
} else := item

# drawn is the reading of one draw of webhook.instance, which has no witness of its own: the battery had.
drawn(x, b) := reading(object.union(x, {"purpose": "instance"}), b)
