package behaviors

import (
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// rightNetwork are correct receivers that differ below HTTP's meaning: versions, connections, instances, delays.
var rightNetwork = []sandbox.Behavior{
	{Name: "http1-only", Description: "speaks HTTP/1.1 only", Plant: protocols(false, true)},
	{Name: "http2-only", Description: "speaks HTTP/2 only", Plant: protocols(true, false)},
	{Name: "http2-only-as-node", Description: "speaks HTTP/2 only, and responds with 403 to HTTP/1.1 where no protocol was negotiated, as Node.js does", Plant: func(ru *sandbox.Rules) {
		protocols(true, true)(ru)
		ru.Tls = func(c *tls.Config) {
			only := c.Clone()
			only.NextProtos = []string{"h2"}
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return only, nil }
		}
		ru.First = append(ru.First, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			return sandbox.TextAnswer(403, "text/plain", "Missing ALPN Protocol, expected `h2` to be available."), d.ProtoMajor == 1
		})
	}},
	{Name: "keep-alive-off", Description: "closes the connection after each answer", Plant: func(ru *sandbox.Rules) { ru.NoKeepAlive = true }},
	{Name: "connection-close-on-refusal", Description: "closes the connection after a rejection", Plant: finish(func(_ *sandbox.Delivery, a *sandbox.Answer) {
		if a.Status >= 400 {
			a.Header.Set("Connection", "close")
		}
	})},
	{Name: "slow", Description: "takes 200 ms for each answer", Plant: func(ru *sandbox.Rules) { ru.Delay = slowness }},
	{Name: "several-instances", Description: "three instances share the address; each tells its number", Plant: header("X-Served-By", "web-{{instance}}")},
	{Name: "two-addresses", Description: "its name has two addresses", Plant: func(ru *sandbox.Rules) { ru.Addresses = 2 }},
	{Name: "ipv6-too", Description: "its name has an address of each kind", Plant: func(ru *sandbox.Rules) { ru.Addresses, ru.Ipv6 = 2, true }},
	{Name: "ten-requests-a-connection", Description: "closes each connection after ten requests, and says so", Plant: func(ru *sandbox.Rules) {
		var requests sync.Map // connection → *atomic.Int64
		protocols(false, true)(ru)
		ru.Finish = append(ru.Finish, func(d *sandbox.Delivery, a *sandbox.Answer) {
			count, _ := requests.LoadOrStore(d.Conn, new(atomic.Int64))
			if count.(*atomic.Int64).Add(1)%10 == 0 {
				a.Header.Set("Connection", "close")
			}
		})
	}},
	{Name: "idle-connections-closed-soon", Description: "closes connections that were idle for 20 ms, without a word", Plant: func(ru *sandbox.Rules) {
		protocols(false, true)(ru)
		ru.Idle = 20 * time.Millisecond
	}},
	{Name: "connections-closed-under-the-next-request", Description: "keeps each connection open after its first answer, and resets it without a word when a second request arrives, as a proxy does that closes idle ones just then", Plant: func(ru *sandbox.Rules) {
		var used sync.Map // connections that had a request
		protocols(false, true)(ru)
		ru.First = append(ru.First, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
			_, again := used.LoadOrStore(d.Conn, true)
			return sandbox.Answer{Reset: true}, again
		})
	}},
	{Name: "name-required", Description: "takes no connection without server name indication", Plant: func(ru *sandbox.Rules) {
		ru.Tls = func(c *tls.Config) {
			own := c.Certificates[0]
			c.Certificates = nil
			c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if hello.ServerName != ru.Options.Host {
					return nil, errors.New("no such name")
				}
				return &own, nil
			}
		}
	}},
	{Name: "client-certificate-required", Description: "takes no connection without a client certificate, which the configuration has", Setup: sandbox.Setup{ClientCertificate: true}, Plant: func(ru *sandbox.Rules) {
		ru.Tls = func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ru.Options.Authority.Pool()
		}
	}},
	{Name: "tls-1.3-only", Description: "takes TLS 1.3 only", Plant: func(ru *sandbox.Rules) {
		ru.Tls = func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }
	}},
	{Name: "tls-1.2-only", Description: "takes TLS 1.2 only", Plant: func(ru *sandbox.Rules) {
		ru.Tls = func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }
	}},
	{Name: "intermediate-sent", Description: "its certificate comes from an intermediate, which it sends", Plant: certificate(withIntermediate)},
	{Name: "plain-http-redirected", Description: "port 80 redirects to HTTPS", Plant: func(ru *sandbox.Rules) {
		ru.Plain = func(r *sandbox.Receiver, _ http.Handler) http.Handler {
			return http.RedirectHandler(r.URL(), http.StatusPermanentRedirect)
		}
	}},
	{Name: "plain-http-forbidden", Description: "port 80 answers 403", Plant: func(ru *sandbox.Rules) {
		ru.Plain = func(*sandbox.Receiver, http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "HTTPS only", http.StatusForbidden) })
		}
	}},
}
