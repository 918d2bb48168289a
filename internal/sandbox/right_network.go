package sandbox

import (
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
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
	{Name: "ten-requests-a-connection", Description: "closes each connection after ten requests, and says so", plant: func(ru *rules) {
		var requests sync.Map // connection → *atomic.Int64
		protocols(false, true)(ru)
		ru.finish = append(ru.finish, func(d *delivery, a *answer) {
			count, _ := requests.LoadOrStore(d.conn, new(atomic.Int64))
			if count.(*atomic.Int64).Add(1)%10 == 0 {
				a.header.Set("Connection", "close")
			}
		})
	}},
	{Name: "idle-connections-closed-soon", Description: "closes connections that were idle for 20 ms, without a word", plant: func(ru *rules) {
		protocols(false, true)(ru)
		ru.idle = 20 * time.Millisecond
	}},
	{Name: "connections-closed-under-the-next-request", Description: "keeps each connection open after its first answer, and resets it without a word when a second request arrives, as a proxy does that closes idle ones just then", plant: func(ru *rules) {
		var used sync.Map // connections that had a request
		protocols(false, true)(ru)
		ru.first = append(ru.first, func(d *delivery) (answer, bool) {
			_, again := used.LoadOrStore(d.conn, true)
			return answer{reset: true}, again
		})
	}},
	{Name: "name-required", Description: "takes no connection without server name indication", plant: func(ru *rules) {
		ru.tls = func(c *tls.Config) {
			own := c.Certificates[0]
			c.Certificates = nil
			c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if hello.ServerName != ru.options.Host {
					return nil, errors.New("no such name")
				}
				return &own, nil
			}
		}
	}},
	{Name: "client-certificate-required", Description: "takes no connection without a client certificate, which the configuration has", Setup: Setup{ClientCertificate: true}, plant: func(ru *rules) {
		ru.tls = func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ru.options.Authority.Pool()
		}
	}},
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
