// Package cases makes the requests of the webhook probe. It sends nothing.
//
// The rules of the package:
//   - A case is a row in one of three tables (Forgeries, Genuine, Invalid); a row adds a case.
//   - A forgery differs from an accepted valid event in one thing.
//   - Nothing made with a held key is sent over plain HTTP or to a peer whose certificate does not
//     verify; Request.Keyed marks what is.
package cases

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Case is one request of the test suite: a valid event without a signature, and what is changed about
// it.
type Case struct {
	Family, Name string
	Change       func(f *Request)
	Variant      string // as in the facts, where the cases of a family are not judged alike
	What         string // in words; "" where the family and the name say it all
	// FullOnly keeps it out of careful probing: a correct receiver accepts it, or it holds more than
	// half of the body's correct signature.
	FullOnly bool
}

// Forgeries are requests that a correct receiver of a profile's events rejects; the first is the plain
// unsigned event. Those of SentUnsigned are sent unsigned, or
// with a random signature where a receiver accepts plain unsigned events anyway.
func Forgeries(profile *provider.Profile) []Case {
	list := slices.Concat(forgeries(profile), schemeForgeries(profile))
	for i := range list {
		// The official SDKs that were tried decode the body before they verify it: providers send valid UTF-8.
		if list[i].Family == "F09" && profile.Signature.Tolerates("decoded-text") {
			list[i].Variant = variantTolerated
		}
		// Those for Python compare with hmac.compare_digest, which throws on a text that is not ASCII.
		if list[i].Label() == "unparsable-header/byte-e9" && profile.Signature.Tolerates("non-ascii") {
			list[i].Variant = variantThrows
		}
	}
	return slices.DeleteFunc(list, func(c Case) bool { return !applies(profile, c) || pointless(SchemeOf(profile), c) })
}

// schemeForgeries are those that only some schemes have.
func schemeForgeries(profile *provider.Profile) []Case {
	s := SchemeOf(profile)
	return slices.Concat(
		alone(profile), timestamps(s), lists(s), otherSchemes(s), urls(s), bodyDigests(s), uncovered(s), foreignKeys(s), handshakes(profile),
	)
}

// pointless reports whether a case means nothing for a scheme, or nothing that its family is about.
func pointless(s Scheme, c Case) bool {
	switch c.Family {
	case "F06":
		return strings.HasSuffix(c.Name, "-prefix") && s.Timestamp.In == "signature"
	case "F07":
		textual := slices.Contains([]string{"duplicate-key", "large-end-changed"}, c.Name)
		whole := slices.Contains([]string{"field-added", "empty-body"}, c.Name)
		return textual && !(s.coversBytes() && s.isJSON()) || whole && !s.coversBytes() && !s.covers.Params ||
			c.Name == "empty-body" && s.inBody() || c.Name == "from-empty" && s.coversBytes() // that is empty-body-signature
	case "F08", "F09", "F11":
		return !s.isJSON()
	case "F10":
		return !s.isJSON() && strings.HasPrefix(c.Name, "form")
	case "F16":
		return c.Name == "query" && s.covers.URL
	case "F17", "F19":
		return s.Header() == ""
	}
	return false
}

