package behaviors

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// SchemeFlaws are the flaws that a receiver of a provider's events may have. They follow from the scheme:
// one that signs no time cannot accept a stale one.
func SchemeFlaws(profile *provider.Profile) []sandbox.Behavior {
	recipe, covers := profile.Signature, profile.Signature.Covers()
	keyed := recipe.Kind == provider.HMAC
	var list []sandbox.Behavior
	add := func(applies bool, b sandbox.Behavior) {
		if applies {
			list = append(list, b)
		}
	}
	add(true, sandbox.Behavior{
		Name: "no-verification", Description: "signatures are not checked",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}, May: forgeryReaders},
		Plant:  excuse(func(*sandbox.Delivery) bool { return true }),
	})
	add(recipe.Kind != provider.PublicKey, sandbox.Behavior{
		Name: "prefix-compared", Description: "a signature that the correct one begins with is accepted",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsPartial}, May: []string{sandbox.RejectsUnsigned}},
		Plant:  also(comparesPrefix),
	})
	add(recipe.Keyed(), sandbox.Behavior{
		Name: "secret-unset", Description: "the empty secret is accepted as well",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsWrongKey}},
		Plant:  func(ru *sandbox.Rules) { ru.Scheme.Secrets = append(ru.Scheme.Secrets, nil) },
	})
	raw, _ := profile.Applies("reserialized")
	add(recipe.Keyed() && raw && profile.Delivery.Body != "form", sandbox.Behavior{
		Name: "re-serialized", Description: "the parsed and serialized body is verified",
		Expect: sandbox.Expect{
			Fails: []string{sandbox.VerifiesRaw},
			May:   append([]string{sandbox.RejectsTampered}, sandbox.InputChecks...),
		},
		Plant: func(ru *sandbox.Rules) { ru.Scheme.Body = sandbox.Compact },
	})
	add(recipe.Kind == provider.JWT, sandbox.Behavior{
		Name: "algorithm-none", Description: "a token that says that it is not signed is accepted as well",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsAlgorithm}},
		Plant:  also(acceptsNone),
	})
	add(recipe.Keyed() && covers.Time && recipe.Timestamp.Tolerance != "", sandbox.Behavior{
		Name: "stale-accepted", Description: "the age of the signed time is not checked",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsStale}, May: []string{sandbox.RejectsUnbound}},
		Plant:  func(ru *sandbox.Rules) { ru.Scheme.AnyAge = true },
	})
	add(keyed && covers.Body && (covers.Time || covers.ID) && !inBody(recipe.Timestamp.In), sandbox.Behavior{
		Name: "time-unbound", Description: "the HMAC of the body alone is accepted as well",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnbound}},
		Plant:  also(comparesBodyOnly),
	})
	add(keyed && covers.Body && (recipe.Timestamp.In != "" || recipe.ID.In != ""), sandbox.Behavior{
		Name: "piece-signed", Description: "the HMAC of the time or the identifier alone is accepted as well",
		// Without a separator, the time alone is also what is signed of an empty body.
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsTampered}, May: []string{sandbox.RejectsUnbound, sandbox.RejectsBypass, sandbox.VerifiesRaw}},
		Plant:  also(comparesPiece),
	})
	add(keyed && len(recipe.Other) > 0, sandbox.Behavior{
		Name: "downgrade-accepted", Description: "the scheme next to the provider's own is accepted as well",
		Expect: downgraded(recipe), Plant: also(acceptsOthers),
	})
	listed := keyed && recipe.List.Style != "" && recipe.List.Style != "none"
	add(listed, sandbox.Behavior{
		Name: "any-list", Description: "several signatures are not verified",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}, May: []string{sandbox.RejectsBypass, sandbox.AcceptsRotation}},
		Plant: also(func(s *sandbox.Scheme, m provider.Message) bool {
			return len(s.Profile.Signature.Read(m).Signatures) > 1
		}),
	})
	add(listed, sandbox.Behavior{
		Name: "first-of-list", Description: "only the first of several signatures is checked",
		Expect: sandbox.Expect{Warns: []string{sandbox.AcceptsRotation}},
		Plant: func(ru *sandbox.Rules) {
			ru.Scheme.Only = func(signatures []string) []string { return signatures[:1] }
		},
	})
	add(listed && recipe.List.Style == "repeat" && recipe.Timestamp.In == "signature" && !strings.Contains(recipe.List.Item, "{timestamp}"), sandbox.Behavior{
		Name: "empty-list", Description: "every one of no signatures is correct",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}, May: []string{sandbox.RejectsDowngrade}},
		Plant: also(func(s *sandbox.Scheme, m provider.Message) bool {
			received := s.Profile.Signature.Read(m)
			return len(received.Signatures) == 0 && received.Timestamp != ""
		}),
	})
	oracle := slices.ContainsFunc(profile.Handshakes, func(h provider.Handshake) bool { return h.Oracle != "" })
	add(keyed && oracle, sandbox.Behavior{
		Name: "oracle", Description: "an unsigned handshake is answered with the MAC of its text",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandshakeSafe}},
		Plant:  func(ru *sandbox.Rules) { ru.Scheme.OpenHandshake = true },
	})
	add(len(profile.Handshakes) > 0, sandbox.Behavior{
		Name: "reflected-challenge", Description: "the challenge of an unsigned handshake is returned as a page",
		Expect: sandbox.Expect{Fails: []string{sandbox.HandshakeSafe}},
		Plant:  func(ru *sandbox.Rules) { ru.Scheme.OpenHandshake, ru.Scheme.HTMLHandshake = true, true },
	})
	add(keyed && covers.URL, sandbox.Behavior{
		Name: "url-from-headers", Description: "the URL is that of the forwarded headers",
		Expect: sandbox.Expect{Withheld: []string{sandbox.RejectsBypass}},
		Plant:  func(ru *sandbox.Rules) { ru.Scheme.URL = forwardedURL },
	})
	add(keyed && covers.URL && (covers.Body || covers.Fields || covers.Params), sandbox.Behavior{
		Name: "url-not-signed", Description: "the HMAC of all but the URL is accepted as well",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}},
		Plant:  also(comparesWithoutURL),
	})
	return list
}

