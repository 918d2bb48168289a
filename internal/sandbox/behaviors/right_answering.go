package behaviors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// rightAnswering are correct receivers that differ in what they answer.
var rightAnswering = []sandbox.Behavior{
	{Name: "refuses-with-403", Description: "answers 403 to forgeries", Plant: refuseForgeries(403)},
	{Name: "refuses-with-400", Description: "answers 400 to forgeries", Plant: refuseForgeries(400)},
	{Name: "refuses-with-404", Description: "answers 404 to forgeries, as if there were nothing", Plant: refuseForgeries(404)},
	{Name: "refuses-with-422", Description: "answers 422 to forgeries", Plant: refuseForgeries(422)},
	{Name: "refuses-with-418", Description: "answers 418 to forgeries", Plant: refuseForgeries(418)},
	{Name: "one-refusal-for-all", Description: "answers the same 400 to all that it rejects", Plant: func(ru *sandbox.Rules) {
		ru.Refuse = func(*sandbox.Delivery, sandbox.Reason) sandbox.Answer {
			return sandbox.JsonAnswer(400, `{"error":"bad request"}`)
		}
		ru.Unknown = func(*sandbox.Delivery, sandbox.Event) sandbox.Answer {
			return sandbox.JsonAnswer(400, `{"error":"bad request"}`)
		}
	}},
	{Name: "same-body-for-all", Description: "answers the same body to all; only the status tells", Plant: finish(func(_ *sandbox.Delivery, a *sandbox.Answer) {
		a.Body = `{}`
		a.Header.Set("Content-Type", "application/json")
	})},
	{Name: "empty-answers", Description: "answers without any body or content type", Plant: finish(func(_ *sandbox.Delivery, a *sandbox.Answer) {
		a.Body = ""
		a.Header.Del("Content-Type")
	})},
	{Name: "text-answers", Description: "answers with plain text", Plant: func(ru *sandbox.Rules) {
		accept(sandbox.TextAnswer(200, "text/plain", "OK"))(ru)
		refuseText("text/plain; charset=utf-8", "%s\n")(ru)
	}},
	{Name: "html-error-pages", Description: "responds to rejected requests with HTML pages", Plant: refuseText("text/html; charset=utf-8", "<!doctype html><html lang=en><title>%[1]s</title><h1>%[1]s</h1><p>The request was refused.</p></html>")},
	{Name: "echoes-uid-and-time", Description: "puts the event's UID and the time into the response to a valid event", Plant: func(ru *sandbox.Rules) {
		ru.Accept = func(_ *sandbox.Delivery, e sandbox.Event) sandbox.Answer {
			return sandbox.JsonAnswer(200, `{"status":"ok","uid":"`+sandbox.PlainWord(e.UID)+`","received_at":"{{time}}","ms":{{epoch}}}`)
		}
	}},
	{Name: "random-parts-everywhere", Description: "every answer has a request id, a UUID, a counter and 128 random hex digits", Plant: finish(func(_ *sandbox.Delivery, a *sandbox.Answer) {
		a.Header.Set("X-Request-Id", "{{uuid}}")
		a.Body = `{"id":"{{id}}","trace":"{{hex128}}","n":{{number}},"result":"` + sandbox.Words[reasonOf(a.Status)] + `"}`
	})},
	{Name: "random-words-everywhere", Description: "every answer has identifiers that are not hexadecimal: a nanoid, a ULID, base64, a written-out time", Plant: finish(func(_ *sandbox.Delivery, a *sandbox.Answer) {
		a.Header.Set("X-Correlation-Id", "{{nanoid}}")
		a.Body = `{"id":"{{nanoid}}","event":"evt_{{ulid}}","cursor":"{{base64}}","at":"{{spelt}}","took":0.{{number}},"result":"` + sandbox.Words[reasonOf(a.Status)] + `"}`
	})},
	{Name: "wordy-refusals", Description: "rejections of many words, some of which also occur in stack traces", Plant: refuseText("text/html; charset=utf-8", "<h1>Error: %[1]s</h1><p>An exception was made to our usual service. If this happens again, call us at Acme (Room 12:30) or look at /help/contact, line 3 of the list. Trace {{id}}, SQL Server status page: https://status.acme.example/var/log</p>")},
	{Name: "error-codes", Description: "rejections have codes and types", Plant: refuseText("application/json", `{"error":{"type":"SignatureVerificationError","code":"ERR_%[1]s","trace_id":"{{uuid}}","documentation_url":"https://docs.acme.example/api/errors.html#L42"}}`)},
	{Name: "quotes-the-request", Description: "rejections quote the body and the signature that were sent", Plant: func(ru *sandbox.Rules) {
		usual := ru.Refuse
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			a := usual(d, why)
			quote, err := json.Marshal(map[string]string{"error": sandbox.Words[why], "body": string(d.Payload), "signature": d.Header.Get(sandbox.SignatureHeader)})
			if err == nil {
				a.Body, a.AsIs = string(quote), true
			}
			return a
		}
	}},
	{Name: "echoes-event", Description: "repeats the whole event in the response to a valid event", Plant: func(ru *sandbox.Rules) {
		ru.Accept = func(d *sandbox.Delivery, _ sandbox.Event) sandbox.Answer {
			return sandbox.JsonAnswer(200, `{"received":`+string(d.Payload)+`}`)
		}
	}},
	{Name: "long-answers", Description: "answers of 200 KB", Plant: finish(func(_ *sandbox.Delivery, a *sandbox.Answer) {
		a.Body += "\n" + strings.Repeat("<!-- filler -->\n", 13000)
	})},
	{Name: "latin-1-answers", Description: "answers in Latin-1, which is invalid UTF-8", Plant: func(ru *sandbox.Rules) {
		accept(sandbox.TextAnswer(200, "text/plain; charset=iso-8859-1", "re\xe7u"))(ru)
		refuseText("text/plain; charset=iso-8859-1", "refus\xe9: %s")(ru)
	}},
	{Name: "compressed-answers", Description: "compresses its answers for clients that say they can inflate them", Plant: func(ru *sandbox.Rules) { ru.Compressed = true }},
	{Name: "early-hints", Description: "sends 103 ahead of each answer", Plant: func(ru *sandbox.Rules) { ru.EarlyHints = true }},
	{Name: "authenticate-header", Description: "asks for a signature in WWW-Authenticate", Plant: finish(func(_ *sandbox.Delivery, a *sandbox.Answer) {
		if a.Status == 401 {
			a.Header.Set("WWW-Authenticate", `Signature realm="begini", headers="X-Signature"`)
		}
	})},
	{Name: "answer-differs-by-type", Description: "the response to a valid event names the event's type", Plant: func(ru *sandbox.Rules) {
		ru.Accept = func(_ *sandbox.Delivery, e sandbox.Event) sandbox.Answer {
			return sandbox.JsonAnswer(200, `{"handled":"`+sandbox.PlainWord(e.Type)+`"}`)
		}
	}},
	{Name: "cookies", Description: "sets a session cookie with every answer", Plant: header("Set-Cookie", "session={{hex128}}; Secure; HttpOnly")},
	{Name: "server-versions", Description: "tells its server's and its framework's version", Plant: func(ru *sandbox.Rules) {
		header("Server", "Werkzeug/3.0.1 Python/3.12.1")(ru)
		header("X-Powered-By", "PHP/8.2.7")(ru)
	}},
	{Name: "documentation-link", Description: "rejections point to a documentation page and quote the request's path and method", Plant: refuseText("application/problem+json", `{"type":"https://docs.acme.example/errors#refused","title":"%s","instance":"{{path}}","detail":"{{method}} {{path}} was refused"}`)},
	{Name: "rate-limited-now-and-then", Description: "answers every 40th request with 429 and Retry-After: 1", Plant: nowAndThen(40, sandbox.JsonAnswer(429, `{"error":"slow down"}`).With("Retry-After", "1"))},
	{Name: "busy-now-and-then", Description: "answers every 60th request with 503 and Retry-After: 1", Plant: nowAndThen(60, sandbox.TextAnswer(503, "text/plain", "busy").With("Retry-After", "1"))},
	{Name: "nginx-limit-now-and-then", Description: "behind an nginx whose limit_req answers every 50th request with 503 and its page, and without Retry-After",
		Plant: nowAndThen(50, sandbox.TextAnswer(503, "text/html", "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"))},
	{Name: "bad-gateway-now-and-then", Description: "a gateway answers every 70th request with 502", Plant: nowAndThen(70, sandbox.TextAnswer(502, "text/html", "<h1>502 Bad Gateway</h1>"))},
	{Name: "overloaded-once", Description: "answers three signed requests in a row with a 503 that does not say when to come back",
		Plant: func(ru *sandbox.Rules) {
			beforeRouting(func(d *sandbox.Delivery) (sandbox.Answer, bool) {
				if d.Header.Get(sandbox.SignatureHeader) == "" {
					return sandbox.Answer{}, false
				}
				n := ru.Counter.Add(1)
				return sandbox.TextAnswer(503, "text/plain", "overloaded"), n > 60 && n <= 63
			})(ru)
		}},
	{Name: "queued-observed", Description: "acknowledges everything, verifies behind a queue; an observer tells what was processed", Setup: sandbox.Setup{Queued: true, Effects: true},
		Expect: sandbox.Expect{Warns: []string{sandbox.StatusCodes}}, Plant: func(ru *sandbox.Rules) { ru.Acked = true }},
	{Name: "queued-unobserved", Description: "acknowledges everything, verifies behind a queue; nobody observes it", Setup: sandbox.Setup{Queued: true},
		Expect: sandbox.Expect{Withheld: slices.Concat(without(sandbox.ForgeryChecks, sandbox.RejectsRetired), sandbox.InputChecks, []string{sandbox.StatusCodes})},
		Plant:  func(ru *sandbox.Rules) { ru.Acked = true }},
	{Name: "observed", Description: "answers inline, and an observer tells what was processed", Setup: sandbox.Setup{Effects: true}, Plant: func(*sandbox.Rules) {}},
	{Name: "other-methods-not-found", Description: "answers 404 to other methods", Plant: func(ru *sandbox.Rules) {
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.WrongMethod {
				why = sandbox.WrongPath
			}
			return sandbox.PlainRefusal(d, why)
		}
	}},
	{Name: "other-methods-not-implemented", Description: "answers 501 to other methods", Plant: func(ru *sandbox.Rules) {
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.WrongMethod {
				return sandbox.TextAnswer(501, "text/html", "<html><head><title>501 Not Implemented</title></head></html>")
			}
			return sandbox.PlainRefusal(d, why)
		}
	}},
	{Name: "health-on-get", Description: "answers 200 to GET and HEAD", Plant: beforeRouting(func(d *sandbox.Delivery) (sandbox.Answer, bool) {
		return sandbox.JsonAnswer(200, `{"status":"ok"}`), d.Method == http.MethodGet || d.Method == http.MethodHead
	})},
	{Name: "cors", Description: "answers OPTIONS with 204 and CORS headers", Plant: beforeRouting(func(d *sandbox.Delivery) (sandbox.Answer, bool) {
		a := sandbox.Answer{Status: 204, Header: http.Header{"Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Methods": {"POST"}}}
		return a, d.Method == http.MethodOptions
	})},
	{Name: "any-method-verified", Description: "takes signed events by any method", Plant: func(ru *sandbox.Rules) {
		ru.Methods = []string{"POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "HEAD"}
	}},
	{Name: "any-path-verified", Description: "takes signed events on any path", Plant: func(ru *sandbox.Rules) { ru.AnyPath = true }},
	{Name: "single-page-fallback", Description: "answers other paths with 200 and the application's page, as web servers in front of it do", Plant: func(ru *sandbox.Rules) {
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.WrongPath {
				return sandbox.TextAnswer(200, "text/html", "<!doctype html><title>Acme</title><div id=root></div>")
			}
			return sandbox.PlainRefusal(d, why)
		}
	}},
	{Name: "other-paths-redirected", Description: "redirects variants of its path to the right one", Plant: func(ru *sandbox.Rules) {
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.WrongPath {
				return sandbox.TextAnswer(308, "", "").With("Location", "https://"+ru.Options.Host+ru.Options.Path)
			}
			return sandbox.PlainRefusal(d, why)
		}
	}},
}

