package webhook

import (
	"bytes"
	"crypto/sha512"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

const (
	ownKey   = "begini-test-key-7Jq2mXw9Lr4VzT0s"
	otherKey = "begini-prod-key-Hd8sNc5Yk1Bv6Qe3"
	oldKey   = "begini-retired-key-Zp4Wx8Rt2Mn"
)

// unsent is a prober that sends nothing, with its transcript.
type unsent struct {
	*prober
	t *transcript
}

func offline(t testing.TB, change func(*audit.Integration)) unsent {
	t.Helper()
	key := func(text string) audit.KeyReference {
		return audit.KeyReference{Source: audit.FromEnv, Key: secret.New([]byte(text))}
	}
	integration := &audit.Integration{
		Provider: "begini", EventTypes: provider.Must(provider.Default).EventTypes(),
		Environments: []audit.Environment{
			{Name: audit.Test, IntegrationID: "1234567890987654321", Key: key(ownKey), WebhookURL: "https://hooks.acme.example/in/begini?tenant=7", Probing: audit.Full, Receiver: audit.Inline},
			{Name: audit.Production, IntegrationID: "1234567890987654322", Key: key(otherKey), WebhookURL: "https://hooks.acme.example/live", Probing: audit.Full, Receiver: audit.Inline},
		},
		RetiredKeys: []audit.RetiredKey{{KeyReference: key(oldKey), Environment: audit.Test}},
	}
	if change != nil {
		change(integration)
	}
	profile, err := provider.Of(integration.Provider, integration.ProviderProfile)
	if err != nil {
		t.Fatal(err)
	}
	environment := integration.Environments[0]
	s := unsent{newProber(&audit.Run{Integration: integration}, profile, environment, newProgress(nil)), newTranscript(environment, &profile)}
	s.chooseEvent(s.t, "")
	s.t.offersTwo = true
	return s
}

func careful(i *audit.Integration) { i.Environments[0].Probing = audit.Careful }

// request is all that a receiver gets of f, as text.
func request(f *cases.Request) string {
	var b strings.Builder
	b.WriteString(f.Path + "?" + f.Query + "\n" + f.Signature + "\n")
	for _, pair := range f.Header {
		b.WriteString(pair[0] + ": " + pair[1] + "\n")
	}
	b.Write(f.Body)
	return b.String()
}

func TestTemplatesAreCompactJSON(t *testing.T) {
	t.Parallel()
	for _, name := range provider.Names() {
		profile := provider.Must(name)
		if profile.Delivery.Body == "form" {
			continue
		}
		for _, event := range profile.Events {
			raw := event.Render(provider.Values{UID: "PRELAUNCH0", IntegrationID: "1"})
			doc, err := cases.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(raw), string(cases.Compact.Write(doc))); diff != "" {
				t.Errorf("%s is not compact JSON: %s", event.Type, diff)
			}
		}
	}
}

// TestForgeriesAreForged holds every forgery to not being properly signed, and to differing from a genuine event.
func TestForgeriesAreForged(t *testing.T) {
	t.Parallel()
	s := offline(t, nil)
	for _, j := range s.forgedJobs(s.t) {
		f, reason := s.prepare(s.t, j)
		if reason != "" {
			t.Errorf("%s %s cannot be sent: %s", j.Family, j.Name, reason)
			continue
		}
		if f.Valid || f.Correct() {
			t.Errorf("%s %s is properly signed", j.Family, j.Name)
		}
	}
}

