package behaviors

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// leakFlaws are receivers whose answers tell what stays inside.
var leakFlaws = slices.Concat(traces(), []sandbox.Behavior{
	{Name: "signing-oracle", Description: "reveals the expected signature of what it rejects", Expect: leaks, Plant: tell(func(ru *sandbox.Rules, d *sandbox.Delivery) string {
		return hex.EncodeToString(sandbox.HmacSHA512(ru.Keys[0], d.Payload))
	})},
	{Name: "signing-oracle-upper-case", Description: "reveals the expected signature in upper case", Expect: leaks, Plant: tell(func(ru *sandbox.Rules, d *sandbox.Delivery) string {
		return strings.ToUpper(hex.EncodeToString(sandbox.HmacSHA512(ru.Keys[0], d.Payload)))
	})},
	{Name: "signing-oracle-base64", Description: "reveals the expected signature in base64", Expect: leaks, Plant: tell(func(ru *sandbox.Rules, d *sandbox.Delivery) string {
		return base64.StdEncoding.EncodeToString(sandbox.HmacSHA512(ru.Keys[0], d.Payload))
	})},
	{Name: "signing-oracle-header", Description: "reveals the expected signature in a header", Expect: leaks, Plant: func(ru *sandbox.Rules) {
		usual := ru.Refuse
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return usual(d, why).With("X-Expected-Signature", hex.EncodeToString(sandbox.HmacSHA512(ru.Keys[0], d.Payload)))
		}
	}},
	{Name: "key-echo", Description: "reveals the key of what it rejects", Expect: leaks, Plant: tell(func(ru *sandbox.Rules, _ *sandbox.Delivery) string { return string(ru.Keys[0]) })},
	{Name: "key-echo-base64", Description: "reveals the key in base64", Expect: leaks, Plant: tell(func(ru *sandbox.Rules, _ *sandbox.Delivery) string {
		return base64.StdEncoding.EncodeToString(ru.Keys[0])
	})},
	{Name: "key-echo-header", Description: "every answer has the key in a header", Expect: leaks, Plant: func(ru *sandbox.Rules) {
		ru.Finish = append(ru.Finish, func(_ *sandbox.Delivery, a *sandbox.Answer) { a.Header.Set("X-Debug-Secret", string(ru.Keys[0])) })
	}},
	{Name: "key-echo-trailer", Description: "every answer has the key in a trailer", Expect: leaks, Plant: func(ru *sandbox.Rules) {
		ru.Finish = append(ru.Finish, func(_ *sandbox.Delivery, a *sandbox.Answer) {
			a.Header.Set(http.TrailerPrefix+"X-Debug-Secret", string(ru.Keys[0]))
		})
	}},
	{Name: "genuine-answer-leaks", Description: "a warning precedes the response to a valid event", Expect: sandbox.Expect{Fails: []string{sandbox.NoDetail}},
		Plant: accept(sandbox.TextAnswer(200, "text/html", "<br />\n<b>Warning</b>:  Undefined array key &quot;score&quot; in <b>/var/www/html/hook.php</b> on line <b>41</b><br />\nOK"))},
})

var leaks = sandbox.Expect{Fails: []string{sandbox.NoDetail}}

