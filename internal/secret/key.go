// Package secret holds the one type that carries key material, and the encodings in which a key may stand somewhere else.
//
// A Key cannot leave the program by accident: fmt (every verb), slog, encoding/json, encoding/xml, encoding/gob and yaml show
// its fingerprint, and == does not compile. The bytes sit behind a closure, so that even a printer that walks unexported
// fields by reflection finds a code address and nothing else. Expose is the only way out; search for it to see every use.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Key is an API key, or, when the auditor may not hold it, only its SHA-256 and length. The zero Key is absent.
type Key struct {
	material func() material
}

type material struct {
	bytes  []byte
	sum    [sha256.Size]byte
	length int
}

// New returns a Key that holds a copy of b.
func New(b []byte) Key {
	m := material{bytes: append([]byte(nil), b...), sum: sha256.Sum256(b), length: len(b)}
	return Key{material: func() material { return m }}
}

// FromFingerprint returns a Key that is known by the hex SHA-256 of its bytes and its length in bytes only.
func FromFingerprint(sha256Hex string, length int) (Key, error) {
	raw, err := hex.DecodeString(sha256Hex)
	if err != nil || len(raw) != sha256.Size {
		return Key{}, errors.New("a SHA-256 is 64 hexadecimal digits")
	}
	if length < 1 {
		return Key{}, errors.New("the length of a key is at least 1 byte")
	}
	m := material{length: length}
	copy(m.sum[:], raw)
	return Key{material: func() material { return m }}, nil
}

// IsZero reports whether there is no key at all.
func (k Key) IsZero() bool { return k.material == nil }

// Held reports whether the key's bytes are known, not only its fingerprint.
func (k Key) Held() bool { return k.material != nil && k.material().bytes != nil }

// Expose returns a copy of the key's bytes, nil when they are not held. What is made of them must never be printed, stored or logged.
func (k Key) Expose() []byte {
	if !k.Held() {
		return nil
	}
	return append([]byte(nil), k.material().bytes...)
}

// Len is the key's length in bytes, 0 for the zero Key.
func (k Key) Len() int {
	if k.material == nil {
		return 0
	}
	return k.material().length
}

// SHA256 is the digest of the key's bytes, for comparing with what was found elsewhere.
func (k Key) SHA256() [sha256.Size]byte {
	if k.material == nil {
		return [sha256.Size]byte{}
	}
	return k.material().sum
}

// Equal reports in constant time whether both are the same key; two absent keys are not.
func (k Key) Equal(other Key) bool {
	if k.material == nil || other.material == nil {
		return false
	}
	a, b := k.material(), other.material()
	return a.length == b.length && subtle.ConstantTimeCompare(a.sum[:], b.sum[:]) == 1
}

// Fingerprint is how a key is shown: "sha256:" and the first 8 hex digits of its SHA-256.
func (k Key) Fingerprint() string {
	if k.material == nil {
		return "no key"
	}
	sum := k.material().sum
	return "sha256:" + hex.EncodeToString(sum[:4])
}

// String shows the fingerprint.
func (k Key) String() string { return k.Fingerprint() }

// GoString shows the fingerprint.
func (k Key) GoString() string { return k.Fingerprint() }

// Format shows the fingerprint whatever the verb and flags: %x of a key would otherwise be the key in hex.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Fingerprint()) }

// LogValue shows the fingerprint in slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Fingerprint()) }

// MarshalText makes encoding/json, encoding/xml and map keys show the fingerprint.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.Fingerprint()), nil }

// MarshalYAML makes yaml encoders show the fingerprint.
func (k Key) MarshalYAML() (any, error) { return k.Fingerprint(), nil }

// GobEncode rejects: a stored key is a leaked key.
func (k Key) GobEncode() ([]byte, error) { return nil, errors.New("a key is not stored") }
