package tlsinspect

import (
	"net/http"
	"strconv"
	"strings"
)

// hsts reads Strict-Transport-Security as browsers do (RFC 6797, 6.1 and 8.1): only the first
// header counts; directives are separated by semicolons, may be empty, must not repeat; max-age is
// required and is digits, perhaps quoted; unknown directives are passed over.
func hsts(header http.Header) HSTS {
	values := header.Values("Strict-Transport-Security")
	h := HSTS{Headers: len(values), Present: len(values) > 0}
	if !h.Present {
		return h
	}
	seen := map[string]bool{}
	for _, directive := range strings.Split(values[0], ";") {
		name, value, hasValue := strings.Cut(strings.TrimSpace(directive), "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" && !hasValue {
			continue
		}
		if strings.ContainsAny(name, " \t\",") || name == "" {
			h.Problem = "malformed directive"
			return h
		}
		if seen[name] {
			h.Problem = "repeated directive"
			return h
		}
		seen[name] = true
		switch name {
		case "max-age":
			age, ok := seconds(strings.TrimSpace(value))
			if !ok {
				h.Problem = "max-age is not a number of seconds"
				return h
			}
			h.MaxAge = age
		case "includesubdomains":
			h.IncludeSubDomains = !hasValue
		case "preload":
			h.Preload = !hasValue
		}
	}
	if !seen["max-age"] {
		h.Problem = "no max-age"
		return h
	}
	h.WellFormed = true
	return h
}

func seconds(value string) (int64, bool) {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 1<<62 - 1, true // more seconds than fit: as long as can be
	}
	return n, true
}
