package cases

import (
	"bytes"
	"encoding/hex"
	"hash"
)

// Digest is one digest that was made with a key. Whoever prints a request must not print it, and can
// say instead how it is computed.
type Digest struct {
	Key  []byte
	Hash int  // size of the hash in bytes, which tells which it is
	HMAC bool // otherwise the key was hashed next to the input
	// KeyLast says that the key follows the input, where it is no HMAC.
	KeyLast    bool
	Input, Sum []byte
}

// trace hands a digest to whoever watches the requests being made.
func (s Signer) trace(newHash func() hash.Hash, d Digest) {
	if s.Made != nil {
		d.Key, d.Hash, d.Input = s.Key, newHash().Size(), bytes.Clone(d.Input)
		s.Made(d)
	}
}

// beside is the digest of the key next to a body, which is no HMAC.
func (s Signer) beside(newHash func() hash.Hash, body []byte, keyLast bool) string {
	h := newHash()
	if !keyLast {
		h.Write(s.Key)
	}
	h.Write(body)
	if keyLast {
		h.Write(s.Key)
	}
	sum := h.Sum(nil)
	s.trace(newHash, Digest{KeyLast: keyLast, Input: body, Sum: sum})
	return hex.EncodeToString(sum)
}
