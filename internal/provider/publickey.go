package provider

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Rules of this file: public-key schemes. A private key is PKCS #8, in PEM or not, or a JWK; a public one is
// what the provider hands out: 32 bytes of Ed25519, SubjectPublicKeyInfo or a certificate, in PEM or not, or a JWK.

// algorithms are those of public keys.
var algorithms = []string{"ed25519", "ecdsa-p256-sha256", "rsa-pkcs1-sha256", "jws(ES256)", "jws(ES512)", "jws(RS256)"}

func (r Recipe) isJWS() bool { return r.Kind == JWT || strings.HasPrefix(r.Algorithm, "jws(") }

// jwsName is the algorithm in the words of a token's header.
func (r Recipe) jwsName() string {
	if r.Kind == JWT {
		return "HS256"
	}
	return strings.TrimSuffix(strings.TrimPrefix(r.Algorithm, "jws("), ")")
}

func hmacSHA256(key, signed []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(signed)
	return mac.Sum(nil)
}

func (r Recipe) claimPieces() []piece {
	var all []piece
	for _, template := range r.Claims {
		pieces, _ := parsePieces(template) // it was checked with the profile
		all = append(all, pieces...)
	}
	return all
}

// NewKeyPair is a key pair of the recipe's algorithm: PKCS #8 and SubjectPublicKeyInfo, or the 32 bytes
// of an Ed25519 key.
func (r Recipe) NewKeyPair() (private, public []byte, err error) {
	var signer crypto.Signer
	switch r.Algorithm {
	case "ed25519":
		publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		private, err = x509.MarshalPKCS8PrivateKey(privateKey)
		return private, publicKey, err
	case "rsa-pkcs1-sha256", "jws(RS256)":
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case "jws(ES512)":
		signer, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	default:
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, nil, err
	}
	if private, err = x509.MarshalPKCS8PrivateKey(signer); err != nil {
		return nil, nil, err
	}
	public, err = x509.MarshalPKIXPublicKey(signer.Public())
	return private, public, err
}

// PublicSecret is what a receiver is given of a key pair, in the form that the provider hands out public keys.
func (r Recipe) PublicSecret(private []byte) ([]byte, error) {
	signer, err := privateKey(private)
	if err != nil {
		return nil, err
	}
	if !r.isOfAlgorithm(signer) {
		return nil, fmt.Errorf("the key is none of the algorithm %s", r.Algorithm)
	}
	if public, ok := signer.Public().(ed25519.PublicKey); ok {
		return []byte(r.Secret(public)), nil
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("write the public key: %w", err)
	}
	return []byte(r.Secret(public)), nil
}

func (r Recipe) isOfAlgorithm(key crypto.Signer) bool {
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return r.Algorithm == "ed25519"
	case *rsa.PrivateKey:
		return r.Algorithm == "rsa-pkcs1-sha256" || r.Algorithm == "jws(RS256)"
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P521() {
			return r.Algorithm == "jws(ES512)"
		}
		return key.Curve == elliptic.P256() && (r.Algorithm == "ecdsa-p256-sha256" || r.Algorithm == "jws(ES256)")
	}
	return false
}

var errNoPrivateKey = errors.New("the key is no private key in PKCS #8 or as a JWK")

func privateKey(text []byte) (crypto.Signer, error) {
	if key, is := parseJWK(text); is {
		return key.private()
	}
	key, err := x509.ParsePKCS8PrivateKey(der(text))
	if signer, ok := key.(crypto.Signer); ok && err == nil {
		return signer, nil
	}
	return nil, errNoPrivateKey
}

func der(key []byte) []byte {
	if block, _ := pem.Decode(key); block != nil {
		return block.Bytes
	}
	return key
}

func signPublic(algorithm string, private, signed []byte) ([]byte, error) {
	key, err := privateKey(private)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case ed25519.PrivateKey:
		if algorithm == "ed25519" {
			return ed25519.Sign(key, signed), nil
		}
	case *rsa.PrivateKey:
		sum := sha256.Sum256(signed)
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		if algorithm == "ecdsa-p256-sha256" {
			sum := sha256.Sum256(signed)
			return ecdsa.SignASN1(rand.Reader, key, sum[:])
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		a, b, err := ecdsa.Sign(rand.Reader, key, jwsSum(algorithm, signed))
		if err != nil {
			return nil, err
		}
		return append(a.FillBytes(make([]byte, size)), b.FillBytes(make([]byte, size))...), nil
	}
	return nil, fmt.Errorf("the key is none of the algorithm %s", algorithm)
}

func jwsSum(algorithm string, signed []byte) []byte {
	if algorithm == "jws(ES512)" {
		sum := sha512.Sum512(signed)
		return sum[:]
	}
	sum := sha256.Sum256(signed)
	return sum[:]
}

