package cases

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// contentTypes are wrong signatures in what says that it is no event of the provider's, whose content type is own.
func contentTypes(own string) []Case {
	return []Case{
		{Family: "F10", Name: "text", Change: wrongAs("text/plain")},
		{Family: "F10", Name: "octet-stream", Change: wrongAs("application/octet-stream")},
		{Family: "F10", Name: "form", Change: wrongAs("application/x-www-form-urlencoded")},
		{Family: "F10", Name: "multipart", Change: wrongAs("multipart/form-data; boundary=prelaunch")},
		{Family: "F10", Name: "form-body", Change: func(f *Request) { f.asForm(); Wrong(f) }},
		{Family: "F10", Name: "multipart-body", Change: func(f *Request) { f.asMultipart(); Wrong(f) }},
		{Family: "F10", Name: "no-content-type", Change: func(f *Request) { f.noContentType(); Wrong(f) }},
		{Family: "F10", Name: "utf-16", Change: wrongAs(own + "; charset=utf-16")},
		{Family: "F10", Name: "json-suffix", Change: wrongAs("application/cloudevents+json")},
		{Family: "F10", Name: "upper-case", Change: wrongAs(strings.ToUpper(own))},
	}
}

// methods are other methods than the provider's.
func methods() []Case {
	return []Case{
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
	}
}

// paths are other spellings of the path.
func paths() []Case {
	return []Case{
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
	}
}

// hints are headers and members that claim trust.
func hints() []Case {
	return []Case{
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
	}
}

// contentEncodings are events whose content is encoded.
func contentEncodings() []Case {
	return []Case{
		{Family: "F18", Name: "gzip", Change: func(f *Request) {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, _ = w.Write(f.Body) // a bytes.Buffer takes everything
			_ = w.Close()
			f.Body = packed.Bytes()
			f.add("Content-Encoding", "gzip")
		}},
		{Family: "F18", Name: "identity", Change: hint("Content-Encoding", "identity")},
	}
}

// shapes are events of another size, or that are sent otherwise.
func shapes() []Case {
	return []Case{
		{Family: "F21", Name: "large", Change: func(f *Request) { f.grow(20 << 10) }},
		{Family: "F21", Name: "larger", Change: func(f *Request) { f.grow(64 << 10) }},
		{Family: "F21", Name: "chunked", Change: func(f *Request) { f.Chunked = true }},
		{Family: "F21", Name: "http2", Change: func(f *Request) { f.HTTP2 = true }},
	}
}

func unrelated(f *Request) { f.elsewhereAt("/" + strings.ToLower(RandomUID(f.Profile.UID))) }

func wrongAs(contentType string) func(*Request) {
	return func(f *Request) { f.contentType(contentType); Wrong(f) }
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

func swapCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}
