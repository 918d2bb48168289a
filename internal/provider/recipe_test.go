package provider

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestEveryRecipeVerifiesWhatItSigns signs each event of each built-in profile and changes one thing after
// the other.
func TestEveryRecipeVerifiesWhatItSigns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, name := range Names() {
		profile := Must(name)
		r := profile.Signature
		secret := []byte(r.Secret([]byte("0123456789abcdef0123456789abcdef")))
		verifying := secret
		if r.NegativeOnly() {
			private, public, err := r.NewKeyPair()
			if err != nil {
				t.Fatal(err)
			}
			secret, verifying = private, []byte(r.Secret(public))
		}
		for _, event := range profile.Events {
			values := Values{UID: "PRELAUNCHabc123", IntegrationID: "42", Account: "42", Time: now}
			message := profile.Message(event, "https://hooks.acme.example/acme?a=b", values)
			signed, err := sign(r, secret, message)
			if err != nil {
				t.Errorf("%s %s: %v", name, event.Type, err)
				continue
			}
			verify := func(what string, m Message, keys []byte, at time.Time, want Part) {
				t.Helper()
				if got := r.Verify([][]byte{keys}, m, at); got != want {
					t.Errorf("%s %s, %s: %s, want %s", name, event.Type, what, got, want)
				}
			}
			verify("as signed", signed, verifying, now, Correct)
			other := []byte(r.Secret([]byte("another secret of thirty-two byt")))
			if r.NegativeOnly() {
				_, public, err := r.NewKeyPair()
				if err != nil {
					t.Fatal(err)
				}
				other = []byte(r.Secret(public))
			}
			verify("with another key", signed, other, now, BadMAC)
			verify("unsigned", r.Unsigned(signed), verifying, now, missingOf(r))
			covers := r.Covers()
			if covers.Body {
				changed := signed.clone()
				changed.Body = append(bytes.Clone(signed.Body), ' ')
				verify("another body", changed, verifying, now, BadMAC)
			}
			if covers.Time && r.Timestamp.Tolerance != "" {
				verify("late", signed, verifying, now.Add(r.Timestamp.Tolerance.Duration()+time.Minute), Stale)
				verify("at the last moment", signed, verifying, now.Add(r.Timestamp.Tolerance.Duration()-time.Second), Correct)
			}
			if covers.URL {
				changed := signed.clone()
				changed.URL = "https://elsewhere.example/acme"
				if r.Digest.Query == "" {
					verify("another URL", changed, verifying, now, BadMAC)
				}
			}
		}
	}
}

// sign is Sign with the key as it is, for public keys too.
func sign(r Recipe, secret []byte, m Message) (Message, error) {
	if !r.NegativeOnly() {
		return r.Sign(secret, m)
	}
	m, err := r.Prepare(m)
	if err != nil {
		return m, err
	}
	signature, err := r.SignatureWithKey(secret, m)
	if err != nil {
		return m, err
	}
	return r.Place(m, signature)
}

// missingOf is Missing for what is in a header, and what an empty field is.
func missingOf(r Recipe) Part { return Missing }

func TestMessagesKeepWhatIsNotWritten(t *testing.T) {
	t.Parallel()
	m := Message{Body: []byte(`{"a" : {"b":[1, {"c":"x"}]},  "t":1}`), Header: http.Header{"X": {"y"}}}
	for path, want := range map[string]string{
		"a.b.1.c": `{"a" : {"b":[1, {"c":"25"}]},  "t":1}`,
		"t":       `{"a" : {"b":[1, {"c":"x"}]},  "t":25}`,
		"a.b":     `{"a" : {"b":25},  "t":1}`,
	} {
		changed := m.clone()
		if err := (slot{"body", path}).set(&changed, "25", false); err != nil || string(changed.Body) != want {
			t.Errorf("%s: %s %v", path, changed.Body, err)
		}
	}
	for _, path := range []string{"z", "a.b.2", "a.b.c", "t.x", ""} {
		if err := (slot{"body", path}).set(&m, "25", false); err == nil {
			t.Errorf("%q was found", path)
		}
	}
}

// TestJWTReadsTheVectorOfRFC7515 reads the token of its appendix A.1, and none that is not signed.
func TestJWTReadsTheVectorOfRFC7515(t *testing.T) {
	t.Parallel()
	const token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	profile := func(claim, token string) string {
		return `schema: prelaunch.provider/v1
name: rfc
sources: [https://www.rfc-editor.org/rfc/rfc7515]
secret: {key: {decode: base64url}}
signature: {kind: jwt-hs256, claims: {iss: ` + claim + `}, put: {header: Authorization, value: "Bearer {signature}"}}
events: [{type: a, body: '{"id":"{{uid}}"}'}]
vectors: [{secret: AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow, body: '', signature: Bearer ` + token + `}]
`
	}
	unsigned := "eyJhbGciOiJub25lIn0" + token[strings.IndexByte(token, '.'):strings.LastIndexByte(token, '.')+1]
	for text, right := range map[string]bool{
		profile("joe", token): true, profile("jane", token): false, profile("joe", token[:len(token)-2]+"Yk"): false, profile("joe", unsigned): false,
	} {
		if _, err := Parse("rfc.yaml", []byte(text)); (err == nil) != right {
			t.Errorf("%v for %s", err, text)
		}
	}
}
