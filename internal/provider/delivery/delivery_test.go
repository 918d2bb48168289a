package delivery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

var sentAt = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const key = "0123456789abcdef0123456789abcdef"

// signed is an event of a profile as it is delivered.
func signed(t *testing.T, profile *provider.Profile) provider.Message {
	t.Helper()
	message := profile.Message(profile.Events[0], "https://hooks.acme.example/acme", provider.Values{UID: "PRELAUNCHabc", IntegrationID: "1", Time: sentAt})
	out, err := profile.Signature.Sign([]byte(profile.Signature.Secret([]byte(key))), message)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func asHTTP(m provider.Message) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: hooks.acme.example\r\nContent-Length: %d\r\n", strings.TrimPrefix(m.URL, "https://hooks.acme.example"), len(m.Body))
	for name, values := range m.Header {
		fmt.Fprintf(&text, "%s: %s\r\n", name, values[0])
	}
	text.WriteString("\r\n")
	text.Write(m.Body)
	text.WriteString("\n") // as an editor adds it
	return text.Bytes()
}

// asCurl is what curl -v shows of a request, with its body below.
func asCurl(m provider.Message) []byte {
	var text bytes.Buffer
	text.WriteString("* Connected to hooks.acme.example (192.0.2.1) port 443\n* using HTTP/2\n")
	head, body, _ := strings.Cut(string(asHTTP(m)), "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		text.WriteString("> " + line + "\n")
	}
	text.WriteString("> \n" + body + "* Request completely sent off\n< HTTP/2 200 \n< date: today\n")
	return text.Bytes()
}