// forgeries are those of all schemes.
func forgeries(profile *provider.Profile) []Case {
	scheme := SchemeOf(profile)
	header, own := scheme.Header(), profile.Delivery.ContentType()
	list := []Case{
		{Family: "F01", Name: "absent", Change: (*Request).strip},
		{Family: "F01", Name: CaseNoBody, Variant: variantTolerated, Change: func(f *Request) { f.strip(); f.Body = nil }},
		{Family: "F01", Name: "empty", Change: value("")},
		{Family: "F01", Name: "null", Change: value("null")},
		{Family: "F01", Name: "none", Change: value("none")},
		{Family: "F01", Name: "0", Change: value("0")},
		{Family: "F01", Name: "true", Change: value("true")},
		{Family: "F01", Name: "false", Change: value("false")},
		{Family: "F01", Name: "undefined", Change: value("undefined")},
		{Family: "F01", Name: "prefix-only", Change: func(f *Request) { f.PutValue(cmp.Or(f.Scheme.Hash, "sha256") + "=") }},
	}
	list = append(list, emptied(scheme)...)
	list = append(list, parts(scheme)...)
	list = append(list, []Case{
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
	}...)
	list = append(list, digests(scheme)...)
	return append(list, []Case{
		// The duplicate comes last, where most parsers take it: a receiver that respells the body before it verifies sees a changed value.
		{Family: "F07", Name: "value-changed", Change: tampered(func(f *Request) { f.vary(86400) })},
		{Family: "F07", Name: "field-added", Change: tampered(func(f *Request) { f.set(sibling(f.typePath(), "prelaunch"), text("added")) })},
		{Family: "F07", Name: "duplicate-key", Change: tampered(func(f *Request) {
			f.repeatMember()
		})},
		{Family: "F07", Name: "another-body", Change: tampered(func(f *Request) {
			if !f.Fixed { // a UID that the receiver does not know would be refused for itself
				other := randomUIDLike(f.UID)
				f.setUID(other)
			}
			f.vary(40 * 86400)
		})},
		{Family: "F07", Name: "empty-body", Change: tampered(func(f *Request) { f.Body = nil })},
		{Family: "F07", Name: "from-empty", Change: func(f *Request) {
			f.Put(f.Right(f.Scheme.emptyBody()))
			f.mustBeForged()
		}, What: "the correct signature of an event without content"},
		{Family: "F07", Name: "type-changed", Change: func(f *Request) {
			f.Put(f.Right(f.retyped()))
			f.mustBeForged()
		}},
		{Family: "F07", Name: "large-end-changed", Change: func(f *Request) {
			if f.Doc.Kind != '{' {
				f.Refuse(NotSentNotPossible)
			}
			f.grow(20 << 10)
			f.Put(f.Right(f.Body))
			f.Body = append(f.Body[:len(f.Body)-1:len(f.Body)-1], `,"prelaunch":"added"}`...)
		}},

		{Family: "F08", Name: "pretty", Change: tampered(func(f *Request) { f.Body = pretty.Write(f.Doc) })},
		{Family: "F08", Name: "line-breaks", Change: tampered(func(f *Request) { f.Body = spread.Write(f.Doc) })},
		{Family: "F08", Name: "trailing-newline", Change: tampered(func(f *Request) { f.Body = append(f.Body, '\n') })},
		{Family: "F08", Name: "python", Change: tampered(func(f *Request) { f.Body = Python.Write(f.Doc) })},
		{Family: "F08", Name: "reordered", Change: tampered(func(f *Request) { f.Body = Compact.Write(f.Doc.reversed()) })},
		// Where a cleaned body is verified and the raw one is parsed, fields can be smuggled.
		{Family: "F08", Name: "tags-added", Change: smuggled("prelaunch", "prel<i>au</i>nch")},
		{Family: "F08", Name: "percent-encoded", Change: smuggled("prelaunch", "prel%61unch")},
		{Family: "F08", Name: "html-entity", Change: smuggled("prelaunch&", "prelaunch&amp;")},
		{Family: "F08", Name: "plus-added", Change: smuggled("pre launch", "pre+launch")},
		{Family: "F08", Name: "decomposed", Change: smuggled("prel\u00e1unch", "prela\u0301unch")},
		{Family: "F08", Name: "zero-width-added", Change: smuggled("prelaunch", "pre\u200blaunch")},
		{Family: "F08", Name: "slash-added", Change: smuggled("prelaunch", `prelau\nch`)},
		{Family: "F08", Name: "crlf", Change: func(f *Request) {
			f.Body = pretty.Write(f.Doc)
			f.Put(f.Right(f.Body))
			f.Body = bytes.ReplaceAll(f.Body, []byte("\n"), []byte("\r\n"))
		}},
		{Family: "F08", Name: "escaped", Change: tampered(func(f *Request) { f.Body = escaped.Write(f.Doc) })},

		{Family: "F09", Name: "byte-ff", Change: func(f *Request) {
			f.note("prelaunch\uFFFD")
			signature := f.Right(f.Body)
			f.Body = bytes.Replace(f.Body, []byte("\uFFFD"), []byte{0xff}, 1)
			f.Put(signature)
		}},
		{Family: "F09", Name: "byte-ff-dropped", Change: func(f *Request) {
			f.note("prelaunch\uFFFD")
			signature := f.Right(bytes.Replace(f.Body, []byte("\uFFFD"), nil, 1))
			f.Body = bytes.Replace(f.Body, []byte("\uFFFD"), []byte{0xff}, 1)
			f.Put(signature)
		}},
		{Family: "F09", Name: "byte-ff-replaced", Change: smuggled("prelaunch?", "prelaunch\xff")},
		{Family: "F09", Name: "latin-1", Change: smuggled("prelaunch\u00e9", "prelaunch\xe9")},
		{Family: "F09", Name: "bom", Change: tampered(func(f *Request) { f.Body = append([]byte("\uFEFF"), f.Body...) })},

		{Family: "F10", Name: "text", Change: wrongAs("text/plain")},
		{Family: "F10", Name: "octet-stream", Change: wrongAs("application/octet-stream")},
		{Family: "F10", Name: "form", Change: wrongAs("application/x-www-form-urlencoded")},
		{Family: "F10", Name: "multipart", Change: wrongAs("multipart/form-data; boundary=prelaunch")},
		{Family: "F10", Name: "form-body", Change: func(f *Request) { f.asForm(); Wrong(f) }},
		{Family: "F10", Name: "multipart-body", Change: func(f *Request) { f.asMultipart(); Wrong(f) }},
		{Family: "F10", Name: "no-content-type", Change: func(f *Request) { f.noContentType(); Wrong(f) }},
		{Family: "F10", Name: "utf-16", Change: wrongAs(own + "; charset=utf-16")},
		{Family: "F10", Name: "xml", Change: wrongAs("application/xml")},
		{Family: "F10", Name: "json-suffix", Change: wrongAs("application/cloudevents+json")},
		{Family: "F10", Name: "upper-case", Change: wrongAs(strings.ToUpper(own))},

		// The body was read before the verifier got it.
		{Family: "F11", Name: "json-empty", Change: fits("", func(*Request) {})},
		{Family: "F11", Name: "json-braces", Change: fits("{}", func(*Request) {})},
		{Family: "F11", Name: "multipart-body-empty", Change: fits("", (*Request).asMultipart)},
		{Family: "F11", Name: "multipart-body-braces", Change: fits("{}", (*Request).asMultipart)},
		{Family: "F11", Name: "form-body-empty", Change: fits("", (*Request).asForm)},
		{Family: "F11", Name: "form-body-braces", Change: fits("{}", (*Request).asForm)},
		{Family: "F11", Name: "multipart-empty", Change: fits("", func(f *Request) { f.contentType("multipart/form-data; boundary=prelaunch") })},
		{Family: "F11", Name: "form-empty", Change: fits("", func(f *Request) { f.contentType("application/x-www-form-urlencoded") })},
		{Family: "F11", Name: "text-empty", Change: fits("", func(f *Request) { f.contentType("text/plain") })},
		{Family: "F11", Name: "text-braces", Change: fits("{}", func(f *Request) { f.contentType("text/plain") })},

		{Family: "F12", Name: "put", Change: method("PUT")},
		{Family: "F12", Name: "patch", Change: method("PATCH")},
		{Family: "F12", Name: "delete", Change: method("DELETE")},
		{Family: "F12", Name: "override-put", Change: func(f *Request) {
			for _, name := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
				f.add(name, "PUT")
			}
		}},
		{Family: "F12", Name: "override-get", Change: hint("X-HTTP-Method-Override", "GET")},
		{Family: "F12", Name: "query-method-put", Change: func(f *Request) { f.Query = strings.TrimPrefix(f.Query+"&_method=PUT", "&") }},

		{Family: "F13", Name: "trailing-slash", Change: func(f *Request) {
			if without := strings.TrimSuffix(f.Path, "/"); without != "" && without != f.Path {
				f.elsewhereAt(without)
				return
			}
			f.elsewhereAt(f.Path + "/")
		}},
		{Family: "F13", Name: "double-slash", Change: func(f *Request) {
			i := strings.LastIndexByte(f.Path, '/')
			f.elsewhereAt(f.Path[:i] + "/" + f.Path[i:])
		}},
		{Family: "F13", Name: "double-slash-first", Change: func(f *Request) {
			if strings.LastIndexByte(f.Path, '/') == 0 { // that is double-slash
				f.elsewhereAt("//" + f.Path)
				return
			}
			f.elsewhereAt("/" + f.Path)
		}},
		{Family: "F13", Name: "other-case", Change: func(f *Request) { f.elsewhereAt(strings.Map(swapCase, f.Path)) }},
		{Family: "F13", Name: "encoded-slash", Change: func(f *Request) {
			i := strings.LastIndexByte(f.Path, '/')
			if i <= 0 {
				f.elsewhereAt(f.Path + "%2f")
				return
			}
			f.elsewhereAt(f.Path[:i] + "%2f" + f.Path[i+1:])
		}},
		{Family: "F13", Name: "parameter", Change: func(f *Request) { f.elsewhereAt(f.Path + ";x") }},
		{Family: "F13", Name: "suffix", Change: func(f *Request) { f.elsewhereAt(f.Path + ".json") }},
		{Family: "F13", Name: "dot-segment", Change: func(f *Request) {
			i := strings.LastIndexByte(f.Path, '/')
			f.elsewhereAt(f.Path[:i] + "/." + f.Path[i:])
		}},
		{Family: "F13", Name: "encoded-letter", Change: func(f *Request) {
			last := f.Path[len(f.Path)-1]
			if last == '/' || len(f.Path) > 2 && f.Path[len(f.Path)-3] == '%' {
				f.Refuse(NotSentNotPossible)
				return
			}
			f.elsewhereAt(fmt.Sprintf("%s%%%02x", f.Path[:len(f.Path)-1], last))
		}},
		// Not a spelling of the path at all: where even what is no event gets the genuine answer there, answers elsewhere prove nothing.
		{Family: "F13", Name: "unrelated", Change: unrelated},
		{Family: "F13", Name: "unrelated-brace", Change: func(f *Request) { unrelated(f); f.Body = []byte("{") }},

		{Family: "F14", Name: "x-forwarded-for", Change: hint("X-Forwarded-For", "127.0.0.1")},
		{Family: "F14", Name: "x-forwarded-host", Change: hint("X-Forwarded-Host", "localhost")},
		// A server may well serve something else under another name: only the response to valid events means something.
		{Family: "F14", Name: "host", Change: func(f *Request) { f.Host, f.Elsewhere = "localhost", true }},
		{Family: "F14", Name: "origin", Change: func(f *Request) {
			site := "https://www." + f.Profile.Name + ".com"
			f.add("Origin", site)
			f.add("Referer", site+"/")
		}},
		{Family: "F14", Name: "x-original-url", Change: func(f *Request) {
			f.add("X-Original-URL", "http://127.0.0.1"+f.Path)
			f.add("X-Rewrite-URL", "http://127.0.0.1"+f.Path)
		}},
		{Family: "F14", Name: "other-addresses", Change: func(f *Request) {
			for _, name := range addressHeaders[1:] {
				f.add(name, "127.0.0.1")
			}
			f.add("Forwarded", `for=127.0.0.1;host=localhost`)
		}},
		{Family: "F14", Name: "private-10", Change: from("10.0.0.1")},
		{Family: "F14", Name: "private-172", Change: from("172.16.0.1")},
		{Family: "F14", Name: "private-192", Change: from("192.168.0.1")},
		{Family: "F14", Name: "link-local", Change: from("169.254.169.254")},
		{Family: "F14", Name: "shared-100", Change: from("100.64.0.1")},
		{Family: "F14", Name: "ipv6-loopback", Change: from("::1")},
		{Family: "F14", Name: "ipv6-unique-local", Change: from("fd00::1")},
		{Family: "F14", Name: "ipv6-link-local", Change: from("fe80::1")},
		{Family: "F14", Name: "user-agent", Change: func(f *Request) { f.UserAgent = f.Profile.Name + "-webhook/1.0" }},
		{Family: "F14", Name: "authorization-undefined", Change: hint("Authorization", "Bearer undefined")},
		{Family: "F14", Name: "authorization-null", Change: hint("Authorization", "Bearer null")},
		{Family: "F14", Name: "authorization-test", Change: hint("Authorization", "Bearer test")},
		{Family: "F14", Name: "authorization-empty", Change: hint("Authorization", "Bearer")},
		{Family: "F14", Name: "authorization-basic", Change: hint("Authorization", "Basic YWRtaW46YWRtaW4=")},
		{Family: "F14", Name: "internal", Change: func(f *Request) {
			f.add("X-Debug", "1")
			for _, name := range []string{"X-Internal", "X-Internal-Request", "X-Test", "X-Test-Mode", "X-Skip-Verification", "X-Signature-Verified"} {
				f.add(name, "true")
			}
		}},
		{Family: "F14", Name: "query", Change: func(f *Request) { f.Query = strings.TrimPrefix(f.Query+"&test=1&debug=1&verify=false", "&") }},
		{Family: "F14", Name: "test-true", Change: func(f *Request) { f.set("test", literal("true")) }},
		{Family: "F14", Name: "mode-test", Change: func(f *Request) {
			f.set("livemode", literal("false"))
			f.set("mode", text("test"))
			f.set("environment", text("test"))
			f.set("sandbox", literal("true"))
			f.set("debug", literal("true"))
		}},

		{Family: "F15", Name: "other-environment", Change: func(f *Request) {
			if f.Other == nil {
				f.Refuse(NotSentNoKey)
				return
			}
			f.Keyed = true
			f.SignWith(f.Other)
		}},

		{Family: "F16", Name: "query", FullOnly: true, Change: func(f *Request) {
			f.Exposed = f.value(f.Right(f.Body))
			signature := url.QueryEscape(f.Exposed)
			f.Query = strings.TrimPrefix(f.Query+"&signature="+signature+"&sig="+signature+"&"+strings.ToLower(header)+"="+signature+"&"+header+"="+signature, "&")
			Wrong(f)
		}},
		{Family: "F16", Name: "other-header", FullOnly: true, Change: func(f *Request) {
			f.Exposed = f.value(f.Right(f.Body))
			for _, name := range f.foreignHeaders("Signature", "X-Hub-Signature", "X-Webhook-Signature", header+"-"+strings.TrimPrefix(f.Scheme.Hash, "sha"), "X-"+f.Profile.Name+"-Signature", "Authorization") {
				f.add(name, f.Exposed)
			}
			Wrong(f)
		}},

		{Family: "F17", Name: "odd-length", Change: func(f *Request) { f.Put(f.random()[1:]) }},
		{Family: "F17", Name: "not-hex", Change: func(f *Request) { f.Put(strings.Repeat(f.Scheme.noDigit(), f.Scheme.digits())) }},
		{Family: "F17", Name: "byte-e9", Change: func(f *Request) { f.Put("\xe9" + f.random()[1:]) }},
		{Family: "F17", Name: "long", Change: func(f *Request) { f.Put(RandomHex(4096)) }},
		{Family: "F17", Name: "bogus-prefix", Change: func(f *Request) { f.PutValue("bogus=" + f.random()) }},

		{Family: "F18", Name: "gzip", Change: func(f *Request) {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, _ = w.Write(f.Body) // a bytes.Buffer takes everything
			_ = w.Close()
			f.Body = packed.Bytes()
			f.add("Content-Encoding", "gzip")
		}},
		{Family: "F18", Name: "identity", Change: hint("Content-Encoding", "identity")},

		{Family: "F19", Name: "two-wrong", Change: func(f *Request) { Wrong(f); f.add(header, f.value(f.random())) }},
		{Family: "F19", Name: "empty-and-wrong", Change: func(f *Request) { f.PutValue(""); f.add(header, f.value(f.random())) }},
		{Family: "F19", Name: "list-of-wrong", Change: func(f *Request) {
			f.PutValue(f.value(f.random()) + ", " + f.value(f.random()))
		}},

		{Family: "F21", Name: "large", Change: func(f *Request) { f.grow(20 << 10) }},
		{Family: "F21", Name: "larger", Change: func(f *Request) { f.grow(64 << 10) }},
		{Family: "F21", Name: "chunked", Change: func(f *Request) { f.Chunked = true }},
		{Family: "F21", Name: "http2", Change: func(f *Request) { f.HTTP2 = true }},
	}...)
}

