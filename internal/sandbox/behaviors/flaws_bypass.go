package behaviors

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// bypassFlaws are receivers whose verification has a way round it.
var bypassFlaws = slices.Concat(
	contentTypeGates(), methodGates(), pathGates(), trustedHeaders(),
	[]sandbox.Behavior{
		{Name: "json-only-gate", Description: "verifies only what is declared to be JSON",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}, May: []string{sandbox.RejectsTampered}}, Plant: excuse(func(d *sandbox.Delivery) bool {
				return !strings.HasPrefix(d.Header.Get("Content-Type"), "application/json")
			})},
		{Name: "utf-16-gate", Description: "does not verify what is declared to be UTF-16, and decodes it",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: func(ru *sandbox.Rules) {
				declared := func(d *sandbox.Delivery) bool {
					return strings.Contains(strings.ToLower(d.Header.Get("Content-Type")), "utf-16")
				}
				ru.Excuses = append(ru.Excuses, declared)
				ru.Decode = func(d *sandbox.Delivery) []byte {
					if declared(d) && bytes.IndexByte(d.Payload, 0) >= 0 {
						return fromUTF16(d.Payload)
					}
					return d.Payload
				}
			}},
		{Name: "gzip-gate", Description: "does not verify gzip-encoded bodies, and inflates them",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: func(ru *sandbox.Rules) {
				encoded := func(d *sandbox.Delivery) bool { return d.Header.Get("Content-Encoding") == "gzip" }
				ru.Excuses = append(ru.Excuses, encoded)
				ru.Decode = func(d *sandbox.Delivery) []byte {
					if !encoded(d) {
						return d.Payload
					}
					reader, err := gzip.NewReader(bytes.NewReader(d.Payload))
					if err != nil {
						return d.Payload
					}
					out, err := io.ReadAll(io.LimitReader(reader, sandbox.MaxBody))
					if err != nil {
						return d.Payload
					}
					return out
				}
			}},
		{Name: "method-override-gate", Description: "routes a POST by X-HTTP-Method-Override or X-Method-Override, and verifies POST only",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(func(d *sandbox.Delivery) bool {
				return overridden(d) != "" && overridden(d) != http.MethodPost
			})},
		{Name: "test-flag-trusted", Description: `does not verify an event with "test": true`,
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(flagged("test", true))},
		{Name: "livemode-trusted", Description: `does not verify an event with "livemode": false`,
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(flagged("livemode", false))},
		{Name: "repeated-header-gate", Description: "does not verify a request whose signature header stands more than once",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(func(d *sandbox.Delivery) bool { return len(d.Header.Values(sandbox.SignatureHeader)) > 1 })},
		{Name: "one-event-type-unverified", Description: "does not verify events that an application expired",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}, May: anySignatureReach}, Plant: excuse(func(d *sandbox.Delivery) bool {
				return bytes.Contains(d.Payload, []byte(`application.expired`))
			})},
		{Name: "journey-events-unverified", Description: "verifies scores only",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}, May: anySignatureReach}, Plant: excuse(func(d *sandbox.Delivery) bool {
				return bytes.Contains(d.Payload, []byte(`"application.`))
			})},
		{Name: "large-bodies-unverified", Description: "does not verify bodies above 8 KiB", // seen only by who forges a large body
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}, May: []string{sandbox.RejectsTampered}}, Plant: excuse(func(d *sandbox.Delivery) bool { return len(d.Payload) > 8<<10 })},
		{Name: "chunked-unverified", Description: "does not verify bodies without Content-Length", // seen only by who forges one
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(func(d *sandbox.Delivery) bool { return d.ContentLength < 0 })},
		{Name: "larger-bodies-unverified", Description: "does not verify bodies above 48 KiB",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(func(d *sandbox.Delivery) bool { return len(d.Payload) > 48<<10 })},
		{Name: "http2-unverified", Description: "does not verify what comes over HTTP/2",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(func(d *sandbox.Delivery) bool { return d.ProtoMajor == 2 })},
		{Name: "one-event-type-takes-any-signature", Description: "wants a signature of events that an application expired, and does not compare it",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsUnsigned}}, Plant: excuse(func(d *sandbox.Delivery) bool {
				return d.Header.Get(sandbox.SignatureHeader) != "" && bytes.Contains(d.Payload, []byte(`application.expired`))
			})},
	})

var anySignatureReach = slices.Concat(sandbox.ForgeryChecks, sandbox.InputChecks)

// contentTypeGates do not verify bodies of one declared type.
func contentTypeGates() []sandbox.Behavior {
	var out []sandbox.Behavior
	for name, prefix := range map[string]string{
		"text": "text/plain", "binary": "application/octet-stream", "form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data",
	} {
		out = append(out, sandbox.Behavior{Name: name + "-gate", Description: "does not verify what is declared to be " + prefix,
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}, May: []string{sandbox.RejectsTampered}},
			Plant:  excuse(func(d *sandbox.Delivery) bool { return strings.HasPrefix(d.Header.Get("Content-Type"), prefix) })})
	}
	out = append(out, sandbox.Behavior{Name: "no-type-gate", Description: "does not verify what is declared to be nothing",
		Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(func(d *sandbox.Delivery) bool { return d.Header.Get("Content-Type") == "" })})
	slices.SortFunc(out, byName)
	return out
}

