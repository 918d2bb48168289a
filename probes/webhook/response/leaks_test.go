package response

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const ownKey = "begini-test-key-7Jq2mXw9Lr4VzT0s"

func answered(contentType, body string) *Response {
	return &Response{Status: 400, Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body)}
}

var leakSamples = []struct {
	name, body string
	want       []string
}{
	{"nothing", `{"error":"internal error"}`, []string{}},
	{"type mismatch", `{"error":"type mismatch: expected a string"}`, []string{}},
	{"FastAPI", `{"detail":[{"type":"missing","loc":["body","uid"],"msg":"Field required","input":{}}]}`, []string{}},
	{"a link", `<p>See <a href="https://docs.acme.example/usr/share/errors">the page</a></p>`, []string{}},
	{"a route", `{"error":"Cannot POST /api/v1/hooks/begini"}`, []string{}},
	{"words", `{"message":"An exception was raised while looking at line 5 of your request; update it and try again"}`, []string{}},
	{"a mail address", `{"contact":"https://support@acme.example"}`, []string{}},
	{"a page's scripts", `<script src="/_next/static/chunks/main.js" async></script><script>push([1,"[\"/_next/static/chunks/page.js\"]"])</script>`, []string{}},
	{"a path next to a page's scripts", `<script src="/static/main.js"></script>` + strings.Repeat(`"/static/page.js" `, 9) + `cannot load "/static/app/verify.js"`, []string{"path"}},
	{"a server's script", `<p>cannot load "/static/verify.js"</p>`, []string{"path"}},
	{"Traceback", "Traceback (most recent call last):\n  File \"/srv/app.py\", line 3, in f\n", []string{"path", "python"}},
	{"Traceback in JSON", `{"trace":"Traceback (most recent call last):\n  File \"app.py\", line 3"}`, []string{"python"}},
	{"Node", "Error: no\n    at verify (/app/verify.js:9:11)", []string{"node", "path"}},
	{"Node anonymous", "    at /app/verify.js:9:11", []string{"node", "path"}},
	{"Java", "\tat example.Hook.receive(Hook.java:42)", []string{"java"}},
	{"Java's class", `{"exception":"com.fasterxml.jackson.core.JsonParseException"}`, []string{"java"}},
	{"dotnet", "System.FormatException: bad\n   at Acme.Hook.Receive(HttpRequest request) in C:\\src\\Hook.cs:line 42", []string{"dotnet", "path"}},
	{"PHP in HTML", "<br />\n<b>Warning</b>:  Undefined array key in <b>/var/www/html/hook.php</b> on line <b>12</b>", []string{"path", "php"}},
	{"Ruby", "app/hooks.rb:12:in `create'", []string{"ruby"}},
	{"Go", "goroutine 1 [running]:\nmain.main()\n\tmain.go:42", []string{"go"}},
	{"Go's decoder", "json: cannot unmarshal number into Go struct field Event.uid of type string", []string{"go_decoder"}},
	{"SQL", `{"error":"near \"WHERE\": syntax error"}`, []string{"sql"}},
	{"Windows path", `cannot open C:\inetpub\hooks\web.config`, []string{"path"}},
	{"credentials", "redis://worker:hunter2@cache.internal:6379", []string{"credentials"}},
	{"dial", "dial tcp 10.0.0.7:5432: i/o timeout", []string{"network"}},
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	for _, sample := range leakSamples {
		s := NewScanner("hooks.acme.example", nil)
		if diff := cmp.Diff(sample.want, s.Scan(answered("text/plain", sample.body), "", nil)); diff != "" {
			t.Errorf("%s: %s", sample.name, diff)
		}
	}
}