// refuseForgeries makes forgeries be answered with that status.
func refuseForgeries(status int) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.Unauthentic {
				return sandbox.JsonAnswer(status, `{"error":"refused"}`)
			}
			return sandbox.PlainRefusal(d, why)
		}
	}
}

// nowAndThen answers every nth request with a, before anything is checked.
func nowAndThen(n int64, a sandbox.Answer) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		beforeRouting(func(*sandbox.Delivery) (sandbox.Answer, bool) { return a, ru.Counter.Add(1)%n == 0 })(ru)
	}
}

// beforeVerifying adds a step ahead of verification.
func beforeVerifying(s sandbox.Step) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) { ru.Before = append(ru.Before, s) }
}

// finish adds a last change to every answer.
func finish(change func(*sandbox.Delivery, *sandbox.Answer)) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) { ru.Finish = append(ru.Finish, change) }
}

// beforeRouting adds a step ahead of everything else.
func beforeRouting(s sandbox.Step) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) { ru.First = append(ru.First, s) }
}

// header adds a header to every answer.
func header(name, value string) func(*sandbox.Rules) {
	return finish(func(_ *sandbox.Delivery, a *sandbox.Answer) { a.Header.Set(name, value) })
}

// reasonOf is a reason that a plain rejection answers with the status.
func reasonOf(status int) sandbox.Reason {
	for why := sandbox.WrongPath; why <= sandbox.UnknownUser; why++ {
		if sandbox.Statuses[why] == status {
			return why
		}
	}
	return 0 // none is: the event was accepted
}

// refuseText makes rejections of a body in which %s, or %[1]s, is what is wrong.
func refuseText(contentType, format string) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return sandbox.TextAnswer(sandbox.Statuses[why], contentType, fmt.Sprintf(format, sandbox.Words[why]))
		}
	}
}
