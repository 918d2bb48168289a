package sandbox

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// answerFlaws are receivers that answer wrongly.
var answerFlaws = []Behaviour{
	{Name: "created", Description: "answers 201 to genuine events", Expect: notExactly200, plant: accept(jsonAnswer(201, `{"status":"created"}`))},
	{Name: "accepted-202", Description: "answers 202 to genuine events", Expect: notExactly200, plant: accept(jsonAnswer(202, `{"status":"queued"}`))},
	{Name: "no-content", Description: "answers 204 to genuine events", Expect: notExactly200, plant: accept(answer{status: 204})},
	{Name: "genuine-redirected", Description: "answers 302 to genuine events", Expect: notExactly200, plant: accept(answer{status: 302}.with("Location", "/thanks"))},
	{Name: "genuine-crashes", Description: "answers 500 to genuine events", Expect: notExactly200, plant: accept(textAnswer(500, "text/plain", "internal error"))},
	{Name: "genuine-hangs", Description: "never answers genuine events", Setup: Setup{Hangs: true},
		Expect: Expect{Withheld: []string{acceptsGenuine}, May: append(everythingElse(acceptsGenuine), logsClean)}, plant: accept(answer{hang: true})},
	{Name: "one-type-refused", Description: "answers 422 to one of the provider's event types",
		Expect: Expect{Fails: []string{acceptsGenuine}, May: forgeryChecks}, plant: func(ru *rules) { ru.types = without(ru.types, "application.complete") }},
	{Name: "everything-accepted", Description: "verifies and validates nothing, takes everything",
		Expect: Expect{
			Fails: slices.Concat(anySignature, []string{rejectsMalformed, rejectsMissing}), Withheld: []string{acceptsGenuine, redelivery, handlesUnexpected, bounded},
			May: []string{rejectsBypass, rejectsRetired, sameEverywhere, statusCodes}},
		plant: func(ru *rules) {
			ru.before = append(ru.before, func(d *delivery) (answer, bool) {
				if uid := spelledUID.FindSubmatch(d.body); uid != nil {
					ru.events.process(string(uid[1]))
				}
				return ru.accept(d, event{}), true
			})
		}},
	{Name: "everything-acknowledged", Description: "answers as if it had taken everything before it verifies", // what the answers show is all there is
		Expect: Expect{
			Withheld: slices.Concat(without(forgeryChecks, rejectsRetired), []string{acceptsGenuine, redelivery}, inputChecks), May: []string{rejectsRetired, statusCodes}},
		plant: func(ru *rules) { ru.acked = true }},
	{Name: "200-with-an-error", Description: "answers refusals with 200 and says in the body that they are",
		Expect: Expect{Fails: []string{statusCodes, rejectsMalformed, rejectsMissing}, Withheld: without(forgeryChecks, rejectsRetired), May: []string{rejectsRetired, handlesUnexpected}},
		plant:  refuseAll(jsonAnswer(200, `{"error":"refused"}`))},
	{Name: "forgeries-acknowledged", Description: "answers forgeries with 200 and says in the body that they were refused",
		Expect: forgeriesUndecided, plant: refusal(unauthentic, jsonAnswer(200, `{"error":"bad signature"}`))},
	{Name: "forgeries-no-content", Description: "answers forgeries with 204", Expect: forgeriesUndecided, plant: refusal(unauthentic, answer{status: 204})},
	{Name: "forgeries-redirected", Description: "answers forgeries with 302 to a login page", Expect: forgeriesUndecided,
		plant: refusal(unauthentic, answer{status: 302}.with("Location", "/login"))},
	{Name: "forgeries-crash", Description: "answers forgeries with 500", Expect: forgeriesUndecided,
		plant: refusal(unauthentic, textAnswer(500, "text/plain", "internal error"))},
	{Name: "forgeries-unavailable", Description: "answers forgeries with 503 and no Retry-After",
		Expect: Expect{Withheld: without(forgeryChecks, rejectsRetired), May: []string{statusCodes, rejectsRetired, reachable}}, plant: refusal(unauthentic, textAnswer(503, "text/plain", "unavailable"))},
	{Name: "forgeries-reset", Description: "resets the connection of forgeries", Expect: forgeriesUndecided, plant: refusal(unauthentic, answer{reset: true})},
	{Name: "forgeries-hang", Description: "never answers forgeries", Setup: Setup{Hangs: true},
		Expect: Expect{Fails: []string{statusCodes}, Withheld: without(forgeryChecks, rejectsRetired), May: append(everythingElse(statusCodes), reachable)}, plant: refusal(unauthentic, answer{hang: true})},
	{Name: "invalid-acknowledged", Description: "answers 200 to signed bodies that are invalid, and says so",
		Expect: Expect{Fails: []string{rejectsMalformed, rejectsMissing}, May: []string{statusCodes}}, plant: func(ru *rules) {
			for _, why := range []reason{malformed, invalid} {
				refusal(why, jsonAnswer(200, `{"error":"invalid"}`))(ru)
			}
		}},
	{Name: "redelivery-crashes", Description: "answers 500 to a redelivery, for its database has the UID already",
		Expect: Expect{Fails: []string{redelivery}}, plant: redeliver(textAnswer(500, "text/plain", "internal error"))},
	{Name: "redelivery-conflicts", Description: "answers 409 to a redelivery", Expect: Expect{Fails: []string{redelivery}}, plant: redeliver(jsonAnswer(409, `{"error":"conflict"}`))},
	{Name: "redelivery-created", Description: "answers 208 to a redelivery", Expect: Expect{Fails: []string{redelivery}}, plant: redeliver(answer{status: 208})},
	{Name: "charset-refused", Description: "answers 415 to application/json; charset=utf-8",
		Expect: Expect{OneOf: []string{acceptsGenuine, verifiesRaw}}, plant: before(func(d *delivery) bool {
			return strings.Contains(d.Header.Get("Content-Type"), "charset=utf-8")
		}, jsonAnswer(415, `{"error":"unsupported media type"}`))},
	{Name: "chunked-refused", Description: "answers 411 to bodies without Content-Length",
		Expect: Expect{Warns: []string{acceptsGenuine}}, plant: before(func(d *delivery) bool {
			return d.ContentLength < 0 && d.ProtoMajor == 1
		}, jsonAnswer(411, `{"error":"length required"}`))},
	{Name: "expect-refused", Description: "answers 417 to Expect: 100-continue",
		Expect: Expect{Warns: []string{acceptsGenuine}}, plant: before(func(d *delivery) bool {
			return d.Header.Get("Expect") != ""
		}, jsonAnswer(417, `{"error":"expectation failed"}`))},
	{Name: "ten-kibibytes-only", Description: "answers 413 above 10 KiB, which a genuine event may reach",
		Expect: Expect{OneOf: []string{acceptsGenuine, verifiesRaw}}, plant: func(ru *rules) { ru.maxBody = 10 << 10 }},
	{Name: "thirty-kibibytes-only", Description: "answers 413 above 30 KiB, which should be taken",
		Expect: Expect{Warns: []string{acceptsGenuine}}, plant: func(ru *rules) { ru.maxBody = 30 << 10 }},
	{Name: "http2-crashes", Description: "offers HTTP/2 and answers 500 over it",
		Expect: Expect{Withheld: []string{acceptsGenuine}, May: append(everythingElse(acceptsGenuine), logsClean)}, plant: before(func(d *delivery) bool { return d.ProtoMajor == 2 }, textAnswer(500, "text/plain", "internal error"))},
	{Name: "blocks-after-forgeries", Description: "answers 403 to everybody once it has refused twenty requests, which looks like verification",
		Expect: Expect{Withheld: everythingElse(acceptsGenuine, rejectsRetired), May: []string{rejectsRetired, logsClean}}, plant: func(ru *rules) {
			ru.finish = append(ru.finish, func(_ *delivery, a *answer) {
				if a.status >= 400 {
					ru.counter.Add(1)
				}
			})
			beforeRouting(func(*delivery) (answer, bool) {
				return textAnswer(http.StatusForbidden, "text/html", "<h1>Access denied</h1>"), ru.counter.Load() > 20
			})(ru)
		}},
}

