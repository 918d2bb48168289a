package sandbox

import (
	"crypto/tls"
	"net/http"
)

// rightNetwork are right receivers that differ below HTTP's meaning: versions, connections, instances, delays.
var rightNetwork = []Behaviour{
	{Name: "http1-only", Description: "speaks HTTP/1.1 only", plant: protocols(false, true)},
	{Name: "http2-only", Description: "speaks HTTP/2 only", plant: protocols(true, false)},
	{Name: "keep-alive-off", Description: "closes the connection after each answer", plant: func(ru *rules) { ru.noKeepAlive = true }},
	{Name: "connection-close-on-refusal", Description: "closes the connection after a refusal", plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) {
			if a.status >= 400 {
				a.header.Set("Connection", "close")
			}
		})
	}},
	{Name: "slow", Description: "takes 200 ms for each answer", plant: func(ru *rules) { ru.delay = slowness }},
	{Name: "several-instances", Description: "three instances share the address; each tells its number", plant: func(ru *rules) {
		header("X-Served-By", "web-{{instance}}")(ru)
	}},
	{Name: "two-addresses", Description: "its name has two addresses", plant: func(ru *rules) { ru.addresses = 2 }},
	{Name: "ipv6-too", Description: "its name has an address of each kind", plant: func(ru *rules) { ru.addresses, ru.ipv6 = 2, true }},
	{Name: "tls-1.3-only", Description: "takes TLS 1.3 only", plant: func(ru *rules) {
		ru.tls = func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }
	}},
	{Name: "tls-1.2-only", Description: "takes TLS 1.2 only", plant: func(ru *rules) {
		ru.tls = func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }
	}},
	{Name: "intermediate-sent", Description: "its certificate comes from an intermediate, which it sends", plant: certificate(withIntermediate)},
	{Name: "plain-http-redirected", Description: "port 80 redirects to HTTPS", plant: func(ru *rules) {
		ru.plain = func(r *Receiver, _ http.Handler) http.Handler {
			return http.RedirectHandler(r.URL(), http.StatusPermanentRedirect)
		}
	}},
	{Name: "plain-http-forbidden", Description: "port 80 answers 403", plant: func(ru *rules) {
		ru.plain = func(*Receiver, http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "HTTPS only", http.StatusForbidden) })
		}
	}},
}
