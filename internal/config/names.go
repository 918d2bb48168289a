package config

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// asciiHost is a host name as DNS, SNI and certificates spell it: an international one in its xn-- form (RFC 5891). It is not ok for
// what no client could look up.
func asciiHost(host string) (spelt string, ok bool) {
	if isASCII(host) {
		return host, true
	}
	spelt, err := idna.Lookup.ToASCII(host)
	return spelt, err == nil
}

// asciiURL is a URL with its host as asciiHost spells it, and otherwise as written.
func asciiURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || isASCII(u.Hostname()) {
		return raw
	}
	host, ok := asciiHost(u.Hostname())
	if !ok {
		return raw
	}
	if port := u.Port(); port != "" {
		host = net.JoinHostPort(host, port)
	}
	return strings.Replace(raw, u.Host, host, 1)
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 126 }) < 0
}
