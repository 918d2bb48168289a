package behaviors

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// show makes a flaw visible by hand: what a receiver with the flaw does with the request, and the right one does not.
type show struct {
	send func(*bench) sent
	does string                            // outcome with the flaw; see bench.outcome
	text func(*bench, sent) string         // or what the flawed receiver's answer, and not the right one's, has in it
	look func(t *testing.T, flawed *bench) // or something that no single request shows
}

// TestFlawsShow plants each flaw alone and sees it with a request made by hand; a right receiver does otherwise with the same.
func TestFlawsShow(t *testing.T) {
	t.Parallel()
	for _, flaw := range Flaws() {
		t.Run(flaw.Name, func(t *testing.T) {
			t.Parallel()
			show, ok := shows[flaw.Name]
			if !ok {
				t.Fatal("nothing shows this flaw")
			}
			flawed := newBench(t, flaw)
			if show.look != nil {
				show.look(t, flawed)
				return
			}
			right := newRight(t, flawed)
			if show.text != nil {
				request := show.send(flawed)
				want := show.text(flawed, request)
				if got := flawed.do(request); !strings.Contains(got.text, want) {
					t.Errorf("%q is not in the answer:\n%s", want, got.text)
				}
				if got := right.do(show.send(flawed)); strings.Contains(got.text, want) {
					t.Errorf("%q is in the right answer", want)
				}
				return
			}
			request := show.send(flawed)
			if strings.HasPrefix(show.does, "hangs") {
				request.timeout = 300 * time.Millisecond
			}
			if got := flawed.outcome(request); got != show.does {
				t.Errorf("flawed: %s, want %s", got, show.does)
			}
			if got := right.outcome(show.send(flawed)); got == show.does {
				t.Errorf("a right receiver does the same: %s", got)
			}
		})
	}
	for name := range shows {
		if _, err := Named(name); err != nil {
			t.Errorf("%s is shown and is no flaw", name)
		}
	}
}

// newRight is a right receiver with the keys of another.
func newRight(t *testing.T, other *bench) *bench {
	right := newBench(t)
	right.Rules.Keys = [][]byte{[]byte(other.key)}
	return right
}

// shorthands of the shows
func headerSays(value string) show {
	return show{func(b *bench) sent { return b.unsigned().with(value) }, "200 taken", nil, nil}
}

func digits(change func(right string) string) show {
	return show{func(b *bench) sent { s := b.genuine(); return s.with(change(s.signatures[0])) }, "200 taken", nil, nil}
}

func signedBy(make func(b *bench, body []byte) []byte) show {
	return show{func(b *bench) sent { s := b.unsigned(); return s.with(hex.EncodeToString(make(b, []byte(s.body)))) }, "200 taken", nil, nil}
}

// smuggled sends an event whose end was another when it was signed.
func smuggled(signed, end string) show {
	return request("200 taken", func(b *bench) sent {
		return b.sign(b.unsigned().changed(`:1}`, signed)).changed(signed, end)
	})
}

func keyedBy(key string) show {
	return show{func(b *bench) sent { return b.unsigned().signedWith(key) }, "200 taken", nil, nil}
}

func request(does string, send func(*bench) sent) show { return show{send, does, nil, nil} }

func body(does, text string) show {
	return request(does, func(b *bench) sent { s := b.signed(text); s.uid = ""; return s })
}

// edited is a signed event with one piece of text replaced.
func edited(does, old, new string) show {
	return request(does, func(b *bench) sent {
		s := b.unsigned()
		if !strings.Contains(s.body, old) {
			panic(old)
		}
		return b.sign(s.changed(old, new))
	})
}

// respelt has the signature of the compact body.
func respelt(change func(string) string) show {
	return request("200 taken", func(b *bench) sent {
		s := b.genuine()
		s.body = change(s.body)
		return s
	})
}

func tells(send func(*bench) sent, text func(*bench, sent) string) show {
	return show{send, "", text, nil}
}

