package webhook

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"strings"
	"unicode"
)

// testCase is one request of the battery: a genuine event without a signature, and what is changed about it.
type testCase struct {
	family, name string
	change       func(f *forge)
	// fullOnly keeps it out of careful probing: it holds more than half of the body's right signature.
	fullOnly bool
}

// The families of forgeries, with what accepting one proves. Policies go by these names.
//
//	F01 no or an empty signature     F07 signature of another body        F13 unsigned to another spelling of the path
//	F02 nonsense, or nearly right    F08 body respelled after signing     F14 unsigned with a hint of trust
//	F03 a piece of the right one     F09 decoded text was signed          F15 the other environment's key
//	F04 a missing variable as key    F10 wrong with other content types   F16 right signature in the wrong place
//	F05 digests without HMAC         F11 signature of an empty body       F17 header that is hard to parse
//	F06 other HMACs                  F12 unsigned with other methods      F18 unsigned and compressed
//	F19 repeated header              F20 signed with a retired key        F21 unsigned in another transport
//
// F12, F13, F14, F18 and F21 are sent unsigned, or with a random signature where a receiver takes plain unsigned events anyway.
var forgeries = []testCase{
	{family: "F01", name: "absent", change: func(f *forge) { f.unsigned = true }},
	{family: "F01", name: "empty", change: value("")},
	{family: "F01", name: "null", change: value("null")},
	{family: "F01", name: "none", change: value("none")},
	{family: "F01", name: "0", change: value("0")},
	{family: "F01", name: "true", change: value("true")},
	{family: "F01", name: "false", change: value("false")},
	{family: "F01", name: "undefined", change: value("undefined")},
	{family: "F01", name: "prefix-only", change: value("sha512=")},

	{family: "F02", name: "random", change: wrong},
	{family: "F02", name: "zeros", change: value(strings.Repeat("0", 128))},
	{family: "F02", name: "random-1", change: unlikeDigits(1)},
	{family: "F02", name: "random-8", change: unlikeDigits(8)},
	{family: "F02", name: "random-16", change: unlikeDigits(16)},
	{family: "F02", name: "random-64", change: unlikeDigits(64)},
	{family: "F02", name: "flipped-0", change: flipped(0), fullOnly: true},
	{family: "F02", name: "flipped-63", change: flipped(63), fullOnly: true},
	{family: "F02", name: "flipped-64", change: flipped(64), fullOnly: true},
	{family: "F02", name: "flipped-127", change: flipped(127), fullOnly: true},

	{family: "F03", name: "first-1", change: piece(0, 1)},
	{family: "F03", name: "first-8", change: piece(0, 8)},
	{family: "F03", name: "first-16", change: piece(0, 16)},
	{family: "F03", name: "first-64", change: piece(0, 64)},
	{family: "F03", name: "last-1", change: piece(127, 128)},
	{family: "F03", name: "last-8", change: piece(120, 128)},
	{family: "F03", name: "last-16", change: piece(112, 128)},
	{family: "F03", name: "last-64", change: piece(64, 128)},
	{family: "F03", name: "first-16-then-zeros", change: func(f *forge) {
		f.put(f.right(f.body)[:16] + strings.Repeat("0", 112))
	}},

	{family: "F04", name: "random-key", change: func(f *forge) { f.signWith([]byte(randomHex(32))) }},
	{family: "F04", name: "empty-key", change: withKey("")},
	{family: "F04", name: "undefined", change: withKey("undefined")},
	{family: "F04", name: "null", change: withKey("null")},
	{family: "F04", name: "None", change: withKey("None")},
	{family: "F04", name: "nil", change: withKey("nil")},
	{family: "F04", name: "false", change: withKey("false")},
	{family: "F04", name: "object", change: withKey("[object Object]")},
	{family: "F04", name: "space", change: withKey(" ")},
	{family: "F04", name: "secret", change: withKey("secret")},
	{family: "F04", name: "changeme", change: withKey("changeme")},
	{family: "F04", name: "password", change: withKey("password")},
	{family: "F04", name: "test", change: withKey("test")},
	{family: "F04", name: "unexpanded", change: withKey("${BEGINI_API_KEY}")},
	// Whoever has seen one event knows these.
	{family: "F04", name: "integration-id", change: func(f *forge) { f.signWith([]byte(f.integrationID)) }},
	{family: "F04", name: "uid", change: func(f *forge) { f.signWith([]byte(f.uid)) }},

	{family: "F05", name: "sha512-body", change: func(f *forge) { f.put(plainDigest(f.body)) }},
	{family: "F05", name: "sha256-body", change: func(f *forge) { f.put(hexSum(sha256.New, f.body)) }},
	{family: "F05", name: "md5-body", change: func(f *forge) { f.put(hexSum(md5.New, f.body)) }},
	{family: "F05", name: "sha256-key-body", change: func(f *forge) { f.right(nil); f.put(hexSum(sha256.New, f.key.key, f.body)) }},
	{family: "F05", name: "sha512-key-body", change: func(f *forge) { f.right(nil); f.put(plainDigest(f.key.key, f.body)) }},
	{family: "F05", name: "sha512-body-key", change: func(f *forge) { f.right(nil); f.put(plainDigest(f.body, f.key.key)) }},

	{family: "F06", name: "sha256", change: otherHash("", sha256.New)},
	{family: "F06", name: "sha1", change: otherHash("", sha1.New)},
	{family: "F06", name: "sha384", change: otherHash("", sha512.New384)},
	{family: "F06", name: "md5", change: otherHash("", md5.New)},
	{family: "F06", name: "sha256-prefix", change: otherHash("sha256=", sha256.New)},
	{family: "F06", name: "sha1-prefix", change: otherHash("sha1=", sha1.New)},
	{family: "F06", name: "sha384-prefix", change: otherHash("sha384=", sha512.New384)},
	{family: "F06", name: "md5-prefix", change: otherHash("md5=", md5.New)},

	// The duplicate comes last, where most parsers take it: a receiver that respells the body before it verifies sees a changed value.
	{family: "F07", name: "value-changed", change: tampered(func(f *forge) { f.body = shiftTimes(f.body, 86400) })},
	{family: "F07", name: "field-added", change: tampered(func(f *forge) { f.set("event.prelaunch", text("added")) })},
	{family: "F07", name: "duplicate-key", change: tampered(func(f *forge) {
		holder, i := f.doc.at("event")
		again := shiftTimes(compact.write(holder.members[i]), 86400)
		f.body = append(append(append(f.body[:len(f.body)-1:len(f.body)-1], `,"event":`...), again...), '}')
	})},
	{family: "F07", name: "another-body", change: tampered(func(f *forge) {
		if !f.fixed { // a UID that the receiver does not know would be refused for itself
			f.uid = randomUIDLike(f.uid)
			f.set("uid", text(f.uid))
		}
		f.body = shiftTimes(f.body, 40*86400)
	})},
	{family: "F07", name: "empty-body", change: tampered(func(f *forge) { f.body = nil })},
	{family: "F07", name: "type-changed", change: func(f *forge) {
		f.put(f.right(compact.write(f.retyped())))
	}},
	{family: "F07", name: "large-end-changed", change: func(f *forge) {
		f.grow(20 << 10)
		f.put(f.right(f.body))
		f.body = append(f.body[:len(f.body)-1:len(f.body)-1], `,"prelaunch":"added"}`...)
	}},

	{family: "F08", name: "pretty", change: tampered(func(f *forge) { f.body = pretty.write(f.doc) })},
	{family: "F08", name: "line-breaks", change: tampered(func(f *forge) { f.body = spread.write(f.doc) })},
	{family: "F08", name: "trailing-newline", change: tampered(func(f *forge) { f.body = append(f.body, '\n') })},
	{family: "F08", name: "python", change: tampered(func(f *forge) { f.body = python.write(f.doc) })},
	{family: "F08", name: "reordered", change: tampered(func(f *forge) { f.body = compact.write(f.doc.reversed()) })},
	{family: "F08", name: "escaped", change: tampered(func(f *forge) { f.body = escaped.write(f.doc) })},

	{family: "F09", name: "byte-ff", change: func(f *forge) {
		f.note("prelaunch\uFFFD")
		signature := f.right(f.body)
		f.body = bytes.Replace(f.body, []byte("\uFFFD"), []byte{0xff}, 1)
		f.put(signature)
	}},
	{family: "F09", name: "byte-ff-dropped", change: func(f *forge) {
		f.note("prelaunch\uFFFD")
		signature := f.right(bytes.Replace(f.body, []byte("\uFFFD"), nil, 1))
		f.body = bytes.Replace(f.body, []byte("\uFFFD"), []byte{0xff}, 1)
		f.put(signature)
	}},
	{family: "F09", name: "bom", change: tampered(func(f *forge) { f.body = append([]byte("\uFEFF"), f.body...) })},

	{family: "F10", name: "text", change: wrongAs("text/plain")},
	{family: "F10", name: "octet-stream", change: wrongAs("application/octet-stream")},
	{family: "F10", name: "form", change: wrongAs("application/x-www-form-urlencoded")},
	{family: "F10", name: "multipart", change: wrongAs("multipart/form-data; boundary=prelaunch")},
	{family: "F10", name: "form-body", change: func(f *forge) { f.asForm(); wrong(f) }},
	{family: "F10", name: "multipart-body", change: func(f *forge) { f.asMultipart(); wrong(f) }},
	{family: "F10", name: "no-content-type", change: func(f *forge) { f.noContentType(); wrong(f) }},
	{family: "F10", name: "utf-16", change: wrongAs("application/json; charset=utf-16")},
	{family: "F10", name: "xml", change: wrongAs("application/xml")},
	{family: "F10", name: "json-suffix", change: wrongAs("application/cloudevents+json")},
	{family: "F10", name: "upper-case", change: wrongAs("APPLICATION/JSON")},

	{family: "F11", name: "multipart-body-empty", change: fits("", (*forge).asMultipart)},
	{family: "F11", name: "multipart-body-braces", change: fits("{}", (*forge).asMultipart)},
	{family: "F11", name: "form-body-empty", change: fits("", (*forge).asForm)},
	{family: "F11", name: "form-body-braces", change: fits("{}", (*forge).asForm)},
	{family: "F11", name: "multipart-empty", change: fits("", func(f *forge) { f.contentType("multipart/form-data; boundary=prelaunch") })},
	{family: "F11", name: "form-empty", change: fits("", func(f *forge) { f.contentType("application/x-www-form-urlencoded") })},
	{family: "F11", name: "text-empty", change: fits("", func(f *forge) { f.contentType("text/plain") })},
	{family: "F11", name: "text-braces", change: fits("{}", func(f *forge) { f.contentType("text/plain") })},

	{family: "F12", name: "put", change: method("PUT")},
	{family: "F12", name: "patch", change: method("PATCH")},
	{family: "F12", name: "delete", change: method("DELETE")},
	{family: "F12", name: "override-put", change: hint("X-HTTP-Method-Override", "PUT")},
	{family: "F12", name: "override-get", change: hint("X-HTTP-Method-Override", "GET")},
	{family: "F12", name: "method-override-put", change: hint("X-Method-Override", "PUT")},
	{family: "F12", name: "http-method-put", change: hint("X-HTTP-Method", "PUT")},
	{family: "F12", name: "query-method-put", change: func(f *forge) { f.query = strings.TrimPrefix(f.query+"&_method=PUT", "&") }},

	{family: "F13", name: "trailing-slash", change: func(f *forge) {
		if without := strings.TrimSuffix(f.path, "/"); without != "" && without != f.path {
			f.elsewhereAt(without)
			return
		}
		f.elsewhereAt(f.path + "/")
	}},
	{family: "F13", name: "double-slash", change: func(f *forge) {
		i := strings.LastIndexByte(f.path, '/')
		f.elsewhereAt(f.path[:i] + "/" + f.path[i:])
	}},
	{family: "F13", name: "double-slash-first", change: func(f *forge) {
		if strings.LastIndexByte(f.path, '/') == 0 { // that is double-slash
			f.elsewhereAt("//" + f.path)
			return
		}
		f.elsewhereAt("/" + f.path)
	}},
	{family: "F13", name: "other-case", change: func(f *forge) { f.elsewhereAt(strings.Map(swapCase, f.path)) }},
	{family: "F13", name: "encoded-slash", change: func(f *forge) {
		i := strings.LastIndexByte(f.path, '/')
		if i <= 0 {
			f.elsewhereAt(f.path + "%2f")
			return
		}
		f.elsewhereAt(f.path[:i] + "%2f" + f.path[i+1:])
	}},
	{family: "F13", name: "parameter", change: func(f *forge) { f.elsewhereAt(f.path + ";x") }},
	{family: "F13", name: "suffix", change: func(f *forge) { f.elsewhereAt(f.path + ".json") }},
	{family: "F13", name: "dot-segment", change: func(f *forge) {
		i := strings.LastIndexByte(f.path, '/')
		f.elsewhereAt(f.path[:i] + "/." + f.path[i:])
	}},
	{family: "F13", name: "encoded-letter", change: func(f *forge) {
		last := f.path[len(f.path)-1]
		if last == '/' || len(f.path) > 2 && f.path[len(f.path)-3] == '%' {
			f.refuse(notSentNotPossible)
			return
		}
		f.elsewhereAt(fmt.Sprintf("%s%%%02x", f.path[:len(f.path)-1], last))
	}},
	// Not a spelling of the path at all: where even what is no event gets the genuine answer there, answers elsewhere prove nothing.
	{family: "F13", name: "unrelated", change: unrelated},
	{family: "F13", name: "unrelated-brace", change: func(f *forge) { unrelated(f); f.body = []byte("{") }},

	{family: "F14", name: "x-forwarded-for", change: hint("X-Forwarded-For", "127.0.0.1")},
	{family: "F14", name: "x-real-ip", change: hint("X-Real-IP", "127.0.0.1")},
	{family: "F14", name: "forwarded", change: hint("Forwarded", `for=127.0.0.1;host=localhost`)},
	{family: "F14", name: "x-client-ip", change: hint("X-Client-IP", "127.0.0.1")},
	{family: "F14", name: "x-forwarded-host", change: hint("X-Forwarded-Host", "localhost")},
	{family: "F14", name: "x-original-url", change: func(f *forge) {
		f.add("X-Original-URL", "http://127.0.0.1"+f.path)
		f.add("X-Rewrite-URL", "http://127.0.0.1"+f.path)
	}},
	{family: "F14", name: "x-debug", change: hint("X-Debug", "1")},
	{family: "F14", name: "other-addresses", change: func(f *forge) {
		for _, name := range []string{"True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP", "X-Originating-IP", "X-Remote-Addr"} {
			f.add(name, "127.0.0.1")
		}
	}},
	{family: "F14", name: "internal", change: func(f *forge) {
		for _, name := range []string{"X-Internal", "X-Internal-Request", "X-Test", "X-Test-Mode", "X-Skip-Verification", "X-Signature-Verified"} {
			f.add(name, "true")
		}
	}},
	{family: "F14", name: "query", change: func(f *forge) { f.query = strings.TrimPrefix(f.query+"&test=1&debug=1&verify=false", "&") }},
	{family: "F14", name: "test-true", change: func(f *forge) { f.set("test", literal("true")) }},
	{family: "F14", name: "livemode-false", change: func(f *forge) { f.set("livemode", literal("false")) }},
	{family: "F14", name: "mode-test", change: func(f *forge) {
		f.set("mode", text("test"))
		f.set("sandbox", literal("true"))
		f.set("debug", literal("true"))
	}},

	{family: "F15", name: "other-environment", change: func(f *forge) {
		if f.other == nil {
			f.refuse(notSentNoKey)
			return
		}
		f.keyed = true
		f.signWith(f.other)
	}},

	{family: "F16", name: "query", fullOnly: true, change: func(f *forge) {
		f.exposed = f.right(f.body)
		signature := url.QueryEscape(f.exposed)
		f.query = strings.TrimPrefix(f.query+"&signature="+signature+"&sig="+signature+"&"+strings.ToLower(f.key.scheme.Header)+"="+signature+"&"+f.key.scheme.Header+"="+signature, "&")
		wrong(f)
	}},
	{family: "F16", name: "other-header", fullOnly: true, change: func(f *forge) {
		f.exposed = f.right(f.body)
		for _, name := range []string{"Signature", "X-Hub-Signature", "X-Webhook-Signature", "X-Signature-512", "X-" + f.provider + "-Signature", "Authorization"} {
			f.add(name, f.exposed)
		}
		wrong(f)
	}},

	{family: "F17", name: "odd-length", change: func(f *forge) { f.put(randomHex(127)) }},
	{family: "F17", name: "not-hex", change: value(strings.Repeat("zz", 64))},
	{family: "F17", name: "byte-e9", change: func(f *forge) { f.put("\xe9" + randomHex(127)) }},
	{family: "F17", name: "long", change: func(f *forge) { f.put(randomHex(4096)) }},
	{family: "F17", name: "bogus-prefix", change: func(f *forge) { f.put("bogus=" + randomHex(128)) }},

	{family: "F18", name: "gzip", change: func(f *forge) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(f.body) // a bytes.Buffer takes everything
		_ = w.Close()
		f.body = packed.Bytes()
		f.add("Content-Encoding", "gzip")
	}},
	{family: "F18", name: "identity", change: hint("Content-Encoding", "identity")},

	{family: "F19", name: "two-wrong", change: func(f *forge) { wrong(f); f.add(f.key.scheme.Header, randomHex(128)) }},
	{family: "F19", name: "empty-and-wrong", change: func(f *forge) { f.put(""); f.add(f.key.scheme.Header, randomHex(128)) }},
	{family: "F19", name: "list-of-wrong", change: func(f *forge) { f.put(randomHex(128) + ", " + randomHex(128)) }},

	{family: "F21", name: "large", change: func(f *forge) { f.grow(20 << 10) }},
	{family: "F21", name: "larger", change: func(f *forge) { f.grow(64 << 10) }},
	{family: "F21", name: "chunked", change: func(f *forge) { f.chunked = true }},
	{family: "F21", name: "http2", change: func(f *forge) { f.http2 = true }},
}

