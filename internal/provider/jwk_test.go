package provider

import (
	"strings"
	"testing"
	"time"
)

// TestJWKs reads the keys and the token of RFC 7515, appendix A.3, and of RFC 8037, appendix A, as a reviewer's pair and as what a provider publishes.
func TestJWKs(t *testing.T) {
	t.Parallel()
	const (
		token  = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
		public = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
		pair   = `{` + public + `,"kid":"reviewer-1","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
		seed   = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	)
	es256 := Recipe{Kind: PublicKey, Algorithm: "jws(ES256)", Claims: map[string]string{"iss": "joe", "exp": "{expiry}"}, Put: []Put{{Header: "X"}}, Timestamp: Timestamp{In: "signature", Tolerance: "300s"}}
	expires := time.Unix(1300819380, 0)
	verify := func(key, token string, now time.Time) Part {
		m, err := es256.Place(Message{}, token)
		if err != nil {
			t.Fatal(err)
		}
		return es256.Verify([][]byte{[]byte(key)}, m, now)
	}
	for key, want := range map[string]Part{"{" + public + "}": Correct, pair: Correct, "{}": BadKey, seed: BadMAC, strings.Replace(pair, "f83", "f84", 1): BadKey} {
		if part := verify(key, token, expires); part != want {
			t.Errorf("%s: %s instead of %s", key, part, want)
		}
	}
	if part := verify(pair, token, expires.Add(time.Second)); part != Stale {
		t.Errorf("a token that is expired: %s", part)
	}
	signed, err := es256.SignatureWithKey([]byte(pair), Message{Time: expires})
	if err != nil {
		t.Fatal(err)
	}
	var header struct{ Kid string }
	if err := decodeSegment(signed[:strings.IndexByte(signed, '.')], &header); err != nil || header.Kid != "reviewer-1" {
		t.Errorf("the key is named %q: %v", header.Kid, err)
	}
	for now, want := range map[time.Duration]Part{300 * time.Second: Correct, 301 * time.Second: Stale} {
		if part := verify(pair, signed, expires.Add(now)); part != want {
			t.Errorf("%s after it was made a token is %s", now, part)
		}
	}
	for algorithm, wants := range map[string]map[string]bool{"jws(ES256)": {pair: true, seed: false, "{" + public + "}": false}, "ed25519": {seed: true, pair: false}} {
		for key, want := range wants {
			if _, err := (Recipe{Kind: PublicKey, Algorithm: algorithm}).PublicSecret([]byte(key)); (err == nil) != want {
				t.Errorf("%s is a pair for %s: %v", key, algorithm, err)
			}
		}
	}
}
