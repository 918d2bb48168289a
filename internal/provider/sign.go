package provider

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
)

// algorithm is a hash.
type algorithm struct {
	make        func() hash.Hash
	size, block int
}

var hashes = map[string]algorithm{
	"md5":    {md5.New, md5.Size, md5.BlockSize},
	"sha1":   {sha1.New, sha1.Size, sha1.BlockSize},
	"sha256": {sha256.New, sha256.Size, sha256.BlockSize},
	"sha384": {sha512.New384, sha512.Size384, sha512.BlockSize},
	"sha512": {sha512.New, sha512.Size, sha512.BlockSize},
}

// Hashes are the names of all hashes, the recipe's own and those that a receiver may be built with by
// mistake.
func Hashes() []string { return slices.Sorted(maps.Keys(hashes)) }

// NewHash is the hash of that name, nil where there is none.
func NewHash(name string) func() hash.Hash { return hashes[name].make }

// BlockSize is that of the recipe's hash, in bytes: a longer key stands for its digest.
func (r Recipe) BlockSize() int { return hashes[r.Hash].block }

// DigestLength is the length of a signature before it is encoded, in bytes; 0 where it varies.
func (r Recipe) DigestLength() int {
	switch {
	case r.Kind == HMAC || r.Kind == Unkeyed:
		return hashes[r.Hash].size
	case r.Algorithm == "ed25519":
		return 64
	}
	return 0
}

// Digits is how many characters of an encoded signature carry bits of it, without padding; 0 where that
// varies.
func (r Recipe) Digits() int {
	n := r.DigestLength()
	switch r.Encoding {
	case "base64", "base64url":
		return base64.RawStdEncoding.EncodedLen(n)
	}
	return hex.EncodedLen(n)
}

// Alphabet is what an encoded signature is written with.
func (r Recipe) Alphabet() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	switch r.Encoding {
	case "base64":
		return letters + "+/"
	case "base64url":
		return letters + "-_"
	case "HEX":
		return "0123456789ABCDEF"
	}
	return "0123456789abcdef"
}

// EncodeRaw writes the bytes of a signature as the provider does.
func (r Recipe) EncodeRaw(raw []byte) string {
	switch r.Encoding {
	case "base64":
		return base64.StdEncoding.EncodeToString(raw)
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(raw)
	case "HEX":
		return strings.ToUpper(hex.EncodeToString(raw))
	}
	return hex.EncodeToString(raw)
}

// DecodeText reads an encoded signature, as leniently as receivers may.
func (r Recipe) DecodeText(text string) ([]byte, error) {
	if strings.HasPrefix(r.Encoding, "base64") {
		return decodeBase64(text)
	}
	return hex.DecodeString(text)
}

// decodeBase64 takes either alphabet, padded or not.
func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	return base64.RawStdEncoding.DecodeString(text)
}

// Key makes the key of the MAC from a secret.
func (r Recipe) Key(secret []byte) ([]byte, error) {
	key := bytes.TrimPrefix(secret, []byte(r.key.Strip))
	var err error
	switch r.key.Decode {
	case "hex":
		key, err = hex.DecodeString(string(key))
	case "base64", "base64url":
		key, err = decodeBase64(string(key))
	}
	if err != nil {
		return nil, fmt.Errorf("the secret is not %s, which this provider's secrets are", r.key.Decode)
	}
	if algorithm, named := hashes[r.key.Digest]; named {
		h := algorithm.make()
		h.Write(key)
		key = h.Sum(nil)
	}
	return key, nil
}

// Secret is the inverse of Key, as far as there is one: what must be configured for a key.
func (r Recipe) Secret(key []byte) string {
	switch r.key.Decode {
	case "hex":
		return r.key.Strip + hex.EncodeToString(key)
	case "base64":
		return r.key.Strip + base64.StdEncoding.EncodeToString(key)
	case "base64url":
		return r.key.Strip + base64.RawURLEncoding.EncodeToString(key)
	}
	return r.key.Strip + string(key)
}