// sentUnsigned are the families that carry no signature, or a random one where a receiver takes unsigned events as they are.
var sentUnsigned = map[string]bool{"F12": true, "F13": true, "F14": true, "F18": true, "F21": true}

func unrelated(f *forge) { f.elsewhereAt("/" + strings.ToLower(randomUIDLike(f.uid))) }

func wrong(f *forge) { f.put(f.key.scheme.Prefix + randomHex(128)) }

func value(v string) func(*forge) { return func(f *forge) { f.put(v) } }

func unlikeDigits(n int) func(*forge) {
	return func(f *forge) {
		right := randomHex(128)
		if f.key.key != nil && f.trusted {
			right = f.key.sign(f.body)
		}
		f.put(unlike(right, n))
	}
}

func flipped(i int) func(*forge) {
	return func(f *forge) { f.put(flip(f.right(f.body), i)) }
}

func piece(from, to int) func(*forge) {
	return func(f *forge) { f.put(f.right(f.body)[from:to]) }
}

func withKey(key string) func(*forge) {
	return func(f *forge) { f.signWith([]byte(key)) }
}

func plainDigest(parts ...[]byte) string { return hexSum(sha512.New, parts...) }

func hexSum(newHash func() hash.Hash, parts ...[]byte) string {
	h := newHash()
	h.Write(bytes.Join(parts, nil))
	return hex.EncodeToString(h.Sum(nil))
}