// publicKey reads what a provider hands out.
func publicKey(algorithm string, public []byte) (crypto.PublicKey, error) {
	if key, is := parseJWK(public); is {
		return key.public()
	}
	raw := der(public)
	if algorithm == "ed25519" && len(raw) == ed25519.PublicKeySize {
		return ed25519.PublicKey(raw), nil
	}
	if key, err := x509.ParsePKIXPublicKey(raw); err == nil {
		return key, nil
	}
	if certificate, err := x509.ParseCertificate(raw); err == nil {
		return certificate.PublicKey, nil
	}
	if decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(public))); err == nil {
		if key, err := x509.ParsePKIXPublicKey(decoded); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("the key is no public key")
}

func verifyPublic(algorithm string, key crypto.PublicKey, signed, signature []byte) bool {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return algorithm == "ed25519" && ed25519.Verify(key, signed, signature)
	case *rsa.PublicKey:
		sum := sha256.Sum256(signed)
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		if algorithm == "ecdsa-p256-sha256" {
			sum := sha256.Sum256(signed)
			return ecdsa.VerifyASN1(key, sum[:], signature)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		return len(signature) == 2*size && ecdsa.Verify(key, jwsSum(algorithm, signed),
			new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	}
	return false
}

func (r Recipe) matchesPublic(secret []byte, m Message, signatures []string) (bool, error) {
	raw, err := r.Key(secret)
	if err != nil {
		return false, err
	}
	key, err := publicKey(r.Algorithm, raw)
	if err != nil {
		return false, err
	}
	if r.isJWS() {
		verify := func(signed, signature []byte) bool { return verifyPublic(r.Algorithm, key, signed, signature) }
		return slices.ContainsFunc(signatures, func(token string) bool { return r.matchesJWS(verify, m, token) }), nil
	}
	signed, err := r.StringToSign(m)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(signatures, func(text string) bool {
		raw, err := r.DecodeText(text)
		return err == nil && verifyPublic(r.Algorithm, key, signed, raw)
	}), nil
}

// signJWS is a compact JWS whose claims are the recipe's.
func (r Recipe) signJWS(key []byte, m Message) (string, error) {
	m = m.clone()
	if m.Timestamp == "" {
		m.Timestamp = r.Timestamp.Format(m.Time)
	}
	claims := map[string]any{}
	for claim, template := range r.Claims {
		value, err := r.fill(template, m)
		if err != nil {
			return "", err
		}
		claims[claim] = value
		if slices.Contains(timeClaims, template) && isNumber(value) {
			claims[claim] = json.Number(value)
		}
	}
	fields := map[string]string{"alg": r.jwsName(), "typ": "JWT"}
	if r.Kind == PublicKey {
		pair, _ := parseJWK(key)
		fields["kid"] = cmp.Or(pair.ID, "prelaunch")
	}
	header, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	raw := hmacSHA256(key, []byte(signed))
	if r.Kind == PublicKey {
		raw, err = signPublic(r.Algorithm, key, []byte(signed))
	}
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(raw), nil
}

func (r Recipe) matchesJWS(verify func(signed, signature []byte) bool, m Message, token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var claims map[string]json.RawMessage
	if decodeSegment(parts[0], &header) != nil || decodeSegment(parts[1], &claims) != nil || header.Algorithm != r.jwsName() {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !verify([]byte(parts[0]+"."+parts[1]), signature) {
		return false
	}
	for _, claim := range slices.Sorted(maps.Keys(r.Claims)) {
		template := r.Claims[claim]
		if slices.Contains(timeClaims, template) {
			continue // its age is checked apart
		}
		due, err := r.fill(template, m)
		var given string
		if err != nil || json.Unmarshal(claims[claim], &given) != nil || given != due {
			return false
		}
	}
	return true
}

// timeClaims are templates of claims that hold a time.
var timeClaims = []string{"{expiry}", "{timestamp}"}

// issuedAt is the time at which a JWS was made, as the provider writes times: of one that expires, the tolerance before
// that. It is "" without such a claim, and not verified.
func (r Recipe) issuedAt(token string) string {
	parts := strings.Split(token, ".")
	var claims map[string]json.RawMessage
	if len(parts) != 3 || decodeSegment(parts[1], &claims) != nil {
		return ""
	}
	for _, template := range timeClaims {
		for _, claim := range slices.Sorted(maps.Keys(r.Claims)) { // exp, iat, nbf
			if r.Claims[claim] != template {
				continue
			}
			at := strings.Trim(string(claims[claim]), `"`)
			if template == "{expiry}" {
				return r.Timestamp.shift(at, -r.Timestamp.Tolerance.Duration())
			}
			return at
		}
	}
	return ""
}

func decodeSegment(segment string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
