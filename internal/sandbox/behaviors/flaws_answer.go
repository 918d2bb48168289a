package behaviors

import (
	"net/http"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// answerFlaws are receivers that answer incorrectly.
var answerFlaws = []sandbox.Behavior{
	{Name: "created", Description: "answers 201 to valid events", Expect: notExactly200, Plant: accept(sandbox.JsonAnswer(201, `{"status":"created"}`))},
	{Name: "accepted-202", Description: "answers 202 to valid events", Expect: notExactly200, Plant: accept(sandbox.JsonAnswer(202, `{"status":"queued"}`))},
	{Name: "no-content", Description: "answers 204 to valid events", Expect: notExactly200, Plant: accept(sandbox.Answer{Status: 204})},
	{Name: "genuine-redirected", Description: "answers 302 to valid events", Expect: notExactly200, Plant: accept(sandbox.Answer{Status: 302}.With("Location", "/thanks"))},
	{Name: "genuine-crashes", Description: "answers 500 to valid events", Expect: notExactly200, Plant: accept(sandbox.TextAnswer(500, "text/plain", "internal error"))},
	{Name: "genuine-hangs", Description: "never answers valid events", Setup: sandbox.Setup{Hangs: true},
		Expect: sandbox.Expect{Withheld: []string{sandbox.AcceptsGenuine}, May: append(everythingElse(sandbox.AcceptsGenuine), sandbox.LogsClean)}, Plant: accept(sandbox.Answer{Hang: true})},
	{Name: "one-type-refused", Description: "answers 422 to one of the provider's event types",
		Expect: sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine}, May: sandbox.ForgeryChecks}, Plant: func(ru *sandbox.Rules) { ru.Types = without(ru.Types, "application.complete") }},
	{Name: "everything-accepted", Description: "verifies and validates nothing, takes everything",
		Expect: sandbox.Expect{
			Fails: slices.Concat(anySignature, []string{sandbox.RejectsMalformed, sandbox.RejectsMissing}), Withheld: []string{sandbox.AcceptsGenuine, sandbox.Redelivery, sandbox.HandlesUnexpected, sandbox.Bounded},
			May: []string{sandbox.RejectsBypass, sandbox.RejectsRetired, sandbox.SameEverywhere, sandbox.StatusCodes}},
		Plant: func(ru *sandbox.Rules) {
			ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
				if uid := sandbox.SpelledUID.FindSubmatch(d.Payload); uid != nil {
					ru.Events.Process(string(uid[1]))
				}
				return ru.Accept(d, sandbox.Event{}), true
			})
		}},
	{Name: "everything-acknowledged", Description: "answers as if it had taken everything before it verifies", // what the answers show is all there is
		Expect: sandbox.Expect{
			Withheld: slices.Concat(without(sandbox.ForgeryChecks, sandbox.RejectsRetired), []string{sandbox.AcceptsGenuine, sandbox.Redelivery}, sandbox.InputChecks), May: []string{sandbox.RejectsRetired, sandbox.StatusCodes}},
		Plant: func(ru *sandbox.Rules) { ru.Acked = true }},
	{Name: "200-with-an-error", Description: "responds to rejected requests with 200 and says in the body that they are",
		Expect: sandbox.Expect{Fails: []string{sandbox.StatusCodes, sandbox.RejectsMalformed, sandbox.RejectsMissing}, Withheld: without(sandbox.ForgeryChecks, sandbox.RejectsRetired), May: []string{sandbox.RejectsRetired, sandbox.HandlesUnexpected}},
		Plant:  refuseAll(sandbox.JsonAnswer(200, `{"error":"refused"}`))},
	{Name: "forgeries-acknowledged", Description: "answers forgeries with 200 and says in the body that they were rejected",
		Expect: forgeriesUndecided, Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.JsonAnswer(200, `{"error":"bad signature"}`))},
	{Name: "forgeries-no-content", Description: "answers forgeries with 204", Expect: forgeriesUndecided, Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.Answer{Status: 204})},
	{Name: "forgeries-redirected", Description: "answers forgeries with 302 to a login page", Expect: forgeriesUndecided,
		Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.Answer{Status: 302}.With("Location", "/login"))},
	{Name: "forgeries-crash", Description: "answers forgeries with 500", Expect: forgeriesUndecided,
		Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.TextAnswer(500, "text/plain", "internal error"))},
	{Name: "forgeries-unavailable", Description: "answers forgeries with 503 and no Retry-After",
		Expect: sandbox.Expect{Withheld: without(sandbox.ForgeryChecks, sandbox.RejectsRetired), May: []string{sandbox.StatusCodes, sandbox.RejectsRetired, sandbox.Reachable}}, Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.TextAnswer(503, "text/plain", "unavailable"))},
	{Name: "forgeries-reset", Description: "resets the connection of forgeries", Expect: forgeriesUndecided, Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.Answer{Reset: true})},
	{Name: "forgeries-hang", Description: "never answers forgeries", Setup: sandbox.Setup{Hangs: true},
		Expect: sandbox.Expect{Fails: []string{sandbox.StatusCodes}, Withheld: without(sandbox.ForgeryChecks, sandbox.RejectsRetired), May: append(everythingElse(sandbox.StatusCodes), sandbox.Reachable)}, Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.Answer{Hang: true})},
	{Name: "invalid-acknowledged", Description: "answers 200 to signed bodies that are invalid, and says so",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsMalformed, sandbox.RejectsMissing}, May: []string{sandbox.StatusCodes}}, Plant: func(ru *sandbox.Rules) {
			for _, why := range []sandbox.Reason{sandbox.Malformed, sandbox.Invalid} {
				sandbox.Refusal(why, sandbox.JsonAnswer(200, `{"error":"invalid"}`))(ru)
			}
		}},
	{Name: "redelivery-crashes", Description: "answers 500 to a duplicate delivery, for its database has the UID already",
		Expect: sandbox.Expect{Fails: []string{sandbox.Redelivery, sandbox.StatusCodes}}, Plant: redeliver(sandbox.TextAnswer(500, "text/plain", "internal error"))},
	{Name: "redelivery-conflicts", Description: "answers 409 to a duplicate delivery", Expect: sandbox.Expect{Fails: []string{sandbox.Redelivery}}, Plant: redeliver(sandbox.JsonAnswer(409, `{"error":"conflict"}`))},
	{Name: "redelivery-created", Description: "answers 208 to a duplicate delivery", Expect: sandbox.Expect{Fails: []string{sandbox.Redelivery}}, Plant: redeliver(sandbox.Answer{Status: 208})},
	{Name: "charset-refused", Description: "answers 415 to application/json; charset=utf-8",
		Expect: sandbox.Expect{OneOf: []string{sandbox.AcceptsGenuine, sandbox.VerifiesRaw}}, Plant: before(func(d *sandbox.Delivery) bool {
			return strings.Contains(d.Header.Get("Content-Type"), "charset=utf-8")
		}, sandbox.JsonAnswer(415, `{"error":"unsupported media type"}`))},
	{Name: "chunked-refused", Description: "answers 411 to bodies without Content-Length",
		Expect: sandbox.Expect{Warns: []string{sandbox.AcceptsGenuine}}, Plant: before(func(d *sandbox.Delivery) bool {
			return d.ContentLength < 0 && d.ProtoMajor == 1
		}, sandbox.JsonAnswer(411, `{"error":"length required"}`))},
	{Name: "expect-refused", Description: "answers 417 to Expect: 100-continue",
		Expect: sandbox.Expect{Warns: []string{sandbox.AcceptsGenuine}}, Plant: before(func(d *sandbox.Delivery) bool {
			return d.Header.Get("Expect") != ""
		}, sandbox.JsonAnswer(417, `{"error":"expectation failed"}`))},
	{Name: "ten-kibibytes-only", Description: "answers 413 above 10 KiB, which a valid event may reach",
		Expect: sandbox.Expect{OneOf: []string{sandbox.AcceptsGenuine, sandbox.VerifiesRaw}}, Plant: func(ru *sandbox.Rules) { ru.MaxBody = 10 << 10 }},
	{Name: "thirty-kibibytes-only", Description: "answers 413 above 30 KiB, which should be accepted",
		Expect: sandbox.Expect{Warns: []string{sandbox.AcceptsGenuine}}, Plant: func(ru *sandbox.Rules) { ru.MaxBody = 30 << 10 }},
	{Name: "http2-crashes", Description: "offers HTTP/2 and answers 500 over it",
		Expect: sandbox.Expect{Withheld: []string{sandbox.AcceptsGenuine}, May: append(everythingElse(sandbox.AcceptsGenuine), sandbox.LogsClean)}, Plant: before(func(d *sandbox.Delivery) bool { return d.ProtoMajor == 2 }, sandbox.TextAnswer(500, "text/plain", "internal error"))},
	{Name: "blocks-after-forgeries", Description: "answers 403 to everybody once it has rejected twenty requests, which looks like verification",
		Expect: sandbox.Expect{Withheld: everythingElse(sandbox.AcceptsGenuine, sandbox.RejectsRetired), May: []string{sandbox.RejectsRetired, sandbox.LogsClean}}, Plant: func(ru *sandbox.Rules) {
			ru.Finish = append(ru.Finish, func(_ *sandbox.Delivery, a *sandbox.Answer) {
				if a.Status >= 400 {
					ru.Counter.Add(1)
				}
			})
			beforeRouting(func(*sandbox.Delivery) (sandbox.Answer, bool) {
				return sandbox.TextAnswer(http.StatusForbidden, "text/html", "<h1>Access denied</h1>"), ru.Counter.Load() > 20
			})(ru)
		}},
}

