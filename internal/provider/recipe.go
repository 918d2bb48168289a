package provider

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules of this file: everything is pure. A recipe signs a message and reads a signed one; what a
// profile need not say (lengths, digits, what is covered) follows from it.

// Kinds of signatures.
const (
	HMAC      = "hmac"
	Token     = "token"      // the secret itself
	PublicKey = "public-key" // only the provider can sign
	Unkeyed   = "digest"     // of another scheme: a hash of the secret and the message
)

// Recipe is how a provider signs.
type Recipe struct {
	Kind     string `json:"kind"`
	Hash     string `json:"hash,omitempty"`
	Over     string `json:"over,omitempty"` // the string to sign, in pieces such as "{timestamp}.{body}"
	Fields   Fields `json:"fields,omitzero"`
	Encoding string `json:"encode,omitempty"` // hex, HEX, base64 or base64url
	Put      []Put  `json:"put"`
	// Timestamp is the time of signing, where the provider sends one.
	Timestamp Timestamp `json:"timestamp,omitzero"`
	ID        MessageID `json:"id,omitzero"`
	// Digest is a digest of the body that is sent next to it, for the signature to cover.
	Digest  BodyDigest `json:"digest,omitzero"`
	List    List       `json:"list,omitzero"`
	Other   []Scheme   `json:"other,omitempty"`
	Lenient []string   `json:"lenient,omitempty"`
	// Strict names families of test cases that few providers' receivers have to withstand: decoded-text.
	Strict []string `json:"strict,omitempty"`

	Algorithm string            `json:"algorithm,omitempty"` // of a public key
	KeyFrom   string            `json:"key_from,omitempty"`  // of a public key: configured, jwks, certificate-url or jku
	Claims    map[string]string `json:"claims,omitempty"`    // of a JWS

	pair   bool // the receiver has the public key of the auditor's own pair
	key    KeyRule
	form   bool // the body is a form
	pieces []piece
}

// Fields are those of a JSON body whose values are joined and signed as {fields}.
type Fields struct {
	Root    string   `json:"root,omitempty"`
	List    []string `json:"list,omitempty"` // paths below the root
	Join    string   `json:"join,omitempty"`
	Missing string   `json:"missing,omitempty"` // stands for one that the body has not
	Escape  string   `json:"escape,omitempty"`  // none, or backslash: \ and the joint are escaped by \
}

// Put is where the signature stands; one of Header, Body, Param and Query is set.
type Put struct {
	Header string `json:"header,omitempty"`
	Body   string `json:"body,omitempty"` // path of a text
	Param  string `json:"param,omitempty"`
	Query  string `json:"query,omitempty"`
	Value  string `json:"value,omitempty"` // template with {signature}, {timestamp} and {id}; default "{signature}"
}

func (p Put) slot() slot {
	switch {
	case p.Header != "":
		return slot{"header", p.Header}
	case p.Body != "":
		return slot{"body", p.Body}
	case p.Param != "":
		return slot{"param", p.Param}
	}
	return slot{"query", p.Query}
}

func (p Put) template() string {
	if p.Value == "" {
		return "{signature}"
	}
	return p.Value
}

// Timestamp is the time that a provider sends.
type Timestamp struct {
	In        string   `json:"in,omitempty"`     // signature, header:NAME, body:PATH, param:NAME or query:NAME
	Unit      string   `json:"unit,omitempty"`   // s, ms or rfc3339
	Layout    string   `json:"layout,omitempty"` // of rfc3339, as Go writes layouts
	Tolerance Duration `json:"tolerance,omitempty"`
	Future    string   `json:"future,omitempty"` // checked or unchecked
}

