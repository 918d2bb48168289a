package cases

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/provider/providertest"
)

// sourceOf makes requests to a receiver of a provider's events, with the secret that both have.
func sourceOf(t *testing.T, profile *provider.Profile) *Source {
	t.Helper()
	parse := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	s := &Source{
		Profile: profile, URL: parse("https://hooks.acme.example/in/hooks"), OtherURL: parse("https://live.acme.example/in/hooks"),
		IntegrationID: "1234567890987654321",
	}
	if !profile.Signature.NegativeOnly() {
		s.Key = []byte(profile.Signature.Secret([]byte("b6f1f0a7c3d94e58b6f1f0a7c3d94e58")))
		s.OtherKey = []byte(profile.Signature.Secret([]byte("0123456789abcdeffedcba9876543210")))
		return s
	}
	private, _, err := profile.Signature.NewKeyPair()
	if err == nil {
		s.Public, err = profile.Signature.PublicSecret(private)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// received is a request as its receiver gets it.
func received(f *Request) provider.Message {
	target := *f.URL
	target.Path, target.RawQuery = f.Path, f.Query
	m := provider.Message{Method: f.Method, URL: target.String(), Header: http.Header{}, Body: f.Body}
	for _, pair := range f.Header {
		m.Header.Add(pair[0], strings.TrimSpace(pair[1]))
	}
	if name := f.Scheme.Header(); name != "" && !f.Unsigned {
		m.Header[http.CanonicalHeaderKey(name)] = append([]string{f.Signature}, m.Header.Values(name)...)
	}
	return m
}

// made is the request of a case, nil where it cannot be sent.
func made(t *testing.T, s *Source, c Case) *Request {
	t.Helper()
	f, err := s.Request(s.Profile.Events[0], true)
	if err != nil {
		t.Fatal(err)
	}
	c.Change(f)
	if f.NoSend != "" {
		return nil
	}
	return f
}

// TestForgeriesOfEveryScheme: what is forged is rejected by a receiver that follows the recipe, and what
// is valid is accepted, whatever the provider signs.
func TestForgeriesOfEveryScheme(t *testing.T) {
	t.Parallel()
	for _, profile := range providertest.All(t) {
		t.Run(profile.Name, func(t *testing.T) {
			t.Parallel()
			s := sourceOf(t, profile)
			verify := func(f *Request) provider.Part {
				key := s.Key
				if profile.Signature.NegativeOnly() {
					key = s.Public
				}
				return profile.Signature.Verify([][]byte{key}, received(f), time.Now())
			}
			sent := map[string]int{}
			for _, c := range Forgeries(profile) {
				f := made(t, s, c)
				if f == nil {
					continue
				}
				sent[c.Family]++
				if c.Family == FamilyHandshake || c.Family == FamilyFuture || f.Method != "POST" {
					continue
				}
				// The recipe speaks of the first item of a batch: the others are the receiver's matter.
				if got := verify(f); got == provider.Correct && c.Name != "item-appended" {
					t.Errorf("%s is correctly signed", c.Label())
				}
			}
			if len(sent) < 8 || sent["F01"] < 5 {
				t.Errorf("forgeries by family: %v", sent)
			}
			if profile.Signature.NegativeOnly() {
				if sent[FamilyForeignKey] < 4 {
					t.Errorf("%d forgeries with foreign keys", sent[FamilyForeignKey])
				}
				return
			}
			for _, c := range append(Genuine(profile), Case{Family: FamilyType, Name: "plain", Change: (*Request).Sign}) {
				if f := made(t, s, c); f != nil {
					if got := verify(f); got != provider.Correct {
						t.Errorf("%s is not valid: %s", c.Label(), got)
					}
				}
			}
		})
	}
}

// TestWhatIsNotSignedIsNoForgery: what a user's profile leaves unsigned is not changed, and what it signs is.
func TestWhatIsNotSignedIsNoForgery(t *testing.T) {
	t.Parallel()
	for _, profile := range providertest.Own(t) {
		sent := map[string]bool{}
		for _, c := range Forgeries(profile) {
			sent[c.Label()] = made(t, sourceOf(t, profile), c) != nil
		}
		for label, want := range map[string][5]bool{ // by name: digest, form, in-body, joined, jwt
			"tampered/value-changed":        {true, true, true, true, true},
			"tampered/type-changed":         {true, true, false, true, true},
			"tampered/from-empty":           {false, true, false, false, false},
			"tampered/empty-body":           {true, false, false, true, true},
			"other-url/without-url":         {false, false, false, true, false},
			"body-digest/digest-removed":    {true, false, false, false, false},
			"unsigned/empty-in-place":       {true, false, false, true, true},
			"unbound-timestamp/body-only":   {false, false, false, true, false},
			"stale-timestamp/hour":          {true, false, true, true, true},
			"reserialized/trailing-newline": {false, false, false, true, true},
		} {
			i := slices.Index([]string{"acme-digest", "acme-form", "acme-in-body", "acme-joined", "acme-jwt"}, profile.Name)
			if sent[label] != want[i] {
				t.Errorf("%s: %s is sent: %t", profile.Name, label, sent[label])
			}
		}
	}
}

// TestFamiliesOfSchemes: a scheme has the families of what it is made of, and no others.
func TestFamiliesOfSchemes(t *testing.T) {
	t.Parallel()
	special := []string{FamilyStale, FamilyUnbound, FamilyFuture, FamilyList, FamilyScheme, FamilyHandshake, FamilyForeignKey, FamilyURL, FamilyDigest}
	for name, want := range map[string][]string{
		"begini":            {},
		"stripe":            {FamilyStale, FamilyUnbound, FamilyFuture, FamilyList, FamilyScheme},
		"standard-webhooks": {FamilyStale, FamilyUnbound, FamilyFuture, FamilyList, FamilyScheme},
		"github":            {FamilyScheme},
		"square":            {FamilyURL},
		"twilio-json":       {FamilyURL, FamilyDigest},
		"zoom":              {FamilyUnbound, FamilyFuture, FamilyHandshake},
		"gitlab-token":      {},
		"mailgun":           {FamilyUnbound, FamilyFuture},
		"wise":              {FamilyForeignKey},
	} {
		var got []string
		for _, c := range Forgeries(provider.Must(name)) {
			if slices.Contains(special, c.Family) && !slices.Contains(got, c.Family) {
				got = append(got, c.Family)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s has the families %v, want %v", name, got, want)
		}
	}
}

// TestCarefulHalves: nothing that careful probing sends holds more than half of a correct signature; what
// follows the half may be its next two digits by chance.
func TestCarefulHalves(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stripe", "shopify", "twilio", "adyen", "gitlab-token"} {
		s := sourceOf(t, provider.Must(name))
		for _, c := range Forgeries(s.Profile) {
			f := made(t, s, c)
			if f == nil || c.FullOnly || c.Family == FamilyHandshake {
				continue
			}
			correct := strings.TrimRight(f.text(s.Key, f.Body), "=")
			all := string(f.Body) + "\n" + f.Signature + "\n" + f.Query
			for _, pair := range f.Header {
				all += "\n" + pair[1]
			}
			size := len(correct)/2 + 3
			for i := range len(correct) - size + 1 {
				if piece := correct[i : i+size]; strings.Contains(all, piece) {
					t.Errorf("%s: %s holds more than half of the correct signature", name, c.Label())
					break
				}
			}
		}
	}
}

// TestToleratedDecoding: a receiver on an official SDK verifies decoded text, and is no worse for it.
func TestToleratedDecoding(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"begini": "", "stripe": variantTolerated} {
		for _, c := range Forgeries(provider.Must(name)) {
			if c.Family == "F09" && c.Variant != want {
				t.Errorf("%s: %s has the variant %q, want %q", name, c.Label(), c.Variant, want)
			}
		}
	}
}

// TestWhatSDKsThrowOn: outside the provider whose receivers have to validate all, an event without structure is
// not sent where no field is required, and a signature that is not ASCII may get a 5xx.
func TestWhatSDKsThrowOn(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"begini": true, "stripe": false} {
		profile := provider.Must(name)
		sent := map[string]bool{}
		for _, c := range Invalid(profile) {
			sent[c.Label()] = true
		}
		for _, label := range []string{"malformed/empty", "malformed/nan", "malformed/null", "unexpected-value/details-null"} {
			if sent[label] != want {
				t.Errorf("%s: %s is sent: %t", name, label, sent[label])
			}
		}
		for _, label := range []string{"malformed/brace", "malformed/nan-inside", "unexpected-value/unknown-event-type"} {
			if !sent[label] {
				t.Errorf("%s: %s is not sent", name, label)
			}
		}
		for _, c := range Forgeries(profile) {
			if throws := c.Variant == variantThrows; throws != (!want && c.Label() == "unparsable-header/byte-e9") {
				t.Errorf("%s: %s has the variant %q", name, c.Label(), c.Variant)
			}
		}
	}
}

// TestRequestsAreSignedWhenSent: a request that waited is made anew where its time is signed.
func TestRequestsAreSignedWhenSent(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"begini": false, "stripe": true, "slack": true, "github": false} {
		f, err := sourceOf(t, provider.Must(name)).Request(provider.Must(name).Events[0], true)
		if err != nil {
			t.Fatal(err)
		}
		if f.Outdated(f.Time) || f.Outdated(f.Time.Add(5*time.Second)) != want {
			t.Errorf("%s: outdated after five seconds is not %v", name, want)
		}
	}
}