// forgeryReaders may find anything where nothing is verified.
var forgeryReaders = slices.Concat(
	sandbox.ForgeryChecks, sandbox.InputChecks,
	[]string{
		sandbox.RejectsStale, sandbox.RejectsUnbound, sandbox.RejectsDowngrade, sandbox.HandshakeSafe, sandbox.AcceptsRotation,
		sandbox.StatusCodes, sandbox.AcceptsGenuine, sandbox.Redelivery, sandbox.ReplayOnce, "webhook.rejects-foreign-key", "webhook.answers-in-time",
	},
)

func inBody(in string) bool { return strings.HasPrefix(in, "body:") || strings.HasPrefix(in, "param:") }

func also(accepts func(*sandbox.Scheme, provider.Message) bool) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) { ru.Scheme.Also = append(ru.Scheme.Also, accepts) }
}

// read is what a message says about its signature, with the message as it is signed.
func read(s *sandbox.Scheme, m provider.Message) (provider.Received, provider.Message) {
	received := s.Profile.Signature.Read(m)
	m.Timestamp, m.ID = received.Timestamp, received.ID
	return received, m
}

func comparesPrefix(s *sandbox.Scheme, m provider.Message) bool {
	received, m := read(s, m)
	expected, err := s.Profile.Signature.Signature(s.Secrets[0], m)
	return err == nil && slices.ContainsFunc(received.Signatures, func(given string) bool {
		return given != "" && strings.HasPrefix(expected, given)
	})
}

func comparesBodyOnly(s *sandbox.Scheme, m provider.Message) bool {
	received, m := read(s, m)
	return slices.Contains(received.Signatures, s.Sign(m.Body))
}

func acceptsNone(s *sandbox.Scheme, m provider.Message) bool {
	received, m := read(s, m)
	correct, err := s.Profile.Signature.Signature(s.Secrets[0], m)
	_, claims, _ := strings.Cut(correct, ".")
	claims = claims[:strings.LastIndexByte(claims, '.')+1]
	return err == nil && slices.ContainsFunc(received.Signatures, func(token string) bool {
		header, rest, _ := strings.Cut(token, ".")
		raw, err := base64.RawURLEncoding.DecodeString(header)
		return err == nil && strings.Contains(strings.ToLower(string(raw)), `"alg":"none"`) && rest == claims
	})
}

func comparesPiece(s *sandbox.Scheme, m provider.Message) bool {
	received, m := read(s, m)
	return slices.ContainsFunc([]string{m.Timestamp, m.ID}, func(piece string) bool {
		return piece != "" && slices.Contains(received.Signatures, s.Sign([]byte(piece)))
	})
}

func comparesWithoutURL(s *sandbox.Scheme, m provider.Message) bool {
	received, m := read(s, m)
	m.URL = ""
	expected, err := s.Profile.Signature.Signature(s.Secrets[0], m)
	return err == nil && slices.Contains(received.Signatures, expected)
}

func acceptsOthers(s *sandbox.Scheme, m provider.Message) bool {
	return slices.ContainsFunc(s.Profile.Signature.Other, func(other provider.Scheme) bool {
		recipe := s.Profile.Signature.With(other)
		received := recipe.Read(m)
		message := m
		message.Timestamp, message.ID = received.Timestamp, received.ID
		expected, err := recipe.Signature(s.Secrets[0], message)
		return err == nil && slices.Contains(received.Signatures, expected)
	})
}

// downgraded is what accepting all schemes next to the provider's own leads to.
func downgraded(recipe provider.Recipe) sandbox.Expect {
	if slices.ContainsFunc(recipe.Other, func(other provider.Scheme) bool { return other.Accepted != "legacy" }) {
		return sandbox.Expect{Fails: []string{sandbox.RejectsDowngrade}, May: []string{sandbox.RejectsAlgorithm}}
	}
	// An older scheme may differ in nothing but its hash.
	return sandbox.Expect{Warns: []string{sandbox.RejectsDowngrade}, May: []string{sandbox.RejectsAlgorithm}}
}

// forwardedURL is the URL as a proxy's headers have it.
func forwardedURL(d *sandbox.Delivery, registered string) string {
	scheme, rest, _ := strings.Cut(registered, "://")
	host, path, _ := strings.Cut(rest, "/")
	if forwarded := d.Header.Get("X-Forwarded-Proto"); forwarded != "" {
		scheme = forwarded
	}
	if forwarded := d.Header.Get("X-Forwarded-Host"); forwarded != "" {
		host = forwarded
	}
	return scheme + "://" + host + "/" + path
}