// TestCarefulProbingHoldsItsHand holds careful probing to its promises: no event that a right receiver takes, and of the right signature
// of a body never more than half.
func TestCarefulProbingHoldsItsHand(t *testing.T) {
	t.Parallel()
	s := offline(t, careful)
	s.t.baseline.Genuine = true
	sent := 0
	for _, j := range slices.Concat(s.forgedJobs(s.t), s.variantJobs(s.t), s.invalidJobs(s.t)) {
		f, reason := s.prepare(s.t, j)
		if reason != "" {
			continue
		}
		sent++
		if !f.Event.Harmless {
			t.Errorf("%s %s carries a score", j.Family, j.Name)
		}
		if j.purpose == PurposeGenuine {
			t.Errorf("%s %s is a genuine event", j.Family, j.Name)
		}
		if j.purpose == PurposeInvalid {
			var event struct {
				UID           string `json:"uid"`
				IntegrationID string `json:"integration_id"`
				Event         struct{ Type string }
			}
			if err := json.Unmarshal(f.Body, &event); err == nil && event.UID != "" && event.IntegrationID != "" && event.Event.Type != "" && !f.Abort && !bytes.Contains(f.Body, []byte("\xff")) && len(f.Body) > 0 {
				t.Errorf("%s %s is an event that a receiver may take: %s", j.Family, j.Name, f.Body)
			}
			continue
		}
		f.NoSend = ""
		right := f.Right(f.Body)
		for i := range 128 - 65 {
			if strings.Contains(strings.ToLower(request(f)), right[i:i+65]) {
				t.Errorf("%s %s holds more than half of the right signature", j.Family, j.Name)
				break
			}
		}
	}
	if sent < 100 {
		t.Errorf("only %d requests", sent)
	}
}

// TestOnlyUnkeyedRequestsGoToUnverifiedPeers lists what may leave without a verified connection; all else counts as made with a key.
func TestOnlyUnkeyedRequestsGoToUnverifiedPeers(t *testing.T) {
	t.Parallel()
	unkeyed := []string{"F01", "F04", "F10", "F12", "F13", "F14", "F17", "F18", "F19", "F21", "F02 random", "F02 random-1", "F02 random-8", "F02 random-16", "F02 random-64", "F02 zeros", "F05 sha512-body", "F05 sha256-body", "F05 md5-body"}
	s := offline(t, func(i *audit.Integration) {
		i.Environments[0].WebhookURL = strings.Replace(i.Environments[0].WebhookURL, "https:", "http:", 1)
	})
	s.t.baseline.Genuine = true
	for _, j := range slices.Concat(s.forgedJobs(s.t), s.variantJobs(s.t), s.invalidJobs(s.t)) {
		_, reason := s.prepare(s.t, j)
		allowed := slices.Contains(unkeyed, j.Family) || slices.Contains(unkeyed, j.Family+" "+j.Name)
		if (reason == "") != allowed {
			t.Errorf("%s %s: %q", j.Family, j.Name, reason)
		}
	}
}

// TestKeysThatAreNoForgery holds wrong keys to being wrong for all that HMAC can tell.
func TestKeysThatAreNoForgery(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 129)
	scheme := cases.SchemeOf(provider.Must(provider.Default))
	digest := sha512.Sum512([]byte(long))
	sum := digest[:]
	for _, test := range []struct {
		a, b []byte
		same bool
	}{
		{[]byte("k"), []byte("k\x00\x00"), true},
		{[]byte(""), []byte("\x00"), true},
		{[]byte(long), sum, true},
		{[]byte("k"), []byte("K"), false},
		{[]byte("k"), []byte("k\n"), false},
	} {
		if got := scheme.SameKey(test.a, test.b); got != test.same {
			t.Errorf("sameKey(%q, %q) is %v", test.a, test.b, got)
		}
	}
	s := offline(t, func(i *audit.Integration) {
		i.Environments[0].Key.Key = secret.New([]byte("changeme"))
		i.Environments[1].Key.Key = secret.New([]byte("changeme\x00"))
	})
	for _, j := range s.forgedJobs(s.t) {
		if _, reason := s.prepare(s.t, j); (j.Name == "changeme" || j.Family == "F15") != (reason == cases.NotSentSameKey) {
			t.Errorf("%s %s: %q", j.Family, j.Name, reason)
		}
	}
}