func TestLeaksOfKeysAndSignatures(t *testing.T) {
	t.Parallel()
	s := NewScanner("", []secret.Key{secret.New([]byte(ownKey)), {}})
	for _, spelling := range secret.Spellings([]byte(ownKey)) {
		got := s.Scan(answered("text/plain", "key is "+string(spelling.Bytes)+"."), "", nil)
		if !slices.Contains(got, LeakKey) && spelling.Name != "utf-16le" && spelling.Name != "utf-16be" {
			t.Errorf("the key in %s is missed", spelling.Name)
		}
	}
	signature := make([]byte, 64)
	for i := range signature {
		signature[i] = byte(37 * i)
	}
	digits := hex.EncodeToString(signature)
	for name, text := range map[string]string{
		"hex": digits, "upper case": strings.ToUpper(digits), "base64": base64.StdEncoding.EncodeToString(signature), "half": digits[:64],
		"base64url": base64.URLEncoding.EncodeToString(signature),
	} {
		if got := s.Scan(answered("text/plain", "expected "+text), "", [][]byte{signature}); !slices.Contains(got, leakSignature) {
			t.Errorf("%s: %v", name, got)
		}
		if got := s.Scan(answered("text/plain", "got "+text), text+digits, [][]byte{signature}); name == "hex" && slices.Contains(got, leakSignature) {
			t.Errorf("%s: what was sent is no leak", name)
		}
	}
	a := answered("text/plain", "no")
	a.Header.Set("X-Expected", digits)
	if got := s.Scan(a, "", [][]byte{signature}); !slices.Contains(got, leakSignature) {
		t.Errorf("in a header: %v", got)
	}
	a = answered("text/plain", "no")
	a.Stray = []byte("expected " + digits)
	if got := s.Scan(a, "", [][]byte{signature}); !slices.Contains(got, leakSignature) {
		t.Errorf("after the response: %v", got)
	}
}

// TestKeyKnownByItsFingerprint: it is found as it is, wherever a word holds it.
func TestKeyKnownByItsFingerprint(t *testing.T) {
	t.Parallel()
	s := NewScanner("", []secret.Key{audittest.Fingerprinted(ownKey)})
	for text, want := range map[string]bool{
		"wanted " + ownKey: true, `{"key":"` + ownKey + `"}`: true, "key=" + ownKey + "&x=1": true, "x" + ownKey + "x": true,
		ownKey[1:]: false, strings.Repeat("a", 100_000) + ownKey: false, "": false,
	} {
		a := answered("text/plain", text)
		if got := slices.Contains(s.Scan(a, "", nil), LeakKey); got != want || a.Cut != (len(text) > maxWindows) {
			t.Errorf("%.60q: %v, cut %v", text, got, a.Cut)
		}
	}
	if got := s.Scan(answered("text/plain", "got "+ownKey), "sent "+ownKey, nil); slices.Contains(got, LeakKey) {
		t.Error("what was sent is no leak")
	}
}

func TestWhatIsNoLeak(t *testing.T) {
	t.Parallel()
	s := NewScanner("hooks.acme.example", nil)
	s.Learn(answered("text/plain", "stored in /var/lib/events/queue"))
	if got := s.Scan(answered("text/plain", "stored in /var/lib/events/queue"), "", nil); len(got) > 0 {
		t.Errorf("what the genuine answer says: %v", got)
	}
	if got := s.Scan(answered("text/plain", "Cannot POST /opt/hooks/in"), "/opt/hooks/in", nil); len(got) > 0 {
		t.Errorf("what we asked for: %v", got)
	}
	a := answered("text/plain", "")
	a.Header.Set("Server", "nginx/1.26.2")
	if diff := cmp.Diff([]string{leakVersion}, s.Scan(a, "", nil)); diff != "" {
		t.Error(diff)
	}
}

// FuzzLeaks holds the scan to ending, to finding a tell-tale whatever stands before it, and to finding no key that is not there.
func FuzzLeaks(f *testing.F) {
	for _, sample := range leakSamples {
		f.Add(sample.body, "text/html")
	}
	f.Add("\xff\xfe\\u12", "application/json")
	f.Add(strings.Repeat("<", 2000)+strings.Repeat("at ", 500), "text/html")
	f.Add(`{"a":"\ud800\u0000\\"}`, "application/json")
	f.Fuzz(func(t *testing.T, body, contentType string) {
		s := NewScanner("hooks.acme.example", []secret.Key{secret.New([]byte(ownKey))})
		got := s.Scan(answered(contentType, body), "", nil)
		if slices.Contains(got, LeakKey) {
			t.Errorf("found a key in %q", body)
		}
		if again := s.Scan(answered(contentType, body), "", nil); !slices.Equal(got, again) {
			t.Errorf("%v, then %v", got, again)
		}
		got = s.Scan(answered(contentType, body+"\nTraceback (most recent call last):\n"), "", nil)
		if !slices.Contains(got, "python") {
			t.Errorf("missed a traceback after %q", body)
		}
	})
}
