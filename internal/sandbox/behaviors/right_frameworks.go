package behaviors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// rightFrameworks are correct receivers that answer the way of a framework, or of what is in front of them.
var rightFrameworks = []sandbox.Behavior{
	{Name: "express", Description: "Node's Express: text and HTML, X-Powered-By, weak ETags", Plant: func(ru *sandbox.Rules) {
		header("X-Powered-By", "Express")(ru)
		header("ETag", `W/"2-{{id}}"`)(ru)
		accept(sandbox.TextAnswer(200, "text/html; charset=utf-8", "OK"))(ru)
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.WrongMethod || why == sandbox.WrongPath {
				return sandbox.TextAnswer(404, "text/html; charset=utf-8", "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot {{method}} {{path}}</pre>\n</body>\n</html>\n")
			}
			return sandbox.TextAnswer(sandbox.Statuses[why], "text/html; charset=utf-8", http.StatusText(sandbox.Statuses[why]))
		}
	}},
	{Name: "express-any-spelling", Description: "Express routes other cases of its path and a trailing slash to the same verifying handler", Plant: func(ru *sandbox.Rules) {
		ru.AnyPath = true
		ru.First = append(ru.First, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			path := strings.ToLower(strings.TrimSuffix(d.URL.Path, "/"))
			return sandbox.TextAnswer(404, "text/html; charset=utf-8", "<pre>Cannot {{method}} {{path}}</pre>"), path != strings.ToLower(ru.Options.Path)
		})
	}},
	{Name: "flask", Description: "Python's Flask: HTML rejections, OPTIONS answered by itself", Plant: func(ru *sandbox.Rules) {
		header("Server", "Werkzeug/3.1.3 Python/3.13.0")(ru)
		beforeRouting(func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			return sandbox.TextAnswer(200, "text/html; charset=utf-8", "").With("Allow", "OPTIONS, POST"), d.Method == http.MethodOptions
		})(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			title := fmt.Sprintf("%d %s", sandbox.Statuses[why], http.StatusText(sandbox.Statuses[why]))
			return sandbox.TextAnswer(sandbox.Statuses[why], "text/html; charset=utf-8", "<!doctype html>\n<html lang=en>\n<title>"+title+"</title>\n<h1>"+http.StatusText(sandbox.Statuses[why])+"</h1>\n<p>The request was refused.</p>\n")
		}
	}},
	{Name: "fastapi", Description: "Python's FastAPI: a detail for rejections, a list of problems with 422", Plant: func(ru *sandbox.Rules) {
		header("Server", "uvicorn")(ru)
		accept(sandbox.JsonAnswer(200, "null"))(ru)
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.Invalid || why == sandbox.Malformed {
				input, err := json.Marshal(string(d.Payload)) // it repeats what was sent
				if err != nil {
					return sandbox.JsonAnswer(422, `{"detail":[]}`)
				}
				a := sandbox.JsonAnswer(422, `{"detail":[{"type":"missing","loc":["body","uid"],"msg":"Field required","input":`+string(input)+`,"url":"https://errors.pydantic.dev/2.9/v/missing"}]}`)
				a.AsIs = true
				return a
			}
			return sandbox.JsonAnswer(sandbox.Statuses[why], `{"detail":"`+http.StatusText(sandbox.Statuses[why])+`"}`)
		}
	}},
	{Name: "django", Description: "Python's Django: short HTML pages, framing headers", Plant: func(ru *sandbox.Rules) {
		header("X-Frame-Options", "DENY")(ru)
		header("Cross-Origin-Opener-Policy", "same-origin")(ru)
		accept(sandbox.TextAnswer(200, "text/html; charset=utf-8", ""))(ru)
		refuseText("text/html; charset=utf-8", "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>%[1]s</title>\n</head>\n<body>\n  <h1>%[1]s</h1><p></p>\n</body>\n</html>\n")(ru)
	}},
	{Name: "spring", Description: "Java's Spring Boot: error bodies with time, status and path", Plant: func(ru *sandbox.Rules) {
		accept(sandbox.Answer{Status: 200})(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return sandbox.JsonAnswer(sandbox.Statuses[why], fmt.Sprintf(`{"timestamp":"{{time}}","status":%d,"error":%q,"path":"{{path}}"}`, sandbox.Statuses[why], http.StatusText(sandbox.Statuses[why])))
		}
	}},
	{Name: "aspnet", Description: ".NET: problem details with a trace id", Plant: func(ru *sandbox.Rules) {
		header("Server", "Kestrel")(ru)
		accept(sandbox.Answer{Status: 200})(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return sandbox.TextAnswer(sandbox.Statuses[why], "application/problem+json; charset=utf-8", fmt.Sprintf(`{"type":"https://tools.ietf.org/html/rfc9110#section-15.5","title":%q,"status":%d,"traceId":"00-{{id}}{{id}}-{{id}}-00"}`, http.StatusText(sandbox.Statuses[why]), sandbox.Statuses[why]))
		}
	}},
	{Name: "laravel", Description: "PHP's Laravel: a message, rate-limit headers, cookies", Plant: func(ru *sandbox.Rules) {
		header("X-RateLimit-Limit", "1000")(ru)
		header("X-RateLimit-Remaining", "{{number}}")(ru)
		header("Set-Cookie", "laravel_session={{hex128}}; path=/; secure; httponly; samesite=lax")(ru)
		header("Cache-Control", "no-cache, private")(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.Invalid {
				return sandbox.JsonAnswer(422, `{"message":"The uid field is required.","errors":{"uid":["The uid field is required."]}}`)
			}
			return sandbox.JsonAnswer(sandbox.Statuses[why], `{"message":"`+http.StatusText(sandbox.Statuses[why])+`."}`)
		}
	}},
	{Name: "rails", Description: "Ruby's Rails: empty bodies, X-Request-Id and X-Runtime", Plant: func(ru *sandbox.Rules) {
		header("X-Request-Id", "{{uuid}}")(ru)
		header("X-Runtime", "0.00{{number}}")(ru)
		accept(sandbox.TextAnswer(200, "text/html", ""))(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return sandbox.TextAnswer(sandbox.Statuses[why], "text/html", "")
		}
	}},
	{Name: "phoenix", Description: "Elixir's Phoenix: errors with a detail", Plant: func(ru *sandbox.Rules) {
		header("X-Request-Id", "F{{id}}AAA")(ru)
		refuseText("application/json; charset=utf-8", `{"errors":{"detail":"%s"}}`)(ru)
	}},
	{Name: "go", Description: "Go's net/http: plain text lines", Plant: func(ru *sandbox.Rules) {
		header("X-Content-Type-Options", "nosniff")(ru)
		accept(sandbox.Answer{Status: 200})(ru)
		refuseText("text/plain; charset=utf-8", "%s\n")(ru)
	}},
	{Name: "graphql-like", Description: "answers all with a JSON envelope in which only a code differs", Plant: func(ru *sandbox.Rules) {
		accept(sandbox.JsonAnswer(200, `{"code":0,"message":"","data":{}}`))(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return sandbox.JsonAnswer(sandbox.Statuses[why], fmt.Sprintf(`{"code":%d,"message":"","data":{}}`, why))
		}
	}},
	{Name: "aws-api-gateway", Description: "behind AWS's API Gateway: its request id, error type and message", Plant: func(ru *sandbox.Rules) {
		header("X-Amzn-Requestid", "{{uuid}}")(ru)
		header("X-Amzn-Trace-Id", "Root=1-{{id}}-{{id}}")(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.WrongMethod || why == sandbox.WrongPath {
				return sandbox.JsonAnswer(403, `{"message":"Missing Authentication Token"}`).With("X-Amzn-Errortype", "MissingAuthenticationTokenException")
			}
			return sandbox.JsonAnswer(sandbox.Statuses[why], `{"message":"`+http.StatusText(sandbox.Statuses[why])+`"}`)
		}
	}},
	{Name: "azure-functions", Description: "behind Azure's Functions: empty rejections and a request context", Plant: func(ru *sandbox.Rules) {
		header("Request-Context", "appId=cid-v1:{{uuid}}")(ru)
		ru.Refuse = func(_ *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return sandbox.Answer{Status: sandbox.Statuses[why]}
		}
	}},
	{Name: "cloud-run", Description: "behind Google's front end: its trace header, Server and Alt-Svc", Plant: func(ru *sandbox.Rules) {
		header("X-Cloud-Trace-Context", "{{id}}{{id}};o=1")(ru)
		header("Server", "Google Frontend")(ru)
		header("Alt-Svc", `h3=":443"; ma=2592000`)(ru)
	}},
	{Name: "cloudflare", Description: "behind Cloudflare: ray ids, cache and network headers", Plant: func(ru *sandbox.Rules) {
		header("CF-RAY", "{{id}}-FRA")(ru)
		header("CF-Cache-Status", "DYNAMIC")(ru)
		header("Server", "cloudflare")(ru)
		header("Report-To", `{"endpoints":[{"url":"https://a.nel.cloudflare.com/report/v4?s={{hex128}}"}],"group":"cf-nel","max_age":604800}`)(ru)
	}},
	{Name: "firewall", Description: "a firewall rejects odd paths, headers and types with its page; the receiver rejects the rest itself",
		Expect: sandbox.Expect{May: []string{sandbox.RejectsBypass, sandbox.RejectsUnsigned, sandbox.RejectsPartial, sandbox.StatusCodes}}, Plant: func(ru *sandbox.Rules) {
			page := sandbox.TextAnswer(403, "text/html", "<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center><p>This website is using a security service. Ray ID: {{id}}</p></body></html>").With("Server", "cloudflare")
			beforeRouting(func(d *sandbox.Delivery) (sandbox.Answer, bool) { return page, suspicious(d.Request) })(ru)
		}},
	{Name: "nginx", Description: "behind nginx: its pages for methods, paths and sizes", Plant: func(ru *sandbox.Rules) {
		header("Server", "nginx/1.26.2")(ru)
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.WrongMethod || why == sandbox.WrongPath || why == sandbox.TooLarge {
				title := fmt.Sprintf("%d %s", sandbox.Statuses[why], http.StatusText(sandbox.Statuses[why]))
				return sandbox.TextAnswer(sandbox.Statuses[why], "text/html", "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+"</h1></center>\r\n<hr><center>nginx/1.26.2</center>\r\n</body>\r\n</html>\r\n")
			}
			return sandbox.PlainRefusal(d, why)
		}
	}},
	{Name: "envoy-mesh", Description: "behind a service mesh: upstream timings", Plant: func(ru *sandbox.Rules) {
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
	signature := r.Header.Get(sandbox.SignatureHeader)
	return len(signature) > 1024 || strings.ContainsFunc(signature, func(c rune) bool { return c > 126 })
}