// traces tell, in the answer to a signed body that is malformed or invalid, what each family of frameworks tells.
func traces() []sandbox.Behavior {
	var out []sandbox.Behavior
	for _, family := range []struct{ name, contentType, body string }{
		{"python", "text/plain", "Traceback (most recent call last):\n  File \"/srv/app/hooks.py\", line 42, in receive\n    payload = json.loads(request.data)\njson.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)\n"},
		{"werkzeug", "text/html", "<!doctype html>\n<html lang=en>\n  <head>\n    <title>KeyError: &#39;uid&#39;\n // Werkzeug Debugger</title>\n  </head>\n  <body><div class=\"traceback\"><h3>Traceback <em>(most recent call last)</em>:</h3><ul><li><div class=\"frame\"><h4>File <cite class=\"filename\">\"/srv/app/hooks.py\"</cite>,\n      line <em class=\"line\">42</em>,\n      in <code class=\"function\">receive</code></h4></div></ul></div></body></html>"},
		{"django", "text/html", "<!DOCTYPE html><html lang=\"en\"><head><title>KeyError at /begini</title></head><body><h1>KeyError at /begini</h1><p>You're seeing this error because you have <code>DEBUG = True</code> in your Django settings file.</p><pre>Traceback (most recent call last):\n  File &quot;/usr/local/lib/python3.12/site-packages/django/core/handlers/base.py&quot;, line 197, in _get_response</pre></body></html>"},
		{"node", "text/html; charset=utf-8", "<pre>SyntaxError: Unexpected token &#39;{&#39;<br> &nbsp; &nbsp;at JSON.parse (&lt;anonymous&gt;)<br> &nbsp; &nbsp;at receive (/srv/app/hooks.js:17:22)<br> &nbsp; &nbsp;at Layer.handle (/srv/app/node_modules/express/lib/router/layer.js:95:5)</pre>"},
		{"java", "application/json", `{"status":400,"error":"Bad Request","trace":"java.lang.NullPointerException: Cannot invoke \"Object.toString()\"\n\tat example.acme.hooks.HookController.receive(HookController.java:42)\n\tat java.base/java.lang.Thread.run(Thread.java:1583)\n"}`},
		{"whitelabel", "text/html", "<html><body><h1>Whitelabel Error Page</h1><p>This application has no explicit mapping for /error, so you are seeing this as a fallback.</p><div>There was an unexpected error (type=Bad Request, status=400).</div></body></html>"},
		{"dotnet", "text/plain", "System.NullReferenceException: Object reference not set to an instance of an object.\n   at Acme.Hooks.HookController.Receive(HttpRequest request) in /src/Acme.Hooks/HookController.cs:line 42\n"},
		{"aspnet", "text/html", "<html><head><title>Runtime Error</title></head><body><span><H1>Server Error in '/' Application.<hr width=100% size=1></H1></span><b> Exception Details: </b>System.FormatException: Input string was not in a correct format.</body></html>"},
		{"php", "text/html", "<br />\n<b>Fatal error</b>:  Uncaught TypeError: hash_hmac(): Argument #2 must be of type string in <b>/var/www/html/hook.php</b> on line <b>12</b><br />\n"},
		{"laravel", "application/json", `{"message":"Undefined array key \"uid\"","exception":"ErrorException","file":"\/var\/www\/app\/Http\/Controllers\/HookController.php","line":42,"trace":[{"file":"\/var\/www\/vendor\/laravel\/framework\/src\/Illuminate\/Routing\/Controller.php","line":54}]}`},
		{"ruby", "text/plain", "NoMethodError (undefined method `[]' for nil:NilClass):\n\napp/controllers/hooks_controller.rb:12:in `create'\n"},
		{"rails", "text/html", "<!DOCTYPE html><html lang=\"en\"><head><title>Action Controller: Exception caught</title></head><body><h1>NoMethodError in HooksController#create</h1><div id=\"Application-Trace\"><pre><code>app/controllers/hooks_controller.rb:12:in &#39;HooksController#create&#39;</code></pre></div></body></html>"},
		{"go", "text/plain", "runtime error: invalid memory address or nil pointer dereference\n\ngoroutine 34 [running]:\nmain.receive({0x7f5c00, 0xc0001c4000}, 0xc000110000)\n\t/src/hooks/main.go:42 +0x1d\n"},
		{"postgres", "application/json", `{"error":"ERROR: null value in column \"uid\" of relation \"events\" violates not-null constraint (SQLSTATE 23502)"}`},
		{"psycopg", "application/json", `{"error":"psycopg2.errors.NotNullViolation: null value in column \"uid\""}`},
		{"mysql", "application/json", `{"error":"You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '' at line 1"}`},
		{"oracle", "application/json", `{"error":"ORA-01400: cannot insert NULL into (\"ACME\".\"EVENTS\".\"UID\")"}`},
		{"ruby-postgres", "application/json", `{"error":"PG::NotNullViolation: ERROR:  null value in column \"uid\""}`},
		{"mongo", "application/json", `{"error":"E11000 duplicate key error collection: acme.events index: uid_1 dup key: { uid: null }"}`},
		{"server-path", "application/json", `{"error":"cannot open /var/lib/acme/spool/events.json"}`},
		{"connection-string", "application/json", `{"error":"cannot connect to postgres://hooks:hunter2@db.internal:5432/acme"}`},
		{"private-key", "text/plain", "bad signature, key was:\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"},
		{"connection-refused", "application/json", `{"error":"connect ECONNREFUSED 10.0.3.7:6379"}`},
		{"dial", "text/plain", "dial tcp 10.0.3.7:5432: connect: connection refused\n"},
	} {
		out = append(out, sandbox.Behavior{Name: "leaks-" + family.name, Description: "answers signed bodies that are malformed or invalid with what " + family.name + " tells a developer",
			Expect: leaks, Plant: tellInvalid(family.contentType, family.body)})
	}
	for _, header := range []string{"X-Debug-Exception", "X-Debug-Token"} {
		out = append(out, sandbox.Behavior{Name: "leaks-" + strings.ToLower(header), Description: "has Symfony's " + header + " in refusals", Expect: leaks, Plant: func(ru *sandbox.Rules) {
			usual := ru.Refuse
			ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
				return usual(d, why).With(header, "Undefined%20array%20key")
			}
		}})
	}
	escaped, err := json.Marshal(html.EscapeString("Traceback (most recent call last):\n  File \"/srv/app/hooks.py\", line 42, in receive\n"))
	if err != nil {
		panic(err) // a text always marshals
	}
	return append(out,
		sandbox.Behavior{Name: "leaks-escaped-twice", Description: "tells a trace as HTML within JSON", Expect: leaks, Plant: tellInvalid("application/json", `{"error":`+string(escaped)+`}`)},
		sandbox.Behavior{Name: "leaks-with-200", Description: "answers a body that is not JSON with 200 and PHP's fatal error", Expect: sandbox.Expect{Fails: []string{sandbox.NoDetail, sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes, sandbox.Bounded}},
			Plant: sandbox.Refusal(sandbox.Malformed, sandbox.TextAnswer(200, "text/html", "<br />\n<b>Fatal error</b>:  Uncaught JsonException: Syntax error in /var/www/html/hook.php:9\nStack trace:\n#0 /var/www/html/hook.php(9): json_decode()\n#1 {main}\n  thrown in <b>/var/www/html/hook.php</b> on line <b>9</b><br />"))},
		sandbox.Behavior{Name: "leaks-with-500", Description: "answers a body that is not JSON with 500 and Java's stack trace", Expect: sandbox.Expect{Fails: []string{sandbox.NoDetail, sandbox.RejectsMalformed}, May: []string{sandbox.StatusCodes, sandbox.Bounded}},
			Plant: sandbox.Refusal(sandbox.Malformed, sandbox.TextAnswer(500, "text/html", "<h1>HTTP Status 500</h1><pre>com.fasterxml.jackson.core.JsonParseException: Unexpected end-of-input\n\tat com.acme.hooks.HookServlet.doPost(HookServlet.java:42)\n\tat javax.servlet.http.HttpServlet.service(HttpServlet.java:661)</pre>"))},
		sandbox.Behavior{Name: "leaks-to-forgers", Description: "answers forgeries with a stack trace", Expect: leaks,
			Plant: sandbox.Refusal(sandbox.Unauthentic, sandbox.TextAnswer(401, "text/plain", "Error: signature mismatch\n    at verify (/srv/app/verify.js:9:11)\n    at receive (/srv/app/hooks.js:17:3)\n"))},
		sandbox.Behavior{Name: "leaks-go-decoder", Description: "tells Go's decoding error", Expect: sandbox.Expect{Warns: []string{sandbox.NoDetail}},
			Plant: tellInvalid("text/plain", "json: cannot unmarshal number into Go struct field Event.uid of type string\n")},
	)
}

// tell puts a secret into the body of what is rejected.
func tell(secret func(*sandbox.Rules, *sandbox.Delivery) string) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			return sandbox.JsonAnswer(sandbox.Statuses[why], `{"error":"`+sandbox.Words[why]+`","expected":"`+secret(ru, d)+`"}`)
		}
	}
}

// tellInvalid answers signed bodies that are malformed or invalid with that.
func tellInvalid(contentType, body string) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		usual := ru.Refuse
		ru.Refuse = func(d *sandbox.Delivery, why sandbox.Reason) sandbox.Answer {
			if why == sandbox.Malformed || why == sandbox.Invalid {
				return sandbox.TextAnswer(sandbox.Statuses[why], contentType, body)
			}
			return usual(d, why)
		}
	}
}