func byName(a, b sandbox.Behavior) int { return strings.Compare(a.Name, b.Name) }

// methodGates take another method without verification.
func methodGates() []sandbox.Behavior {
	var out []sandbox.Behavior
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		out = append(out, sandbox.Behavior{Name: strings.ToLower(method) + "-unverified", Description: "takes " + method + " and verifies POST only",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: func(ru *sandbox.Rules) {
				ru.Methods = append(ru.Methods, method)
				ru.Excuses = append(ru.Excuses, func(d *sandbox.Delivery) bool { return d.Method == method })
			}})
	}
	return out
}

// pathGates serve another serialization of the path without verification.
func pathGates() []sandbox.Behavior {
	spelt := func(name, description string, matches func(u *url.URL, path string) bool) sandbox.Behavior {
		return sandbox.Behavior{Name: "path-" + name + "-unverified", Description: "serves " + description + " and verifies the plain path only",
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: func(ru *sandbox.Rules) {
				other := func(d *sandbox.Delivery) bool { return d.URL.Path != ru.Options.Path || d.URL.RawPath != "" }
				ru.Excuses = append(ru.Excuses, other)
				ru.AnyPath = true
				ru.First = append(ru.First, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
					return sandbox.PlainRefusal(d, sandbox.WrongPath), other(d) && !matches(d.URL, ru.Options.Path)
				})
			}}
	}
	return []sandbox.Behavior{
		spelt("slash", "a trailing slash", func(u *url.URL, path string) bool { return u.Path == path+"/" && u.RawPath == "" }),
		spelt("doubled", "doubled slashes", func(u *url.URL, path string) bool {
			return strings.Contains(u.Path, "//") && strings.Trim(strings.ReplaceAll(u.Path, "//", "/"), "/") == strings.Trim(path, "/")
		}),
		spelt("case", "other cases", func(u *url.URL, path string) bool { return strings.EqualFold(u.Path, path) }),
		spelt("encoded", "an encoded slash", func(u *url.URL, path string) bool {
			return strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") && strings.Trim(u.Path, "/") == strings.Trim(path, "/")
		}),
		spelt("parameter", "a path parameter", func(u *url.URL, path string) bool { return strings.HasPrefix(u.Path, path+";") }),
		spelt("any", "every other path", func(*url.URL, string) bool { return true }),
		spelt("extension", "the extension .json", func(u *url.URL, path string) bool { return u.Path == path+".json" }),
	}
}

// trustedHeaders do not verify what claims to come from near.
func trustedHeaders() []sandbox.Behavior {
	claims := func(value string) bool {
		return strings.Contains(value, "127.0.0.1") || strings.Contains(value, "localhost") || strings.Contains(value, "::1")
	}
	row := func(header, description string, trusted func(string) bool) sandbox.Behavior {
		return sandbox.Behavior{Name: strings.ToLower(header) + "-trusted", Description: fmt.Sprintf("does not verify a request %s in %s", description, header),
			Expect: sandbox.Expect{Fails: []string{sandbox.RejectsBypass}}, Plant: excuse(func(d *sandbox.Delivery) bool { return trusted(d.Header.Get(header)) })}
	}
	return []sandbox.Behavior{
		row("X-Forwarded-For", "from loopback", claims),
		row("X-Real-IP", "from loopback", claims),
		row("Forwarded", "from loopback", claims),
		row("X-Original-URL", "to a local address", func(value string) bool { return value != "" }),
		row("X-Debug", "with a truth", func(value string) bool { return value != "" && value != "0" && value != "false" }),
	}
}

func overridden(d *sandbox.Delivery) string {
	if method := d.Header.Get("X-Http-Method-Override"); method != "" {
		return method
	}
	return d.Header.Get("X-Method-Override")
}

// flagged reports whether the body has that flag, at the top or in the event.
func flagged(name string, value bool) func(*sandbox.Delivery) bool {
	return func(d *sandbox.Delivery) bool {
		object, err := (&sandbox.Rules{MaxDepth: sandbox.MaxDepth}).Object(d.Payload)
		if err != nil {
			return false
		}
		inner, _ := object["event"].(map[string]any)
		return object[name] == value || inner[name] == value
	}
}

// fromUTF16 decodes by the byte order mark, big-endian without one where the first byte is zero.
func fromUTF16(body []byte) []byte {
	big := len(body) > 1 && (body[0] == 0xfe || body[0] == 0)
	var units []uint16
	for i := 0; i+1 < len(body); i += 2 {
		unit := uint16(body[i]) | uint16(body[i+1])<<8
		if big {
			unit = uint16(body[i])<<8 | uint16(body[i+1])
		}
		units = append(units, unit)
	}
	return []byte(strings.TrimPrefix(string(utf16.Decode(units)), "\ufeff"))
}
