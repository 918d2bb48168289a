package sdktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

const endpoint = "https://acme.example/webhooks/incoming?source=prelaunch"

// secrets of the form that each provider's have; the others' may be any text.
var secrets = map[string][2]string{
	"stripe":            {"whsec_0f3f62d1b8a94d3ea1f0a55c1f0d8c67", "whsec_70c8d0f1c55a0f1ae3d49a8b1d26f3f0"},
	"standard-webhooks": {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_LaLaSwPZIo2IL8DPUjwTrqYKG8r9QKfM"},
	"svix":              {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_LaLaSwPZIo2IL8DPUjwTrqYKG8r9QKfM"},
	"adyen": {
		"44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
		"56A06BFCA2CE84C055750C0D9D86CF17C0BE1B23934C019C60AAA745FED28744",
	},
}

func secretsOf(name string) (own, other string) {
	if pair, special := secrets[name]; special {
		return pair[0], pair[1]
	}
	return "0f3f62d1b8a94d3ea1f0a55c1f0d8c67", "70c8d0f1c55a0f1ae3d49a8b1d26f3f0"
}

// symmetric are the providers whose SDK shares a secret with them.
var symmetric = []string{
	"stripe", "github", "standard-webhooks", "svix", "slack", "shopify", "twilio", "twilio-json", "square",
	"hubspot", "razorpay", "line", "adyen", "zoom", "linear", "gocardless", "onfido",
}

func profile(t *testing.T, name string) *provider.Profile {
	t.Helper()
	p, err := provider.ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// unsigned is an event of the profile's as it is delivered, without its signature.
func unsigned(p *provider.Profile, event provider.Event, at time.Time) provider.Message {
	values := provider.Values{UID: "prelaunch7Zq1", Type: event.Type, Time: at}
	m := provider.Message{
		Method: http.MethodPost, URL: endpoint, Header: http.Header{}, Body: event.Render(values),
		Time: at, ID: "msg_prelaunch7Zq1",
	}
	for header, value := range p.Headers(values) {
		m.Header.Set(header, value)
	}
	return m
}

func sign(t *testing.T, p *provider.Profile, secret string, m provider.Message) provider.Message {
	t.Helper()
	signed, err := p.Signature.Sign([]byte(secret), m)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestSDKAcceptsWhatTheRecipeSigns(t *testing.T) {
	for _, name := range symmetric {
		p := profile(t, name)
		secret, _ := secretsOf(name)
		for _, event := range p.Events {
			t.Run(name+"/"+event.Type, func(t *testing.T) {
				m := sign(t, p, secret, unsigned(p, event, time.Now()))
				if !accepts(t, name, secret, m) {
					t.Errorf("the SDK rejects %s", describe(m))
				}
			})
		}
	}
}

func TestRecipeAcceptsWhatTheSDKSigns(t *testing.T) {
	signers := 0
	for _, name := range symmetric {
		t.Run(name, func(t *testing.T) {
			p := profile(t, name)
			secret, other := secretsOf(name)
			now := time.Now()
			m := unsigned(p, p.Events[0], now)
			signed, can := signs(t, name, secret, input{URL: m.URL, Body: string(m.Body), Timestamp: now.Unix(), ID: m.ID})
			if !can {
				return // it only verifies, which the other tests are about
			}
			signers++
			if part := p.Signature.Verify([][]byte{[]byte(secret)}, signed, now); part != provider.Correct {
				t.Errorf("the recipe says %q of what the SDK signed: %s", part, describe(signed))
			}
			if part := p.Signature.Verify([][]byte{[]byte(other)}, signed, now); part != provider.BadMAC {
				t.Errorf("with another key the recipe says %q", part)
			}
		})
	}
	if signers < 7 {
		t.Errorf("only %d SDKs signed", signers)
	}
}

// forgery is a request that neither the recipe nor the SDK may accept.
type forgery struct {
	name string
	m    provider.Message
}

func forgeries(t *testing.T, p *provider.Profile, secret, other string) []forgery {
	t.Helper()
	now := time.Now()
	event := p.Events[0]
	r := p.Signature
	prepared, err := r.Prepare(unsigned(p, event, now))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := r.Signature([]byte(secret), prepared)
	if err != nil {
		t.Fatal(err)
	}
	put := func(signature string) provider.Message {
		m, err := r.Place(prepared, signature)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	all := []forgery{
		{"no signature", r.Unsigned(prepared)},
		{"empty signature", put("")},
		{"another key", sign(t, p, other, unsigned(p, event, now))},
		{"half of the signature", put(signature[:len(signature)/2])},
	}
	for _, at := range []int{0, r.Digits() / 4, r.Digits() / 2, r.Digits() - 1} {
		all = append(all, forgery{"flipped digit", put(flip(r, signature, at))})
	}
	tampered := put(signature)
	covers := r.Covers()
	switch {
	case covers.Body || covers.Digest || covers.Params:
		tampered.Body = bytes.Replace(tampered.Body, []byte("prelaunch7Zq1"), []byte("prelaunch7Zq2"), 1)
	case covers.Fields:
		tampered.Body = bytes.Replace(tampered.Body, []byte(`"prelaunch-prelaunch7Zq1"`), []byte(`"prelaunch-prelaunch7Zq2"`), 1)
	}
	all = append(all, forgery{"another body", tampered})
	if covers.URL {
		m := put(signature)
		m.URL = strings.Replace(m.URL, "acme.example", "other.acme.example", 1)
		all = append(all, forgery{"another URL", m})
	}
	if tolerance := r.Timestamp.Tolerance.Duration(); tolerance > 0 {
		for _, age := range []time.Duration{tolerance + time.Minute, time.Hour, 24 * time.Hour} {
			all = append(all, forgery{"stale", sign(t, p, secret, unsigned(p, event, now.Add(-age)))})
		}
	}
	for _, scheme := range r.Other {
		if scheme.Accepted == "never" {
			m, err := r.With(scheme).Sign([]byte(secret), unsigned(p, event, now))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, forgery{"scheme " + scheme.Label, m})
		}
	}
	return all
}

// flip changes a digit so that bits of the signature change, not only unused ones of its last digit.
func flip(r provider.Recipe, signature string, at int) string {
	before, _ := r.DecodeText(signature)
	for _, digit := range r.Alphabet() {
		changed := signature[:at] + string(digit) + signature[at+1:]
		if after, err := r.DecodeText(changed); err == nil && !bytes.Equal(before, after) {
			return changed
		}
	}
	panic("no digit changes the signature")
}

func TestForgeriesAreRejectedByTheSDKAndTheRecipe(t *testing.T) {
	for _, name := range symmetric {
		t.Run(name, func(t *testing.T) {
			p := profile(t, name)
			secret, other := secretsOf(name)
			valid := sign(t, p, secret, unsigned(p, p.Events[0], time.Now()))
			if part := p.Signature.Verify([][]byte{[]byte(secret)}, valid, time.Now()); part != provider.Correct {
				t.Fatalf("the recipe says %q of what it signed", part)
			}
			for _, forged := range forgeries(t, p, secret, other) {
				if part := p.Signature.Verify([][]byte{[]byte(secret)}, forged.m, time.Now()); part == provider.Correct {
					t.Errorf("the recipe accepts %s: %s", forged.name, describe(forged.m))
				}
				if accepts(t, name, secret, forged.m) {
					t.Errorf("the SDK accepts %s: %s", forged.name, describe(forged.m))
				}
			}
		})
	}
}

// A receiver whose secret is rotated accepts either; what these SDKs do with a list is part of the recipe.
func TestListsOfSignatures(t *testing.T) {
	for _, name := range symmetric {
		p := profile(t, name)
		if p.Signature.List.Style != "repeat" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			secret, other := secretsOf(name)
			r := p.Signature
			prepared, err := r.Prepare(unsigned(p, p.Events[0], time.Now()))
			if err != nil {
				t.Fatal(err)
			}
			right, err := r.Signature([]byte(secret), prepared)
			if err != nil {
				t.Fatal(err)
			}
			wrong, err := r.Signature([]byte(other), prepared)
			if err != nil {
				t.Fatal(err)
			}
			for list, want := range map[string]bool{
				right + " " + wrong: true, wrong + " " + right: true, wrong + " " + wrong: false,
			} {
				m, err := r.Place(prepared, strings.Fields(list)...)
				if err != nil {
					t.Fatal(err)
				}
				if got := accepts(t, name, secret, m); got != want {
					t.Errorf("the SDK accepts %s: %t", describe(m), got)
				}
				if got := r.Verify([][]byte{[]byte(secret)}, m, time.Now()) == provider.Correct; got != want {
					t.Errorf("the recipe accepts %s: %t", describe(m), got)
				}
			}
		})
	}
}

func TestPublicKeySDKs(t *testing.T) {
	for name, write := range map[string]func([]byte) string{
		"sendgrid": base64.StdEncoding.EncodeToString,
		"discord":  hex.EncodeToString,
	} {
		t.Run(name, func(t *testing.T) {
			p := profile(t, name)
			r := p.Signature
			private, public, err := r.NewKeyPair()
			if err != nil {
				t.Fatal(err)
			}
			foreign, _, err := r.NewKeyPair()
			if err != nil {
				t.Fatal(err)
			}
			signed := func(key []byte) provider.Message {
				prepared, err := r.Prepare(unsigned(p, p.Events[0], time.Now()))
				if err != nil {
					t.Fatal(err)
				}
				mac, err := r.MACWithKey(key, prepared)
				if err != nil {
					t.Fatal(err)
				}
				m, err := r.Place(prepared, r.EncodeRaw(mac))
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			verify := func(m provider.Message) (sdk, recipe bool) {
				key := write(public)
				return accepts(t, name, key, m), r.Verify([][]byte{[]byte(key)}, m, time.Now()) == provider.Correct
			}
			valid := signed(private)
			if sdk, recipe := verify(valid); !sdk || !recipe {
				t.Errorf("a valid event: the SDK %t, the recipe %t", sdk, recipe)
			}
			tampered := signed(private)
			tampered.Body = bytes.Replace(tampered.Body, []byte("7Zq1"), []byte("7Zq2"), 1)
			other := signed(private)
			timestamp := slices.Collect(func(yield func(string) bool) {
				_, header, _ := strings.Cut(r.Timestamp.In, ":")
				yield(header)
			})[0]
			other.Header.Set(timestamp, "1600000000")
			for what, m := range map[string]provider.Message{
				"a foreign key": signed(foreign), "another body": tampered, "another time": other, "no signature": r.Unsigned(valid),
			} {
				if sdk, recipe := verify(m); sdk || recipe {
					t.Errorf("%s: accepted by the SDK %t, by the recipe %t", what, sdk, recipe)
				}
			}
		})
	}
}
