package provider

import (
	"crypto/hmac"
	"slices"
	"time"
)

// Part is what of a scheme a message was verified up to. The zero Part says that nothing was verified.
type Part string

// The parts, in the order in which they are checked.
const (
	Missing     Part = "missing"     // no signature where one is expected
	NoTimestamp Part = "timestamp"   // no time where one is expected, or not one
	NoID        Part = "id"          // no id where one is expected
	BadKey      Part = "key"         // the key is not of the form that the provider's have
	BadMAC      Part = "signature"   // no signature is that of the message
	BadDigest   Part = "body-digest" // the digest is that of another body
	Stale       Part = "stale"
	Future      Part = "future"
	Correct     Part = "verified"
)

// Verify reads a message as a receiver on this recipe should, with each of the secrets, and says which
// part of the scheme fails. The zero time leaves staleness out.
func (r Recipe) Verify(secrets [][]byte, m Message, now time.Time) Part {
	m = m.clone()
	received := r.Read(m)
	if len(received.Signatures) == 0 {
		return Missing
	}
	m.Timestamp, m.ID = received.Timestamp, received.ID
	var sent time.Time
	if r.Timestamp.In != "" {
		var err error
		if sent, err = r.Timestamp.Parse(received.Timestamp); err != nil {
			return NoTimestamp
		}
	}
	if r.ID.In != "" && received.ID == "" {
		return NoID
	}
	failed := BadKey
	for _, secret := range secrets {
		ok, err := r.matches(secret, m, received.Signatures)
		switch {
		case err != nil:
			continue
		case !ok:
			failed = BadMAC
			continue
		}
		return r.afterMAC(m, sent, now)
	}
	return failed
}

func (r Recipe) afterMAC(m Message, sent, now time.Time) Part {
	if r.Digest.Value != "" {
		due, err := r.fill(r.Digest.Value, m)
		given, found := r.Digest.slot().get(m, r.form)
		if err != nil || !found || given != due {
			return BadDigest
		}
	}
	tolerance := r.Timestamp.Tolerance.Duration()
	switch {
	case now.IsZero() || tolerance == 0:
	case now.Sub(sent) > tolerance:
		return Stale
	case r.Timestamp.Future == "checked" && sent.Sub(now) > tolerance:
		return Future
	}
	return Correct
}

// matches reports whether one of the signatures is that of the message. It is an error where the secret
// is none of the provider's.
func (r Recipe) matches(secret []byte, m Message, signatures []string) (bool, error) {
	if r.Kind == PublicKey {
		return r.matchesPublic(secret, m, signatures)
	}
	if r.Kind == JWT {
		key, err := r.Key(secret)
		verify := func(signed, signature []byte) bool { return hmac.Equal(signature, hmacSHA256(key, signed)) }
		return err == nil && slices.ContainsFunc(signatures, func(token string) bool { return r.matchesJWS(verify, m, token) }), err
	}
	if r.Kind == Token {
		for _, signature := range signatures {
			if hmac.Equal([]byte(signature), secret) {
				return true, nil
			}
		}
		return false, nil
	}
	mac, err := r.MAC(secret, m)
	if err != nil {
		return false, err
	}
	for _, signature := range signatures {
		if raw, err := r.DecodeText(signature); err == nil && hmac.Equal(raw, mac) {
			return true, nil
		}
	}
	return false, nil
}
