package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// rightAnswering are right receivers that differ in what they answer.
var rightAnswering = []Behaviour{
	{Name: "refuses-with-403", Description: "answers 403 to forgeries", plant: refuseForgeries(403)},
	{Name: "refuses-with-400", Description: "answers 400 to forgeries", plant: refuseForgeries(400)},
	{Name: "refuses-with-404", Description: "answers 404 to forgeries, as if there were nothing", plant: refuseForgeries(404)},
	{Name: "refuses-with-422", Description: "answers 422 to forgeries", plant: refuseForgeries(422)},
	{Name: "refuses-with-418", Description: "answers 418 to forgeries", plant: refuseForgeries(418)},
	{Name: "one-refusal-for-all", Description: "answers the same 400 to all that it refuses", plant: func(ru *rules) {
		ru.refuse = func(*delivery, reason) answer { return jsonAnswer(400, `{"error":"bad request"}`) }
		ru.unknown = func(*delivery, event) answer { return jsonAnswer(400, `{"error":"bad request"}`) }
	}},
	{Name: "same-body-for-all", Description: "answers the same body to all; only the status tells", plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) {
			a.body = `{}`
			a.header.Set("Content-Type", "application/json")
		})
	}},
	{Name: "empty-answers", Description: "answers without any body or content type", plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) {
			a.body = ""
			a.header.Del("Content-Type")
		})
	}},
	{Name: "text-answers", Description: "answers with plain text", plant: func(ru *rules) {
		ru.accept = func(*delivery, event) answer { return textAnswer(200, "text/plain", "OK") }
		ru.refuse = textRefusal("text/plain; charset=utf-8", "%s\n")
	}},
	{Name: "html-error-pages", Description: "answers refusals with HTML pages", plant: func(ru *rules) {
		ru.refuse = textRefusal("text/html; charset=utf-8", "<!doctype html><html lang=en><title>%[1]s</title><h1>%[1]s</h1><p>The request was refused.</p></html>")
	}},
	{Name: "echoes-uid-and-time", Description: "puts the event's UID and the time into the genuine answer", plant: func(ru *rules) {
		ru.accept = func(_ *delivery, e event) answer {
			return jsonAnswer(200, `{"status":"ok","uid":"`+plainWord(e.UID)+`","received_at":"{{time}}","ms":{{epoch}}}`)
		}
	}},
	{Name: "random-parts-everywhere", Description: "every answer has a request id, a UUID, a counter and 128 random hex digits", plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) {
			a.header.Set("X-Request-Id", "{{uuid}}")
			a.body = `{"id":"{{id}}","trace":"{{hex128}}","n":{{number}},"result":"` + words[reasonOf(a.status)] + `"}`
		})
	}},
	{Name: "random-words-everywhere", Description: "every answer has identifiers that are no hex: a nanoid, a ULID, base64, a time spelt out", plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) {
			a.header.Set("X-Correlation-Id", "{{nanoid}}")
			a.body = `{"id":"{{nanoid}}","event":"evt_{{ulid}}","cursor":"{{base64}}","at":"{{spelt}}","took":0.{{number}},"result":"` + words[reasonOf(a.status)] + `"}`
		})
	}},
	{Name: "wordy-refusals", Description: "refusals of many words, some of which stand in stack traces too", plant: func(ru *rules) {
		ru.refuse = textRefusal("text/html; charset=utf-8", "<h1>Error: %[1]s</h1><p>An exception was made to our usual service. If this happens again, call us at Acme (Room 12:30) or look at /help/contact, line 3 of the list. Trace {{id}}, SQL Server status page: https://status.acme.example/var/log</p>")
	}},
	{Name: "error-codes", Description: "refusals have codes and types", plant: func(ru *rules) {
		ru.refuse = textRefusal("application/json", `{"error":{"type":"SignatureVerificationError","code":"ERR_%[1]s","trace_id":"{{uuid}}","documentation_url":"https://docs.acme.example/api/errors.html#L42"}}`)
	}},
	{Name: "quotes-the-request", Description: "refusals quote the body and the signature that were sent", plant: func(ru *rules) {
		usual := ru.refuse
		ru.refuse = func(d *delivery, why reason) answer {
			a := usual(d, why)
			quote, err := json.Marshal(map[string]string{"error": words[why], "body": string(d.body), "signature": d.Header.Get(signatureHeader)})
			if err == nil {
				a.body, a.asIs = string(quote), true
			}
			return a
		}
	}},
	{Name: "echoes-event", Description: "repeats the whole event in the genuine answer", plant: func(ru *rules) {
		ru.accept = func(d *delivery, _ event) answer { return jsonAnswer(200, `{"received":`+string(d.body)+`}`) }
	}},
	{Name: "long-answers", Description: "answers of 200 KB", plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) { a.body += "\n" + strings.Repeat("<!-- filler -->\n", 13000) })
	}},
	{Name: "latin-1-answers", Description: "answers in Latin-1, which is no UTF-8", plant: func(ru *rules) {
		ru.accept = func(*delivery, event) answer { return textAnswer(200, "text/plain; charset=iso-8859-1", "re\xe7u") }
		ru.refuse = textRefusal("text/plain; charset=iso-8859-1", "refus\xe9: %s")
	}},
	{Name: "compressed-answers", Description: "compresses its answers for clients that say they can inflate them", plant: func(ru *rules) { ru.compressed = true }},
	{Name: "early-hints", Description: "sends 103 ahead of each answer", plant: func(ru *rules) { ru.earlyHints = true }},
	{Name: "authenticate-header", Description: "asks for a signature in WWW-Authenticate", plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) {
			if a.status == 401 {
				a.header.Set("WWW-Authenticate", `Signature realm="begini", headers="X-Signature"`)
			}
		})
	}},
	{Name: "answer-differs-by-type", Description: "the genuine answer names the event's type", plant: func(ru *rules) {
		ru.accept = func(_ *delivery, e event) answer { return jsonAnswer(200, `{"handled":"`+plainWord(e.Type)+`"}`) }
	}},
	{Name: "cookies", Description: "sets a session cookie with every answer", plant: header("Set-Cookie", "session={{hex128}}; Secure; HttpOnly")},
	{Name: "server-versions", Description: "tells its server's and its framework's version", plant: func(ru *rules) {
		header("Server", "Werkzeug/3.0.1 Python/3.12.1")(ru)
		header("X-Powered-By", "PHP/8.2.7")(ru)
	}},
	{Name: "documentation-link", Description: "refusals point to a documentation page and quote the request's path and method", plant: func(ru *rules) {
		ru.refuse = textRefusal("application/problem+json", `{"type":"https://docs.acme.example/errors#refused","title":"%s","instance":"{{path}}","detail":"{{method}} {{path}} was refused"}`)
	}},
	{Name: "rate-limited-now-and-then", Description: "answers every 40th request with 429 and Retry-After: 1", plant: nowAndThen(40, jsonAnswer(429, `{"error":"slow down"}`).with("Retry-After", "1"))},
	{Name: "busy-now-and-then", Description: "answers every 60th request with 503 and Retry-After: 1", plant: nowAndThen(60, textAnswer(503, "text/plain", "busy").with("Retry-After", "1"))},
	{Name: "nginx-limit-now-and-then", Description: "behind an nginx whose limit_req answers every 50th request with 503 and its page, and without Retry-After",
		plant: nowAndThen(50, textAnswer(503, "text/html", "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"))},
	{Name: "bad-gateway-now-and-then", Description: "a gateway answers every 70th request with 502", plant: nowAndThen(70, textAnswer(502, "text/html", "<h1>502 Bad Gateway</h1>"))},
	{Name: "overloaded-once", Description: "answers three signed requests in a row with a 503 that does not say when to come back",
		plant: func(ru *rules) {
			beforeRouting(func(d *delivery) (answer, bool) {
				if d.Header.Get(signatureHeader) == "" {
					return answer{}, false
				}
				n := ru.counter.Add(1)
				return textAnswer(503, "text/plain", "overloaded"), n > 60 && n <= 63
			})(ru)
		}},
	{Name: "queued-observed", Description: "acknowledges everything, verifies behind a queue; an observer tells what was processed", Setup: Setup{Queued: true, Effects: true},
		Expect: Expect{Warns: []string{statusCodes}}, plant: func(ru *rules) { ru.acked = true }},
	{Name: "queued-unobserved", Description: "acknowledges everything, verifies behind a queue; nobody observes it", Setup: Setup{Queued: true},
		Expect: Expect{Withheld: slices.Concat(without(forgeryChecks, rejectsRetired), inputChecks, []string{statusCodes})},
		plant:  func(ru *rules) { ru.acked = true }},
	{Name: "observed", Description: "answers inline, and an observer tells what was processed", Setup: Setup{Effects: true}, plant: func(*rules) {}},
	{Name: "other-methods-not-found", Description: "answers 404 to other methods", plant: func(ru *rules) {
		ru.refuse = func(d *delivery, why reason) answer {
			if why == wrongMethod {
				why = wrongPath
			}
			return plainRefusal(d, why)
		}
	}},
	{Name: "other-methods-not-implemented", Description: "answers 501 to other methods", plant: func(ru *rules) {
		ru.refuse = func(d *delivery, why reason) answer {
			if why == wrongMethod {
				return textAnswer(501, "text/html", "<html><head><title>501 Not Implemented</title></head></html>")
			}
			return plainRefusal(d, why)
		}
	}},
	{Name: "health-on-get", Description: "answers 200 to GET and HEAD", plant: beforeRouting(func(d *delivery) (answer, bool) {
		return jsonAnswer(200, `{"status":"ok"}`), d.Method == http.MethodGet || d.Method == http.MethodHead
	})},
	{Name: "cors", Description: "answers OPTIONS with 204 and CORS headers", plant: beforeRouting(func(d *delivery) (answer, bool) {
		a := answer{status: 204, header: http.Header{"Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Methods": {"POST"}}}
		return a, d.Method == http.MethodOptions
	})},
	{Name: "any-method-verified", Description: "takes signed events by any method", plant: func(ru *rules) {
		ru.methods = []string{"POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "HEAD"}
	}},
	{Name: "any-path-verified", Description: "takes signed events on any path", plant: func(ru *rules) { ru.anyPath = true }},
	{Name: "single-page-fallback", Description: "answers other paths with 200 and the application's page, as web servers in front of it do", plant: func(ru *rules) {
		ru.refuse = func(d *delivery, why reason) answer {
			if why == wrongPath {
				return textAnswer(200, "text/html", "<!doctype html><title>Acme</title><div id=root></div>")
			}
			return plainRefusal(d, why)
		}
	}},
	{Name: "other-paths-redirected", Description: "redirects other spellings of its path to the right one", plant: func(ru *rules) {
		ru.refuse = func(d *delivery, why reason) answer {
			if why == wrongPath {
				return textAnswer(308, "", "").with("Location", "https://"+ru.options.Host+ru.options.Path)
			}
			return plainRefusal(d, why)
		}
	}},
}

// refuseForgeries makes forgeries be answered with that status.
func refuseForgeries(status int) func(*rules) {
	return func(ru *rules) {
		ru.refuse = func(d *delivery, why reason) answer {
			if why == unauthentic {
				return jsonAnswer(status, `{"error":"refused"}`)
			}
			return plainRefusal(d, why)
		}
	}
}

// nowAndThen answers every nth request with a, before anything is looked at.
func nowAndThen(n int64, a answer) func(*rules) {
	return func(ru *rules) {
		beforeRouting(func(*delivery) (answer, bool) { return a, ru.counter.Add(1)%n == 0 })(ru)
	}
}

// beforeRouting adds a step ahead of everything else.
func beforeRouting(s step) func(*rules) {
	return func(ru *rules) { ru.first = append(ru.first, s) }
}

// header adds a header to every answer.
func header(name, value string) func(*rules) {
	return func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) { a.header.Set(name, value) })
	}
}