var spelledUID = regexp.MustCompile(`"uid"\s*:\s*"([^"]*)"`)

// notExactly200 is what a wrong answer to genuine events leads to. Refusals still differ from it.
var notExactly200 = Expect{Fails: []string{acceptsGenuine}, Withheld: []string{redelivery}, May: slices.Concat(forgeryChecks, inputChecks, []string{statusCodes, logsClean})}

// forgeriesUndecided is what answers to forgeries lead to that are neither acceptance nor refusal.
var forgeriesUndecided = Expect{Fails: []string{statusCodes}, Withheld: without(forgeryChecks, rejectsRetired), May: []string{rejectsRetired, reachable}}

// everythingElse are all the checks that read a receiver's answers, but for those.
func everythingElse(but ...string) []string {
	return without(slices.Concat([]string{acceptsGenuine, redelivery, statusCodes, noDetail}, forgeryChecks, inputChecks), but...)
}

func accept(a answer) func(*rules) {
	return func(ru *rules) { ru.accept = func(*delivery, event) answer { return a } }
}

func redeliver(a answer) func(*rules) {
	return func(ru *rules) { ru.redeliver = func(*delivery, event) answer { return a } }
}

// refuseAll answers whatever is refused.
func refuseAll(a answer) func(*rules) {
	return func(ru *rules) {
		ru.refuse = func(*delivery, reason) answer { return a }
		ru.unknown = func(*delivery, event) answer { return a }
	}
}

// refusal answers what is refused for that reason.
func refusal(reasonFor reason, a answer) func(*rules) {
	return func(ru *rules) {
		usual := ru.refuse
		ru.refuse = func(d *delivery, why reason) answer {
			if why == reasonFor {
				return a
			}
			return usual(d, why)
		}
		if reasonFor == invalid {
			ru.unknown = func(*delivery, event) answer { return a }
		}
	}
}
