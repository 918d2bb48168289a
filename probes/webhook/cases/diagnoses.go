package cases

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Diagnoses are guesses at what a receiver expects that refuses the genuine event.
func Diagnoses(profile *provider.Profile) []Case {
	own := profile.Signature.Hash
	list := guessedSignatures(own)
	if own != "sha256" {
		list = append(list, Case{Name: "sha256-base64", Change: reencoded("sha256", base64.StdEncoding.EncodeToString)})
	}
	for _, c := range []Case{
		{Name: "upper-case", Change: func(f *Request) { f.Put(strings.ToUpper(f.Right(f.Body))) }},
		{Name: own + "-prefix", Change: func(f *Request) { f.PutValue(own + "=" + f.Right(f.Body)) }},
		{Name: "key-trailing-newline", Change: keyed(func(key []byte) []byte { return append(bytes.Clone(key), '\n') })},
		{Name: "key-trailing-crlf", Change: keyed(func(key []byte) []byte { return append(bytes.Clone(key), "\r\n"...) })},
		{Name: "key-trimmed", Change: keyed(bytes.TrimSpace)},
		{Name: "key-in-double-quotes", Change: keyed(func(key []byte) []byte { return []byte(`"` + string(key) + `"`) })},
		{Name: "key-in-single-quotes", Change: keyed(func(key []byte) []byte { return []byte(`'` + string(key) + `'`) })},
		{Name: "key-hex-decoded", Change: keyed(func(key []byte) []byte {
			raw, err := hex.DecodeString(string(key))
			if err != nil {
				return nil
			}
			return raw
		})},
		{Name: "key-base64-decoded", Change: keyed(func(key []byte) []byte {
			raw, err := base64.StdEncoding.DecodeString(string(key))
			if err != nil {
				return nil
			}
			return raw
		})},
		{Name: "other-environment", Change: func(f *Request) {
			if f.Other == nil {
				f.Refuse(NotSentNoKey)
				return
			}
			f.Keyed = true
			f.SignWith(f.Other)
		}},
		{Name: "empty-key", Change: withKey("")},
		{Name: "undefined-key", Change: withKey("undefined")},
		{Name: "none-key", Change: withKey("None")},
		{Name: "unexpanded-key", Change: func(f *Request) { f.SignWith([]byte("${" + f.Profile.Variable() + "}")) }},
		{Name: "base64-body", Change: func(f *Request) { f.Put(f.Right([]byte(base64.StdEncoding.EncodeToString(f.Body)))) }},
		{Name: "doubly-encoded-body", Change: func(f *Request) { f.Put(f.Right(Compact.Write(text(string(f.Body))))) }},
		{Name: "empty-body", Change: func(f *Request) { f.Put(f.Right(nil)) }},
		{Name: "spaced-body", Change: func(f *Request) { f.Put(f.Right(Python.Write(f.Doc))) }},
		{Name: "sorted-body", Change: func(f *Request) { f.Put(f.Right(Compact.Write(f.Doc.sorted()))) }},
		{Name: "pretty-body", Change: func(f *Request) { f.Put(f.Right(pretty.Write(f.Doc))) }},
		{Name: "python-spelling", Change: func(f *Request) { f.Body = Python.Write(f.Doc); f.Sign() }},
	} {
		c.Family = FamilyDiagnosis
		list = append(list, c)
	}
	return list
}

// guessedSignatures are those of other hashes and encodings.
func guessedSignatures(own string) []Case {
	var list []Case
	for _, hash := range []string{"sha256", "sha1", "sha384", "sha512"} {
		if hash == own || hash == "sha512" && own != "sha1" {
			continue
		}
		list = append(list, Case{Family: FamilyDiagnosis, Name: hash, Change: otherHash("", hash)})
		if hash == "sha256" {
			list = append(list, Case{Family: FamilyDiagnosis, Name: hash + "-prefix", Change: otherHash(hash+"=", hash)})
		}
	}
	return append(list, Case{Family: FamilyDiagnosis, Name: "base64", Change: reencoded(own, base64.StdEncoding.EncodeToString)})
}

// reencoded is the signature in another encoding.
func reencoded(hash string, encode func([]byte) string) func(*Request) {
	return func(f *Request) {
		f.Right(nil)
		f.Put(encode(f.mac(hash, f.Key, f.Body)))
	}
}

// keyed signs with the key as change makes it; nil means that it cannot be made.
func keyed(change func([]byte) []byte) func(*Request) {
	return func(f *Request) {
		f.Right(nil)
		if f.Key == nil {
			return
		}
		key := change(f.Key)
		if key == nil {
			f.Refuse(NotSentNotPossible)
			return
		}
		f.SignWith(key)
	}
}