// emptied are values with all that surrounds a signature but without one, of schemes that surround it.
func emptied(s Scheme) []Case {
	if around := s.Put[0].Value; around == "" || around == "{signature}" || around == s.Hash+"={signature}" || s.Kind == provider.Token {
		return nil // that is empty, or prefix-only
	}
	return []Case{{Family: "F01", Name: "empty-in-place", Change: func(f *Request) { f.Put("") },
		What: "an empty signature with all that surrounds one"}}
}

// parts are signatures of which some digits are correct, or that have the form of one.
func parts(s Scheme) []Case {
	n := s.digits()
	list := []Case{
		{Family: "F02", Name: "random", Change: Wrong},
		{Family: "F02", Name: "zeros", Change: func(f *Request) { f.Put(f.Scheme.padded(strings.Repeat(f.Scheme.zero(), n))) }},
	}
	for _, k := range []int{1, 8, 16, n / 2} {
		list = append(list, Case{Family: "F02", Name: fmt.Sprintf("random-%d", k), Change: unlikeDigits(k)})
	}
	for _, i := range []int{0, n/2 - 1, n / 2, n - 1} {
		list = append(list, Case{Family: "F02", Name: fmt.Sprintf("flipped-%d", i), Change: flipped(i, n), FullOnly: true})
	}
	for _, k := range []int{1, 8, 16, n / 2} {
		list = append(list, Case{Family: "F03", Name: fmt.Sprintf("first-%d", k), Change: piece(k)})
	}
	for _, k := range []int{1, 8, 16, n / 2} {
		list = append(list, Case{Family: "F03", Name: fmt.Sprintf("last-%d", k), Change: piece(-k)})
	}
	return append(list, Case{Family: "F03", Name: "first-16-then-zeros", Change: func(f *Request) {
		f.Put(f.Scheme.padded(pieceOf(f.Right(f.Body), 16) + strings.Repeat(f.Scheme.zero(), n-16)))
	}})
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
func keyLast(key, signed []byte) []byte  { return slices.Concat(signed, key) }

// SentUnsigned are the families that carry no signature, or a random one where a receiver takes unsigned events as they are.
var SentUnsigned = map[string]bool{"F12": true, "F13": true, "F14": true, "F18": true, "F21": true}

func unrelated(f *Request) { f.elsewhereAt("/" + strings.ToLower(RandomUID(f.Profile.UID))) }

// Wrong gives the request a random signature.
func Wrong(f *Request) { f.Put(f.random()) }

func value(v string) func(*Request) { return func(f *Request) { f.PutValue(v) } }

func unlikeDigits(n int) func(*Request) {
	return func(f *Request) {
		correct := f.random()
		if f.Key != nil && f.Trusted {
			correct = f.text(f.Key, f.Body)
		}
		f.Put(f.Scheme.unlike(correct, n))
	}
}

// flipped is the correct signature with another digit at i, of n.
func flipped(i, n int) func(*Request) {
	return func(f *Request) {
		signature := f.Right(f.Body)
		f.Put(f.Scheme.flip(signature, at(i, n, signature)))
	}
}

// at is a position in a signature that may have another length than the nominal one.
func at(i, n int, signature string) int {
	if len(strings.TrimRight(signature, "=")) >= n {
		return i
	}
	return i * len(signature) / n
}

// piece is a part of the correct signature: its first digits or, below 0, its last. A single digit that
// receivers may read as false or true would show nothing about parts, so the event is drawn again until
// it is another one.
func piece(count int) func(*Request) {
	return func(f *Request) {
		part := pieceOf(f.Right(f.Body), count)
		for tries := 0; (part == "0" || part == "1") && tries < 100; tries++ {
			f.vary(1)
			part = pieceOf(f.Right(f.Body), count)
		}
		if part == "" || part == "0" || part == "1" {
			f.Refuse(NotSentNotPossible)
		}
		f.Put(part)
	}
}

// pieceOf is a part of a signature: at most half of it, and with the padding where that follows.
func pieceOf(signature string, count int) string {
	digits := len(strings.TrimRight(signature, "="))
	if count >= 0 {
		return signature[:min(count, digits/2)]
	}
	return signature[digits-min(-count, digits/2):]
}

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

// retyped is the body of the event with another type.
func (f *Request) retyped() []byte {
	if f.typePath() == "" {
		f.Refuse(NotSentNotPossible)
		return f.Body
	}
	other := f.Doc.clone()
	other.set(f.typePath(), text("prelaunch.unknown"))
	return f.style.Write(other)
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

// tampered signs the event and then changes its body.
func tampered(change func(*Request)) func(*Request) {
	return func(f *Request) {
		f.Put(f.Right(f.Body))
		f.Body = bytes.Clone(f.Body)
		change(f)
		f.mustBeForged()
	}
}

// mustBeForged keeps back a body that was changed where the signature does not cover it: its signature is
// correct.
func (f *Request) mustBeForged() {
	if f.Correct() {
		f.Refuse(NotSentNotPossible)
	}
}

func wrongAs(contentType string) func(*Request) {
	return func(f *Request) { f.contentType(contentType); Wrong(f) }
}

// fits signs another body than the one that change makes.
func fits(signed string, change func(*Request)) func(*Request) {
	return func(f *Request) { change(f); f.Put(f.Right([]byte(signed))) }
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

// smuggled signs a body with a text in it, and sends it with another that a receiver which verifies
// a cleaned or decoded body takes for the same.
func smuggled(signed, sent string) func(*Request) {
	return func(f *Request) {
		f.note(signed)
		f.Put(f.Right(f.Body))
		f.Body = bytes.Replace(f.Body, []byte(signed), []byte(sent), 1)
	}
}

// addressHeaders are those in which proxies report where a request came from.
var addressHeaders = []string{
	"X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP",
	"X-Cluster-Client-IP", "X-Originating-IP", "X-Remote-Addr",
}

// from claims that the request came from an address.
func from(address string) func(*Request) {
	return func(f *Request) {
		for _, name := range addressHeaders {
			f.add(name, address)
		}
		node := address
		if strings.Contains(node, ":") {
			node = `"[` + node + `]"`
		}
		f.add("Forwarded", "for="+node)
	}
}

func method(name string) func(*Request) { return func(f *Request) { f.Method = name } }

func hint(name, value string) func(*Request) { return func(f *Request) { f.add(name, value) } }

func (f *Request) asForm() {
	f.contentType("application/x-www-form-urlencoded")
	f.Body = []byte("payload=" + url.QueryEscape(string(f.Body)))
}

func (f *Request) asMultipart() {
	f.contentType("multipart/form-data; boundary=prelaunch")
	f.Body = []byte("--prelaunch\r\nContent-Disposition: form-data; name=\"payload\"\r\nContent-Type: application/json\r\n\r\n" + string(f.Body) + "\r\n--prelaunch--\r\n")
}

// note puts words into a free text of the event, or into a new member where it has none.
func (f *Request) note(words string) {
	done := false
	f.Doc.Each(func(_ string, n *Node) {
		if !done && n.Kind == '"' && n.Text == "prelaunch" {
			n.Text, done = words, true
		}
	})
	if !done {
		f.Doc.set(f.extraPath(), text(words))
	}
	f.Body = f.style.Write(f.Doc)
}

func randomUIDLike(uid string) string {
	other := []byte(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return 'X'
	}, uid))
	copy(other[min(len(UIDPrefix), len(other)-1):], strings.ToUpper(RandomHex(len(other))))
	return string(other)
}

func swapCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}

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

// Reused sends the event under the correct signature of another body.
func Reused(first *Request) func(*Request) {
	return func(f *Request) {
		f.Time, f.ID = first.Time, first.ID
		if f.Fixed { // the same user's event at another time
			f.vary(60 * 86400)
		}
		f.prepare()
		f.Put(f.Right(first.Body))
	}
}

// foreignHeaders are those of the names that the provider does not use itself.
func (f *Request) foreignHeaders(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		own := strings.EqualFold(name, f.Scheme.Header())
		for _, put := range f.Scheme.Put {
			own = own || strings.EqualFold(name, put.Header)
		}
		for _, other := range f.Scheme.Other {
			own = own || strings.EqualFold(name, other.Header)
		}
		return own
	})
}