// notExactly200 is what a wrong answer to valid events leads to. Rejections still differ from it.
var notExactly200 = sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine}, Withheld: []string{sandbox.Redelivery}, May: slices.Concat(sandbox.ForgeryChecks, sandbox.InputChecks, []string{sandbox.StatusCodes, sandbox.LogsClean})}

// forgeriesUndecided is what answers to forgeries lead to that are neither acceptance nor rejection.
var forgeriesUndecided = sandbox.Expect{Fails: []string{sandbox.StatusCodes}, Withheld: without(sandbox.ForgeryChecks, sandbox.RejectsRetired), May: []string{sandbox.RejectsRetired, sandbox.Reachable}}

// everythingElse are all the checks that read a receiver's answers, but for those.
func everythingElse(but ...string) []string {
	return without(slices.Concat([]string{sandbox.AcceptsGenuine, sandbox.Redelivery, sandbox.StatusCodes, sandbox.Survives, sandbox.NoDetail}, sandbox.ForgeryChecks, sandbox.InputChecks), but...)
}

func accept(a sandbox.Answer) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Accept = func(*sandbox.Delivery, sandbox.Event) sandbox.Answer { return a }
	}
}

func redeliver(a sandbox.Answer) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Redeliver = func(*sandbox.Delivery, sandbox.Event) sandbox.Answer { return a }
	}
}

// refuseAll answers whatever is rejected.
func refuseAll(a sandbox.Answer) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Refuse = func(*sandbox.Delivery, sandbox.Reason) sandbox.Answer { return a }
		ru.Unknown = func(*sandbox.Delivery, sandbox.Event) sandbox.Answer { return a }
	}
}
