package provider

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
)

// jwk is a JSON Web Key (RFC 7517) of the algorithms here: what providers with a key set publish, and what a
// reviewer may have a pair in.
type jwk struct {
	KeyType string `json:"kty"`
	Curve   string `json:"crv"`
	ID      string `json:"kid"`
	X       string `json:"x"`
	Y       string `json:"y"`
	N       string `json:"n"`
	E       string `json:"e"`
	D       string `json:"d"`
	P       string `json:"p"`
	Q       string `json:"q"`
}

var errNoJWK = errors.New("the key is no JWK of an algorithm that is known here")

// parseJWK reads what looks like one.
func parseJWK(text []byte) (key jwk, is bool) {
	text = bytes.TrimSpace(text)
	return key, bytes.HasPrefix(text, []byte("{")) && json.Unmarshal(text, &key) == nil
}

// coordinate is a number of a key, in at least size bytes; nil where it is none.
func coordinate(text string, size int) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || text == "" || size > 0 && len(raw) > size {
		return nil
	}
	return append(make([]byte, max(0, size-len(raw))), raw...)
}

func (k jwk) curve() elliptic.Curve {
	if k.Curve == "P-521" {
		return elliptic.P521()
	}
	return elliptic.P256()
}

func (k jwk) public() (crypto.PublicKey, error) {
	switch {
	case k.KeyType == "EC" && (k.Curve == "P-256" || k.Curve == "P-521"):
		size := (k.curve().Params().BitSize + 7) / 8
		point := append(append([]byte{4}, coordinate(k.X, size)...), coordinate(k.Y, size)...) // uncompressed
		return ecdsa.ParseUncompressedPublicKey(k.curve(), point)
	case k.KeyType == "OKP" && k.Curve == "Ed25519":
		if x := coordinate(k.X, ed25519.PublicKeySize); x != nil {
			return ed25519.PublicKey(x), nil
		}
	case k.KeyType == "RSA":
		n, e := new(big.Int).SetBytes(coordinate(k.N, 0)), new(big.Int).SetBytes(coordinate(k.E, 0))
		if n.Sign() > 0 && e.IsInt64() && e.Int64() > 1 && e.Int64() < 1<<31 {
			return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
		}
	}
	return nil, errNoJWK
}

// private is the private key of a pair whose halves belong together.
func (k jwk) private() (crypto.Signer, error) {
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	var signer crypto.Signer
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		signer, err = ecdsa.ParseRawPrivateKey(public.Curve, coordinate(k.D, (public.Curve.Params().BitSize+7)/8))
	case ed25519.PublicKey:
		seed := coordinate(k.D, ed25519.SeedSize)
		if seed == nil {
			return nil, errNoJWK
		}
		signer = ed25519.NewKeyFromSeed(seed)
	case *rsa.PublicKey:
		number := func(text string) *big.Int { return new(big.Int).SetBytes(coordinate(text, 0)) }
		key := &rsa.PrivateKey{PublicKey: *public, D: number(k.D), Primes: []*big.Int{number(k.P), number(k.Q)}}
		signer, err = key, key.Validate()
	}
	if err != nil {
		return nil, errNoJWK
	}
	if same, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(public) {
		return nil, errors.New("the halves of the JWK do not belong together")
	}
	return signer, nil
}