func asJSON(t *testing.T, m provider.Message) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"url": m.URL, "headers": m.Header, "body": string(m.Body), "received_at": sentAt})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func asFunctionEvent(t *testing.T, m provider.Message) []byte {
	t.Helper()
	headers := map[string]string{"Host": "hooks.acme.example"}
	for name, values := range m.Header {
		headers[strings.ToLower(name)] = values[0]
	}
	text, err := json.Marshal(map[string]any{"httpMethod": "POST", "path": strings.TrimPrefix(m.URL, "https://hooks.acme.example"), "headers": headers, "body": base64.StdEncoding.EncodeToString(m.Body), "isBase64Encoded": true})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func asHAR(t *testing.T, m provider.Message) []byte {
	t.Helper()
	headers := []map[string]string{{"name": ":method", "value": "POST"}}
	for name, values := range m.Header {
		headers = append(headers, map[string]string{"name": name, "value": values[0]})
	}
	request := func(url string, headers any) map[string]any {
		return map[string]any{"startedDateTime": sentAt, "request": map[string]any{"method": "POST", "url": url, "headers": headers, "postData": map[string]string{"text": string(m.Body)}}}
	}
	text, err := json.Marshal(map[string]any{"log": map[string]any{"entries": []any{request("https://other.example/", []any{}), request(m.URL, headers)}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRecordingsOfEveryFormVerify(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		profile := provider.Must(name)
		if profile.Signature.NegativeOnly() {
			continue
		}
		m := signed(t, profile)
		secrets := []Secret{{Name: "the key", Value: []byte(profile.Signature.Secret([]byte(key)))}}
		for form, raw := range map[string][]byte{"http": asHTTP(m), "curl": asCurl(m), "headers": bytes.SplitN(asHTTP(m), []byte("\r\n"), 2)[1], "json": asJSON(t, m), "function": asFunctionEvent(t, m), "har": asHAR(t, m)} {
			captured, err := Parse(raw)
			if err != nil {
				t.Errorf("%s, %s: %v", name, form, err)
				continue
			}
			if form == "headers" {
				captured[0].URL = m.URL // which --url says
			}
			results := Identify([]*provider.Profile{profile}, captured, secrets)
			if len(results) != 1 || !results[0].Verified {
				t.Errorf("%s, %s: %+v", name, form, results)
			}
		}
	}
}

func TestNearMissesAreNamed(t *testing.T) {
	t.Parallel()
	stripe, github, standard, square := provider.Must("stripe"), provider.Must("github"), provider.Must("standard-webhooks"), provider.Must("square")
	for _, row := range []struct {
		name    string
		profile *provider.Profile
		change  func(m *provider.Message, secrets *[]Secret)
		kinds   string
	}{
		{"other encoding", github, func(m *provider.Message, _ *[]Secret) {
			digits := strings.TrimPrefix(m.Header.Get("X-Hub-Signature-256"), "sha256=")
			raw, _ := github.Signature.DecodeText(digits)
			m.Header.Set("X-Hub-Signature-256", "sha256="+base64.StdEncoding.EncodeToString(raw))
		}, "encoding"},
		{"without its prefix", github, func(m *provider.Message, _ *[]Secret) {
			m.Header.Set("X-Hub-Signature-256", strings.TrimPrefix(m.Header.Get("X-Hub-Signature-256"), "sha256="))
		}, "placement"},
		{"in another header", github, func(m *provider.Message, _ *[]Secret) {
			m.Header.Set("X-Signature", m.Header.Get("X-Hub-Signature-256"))
			m.Header.Del("X-Hub-Signature-256")
		}, "placement"},
		{"body serialized again", stripe, func(m *provider.Message, _ *[]Secret) {
			var indented bytes.Buffer
			_ = json.Indent(&indented, m.Body, "", "  ")
			m.Body = indented.Bytes()
		}, "body"},
		{"byte order mark", github, func(m *provider.Message, _ *[]Secret) { m.Body = append([]byte("\ufeff"), m.Body...) }, "body"},
		{"key in quotes", standard, func(_ *provider.Message, secrets *[]Secret) {
			(*secrets)[0].Value = fmt.Appendf(nil, "%q", (*secrets)[0].Value)
		}, "key"},
		{"key with a newline", standard, func(_ *provider.Message, secrets *[]Secret) {
			(*secrets)[0].Value = append((*secrets)[0].Value, '\n')
		}, "key"},
		{"newline lost", github, func(m *provider.Message, _ *[]Secret) {
			body := m.Body
			m.Body = append(bytes.Clone(body), '\n')
			again, err := github.Signature.Sign([]byte(key), *m)
			if err != nil {
				panic(err)
			}
			*m = again
			m.Body = body
		}, "body"},
		{"key of another environment", stripe, func(_ *provider.Message, secrets *[]Secret) {
			(*secrets)[0].Foreign = true
			*secrets = append([]Secret{{Name: "the key of test", Value: []byte("another key of the right length")}}, *secrets...)
		}, "environment"},
		{"stale", stripe, func(m *provider.Message, _ *[]Secret) {
			m.Time, m.Timestamp = sentAt.Add(-time.Hour), ""
			again, err := stripe.Signature.Sign([]byte(key), *m)
			if err != nil {
				panic(err)
			}
			*m = again
		}, "stale"},
		{"key not decoded", standard, func(m *provider.Message, secrets *[]Secret) {
			signature, err := standard.Signature.SignatureWithKey((*secrets)[0].Value, *m)
			if err != nil {
				panic(err)
			}
			*m, _ = standard.Signature.Place(*m, signature)
		}, "key"},
		{"another hash", github, func(m *provider.Message, _ *[]Secret) {
			other := github.Signature
			other.Hash = "sha512"
			*m, _ = other.Sign([]byte(key), *m)
		}, "hash"},
		{"body alone", stripe, func(m *provider.Message, _ *[]Secret) {
			signature, _ := stripe.Signature.With(provider.Scheme{Over: "{body}"}).Signature([]byte(key), *m)
			*m, _ = stripe.Signature.Place(*m, signature)
		}, "signed"},
		{"registered with a slash at its end", square, func(m *provider.Message, _ *[]Secret) { m.URL += "/" }, "url"},
		{"legacy scheme", github, func(m *provider.Message, _ *[]Secret) {
			m.Header.Del("X-Hub-Signature-256")
			*m, _ = github.Signature.With(github.Signature.Other[0]).Sign([]byte(key), *m)
		}, "placement"},
		{"another key", stripe, func(_ *provider.Message, secrets *[]Secret) {
			(*secrets)[0].Value = []byte("another key of the right length")
		}, ""},
	} {
		m := signed(t, row.profile)
		secrets := []Secret{{Name: "the key", Value: []byte(row.profile.Signature.Secret([]byte(key)))}}
		row.change(&m, &secrets)
		results := Identify([]*provider.Profile{row.profile}, []Captured{{Message: m, Received: sentAt}}, secrets)
		if len(results) != 1 || results[0].Verified {
			t.Errorf("%s: %+v", row.name, results)
			continue
		}
		var kinds []string
		for _, near := range results[0].Near {
			kinds = append(kinds, near.Kind)
		}
		if strings.Join(kinds, " ") != row.kinds {
			t.Errorf("%s: %q, want %q", row.name, kinds, row.kinds)
		}
		if shown := fmt.Sprint(results); strings.Contains(shown, key) || strings.Contains(shown, row.profile.Signature.Placed(m)) && row.profile.Signature.Placed(m) != "" {
			t.Errorf("%s: the result shows the key or the signature: %s", row.name, shown)
		}
	}
}

// TestTheLikeliestIsNamedAlone: of all providers, only those of which least is different.
func TestTheLikeliestIsNamedAlone(t *testing.T) {
	t.Parallel()
	var all []*provider.Profile
	for _, name := range provider.Names() {
		all = append(all, provider.Must(name))
	}
	right := signed(t, provider.Must("shopify"))
	longer := right
	longer.Body = append(bytes.Clone(right.Body), '\n')
	for _, m := range []provider.Message{right, longer} {
		results := Identify(all, []Captured{{Message: m, Received: sentAt}}, []Secret{{Name: "the key", Value: []byte(key)}})
		if len(results) != 1 || results[0].Profile != "shopify" {
			t.Errorf("%+v", results)
		}
	}
}

func TestWhatIsNoRecordingIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "hello", "{", "{}", `{"body":"x"}`, `{"log":{"entries":[]}}`, "POST / HTTP", "\x00\x01", `{"headers":3}`, "post / HTTP/1.1\n\nx", strings.Repeat("a", MaxSize+1)} {
		if captured, err := Parse([]byte(text)); err == nil {
			t.Errorf("%.20q: %+v", text, captured)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"POST /a HTTP/1.1\nHost: h\n\nbody", `{"headers":{"a":["b"]},"body":{"c":1}}`, `{"log":{"entries":[{"request":{"method":"POST","url":"https://h/","headers":[{"name":"a","value":"b"}]}}]}}`} {
		f.Add([]byte(seed))
	}
	profile := provider.Must("stripe")
	f.Fuzz(func(t *testing.T, raw []byte) {
		captured, err := Parse(raw)
		if err != nil {
			return
		}
		for _, result := range Identify([]*provider.Profile{profile}, captured, []Secret{{Value: []byte(key)}}) {
			if result.Verified {
				t.Error("noise verifies")
			}
		}
	})
}