// Format writes a time as the provider does.
func (t Timestamp) Format(at time.Time) string {
	switch {
	case t.Layout != "":
		return at.UTC().Format(t.Layout)
	case t.Unit == "ms":
		return strconv.FormatInt(at.UnixMilli(), 10)
	case t.Unit == "rfc3339":
		return at.UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(at.Unix(), 10)
}

// Parse reads a time as the provider writes it.
func (t Timestamp) Parse(text string) (time.Time, error) {
	switch {
	case t.Layout != "":
		return time.Parse(t.Layout, text)
	case t.Unit == "rfc3339":
		return time.Parse(time.RFC3339, text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, errors.New("the time is not a number")
	}
	if t.Unit == "ms" {
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}

// MessageID is an identifier of the delivery that the provider sends.
type MessageID struct {
	In    string `json:"in,omitempty"`    // header:NAME, body:PATH, param:NAME or query:NAME
	Value string `json:"value,omitempty"` // template; default {{uuid}}
}

// BodyDigest is a digest of the body in a header or in the query.
type BodyDigest struct {
	Header string `json:"header,omitempty"`
	Query  string `json:"query,omitempty"`
	Value  string `json:"value,omitempty"` // such as "{sha256(body)}" or "SHA-256={sha256-base64(body)}"
}

func (d BodyDigest) slot() slot {
	if d.Header != "" {
		return slot{"header", d.Header}
	}
	return slot{"query", d.Query}
}

// List is how several signatures are sent, while a secret is rotated say.
type List struct {
	// Style is repeat (Item several times in the value), headers (Item names them, with {n} from 1),
	// lines (several headers of one name) or none.
	Style     string `json:"style,omitempty"`
	Item      string `json:"item,omitempty"`
	Separator string `json:"separator,omitempty"`
}

// Scheme is another scheme that exists next to the recipe's own. What it leaves out is as there.
type Scheme struct {
	Label    string `json:"label"`
	Kind     string `json:"kind,omitempty"`
	Hash     string `json:"hash,omitempty"`
	Over     string `json:"over,omitempty"`
	Encode   string `json:"encode,omitempty"`
	Header   string `json:"header,omitempty"`
	Value    string `json:"value,omitempty"`
	Accepted string `json:"accepted"` // never, or legacy: with the correct key it only warns
}

// Message is a request, as far as signatures go.
type Message struct {
	Method    string // default POST
	URL       string // as registered with the provider
	Header    http.Header
	Body      []byte
	Time      time.Time // of signing
	Timestamp string    // the time as it is written; "": Time as the provider writes it
	ID        string
	Account   string // the identity of the environment
}

func (m Message) clone() Message {
	m.Header, m.Body = maps.Clone(m.Header), bytes.Clone(m.Body)
	if m.Header == nil {
		m.Header = http.Header{}
	}
	if m.Method == "" {
		m.Method = http.MethodPost
	}
	return m
}

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

// NegativeOnly reports whether only the provider can sign, so that valid events cannot be made.
func (r Recipe) NegativeOnly() bool { return r.Kind == PublicKey && !r.pair }

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

// Tolerates reports whether receivers may be lenient about something, as official SDKs are. A profile
// that lists what is lenient says all of it; without a list it is what the SDKs do that were tried.
func (r Recipe) Tolerates(what string) bool {
	return r.Lenient == nil || slices.Contains(r.Lenient, what)
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
		value, err := r.fill(r.Digest.Value, m, nil)
		if err != nil {
			return m, err
		}
		if err := r.Digest.slot().set(&m, value, r.form); err != nil {
			return m, err
		}
	}
	return m, nil
}

// StringToSign is what is signed of a message.
func (r Recipe) StringToSign(m Message) ([]byte, error) { return r.assemble(m.clone(), nil) }

func (r Recipe) assemble(m Message, secret []byte) ([]byte, error) {
	if r.Timestamp.In != "" && m.Timestamp == "" {
		m.Timestamp = r.Timestamp.Format(m.Time)
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

// With is the recipe with what another scheme says differently.
func (r Recipe) With(other Scheme) Recipe {
	for _, part := range []struct {
		to    *string
		value string
	}{{&r.Kind, other.Kind}, {&r.Hash, other.Hash}, {&r.Over, other.Over}, {&r.Encoding, other.Encode}} {
		if part.value != "" {
			*part.to = part.value
		}
	}
	put := r.Put[0]
	if other.Header != "" {
		put = Put{Header: other.Header}
	}
	if other.Value != "" {
		put.Value = other.Value
	}
	r.Put, r.List, r.Other = []Put{put}, List{}, nil
	r.pieces, _ = parsePieces(r.Over) // it was checked with the profile
	return r
}

// Coverage is what the signature protects.
type Coverage struct {
	Body   bool // its bytes
	Digest bool // the body by a digest that is sent next to it
	Fields bool // values of some of its fields
	Params bool // values of the parameters of its form
	Time   bool
	ID     bool
	URL    bool
	Method bool
}

// CoversPath reports whether the value at a path of the body counts for the signature.
func (r Recipe) CoversPath(path string) bool {
	return slices.ContainsFunc(append(slices.Clone(r.pieces), r.claimPieces()...), func(piece piece) bool {
		switch piece.name {
		case "body", "digest":
			return true
		case "params":
			return !slices.ContainsFunc(r.Put, func(put Put) bool { return path == cmp.Or(put.Param, put.Body) })
		case "field", "param":
			return path == piece.argument
		case "fields":
			return slices.ContainsFunc(r.Fields.List, func(field string) bool { return path == join(r.Fields.Root, field) })
		}
		return false
	}) || r.Covers().Digest
}

// Names are the parts, in words.
func (c Coverage) Names() []string {
	names := []string{}
	for _, part := range []struct {
		name    string
		covered bool
	}{{"body", c.Body}, {"digest", c.Digest}, {"fields", c.Fields}, {"params", c.Params}, {"timestamp", c.Time}, {"id", c.ID}, {"url", c.URL}, {"method", c.Method}} {
		if part.covered {
			names = append(names, part.name)
		}
	}
	return names
}

// Covers is what the signature protects.
func (r Recipe) Covers() Coverage {
	var c Coverage
	if r.Kind == Token {
		return c
	}
	for _, piece := range append(slices.Clone(r.pieces), r.claimPieces()...) {
		switch {
		case piece.name == "body" || piece.digest != "":
			c.Body = true
		case piece.name == "timestamp":
			c.Time = true
		case piece.name == "id":
			c.ID = true
		case piece.name == "url":
			c.URL = true
		case piece.name == "method":
			c.Method = true
		case piece.name == "fields":
			c.Fields = true
		case piece.name == "params":
			c.Params = true
		case piece.name == "header" && strings.EqualFold(piece.argument, r.Digest.Header):
			c.Digest = true
		}
		if piece.argument != "" {
			kind := strings.Replace(piece.name, "field", "body", 1)
			covers := func(in string) bool {
				at, placed := parseSlot(in)
				return placed && at.kind == kind && strings.EqualFold(at.name, piece.argument)
			}
			time, id := covers(r.Timestamp.In), covers(r.ID.In)
			c.Time, c.ID = c.Time || time, c.ID || id
			c.Fields = c.Fields || piece.name != "header" && !time && !id
		}
	}
	inBody := func(in string) bool {
		at, placed := parseSlot(in)
		return placed && (at.kind == "body" || at.kind == "param") && (c.Body || c.Params)
	}
	c.Time = c.Time || inBody(r.Timestamp.In)
	c.ID = c.ID || inBody(r.ID.In)
	c.Digest = c.Digest || (c.URL && r.Digest.Query != "")
	return c
}

// Title is the scheme in the field's terms, such as "HMAC-SHA-256".
func (r Recipe) Title() string {
	hash := strings.Replace(strings.ToUpper(r.Hash), "SHA", "SHA-", 1)
	switch r.Kind {
	case HMAC:
		return "HMAC-" + hash
	case Token:
		return "secret token"
	case PublicKey:
		return map[string]string{"ed25519": "Ed25519", "ecdsa-p256-sha256": "ECDSA P-256 with SHA-256", "rsa-pkcs1-sha256": "RSA PKCS #1 with SHA-256",
			"jws(ES256)": "JWS ES256", "jws(ES512)": "JWS ES512", "jws(RS256)": "JWS RS256"}[r.Algorithm]
	}
	return hash + " digest"
}

// Placement is where the signature stands, in words such as "X-Signature header".
func (r Recipe) Placement() string {
	at := r.Put[0].slot()
	return at.name + map[string]string{"header": " header", "body": " field", "param": " parameter", "query": " parameter of the URL"}[at.kind]
}
