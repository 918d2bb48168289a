package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// rightFrameworks are right receivers that answer the way of a framework, or of what stands in front of them.
var rightFrameworks = []Behaviour{
	{Name: "express", Description: "Node's Express: text and HTML, X-Powered-By, weak ETags", plant: func(ru *rules) {
		header("X-Powered-By", "Express")(ru)
		header("ETag", `W/"2-{{id}}"`)(ru)
		ru.accept = func(*delivery, event) answer { return textAnswer(200, "text/html; charset=utf-8", "OK") }
		ru.refuse = func(d *delivery, why reason) answer {
			if why == wrongMethod || why == wrongPath {
				return textAnswer(404, "text/html; charset=utf-8", "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot {{method}} {{path}}</pre>\n</body>\n</html>\n")
			}
			return textAnswer(statuses[why], "text/html; charset=utf-8", http.StatusText(statuses[why]))
		}
	}},
	{Name: "express-any-spelling", Description: "Express routes other cases of its path and a trailing slash to the same verifying handler", plant: func(ru *rules) {
		ru.anyPath = true
		ru.first = append(ru.first, func(d *delivery) (answer, bool) {
			path := strings.ToLower(strings.TrimSuffix(d.URL.Path, "/"))
			return textAnswer(404, "text/html; charset=utf-8", "<pre>Cannot {{method}} {{path}}</pre>"), path != strings.ToLower(ru.options.Path)
		})
	}},
	{Name: "flask", Description: "Python's Flask: HTML refusals, OPTIONS answered by itself", plant: func(ru *rules) {
		header("Server", "Werkzeug/3.1.3 Python/3.13.0")(ru)
		beforeRouting(func(d *delivery) (answer, bool) {
			return textAnswer(200, "text/html; charset=utf-8", "").with("Allow", "OPTIONS, POST"), d.Method == http.MethodOptions
		})(ru)
		ru.refuse = func(_ *delivery, why reason) answer {
			title := fmt.Sprintf("%d %s", statuses[why], http.StatusText(statuses[why]))
			return textAnswer(statuses[why], "text/html; charset=utf-8", "<!doctype html>\n<html lang=en>\n<title>"+title+"</title>\n<h1>"+http.StatusText(statuses[why])+"</h1>\n<p>The request was refused.</p>\n")
		}
	}},
	{Name: "fastapi", Description: "Python's FastAPI: a detail for refusals, a list of problems with 422", plant: func(ru *rules) {
		header("Server", "uvicorn")(ru)
		ru.accept = func(*delivery, event) answer { return jsonAnswer(200, "null") }
		ru.refuse = func(d *delivery, why reason) answer {
			if why == invalid || why == malformed {
				input, err := json.Marshal(string(d.body)) // it repeats what was sent
				if err != nil {
					return jsonAnswer(422, `{"detail":[]}`)
				}
				a := jsonAnswer(422, `{"detail":[{"type":"missing","loc":["body","uid"],"msg":"Field required","input":`+string(input)+`,"url":"https://errors.pydantic.dev/2.9/v/missing"}]}`)
				a.asIs = true
				return a
			}
			return jsonAnswer(statuses[why], `{"detail":"`+http.StatusText(statuses[why])+`"}`)
		}
	}},
	{Name: "django", Description: "Python's Django: short HTML pages, framing headers", plant: func(ru *rules) {
		header("X-Frame-Options", "DENY")(ru)
		header("Cross-Origin-Opener-Policy", "same-origin")(ru)
		ru.accept = func(*delivery, event) answer { return textAnswer(200, "text/html; charset=utf-8", "") }
		ru.refuse = textRefusal("text/html; charset=utf-8", "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>%[1]s</title>\n</head>\n<body>\n  <h1>%[1]s</h1><p></p>\n</body>\n</html>\n")
	}},
	{Name: "spring", Description: "Java's Spring Boot: error bodies with time, status and path", plant: func(ru *rules) {
		ru.accept = func(*delivery, event) answer { return answer{status: 200} }
		ru.refuse = func(_ *delivery, why reason) answer {
			return jsonAnswer(statuses[why], fmt.Sprintf(`{"timestamp":"{{time}}","status":%d,"error":%q,"path":"{{path}}"}`, statuses[why], http.StatusText(statuses[why])))
		}
	}},
	{Name: "aspnet", Description: ".NET: problem details with a trace id", plant: func(ru *rules) {
		header("Server", "Kestrel")(ru)
		ru.accept = func(*delivery, event) answer { return answer{status: 200} }
		ru.refuse = func(_ *delivery, why reason) answer {
			return textAnswer(statuses[why], "application/problem+json; charset=utf-8", fmt.Sprintf(`{"type":"https://tools.ietf.org/html/rfc9110#section-15.5","title":%q,"status":%d,"traceId":"00-{{id}}{{id}}-{{id}}-00"}`, http.StatusText(statuses[why]), statuses[why]))
		}
	}},
	{Name: "laravel", Description: "PHP's Laravel: a message, rate-limit headers, cookies", plant: func(ru *rules) {
		header("X-RateLimit-Limit", "1000")(ru)
		header("X-RateLimit-Remaining", "{{number}}")(ru)
		header("Set-Cookie", "laravel_session={{hex128}}; path=/; secure; httponly; samesite=lax")(ru)
		header("Cache-Control", "no-cache, private")(ru)
		ru.refuse = func(_ *delivery, why reason) answer {
			if why == invalid {
				return jsonAnswer(422, `{"message":"The uid field is required.","errors":{"uid":["The uid field is required."]}}`)
			}
			return jsonAnswer(statuses[why], `{"message":"`+http.StatusText(statuses[why])+`."}`)
		}
	}},
	{Name: "rails", Description: "Ruby's Rails: empty bodies, X-Request-Id and X-Runtime", plant: func(ru *rules) {
		header("X-Request-Id", "{{uuid}}")(ru)
		header("X-Runtime", "0.00{{number}}")(ru)
		ru.accept = func(*delivery, event) answer { return textAnswer(200, "text/html", "") }
		ru.refuse = func(_ *delivery, why reason) answer { return textAnswer(statuses[why], "text/html", "") }
	}},
	{Name: "phoenix", Description: "Elixir's Phoenix: errors with a detail", plant: func(ru *rules) {
		header("X-Request-Id", "F{{id}}AAA")(ru)
		ru.refuse = textRefusal("application/json; charset=utf-8", `{"errors":{"detail":"%s"}}`)
	}},
	{Name: "go", Description: "Go's net/http: plain text lines", plant: func(ru *rules) {
		header("X-Content-Type-Options", "nosniff")(ru)
		ru.accept = func(*delivery, event) answer { return answer{status: 200} }
		ru.refuse = textRefusal("text/plain; charset=utf-8", "%s\n")
	}},
	{Name: "graphql-like", Description: "answers all with a JSON envelope in which only a code differs", plant: func(ru *rules) {
		ru.accept = func(*delivery, event) answer { return jsonAnswer(200, `{"code":0,"message":"","data":{}}`) }
		ru.refuse = func(_ *delivery, why reason) answer {
			return jsonAnswer(statuses[why], fmt.Sprintf(`{"code":%d,"message":"","data":{}}`, why))
		}
	}},
	{Name: "aws-api-gateway", Description: "behind AWS's API Gateway: its request id, error type and message", plant: func(ru *rules) {
		header("X-Amzn-Requestid", "{{uuid}}")(ru)
		header("X-Amzn-Trace-Id", "Root=1-{{id}}-{{id}}")(ru)
		ru.refuse = func(_ *delivery, why reason) answer {
			if why == wrongMethod || why == wrongPath {
				return jsonAnswer(403, `{"message":"Missing Authentication Token"}`).with("X-Amzn-Errortype", "MissingAuthenticationTokenException")
			}
			return jsonAnswer(statuses[why], `{"message":"`+http.StatusText(statuses[why])+`"}`)
		}
	}},
	{Name: "azure-functions", Description: "behind Azure's Functions: empty refusals and a request context", plant: func(ru *rules) {
		header("Request-Context", "appId=cid-v1:{{uuid}}")(ru)
		ru.refuse = func(_ *delivery, why reason) answer { return answer{status: statuses[why]} }
	}},
	{Name: "cloud-run", Description: "behind Google's front end: its trace header, Server and Alt-Svc", plant: func(ru *rules) {
		header("X-Cloud-Trace-Context", "{{id}}{{id}};o=1")(ru)
		header("Server", "Google Frontend")(ru)
		header("Alt-Svc", `h3=":443"; ma=2592000`)(ru)
	}},
	{Name: "cloudflare", Description: "behind Cloudflare: ray ids, cache and network headers", plant: func(ru *rules) {
		header("CF-RAY", "{{id}}-FRA")(ru)
		header("CF-Cache-Status", "DYNAMIC")(ru)
		header("Server", "cloudflare")(ru)
		header("Report-To", `{"endpoints":[{"url":"https://a.nel.cloudflare.com/report/v4?s={{hex128}}"}],"group":"cf-nel","max_age":604800}`)(ru)
	}},
	{Name: "firewall", Description: "a firewall refuses odd paths, headers and types with its page; the receiver refuses the rest itself",
		Expect: Expect{May: []string{rejectsBypass, rejectsUnsigned, rejectsPartial, statusCodes}}, plant: func(ru *rules) {
			page := textAnswer(403, "text/html", "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center><p>This website is using a security service. Ray ID: {{id}}</p></body></html>").with("Server", "cloudflare")
			beforeRouting(func(d *delivery) (answer, bool) { return page, suspicious(d.Request) })(ru)
		}},
	{Name: "nginx", Description: "behind nginx: its pages for methods, paths and sizes", plant: func(ru *rules) {
		header("Server", "nginx/1.26.2")(ru)
		ru.refuse = func(d *delivery, why reason) answer {
			if why == wrongMethod || why == wrongPath || why == tooLarge {
				title := fmt.Sprintf("%d %s", statuses[why], http.StatusText(statuses[why]))
				return textAnswer(statuses[why], "text/html", "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+"</h1></center>\r\n<hr><center>nginx/1.26.2</center>\r\n</body>\r\n</html>\r\n")
			}
			return plainRefusal(d, why)
		}
	}},
	{Name: "envoy-mesh", Description: "behind a service mesh: upstream timings", plant: func(ru *rules) {
		header("X-Envoy-Upstream-Service-Time", "{{number}}")(ru)
		header("Server", "istio-envoy")(ru)
	}},
}

// suspicious is what a web application firewall's usual rules stumble over.
func suspicious(r *http.Request) bool {
	path := r.URL.EscapedPath()
	if strings.ContainsAny(path, "%;") || strings.Contains(path, "//") {
		return true
	}
	for _, name := range []string{"X-Original-Url", "X-Http-Method-Override", "X-Method-Override", "X-Debug", "X-Forwarded-For"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	signature := r.Header.Get(signatureHeader)
	return len(signature) > 1024 || strings.ContainsFunc(signature, func(c rune) bool { return c > 126 })
}
