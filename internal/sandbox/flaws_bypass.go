package sandbox

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
)

// bypassFlaws are receivers whose verification has a way round it.
var bypassFlaws = slices.Concat(
	contentTypeGates(), methodGates(), pathGates(), trustedHeaders(),
	[]Behaviour{
		{Name: "json-only-gate", Description: "verifies only what is declared to be JSON",
			Expect: Expect{Fails: []string{rejectsBypass}, May: []string{rejectsTampered}}, plant: excuse(func(d *delivery) bool {
				return !strings.HasPrefix(d.Header.Get("Content-Type"), "application/json")
			})},
		{Name: "utf-16-gate", Description: "does not verify what is declared to be UTF-16, and decodes it",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: func(ru *rules) {
				declared := func(d *delivery) bool {
					return strings.Contains(strings.ToLower(d.Header.Get("Content-Type")), "utf-16")
				}
				ru.excuses = append(ru.excuses, declared)
				ru.decode = func(d *delivery) []byte {
					if declared(d) && bytes.IndexByte(d.body, 0) >= 0 {
						return fromUTF16(d.body)
					}
					return d.body
				}
			}},
		{Name: "gzip-gate", Description: "does not verify gzip-encoded bodies, and inflates them",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: func(ru *rules) {
				encoded := func(d *delivery) bool { return d.Header.Get("Content-Encoding") == "gzip" }
				ru.excuses = append(ru.excuses, encoded)
				ru.decode = func(d *delivery) []byte {
					if !encoded(d) {
						return d.body
					}
					reader, err := gzip.NewReader(bytes.NewReader(d.body))
					if err != nil {
						return d.body
					}
					out, err := io.ReadAll(io.LimitReader(reader, maxBody))
					if err != nil {
						return d.body
					}
					return out
				}
			}},
		{Name: "method-override-gate", Description: "routes a POST by X-HTTP-Method-Override or X-Method-Override, and verifies POST only",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(func(d *delivery) bool {
				return overridden(d) != "" && overridden(d) != http.MethodPost
			})},
		{Name: "test-flag-trusted", Description: `does not verify an event with "test": true`,
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(flagged("test", true))},
		{Name: "livemode-trusted", Description: `does not verify an event with "livemode": false`,
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(flagged("livemode", false))},
		{Name: "repeated-header-gate", Description: "does not verify a request whose signature header stands more than once",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(func(d *delivery) bool { return len(d.Header.Values(signatureHeader)) > 1 })},
		{Name: "one-event-type-unverified", Description: "does not verify events that an application expired",
			Expect: Expect{Fails: []string{rejectsUnsigned}, May: anySignatureReach}, plant: excuse(func(d *delivery) bool {
				return bytes.Contains(d.body, []byte(`application.expired`))
			})},
		{Name: "journey-events-unverified", Description: "verifies scores only",
			Expect: Expect{Fails: []string{rejectsUnsigned}, May: anySignatureReach}, plant: excuse(func(d *delivery) bool {
				return bytes.Contains(d.body, []byte(`"application.`))
			})},
		{Name: "large-bodies-unverified", Description: "does not verify bodies above 8 KiB", // seen only by who forges a large body
			Expect: Expect{Fails: []string{rejectsBypass}, May: []string{rejectsTampered}}, plant: excuse(func(d *delivery) bool { return len(d.body) > 8<<10 })},
		{Name: "chunked-unverified", Description: "does not verify bodies without Content-Length", // seen only by who forges one
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(func(d *delivery) bool { return d.ContentLength < 0 })},
		{Name: "larger-bodies-unverified", Description: "does not verify bodies above 48 KiB",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(func(d *delivery) bool { return len(d.body) > 48<<10 })},
		{Name: "http2-unverified", Description: "does not verify what comes over HTTP/2",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(func(d *delivery) bool { return d.ProtoMajor == 2 })},
		{Name: "one-event-type-takes-any-signature", Description: "wants a signature of events that an application expired, and does not compare it",
			Expect: Expect{Fails: []string{rejectsUnsigned}}, plant: excuse(func(d *delivery) bool {
				return d.Header.Get(signatureHeader) != "" && bytes.Contains(d.body, []byte(`application.expired`))
			})},
	})