func forgery(b *bench) sent { return b.unsigned().with(sandbox.RandomHex(64)) }

func expectedSignature(b *bench, s sent) string {
	return hex.EncodeToString(sandbox.HmacSHA512([]byte(b.key), []byte(s.body)))
}

func fixed(text string) func(*bench, sent) string { return func(*bench, sent) string { return text } }

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.String()
}

func flip(at int) func(string) string {
	return func(s string) string {
		nibble := byte('0')
		if s[at] == '0' {
			nibble = '1'
		}
		return s[:at] + string(nibble) + s[at+1:]
	}
}

func path(change func(string) string) show {
	return request("200 taken", func(b *bench) sent { return b.unsigned().at(change(b.path)) })
}

func near(header, value string) show {
	return request("200 taken", func(b *bench) sent { return b.unsigned().headed(header, value) })
}

func typed(contentType string) show {
	return request("200 taken", func(b *bench) sent { return b.unsigned().with(sandbox.RandomHex(64)).typed(contentType) })
}

func form(signedBody string) show {
	return request("200", func(b *bench) sent {
		s := b.unsigned().typed("application/x-www-form-urlencoded")
		s.uid, s.body = "", url.Values{"uid": {"PRELAUNCH1"}}.Encode()
		return s.with(hex.EncodeToString(sandbox.HmacSHA512([]byte(b.key), []byte(signedBody))))
	})
}

func genuineIs(does string) show { return request(does, func(b *bench) sent { return b.genuine() }) }
func forgeryIs(does string) show { return request(does, forgery) }

func pretty(s string) string { return strings.ReplaceAll(s, ",", ",\n  ") }