// TestGenuineSpellingsMeanTheSame holds every spelling to being valid JSON of the same meaning as another event.
func TestGenuineSpellingsMeanTheSame(t *testing.T) {
	t.Parallel()
	s := offline(t, nil)
	s.t.baseline.Genuine = true
	for _, j := range s.variantJobs(s.t) {
		f, reason := s.prepare(s.t, j)
		if reason != "" {
			t.Errorf("%s: %s", j.Name, reason)
			continue
		}
		var event map[string]any
		if err := json.Unmarshal(f.Body, &event); err != nil || event["uid"] != f.UID {
			t.Errorf("%s %s is no event: %v", j.Family, j.Name, err)
		}
		if !f.Valid || !f.Correct() {
			t.Errorf("%s %s is not properly signed", j.Family, j.Name)
		}
		plain := cases.Compact.Write(f.Doc)
		if j.Family == cases.FamilyRaw && bytes.Equal(plain, f.Body) && (!strings.HasPrefix(j.Name, "value-") || strings.HasPrefix(j.Name, "value-escaped-")) {
			t.Errorf("%s is spelled as usual: %s", j.Name, f.Body)
		}
		if j.Name == "20-KiB" && (len(f.Body) < 20<<10 || len(f.Body) > 24<<10) {
			t.Errorf("%s has %d bytes", j.Name, len(f.Body))
		}
	}
}

func TestSyntheticEventsAreTold(t *testing.T) {
	t.Parallel()
	s := offline(t, nil)
	seen := map[string]bool{}
	for range 50 {
		f, err := s.source.Request(s.t.event, true)
		if err != nil {
			t.Fatal(err)
		}
		rule := s.profile.UID
		if !strings.HasPrefix(f.UID, cases.UIDPrefix) || len(f.UID) > rule.Max() || seen[f.UID] || strings.ContainsFunc(f.UID, func(r rune) bool {
			return !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z')
		}) {
			t.Errorf("UID %s", f.UID)
		}
		seen[f.UID] = true
	}
	fixed := offline(t, func(i *audit.Integration) { i.Environments[0].ProbeUIDs = []string{"KNOWN0001"} })
	bodies := map[string]bool{}
	for range 50 {
		f, err := fixed.source.Request(fixed.t.event, true)
		if err != nil {
			t.Fatal(err)
		}
		if f.UID != "KNOWN0001" || bodies[string(f.Body)] {
			t.Errorf("UID %s, body %s", f.UID, f.Body)
		}
		bodies[string(f.Body)] = true
	}
}

func TestRequestsAreWrittenAsMeant(t *testing.T) {
	t.Parallel()
	s := offline(t, nil)
	want := map[string]string{
		"trailing-slash": "/in/begini/?tenant=7", "double-slash": "/in//begini?tenant=7", "other-case": "/IN/BEGINI?tenant=7",
		"encoded-slash": "/in%2fbegini?tenant=7", "parameter": "/in/begini;x?tenant=7", "suffix": "/in/begini.json?tenant=7",
	}
	for _, c := range s.forged {
		f, reason := s.prepare(s.t, job{Case: c, purpose: PurposeForgery, event: s.t.event})
		if reason != "" {
			continue
		}
		r := s.sender.Request(t.Context(), f)
		if line := want[c.Name]; line != "" && r.URL.RequestURI() != line {
			t.Errorf("%s goes to %s, want %s", c.Name, r.URL.RequestURI(), line)
		}
		if c.Name == "two-wrong" && len(r.Header["X-Signature"]) != 2 {
			t.Errorf("%s has the header %d times", c.Name, len(r.Header["X-Signature"]))
		}
		if c.Name == "absent" && r.Header["X-Signature"] != nil {
			t.Errorf("%s has the header", c.Name)
		}
		if c.Name == "no-content-type" && r.Header["Content-Type"] != nil {
			t.Errorf("%s has a content type", c.Name)
		}
	}
}
