package cases

import "bytes"

// Digest is one digest that was made with a key. Whoever prints a request must not print it, and can
// say instead how it is computed.
type Digest struct {
	// Secret is the key as people are given it, and Key what is computed with.
	Secret, Key []byte
	Hash        int  // size of the hash in bytes, which tells which it is
	HMAC        bool // otherwise the key was hashed next to the input
	// KeyLast says that the key follows the input, where it is no HMAC.
	KeyLast    bool
	Input, Sum []byte
}

// trace hands a digest to whoever watches the requests being made.
func (f *Request) trace(d Digest) {
	if f.made != nil {
		d.Input = bytes.Clone(d.Input)
		f.made(d)
	}
}