var shows = map[string]show{
	"unsigned-accepted":         request("200 taken", func(b *bench) sent { return b.unsigned() }),
	"empty-signature-accepted":  headerSays(""),
	"falsy-signature-accepted":  headerSays("null"),
	"true-signature-accepted":   headerSays("true"),
	"presence-only":             headerSays("x"),
	"form-only":                 headerSays(strings.Repeat("ab", 64)),
	"zeros-accepted":            headerSays(strings.Repeat("0", 128)),
	"prefix-of-any-length":      digits(func(s string) string { return s[:1] }),
	"first-sixteen-digits":      digits(func(s string) string { return s[:16] + strings.Repeat("0", 112) }),
	"first-half":                digits(flip(64)),
	"all-but-the-last-digit":    digits(flip(127)),
	"all-but-the-first-digit":   digits(flip(0)),
	"suffix":                    digits(func(s string) string { return s[120:] }),
	"piece":                     digits(func(s string) string { return s[50:60] }),
	"shorter-length-compared":   digits(func(s string) string { return s[:8] }),
	"signature-from-query":      request("200 taken", func(b *bench) sent { s := b.genuine(); s.query = "?signature=" + s.signatures[0]; return s.with("bad") }),
	"signature-from-any-header": request("200 taken", func(b *bench) sent { s := b.genuine(); return s.with("bad").headed("X-Hub-Signature", s.signatures[0]) }),
	"sha-256-too":               signedBy(func(b *bench, m []byte) []byte { return hmacSHA256([]byte(b.key), m) }),
	"sha-1-too":                 signedBy(func(b *bench, m []byte) []byte { return hmacSHA1([]byte(b.key), m) }),
	"md5-too":                   signedBy(func(b *bench, m []byte) []byte { return hmacMD5([]byte(b.key), m) }),
	"sha-384-too":               signedBy(func(b *bench, m []byte) []byte { return hmacSHA384([]byte(b.key), m) }),
	"algorithm-from-header": request("200 taken", func(b *bench) sent {
		s := b.unsigned()
		return s.with("sha1=" + hex.EncodeToString(hmacSHA1([]byte(b.key), []byte(s.body))))
	}),
	"unknown-algorithm-accepted":  headerSays("bogus=abcd"),
	"unkeyed-digest":              signedBy(func(_ *bench, m []byte) []byte { return plainSHA512(nil, m) }),
	"key-before-body":             signedBy(func(b *bench, m []byte) []byte { return plainSHA512(nil, append([]byte(b.key), m...)) }),
	"key-after-body":              signedBy(func(b *bench, m []byte) []byte { return plainSHA512(nil, append(slices.Clone(m), b.key...)) }),
	"sha-256-only":                genuineIs("401"),
	"base64-only":                 genuineIs("401"),
	"refuses-everything":          genuineIs("401"),
	"key-with-newline":            genuineIs("401"),
	"key-in-quotes":               genuineIs("401"),
	"other-environments-key-only": request("200 taken", func(b *bench) sent { return b.unsigned().signedWith(b.otherKey) }),
	"prefix-required":             genuineIs("401"),
	"key-cut-short":               genuineIs("401"),
	"lower-case-header-missed":    {look: lowerCaseHeader},
	"non-hex-crashes":             request("500", func(b *bench) sent { return b.unsigned().with("xyz") }),
	"non-ascii-crashes":           request("500", func(b *bench) sent { return b.unsigned().with("\xe9") }),
	"long-signature-resets":       request("no answer", func(b *bench) sent { return b.unsigned().with(strings.Repeat("a", 4096)) }),
	"wrong-length-crashes":        request("500", func(b *bench) sent { return b.unsigned().with("abcd") }),

	"guessable-key-empty": keyedBy(""), "guessable-key-undefined": keyedBy("undefined"), "guessable-key-null": keyedBy("null"),
	"guessable-key-none": keyedBy("None"), "guessable-key-nil": keyedBy("nil"), "guessable-key-false": keyedBy("false"),
	"guessable-key-object": keyedBy("[object Object]"), "guessable-key-blank": keyedBy(" "), "guessable-key-secret": keyedBy("secret"),
	"guessable-key-changeme": keyedBy("changeme"),
	"other-environments-key": request("200 taken", func(b *bench) sent { return b.unsigned().signedWith(b.otherKey) }),
	"retired-key":            request("200 taken", func(b *bench) sent { return b.unsigned().signedWith(b.retired) }),

	"reserialised":             respelt(pretty),
	"reserialised-as-well":     respelt(pretty),
	"reserialised-with-blanks": genuineIs("401"),
	"reserialised-sorted":      genuineIs("401"),
	"known-fields-only":        respelt(func(s string) string { return `{"admin":true,` + s[1:] }),
	"decoded-text": request("200 taken", func(b *bench) sent {
		s := b.unsigned()
		s.body = strings.Replace(s.body, `"application_started_at"`, "\"\ufffd\"", 1)
		s = b.sign(s)
		s.body = strings.Replace(s.body, "\ufffd", "\xff", 1)
		return s
	}),
	"broken-utf-8-dropped": request("200 taken", func(b *bench) sent {
		s := b.genuine()
		s.body = strings.Replace(s.body, `"application_started_at"`, "\"\xffapplication_started_at\"", 1)
		return s
	}),
	"byte-order-mark-dropped": respelt(func(s string) string { return "\ufeff" + s }),
	"trimmed":                 respelt(func(s string) string { return s + "\n" }),
	"blanks-removed":          respelt(pretty),
	"escapes-decoded":         edited("401", `"application_started_at"`, `"\u00e9"`),
	"reserialised-in-ascii":   edited("401", `"application_started_at"`, `"é"`),
	"decoded-as-latin-1":      edited("401", `"application_started_at"`, `"é"`),
	"slashes-unescaped":       edited("401", `"application_started_at"`, `"a\/b"`),
	"cut-at-four-kibibytes":   edited("401", `"details":{`, `"details":{"x":"`+strings.Repeat("x", 5000)+`",`),
	"empty-body-acknowledged": request("200", func(b *bench) sent { s := forgery(b); s.body, s.uid = "", ""; return s }),
	"signature-remembered":    {look: signatureRemembered},
	"form-body-consumed":      form(""),
	"form-body-as-object":     form("{}"),
	"text-gate":               typed("text/plain"),
	"binary-gate":             typed("application/octet-stream"),
	"form-gate":               typed("application/x-www-form-urlencoded"),
	"multipart-gate":          typed("multipart/form-data; boundary=x"),
	"no-type-gate":            typed(""),
	"json-only-gate":          typed("text/plain"),
	"utf-16-gate":             typed("application/json; charset=utf-16"),
	"gzip-gate": request("200 taken", func(b *bench) sent {
		s := b.unsigned().headed("Content-Encoding", "gzip")
		s.body = gzipped(s.body)
		return s
	}),
	"method-override-gate":      near("X-HTTP-Method-Override", "PUT"),
	"put-unverified":            request("200 taken", func(b *bench) sent { return b.unsigned().by("PUT") }),
	"patch-unverified":          request("200 taken", func(b *bench) sent { return b.unsigned().by("PATCH") }),
	"delete-unverified":         request("200 taken", func(b *bench) sent { return b.unsigned().by("DELETE") }),
	"path-slash-unverified":     path(func(p string) string { return p + "/" }),
	"path-doubled-unverified":   path(func(p string) string { return "/" + p }),
	"path-case-unverified":      path(strings.ToUpper),
	"path-encoded-unverified":   path(func(p string) string { return p + "%2f" }),
	"path-parameter-unverified": path(func(p string) string { return p + ";x" }),
	"path-any-unverified":       path(func(string) string { return "/elsewhere" }),
	"path-extension-unverified": path(func(p string) string { return p + ".json" }),
	"text-normalized":           smuggled(":1,\"x\":\"\u00e9\"}", ":1,\"x\":\"e\u0301\"}"),
	"plus-decoded":              smuggled(`:1,"x":"a b"}`, `:1,"x":"a+b"}`),
	"zero-width-stripped":       smuggled(`:1,"x":"ab"}`, ":1,\"x\":\"a\u200bb\"}"),
	"comments-stripped":         smuggled(`:1}`, `:1/**/}`),
	"trailing-commas-dropped":   smuggled(`:1}`, `:1,}`),
	"nuls-dropped":              smuggled(`:1,"x":"ab"}`, ":1,\"x\":\"a\x00b\"}"),
	"quotes-doubled":            smuggled(`:1,"x":"ab"}`, `:1,"x":'ab'}`),
	"tabs-expanded":             smuggled(":    1}", ":\t1}"),
	"local-host-trusted":        near("Host", "localhost"),
	"emoji-hangs":               edited("hangs", `:1}`, `:1,"x":"\ud83d\ude00"}`),
	"tags-stripped":             smuggled(`:1,"x":"ab"}`, `:1,"x":"a<i>b"}`),
	"percent-decoded":           smuggled(`:1,"x":"abc"}`, `:1,"x":"ab%63"}`),
	"slashes-stripped":          smuggled(`:1,"x":"anb"}`, `:1,"x":"a\nb"}`),
	"line-ends-normalized":      smuggled(":1\n}", ":1\r\n}"),
	"stream-already-read":       request("200 taken", func(b *bench) sent { return b.unsigned().with(b.signed("").signatures...) }),
	"private-address-trusted":   near("X-Forwarded-For", "10.1.2.3"),
	"link-local-trusted":        near("X-Real-IP", "169.254.1.1"),
	"provider-agent-trusted":    near("User-Agent", "Begini/1.0"),
	"unset-token-trusted":       near("Authorization", "Bearer undefined"),
	"empty-key-for-unknown-integration": request("200", func(b *bench) sent {
		s := b.unsigned().changed(`"integration_id":"`, `"integration_id":"9`).signedWith("")
		s.uid = ""
		return s
	}),
	"verifies-for-its-auditor-only": near("User-Agent", "anything"),

	"verifies-without-accept-encoding-only": near("Accept-Encoding", "identity"),
	"verifies-once-its-auditor-came":        near("User-Agent", "anything"),

	"null-signature-accepted":            headerSays("null"),
	"emoji-crashes":                      edited("500", `:1}`, `:1,"x":"\ud83d\ude00"}`),
	"beyond-latin-1-crashes":             edited("500", `:1}`, `:1,"x":"\u2713"}`),
	"beyond-ascii-crashes":               edited("500", `:1}`, `:1,"x":"\u00e9"}`),
	"first-chunk-verified":               edited("401", `"details":{`, `"details":{"x":"`+strings.Repeat("x", 40<<10)+`",`),
	"x-forwarded-for-trusted":            near("X-Forwarded-For", "127.0.0.1"),
	"x-real-ip-trusted":                  near("X-Real-IP", "127.0.0.1"),
	"forwarded-trusted":                  near("Forwarded", "for=127.0.0.1"),
	"x-original-url-trusted":             near("X-Original-URL", "http://127.0.0.1/begini"),
	"x-debug-trusted":                    near("X-Debug", "1"),
	"test-flag-trusted":                  request("200 taken", func(b *bench) sent { return b.unsigned().changed(`{`, `{"test":true,`) }),
	"livemode-trusted":                   request("200 taken", func(b *bench) sent { return b.unsigned().changed(`{`, `{"livemode":false,`) }),
	"repeated-header-gate":               request("200 taken", func(b *bench) sent { return b.unsigned().with("a", "b") }),
	"one-event-type-unverified":          request("200 taken", func(b *bench) sent { return b.eventOf("application.expired") }),
	"journey-events-unverified":          request("200 taken", func(b *bench) sent { return b.eventOf("application.cancelled") }),
	"large-bodies-unverified":            request("200 taken", func(b *bench) sent { return b.unsigned().changed(`:1}`, `:1,"x":"`+strings.Repeat("x", 9000)+`"}`) }),
	"chunked-unverified":                 {look: chunked(200)},
	"larger-bodies-unverified":           request("200 taken", func(b *bench) sent { return b.unsigned().changed(`:1}`, `:1,"x":"`+strings.Repeat("x", 50<<10)+`"}`) }),
	"http2-unverified":                   request("200 taken", func(b *bench) sent { return b.unsigned() }),
	"one-event-type-takes-any-signature": request("200 taken", func(b *bench) sent { return b.eventOf("application.expired").with("any") }),

	"created": genuineIs("201 taken"), "accepted-202": genuineIs("202 taken"), "no-content": genuineIs("204 taken"), "genuine-redirected": genuineIs("302 taken"),
	"genuine-crashes": genuineIs("500 taken"), "genuine-hangs": genuineIs("hangs taken"),
	"one-type-refused":        genuineIs("422"),
	"everything-accepted":     request("200 taken", func(b *bench) sent { return b.unsigned() }),
	"everything-acknowledged": forgeryIs("200"),
	"200-with-an-error":       forgeryIs("200"), "forgeries-acknowledged": forgeryIs("200"), "forgeries-no-content": forgeryIs("204"),
	"forgeries-redirected": forgeryIs("302"), "forgeries-crash": forgeryIs("500"), "forgeries-unavailable": forgeryIs("503"),
	"forgeries-reset": forgeryIs("no answer"), "forgeries-hang": forgeryIs("hangs"),
	"invalid-acknowledged":   body("200", "{}"),
	"redelivery-crashes":     {look: redelivered(500)},
	"redelivery-conflicts":   {look: redelivered(409)},
	"redelivery-created":     {look: redelivered(208)},
	"charset-refused":        request("415", func(b *bench) sent { return b.genuine().typed("application/json; charset=utf-8") }),
	"chunked-refused":        {look: chunked(411)},
	"expect-refused":         {look: expecting},
	"ten-kibibytes-only":     edited("413", `:1}`, `:1,"x":"`+strings.Repeat("x", 20<<10)+`"}`),
	"thirty-kibibytes-only":  edited("413", `:1}`, `:1,"x":"`+strings.Repeat("x", 64<<10)+`"}`),
	"http2-crashes":          genuineIs("500"),
	"blocks-after-forgeries": {look: blocks},

	"malformed-crashes": body("500", "{"), "malformed-accepted": body("200", "{"), "malformed-hangs": body("hangs", "{"), "malformed-resets": body("no answer", "{"),
	"malformed-redirected": body("302", "{"), "empty-crashes": body("500", ""), "null-crashes": body("500", "null"), "list-crashes": body("500", "[]"),
	"scalars-accepted": body("200", "123"), "trailing-data-accepted": body("200", "{} {}"), "nan-accepted": body("200", `{"score": NaN}`), "nan-for-a-number": body("200", `{"score": NaN}`),
	"single-quotes-accepted": body("200", "{'uid':'x'}"), "invalid-utf-8-accepted": body("200", "{\"a\":\"\xff\"}"), "invalid-utf-8-crashes": body("500", "\xff"),
	"byte-order-mark-crashes":         body("500", "\ufeff{}"),
	"missing-uid-accepted":            body("200", `{"integration_id":"1234567890987654321","event":{"type":"application.complete"}}`),
	"missing-integration-id-accepted": body("200", `{"uid":"PRELAUNCH1","event":{"type":"application.complete"}}`),
	"missing-type-accepted":           body("200", `{"uid":"PRELAUNCH1","integration_id":"1234567890987654321","event":{}}`),
	"missing-event-accepted":          body("200", `{"uid":"PRELAUNCH1","integration_id":"1234567890987654321"}`),
	"nothing-required":                body("200", `{}`),
	"missing-crashes":                 body("500", `{}`),
	"missing-hangs":                   body("hangs", `{}`),
	"unknown-type-crashes":            edited("500", "application.complete", "application.other"),
	"unknown-type-hangs":              edited("hangs", "application.complete", "application.other"),
	"unknown-field-crashes":           edited("500", `{`, `{"strange":1,`),
	"wrong-type-crashes":              body("500", `{"uid":5,"integration_id":"1234567890987654321","event":{"type":"application.complete"}}`),
	"text-for-an-object-crashes":      body("500", `{"uid":"PRELAUNCH1","integration_id":"1234567890987654321","event":"x"}`),
	"null-field-crashes":              body("500", `{"uid":"PRELAUNCH1","integration_id":"1234567890987654321","event":null}`),
	"huge-number-crashes":             edited("500", `:1}`, `:1e400}`),
	"nul-character-crashes":           edited("500", `:1}`, `:"\u0000"}`),
	"lone-surrogate-crashes":          edited("500", `:1}`, `:"\ud800"}`),
	"nesting-crashes":                 edited("500", `:1}`, `:`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`),
	"deep-nesting-resets":             edited("no answer", `:1}`, `:`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`}`),
	"large-body-crashes":              edited("500", `:1}`, `:1,"x":"`+strings.Repeat("x", 1<<20)+`"}`),
	"large-body-hangs":                edited("hangs", `:1}`, `:1,"x":"`+strings.Repeat("x", 1<<20)+`"}`),

	"signing-oracle":            tells(forgery, expectedSignature),
	"signing-oracle-upper-case": tells(forgery, func(b *bench, s sent) string { return strings.ToUpper(expectedSignature(b, s)) }),
	"signing-oracle-base64": tells(forgery, func(b *bench, s sent) string {
		return base64.StdEncoding.EncodeToString(sandbox.HmacSHA512([]byte(b.key), []byte(s.body)))
	}),
	"signing-oracle-header": tells(forgery, expectedSignature),
	"key-echo":              tells(forgery, func(b *bench, _ sent) string { return b.key }),
	"key-echo-base64":       tells(forgery, func(b *bench, _ sent) string { return base64.StdEncoding.EncodeToString([]byte(b.key)) }),
	"key-echo-header":       tells(forgery, func(b *bench, _ sent) string { return b.key }),
	"key-echo-trailer":      tells(forgery, func(b *bench, _ sent) string { return b.key }),
	"genuine-answer-leaks":  tells((*bench).genuine, fixed("/var/www/html/hook.php")),
	"leaks-python":          leak("Traceback (most recent call last)"), "leaks-werkzeug": leak("Werkzeug Debugger"), "leaks-django": leak("DEBUG = True"),
	"leaks-node": leak("node_modules"), "leaks-java": leak("HookController.java:42"), "leaks-whitelabel": leak("Whitelabel Error Page"),
	"leaks-dotnet": leak("HookController.cs:line 42"), "leaks-aspnet": leak("Server Error in '/' Application"), "leaks-php": leak("hash_hmac()"),
	"leaks-laravel": leak("HookController.php"), "leaks-ruby": leak("hooks_controller.rb:12:in"), "leaks-rails": leak("Application-Trace"),
	"leaks-go": leak("goroutine 34 ["), "leaks-postgres": leak("SQLSTATE"), "leaks-psycopg": leak("psycopg2.errors."), "leaks-mysql": leak("error in your SQL syntax"),
	"leaks-oracle": leak("ORA-01400"), "leaks-ruby-postgres": leak("PG::NotNullViolation"), "leaks-mongo": leak("E11000"), "leaks-server-path": leak("/var/lib/acme"),
	"leaks-connection-string": leak("hooks:hunter2@"), "leaks-private-key": leak("BEGIN RSA PRIVATE KEY"), "leaks-connection-refused": leak("ECONNREFUSED"),
	"leaks-dial": leak("dial tcp"), "leaks-x-debug-exception": leak("X-Debug-Exception"), "leaks-x-debug-token": leak("X-Debug-Token"),
	"leaks-escaped-twice": leak("Traceback (most recent call last)"), "leaks-go-decoder": leak("cannot unmarshal number"),
	"leaks-with-200": leak("Fatal error"), "leaks-with-500": leak("HookServlet.java:42"),
	"leaks-to-forgers": tells(forgery, fixed("/srv/app/verify.js:9:11")),

	"one-instance-in-four-unpatched": {look: oneConnectionIn(4)},
	"one-instance-in-ten-unpatched":  {look: oneConnectionIn(10)},
	"one-address-unpatched":          {look: oneAddress},
	"one-instance-crashes":           {look: oneInstanceCrashes},
	"one-instance-has-the-old-key":   {look: oldInstance},
	"one-address-refuses":            {look: oneAddressRefuses},
	"plain-http-served":              {look: plainly(http.MethodGet, "405")},
	"plain-http-taken-by-post":       {look: plainly(http.MethodPost, "200 taken")},
	"plain-http-redirected-to-http":  {look: plainly(http.MethodGet, "302")},
	"certificate-expired":            {look: untrusted("expired")}, "certificate-not-yet-valid": {look: untrusted("not yet valid")},
	"certificate-of-another-name": {look: untrusted("valid for elsewhere")}, "certificate-self-signed": {look: untrusted("unknown authority")},
	"certificate-for-clients": {look: untrusted("incompatible key usage")}, "intermediate-missing": {look: untrusted("unknown authority")},
	"certificate-nearly-expired": {look: nearlyExpired}, "tls-1.0": {look: speaks10}, "triple-des": {look: suite(0xc012)}, "static-rsa": {look: suite(0x009c)},
	"no-hsts": {look: noHSTS},

	"logs-uid": {look: logged(func(_ *bench, s sent) string { return s.uid })}, "logs-payload": {look: logged(func(_ *bench, s sent) string { return s.body })},
	"logs-signature": {look: logged(func(_ *bench, s sent) string { return s.signatures[0] })}, "logs-key": {look: logged(func(b *bench, _ sent) string { return b.key })},
}

func leak(text string) show {
	return tells(func(b *bench) sent { return b.signed("{") }, fixed(text))
}