// retyped is the event with another type.
func (f *forge) retyped() *node {
	other := f.doc.clone()
	other.set("event.type", text("prelaunch.unknown"))
	return other
}

func otherHash(prefix string, newHash func() hash.Hash) func(*forge) {
	return func(f *forge) {
		f.right(nil)
		f.put(prefix + hex.EncodeToString(f.key.digest(newHash, f.body)))
	}
}

// tampered signs the event and then changes its body.
func tampered(change func(*forge)) func(*forge) {
	return func(f *forge) {
		f.put(f.right(f.body))
		f.body = bytes.Clone(f.body)
		change(f)
	}
}

func wrongAs(contentType string) func(*forge) {
	return func(f *forge) { f.contentType(contentType); wrong(f) }
}

// fits signs another body than the one that change makes.
func fits(signed string, change func(*forge)) func(*forge) {
	return func(f *forge) { change(f); f.put(f.right([]byte(signed))) }
}

func method(name string) func(*forge) { return func(f *forge) { f.method = name } }

func hint(name, value string) func(*forge) { return func(f *forge) { f.add(name, value) } }

func (f *forge) asForm() {
	f.contentType("application/x-www-form-urlencoded")
	f.body = []byte("payload=" + url.QueryEscape(string(f.body)))
}

func (f *forge) asMultipart() {
	f.contentType("multipart/form-data; boundary=prelaunch")
	f.body = []byte("--prelaunch\r\nContent-Disposition: form-data; name=\"payload\"\r\nContent-Type: application/json\r\n\r\n" + string(f.body) + "\r\n--prelaunch--\r\n")
}

