package cases

import (
	"bytes"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// guessedKeys are keys that anybody could guess, or that a setting turns into which is not there.
func guessedKeys() []Case {
	return []Case{
		{Family: "F04", Name: "random-key", Change: RandomKey},
		{Family: "F04", Name: "empty-key", Change: withKey("")},
		{Family: "F04", Name: "undefined", Change: withKey("undefined")},
		{Family: "F04", Name: "null", Change: withKey("null")},
		{Family: "F04", Name: "None", Change: withKey("None")},
		{Family: "F04", Name: "nil", Change: withKey("nil")},
		{Family: "F04", Name: "false", Change: withKey("false")},
		{Family: "F04", Name: "object", Change: withKey("[object Object]")},
		{Family: "F04", Name: "space", Change: withKey(" ")},
		{Family: "F04", Name: "secret", Change: withKey("secret")},
		{Family: "F04", Name: "changeme", Change: withKey("changeme")},
		{Family: "F04", Name: "password", Change: withKey("password")},
		{Family: "F04", Name: "test", Change: withKey("test")},
		{Family: "F04", Name: "public-test-key", Change: func(f *Request) { f.SignWith([]byte(f.Profile.PublicTestKey())) }},
		{Family: "F04", Name: "unexpanded", Change: func(f *Request) { f.SignWith([]byte("${" + f.Profile.Variable() + "}")) }},
		// Whoever has seen one event knows these.
		{Family: "F04", Name: "integration-id", Change: func(f *Request) { f.SignWith([]byte(f.IntegrationID)) }},
		// No key is found for an integration that is not known: some take that for an empty one.
		{Family: "F04", Name: "unknown-integration-empty-key", Change: unknownIntegration("")},
		{Family: "F04", Name: "unknown-integration-undefined", Change: unknownIntegration("undefined")},
		{Family: "F04", Name: "unknown-integration-null", Change: unknownIntegration("null")},
		{Family: "F04", Name: "unknown-integration-None", Change: unknownIntegration("None")},
		{Family: "F04", Name: "uid", Change: func(f *Request) { f.SignWith([]byte(f.UID)) }},
	}
}

// otherEnvironment is the key of the other environment.
func otherEnvironment() []Case {
	return []Case{
		{Family: "F15", Name: "other-environment", Change: func(f *Request) {
			if f.Other == nil {
				f.Refuse(NotSentNoKey)
				return
			}
			f.Keyed = true
			f.SignWith(f.Other)
		}},
	}
}

// digests are made without HMAC, or with another hash than the provider's.
func digests(s Scheme) []Case {
	if s.Kind == provider.JWT {
		return tokens()
	}
	own := s.Hash
	var list []Case
	for _, name := range compact(own, "sha256", "md5") {
		list = append(list, Case{Family: "F05", Name: name + "-body", Change: plainDigest(name, func(_, signed []byte) []byte { return signed })})
	}
	for _, name := range compact("sha256", own) {
		list = append(list, Case{Family: "F05", Name: name + "-key-body", Change: plainDigest(name, keyFirst)})
	}
	list = append(list, Case{Family: "F05", Name: own + "-body-key", Change: plainDigest(own, keyLast)})
	hashes := s.otherHashes()
	for _, other := range hashes {
		list = append(list, Case{Family: "F06", Name: other, Change: otherHash("", other)})
	}
	for _, other := range []string{hashes[0], hashes[len(hashes)-1]} { // a receiver that lets the label name the hash takes any
		list = append(list, Case{Family: "F06", Name: other + "-prefix", Change: otherHash(other+"=", other)})
	}
	return list
}

// compact is the names without those that come a second time.
func compact(names ...string) []string {
	var list []string
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

func keyFirst(key, signed []byte) []byte { return slices.Concat(key, signed) }

func keyLast(key, signed []byte) []byte { return slices.Concat(signed, key) }

func withKey(key string) func(*Request) {
	return func(f *Request) { f.SignWith([]byte(key)) }
}

// plainDigest signs with a digest of the key, which may be unused, and of what is signed.
func plainDigest(hash string, join func(key, signed []byte) []byte) func(*Request) {
	keyed := string(join([]byte("k"), nil)) != ""
	return func(f *Request) {
		if keyed {
			f.Right(nil)
		}
		key, signed := f.Scheme.key(f.Key), f.signed(f.Body)
		h := provider.NewHash(hash)()
		h.Write(join(key, signed))
		sum := h.Sum(nil)
		if keyed {
			last := bytes.Equal(join(key, signed), keyLast(key, signed))
			f.trace(Digest{Secret: f.Key, Key: key, Hash: h.Size(), KeyLast: last, Input: signed, Sum: sum})
		}
		f.Put(f.Scheme.EncodeRaw(sum))
	}
}

// otherHash signs with the correct key and another hash, after a label where there is one.
func otherHash(label, hash string) func(*Request) {
	return func(f *Request) {
		f.Right(nil)
		digits := f.Scheme.EncodeRaw(f.mac(hash, f.Key, f.Body))
		if label == "" {
			f.Put(digits)
			return
		}
		f.PutValue(label + digits)
	}
}

// unknownIntegration signs an event of an integration that the receiver does not know.
func unknownIntegration(key string) func(*Request) {
	return func(f *Request) {
		path := f.identityPath()
		if path == "" {
			f.Refuse(NotSentNotPossible)
			return
		}
		f.set(path, text("9"+digitsLike(f.IntegrationID)))
		f.SignWith([]byte(key))
	}
}

// digitsLike is random decimal digits, as many as there are in id but one.
func digitsLike(id string) string {
	var b strings.Builder
	for b.Len() < max(len(id)-1, 5) {
		b.WriteByte('0' + randomByte()%10)
	}
	return b.String()
}

// RandomKey signs with a random key or, where the scheme has key pairs, with the private key of a new one.
func RandomKey(f *Request) {
	if f.Scheme.Kind == provider.PublicKey {
		f.foreign()
		return
	}
	f.SignWith([]byte(RandomHex(32)))
}

// SignedWith signs with another key, which is nil where it is not held.
func SignedWith(key []byte) func(*Request) {
	return func(f *Request) {
		if key == nil {
			f.Refuse(NotSentNoKey)
			return
		}
		f.Keyed = true
		f.SignWith(key)
	}
}