var anySignatureReach = slices.Concat(forgeryChecks, inputChecks)

// contentTypeGates do not verify bodies of one declared type.
func contentTypeGates() []Behaviour {
	var out []Behaviour
	for name, prefix := range map[string]string{
		"text": "text/plain", "binary": "application/octet-stream", "form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data",
	} {
		out = append(out, Behaviour{Name: name + "-gate", Description: "does not verify what is declared to be " + prefix,
			Expect: Expect{Fails: []string{rejectsBypass}, May: []string{rejectsTampered}},
			plant:  excuse(func(d *delivery) bool { return strings.HasPrefix(d.Header.Get("Content-Type"), prefix) })})
	}
	out = append(out, Behaviour{Name: "no-type-gate", Description: "does not verify what is declared to be nothing",
		Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(func(d *delivery) bool { return d.Header.Get("Content-Type") == "" })})
	slices.SortFunc(out, byName)
	return out
}

func byName(a, b Behaviour) int { return strings.Compare(a.Name, b.Name) }

// methodGates take another method without verification.
func methodGates() []Behaviour {
	var out []Behaviour
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		out = append(out, Behaviour{Name: strings.ToLower(method) + "-unverified", Description: "takes " + method + " and verifies POST only",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: func(ru *rules) {
				ru.methods = append(ru.methods, method)
				ru.excuses = append(ru.excuses, func(d *delivery) bool { return d.Method == method })
			}})
	}
	return out
}

// pathGates serve another spelling of the path without verification.
func pathGates() []Behaviour {
	spelt := func(name, description string, matches func(u *url.URL, path string) bool) Behaviour {
		return Behaviour{Name: "path-" + name + "-unverified", Description: "serves " + description + " and verifies the plain path only",
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: func(ru *rules) {
				other := func(d *delivery) bool { return d.URL.Path != ru.options.Path || d.URL.RawPath != "" }
				ru.excuses = append(ru.excuses, other)
				ru.anyPath = true
				ru.first = append(ru.first, func(d *delivery) (answer, bool) {
					return plainRefusal(d, wrongPath), other(d) && !matches(d.URL, ru.options.Path)
				})
			}}
	}
	return []Behaviour{
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
func trustedHeaders() []Behaviour {
	claims := func(value string) bool {
		return strings.Contains(value, "127.0.0.1") || strings.Contains(value, "localhost") || strings.Contains(value, "::1")
	}
	row := func(header, description string, trusted func(string) bool) Behaviour {
		return Behaviour{Name: strings.ToLower(header) + "-trusted", Description: fmt.Sprintf("does not verify a request %s in %s", description, header),
			Expect: Expect{Fails: []string{rejectsBypass}}, plant: excuse(func(d *delivery) bool { return trusted(d.Header.Get(header)) })}
	}
	return []Behaviour{
		row("X-Forwarded-For", "from loopback", claims),
		row("X-Real-IP", "from loopback", claims),
		row("Forwarded", "from loopback", claims),
		row("X-Original-URL", "to a local address", func(value string) bool { return value != "" }),
		row("X-Debug", "with a truth", func(value string) bool { return value != "" && value != "0" && value != "false" }),
	}
}

func overridden(d *delivery) string {
	if method := d.Header.Get("X-Http-Method-Override"); method != "" {
		return method
	}
	return d.Header.Get("X-Method-Override")
}

// flagged reports whether the body has that flag, at the top or in the event.
func flagged(name string, value bool) func(*delivery) bool {
	return func(d *delivery) bool {
		object, err := (&rules{maxDepth: maxDepth}).object(d.body)
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