// note puts words into a free text of the event, or into a new member where it has none.
func (f *forge) note(words string) {
	done := false
	f.doc.each(func(_ string, n *node) {
		if !done && n.kind == '"' && n.text == "prelaunch" {
			n.text, done = words, true
		}
	})
	if !done {
		f.doc.set("event.details.prelaunch", text(words))
	}
	f.body = compact.write(f.doc)
}

func randomUIDLike(uid string) string {
	other := []byte(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return 'X'
	}, uid))
	copy(other[min(len(uidPrefix), len(other)-1):], strings.ToUpper(randomHex(len(other))))
	return string(other)
}

func swapCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}

// diagnoses are guesses at what a receiver expects that refuses the genuine event.
var diagnoses = []testCase{
	{name: "sha256", change: otherHash("", sha256.New)},
	{name: "sha256-prefix", change: otherHash("sha256=", sha256.New)},
	{name: "sha1", change: otherHash("", sha1.New)},
	{name: "sha384", change: otherHash("", sha512.New384)},
	{name: "base64", change: func(f *forge) {
		f.right(nil)
		f.put(base64.StdEncoding.EncodeToString(f.key.digest(f.key.scheme.Hash, f.body)))
	}},
	{name: "sha256-base64", change: func(f *forge) {
		f.right(nil)
		f.put(base64.StdEncoding.EncodeToString(f.key.digest(sha256.New, f.body)))
	}},
	{name: "upper-case", change: func(f *forge) { f.put(strings.ToUpper(f.right(f.body))) }},
	{name: "sha512-prefix", change: func(f *forge) { f.put("sha512=" + f.right(f.body)) }},
	{name: "key-trailing-newline", change: keyed(func(key []byte) []byte { return append(bytes.Clone(key), '\n') })},
	{name: "key-trailing-crlf", change: keyed(func(key []byte) []byte { return append(bytes.Clone(key), "\r\n"...) })},
	{name: "key-trimmed", change: keyed(bytes.TrimSpace)},
	{name: "key-in-double-quotes", change: keyed(func(key []byte) []byte { return []byte(`"` + string(key) + `"`) })},
	{name: "key-in-single-quotes", change: keyed(func(key []byte) []byte { return []byte(`'` + string(key) + `'`) })},
	{name: "key-hex-decoded", change: keyed(func(key []byte) []byte {
		raw, err := hex.DecodeString(string(key))
		if err != nil {
			return nil
		}
		return raw
	})},
	{name: "key-base64-decoded", change: keyed(func(key []byte) []byte {
		raw, err := base64.StdEncoding.DecodeString(string(key))
		if err != nil {
			return nil
		}
		return raw
	})},
	{name: "other-environment", change: func(f *forge) {
		if f.other == nil {
			f.refuse(notSentNoKey)
			return
		}
		f.keyed = true
		f.signWith(f.other)
	}},
	{name: "spaced-body", change: func(f *forge) { f.put(f.right(python.write(f.doc))) }},
	{name: "sorted-body", change: func(f *forge) { f.put(f.right(compact.write(f.doc.sorted()))) }},
	{name: "pretty-body", change: func(f *forge) { f.put(f.right(pretty.write(f.doc))) }},
	{name: "python-spelling", change: func(f *forge) { f.body = python.write(f.doc); f.sign() }},
}

// keyed signs with the key as change makes it; nil means that it cannot be made.
func keyed(change func([]byte) []byte) func(*forge) {
	return func(f *forge) {
		f.right(nil)
		if f.key.key == nil {
			return
		}
		key := change(f.key.key)
		if key == nil {
			f.refuse(notSentNotPossible)
			return
		}
		f.signWith(key)
	}
}