// Prepare writes what is signed in addition to the event into a message: its time, its id and the digest of its
// body.
func (r Recipe) Prepare(m Message) (Message, error) {
	m = m.clone()
	if r.Timestamp.In != "" && m.Timestamp == "" {
		m.Timestamp = r.Timestamp.Format(m.Time)
	}
	for _, part := range []struct{ in, value string }{{r.Timestamp.In, m.Timestamp}, {r.ID.In, m.ID}} {
		if at, placed := parseSlot(part.in); placed {
			if err := at.set(&m, part.value, r.form); err != nil {
				return m, err
			}
		}
	}
	if r.Digest.Value != "" {
		value, err := r.fill(r.Digest.Value, m)
		if err != nil {
			return m, err
		}
		if err := r.Digest.slot().set(&m, value, r.form); err != nil {
			return m, err
		}
	}
	return m, nil
}

// StringToSign is what is signed of a message. It may be the body itself.
func (r Recipe) StringToSign(m Message) ([]byte, error) { return r.assemble(m.clone(), nil) }

func (r Recipe) assemble(m Message, secret []byte) ([]byte, error) {
	if r.Timestamp.In != "" && m.Timestamp == "" {
		m.Timestamp = r.Timestamp.Format(m.Time)
	}
	if len(r.pieces) == 1 { // the body mostly, which may be large
		return r.valueOf(r.pieces[0], m, secret)
	}
	var out bytes.Buffer
	for _, piece := range r.pieces {
		value, err := r.valueOf(piece, m, secret)
		if err != nil {
			return nil, err
		}
		out.Write(value)
	}
	return out.Bytes(), nil
}

// MAC is the raw signature of a message as it is, with the key that belongs to a secret.
func (r Recipe) MAC(secret []byte, m Message) ([]byte, error) {
	key, err := r.Key(secret)
	if err != nil {
		return nil, err
	}
	return r.MACWithKey(key, m)
}

// MACWithKey is the raw signature of a message with a key that is not transformed.
func (r Recipe) MACWithKey(key []byte, m Message) ([]byte, error) {
	signed, err := r.assemble(m.clone(), key)
	if err != nil {
		return nil, err
	}
	switch r.Kind {
	case Token:
		return key, nil
	case PublicKey:
		return signPublic(r.Algorithm, key, signed)
	case Unkeyed:
		h := hashes[r.Hash].make()
		h.Write(signed)
		return h.Sum(nil), nil
	}
	algorithm, known := hashes[r.Hash]
	if !known {
		return nil, fmt.Errorf("the hash %q is not known", r.Hash)
	}
	mac := hmac.New(algorithm.make, key)
	mac.Write(signed)
	return mac.Sum(nil), nil
}

// Signature is the text of a message's signature, without what stands around it.
func (r Recipe) Signature(secret []byte, m Message) (string, error) {
	if r.Kind == Token {
		return string(secret), nil
	}
	key, err := r.Key(secret)
	if err != nil {
		return "", err
	}
	return r.SignatureWithKey(key, m)
}

// SignatureWithKey is Signature with a key that is not transformed: the private key of a public-key
// scheme, and keys of forgeries.
func (r Recipe) SignatureWithKey(key []byte, m Message) (string, error) {
	if r.isJWS() {
		return r.signJWS(key, m)
	}
	mac, err := r.MACWithKey(key, m)
	if err != nil {
		return "", err
	}
	return r.EncodeRaw(mac), nil
}

// Sign writes time, id, digest and signature into a message.
func (r Recipe) Sign(secret []byte, m Message) (Message, error) {
	m, err := r.Prepare(m)
	if err != nil {
		return m, err
	}
	signature, err := r.Signature(secret, m)
	if err != nil {
		return m, err
	}
	return r.Place(m, signature)
}
