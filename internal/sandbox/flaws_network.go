package sandbox

import (
	"crypto/tls"
	"net/http"
	"slices"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// networkFlaws are receivers that are flawed on some connections only, or below HTTP.
var networkFlaws = []Behaviour{
	{Name: "one-instance-in-four-unpatched", Description: "every fourth connection reaches an instance that verifies nothing",
		Expect: Expect{Fails: []string{sameEverywhere}, May: everythingElse(sameEverywhere)}, plant: excuse(func(d *delivery) bool { return d.conn%4 == 3 })},
	{Name: "one-instance-in-ten-unpatched", Description: "every tenth connection reaches an instance that verifies nothing",
		Expect: Expect{Fails: []string{sameEverywhere}, May: everythingElse(sameEverywhere)}, plant: excuse(func(d *delivery) bool { return d.conn%10 == 9 })},
	{Name: "one-address-unpatched", Description: "what listens on the second of its addresses verifies nothing",
		Expect: Expect{Fails: []string{sameEverywhere}, May: everythingElse(sameEverywhere)}, plant: func(ru *rules) {
			ru.addresses = 2
			ru.excuses = append(ru.excuses, func(d *delivery) bool { return d.listener == 1 })
		}},
	{Name: "one-instance-crashes", Description: "every fourth connection reaches an instance that answers 500",
		Expect: Expect{Withheld: []string{sameEverywhere}, May: everythingElse(sameEverywhere)}, plant: before(func(d *delivery) bool { return d.conn%4 == 3 }, crash)},
	{Name: "one-address-refuses", Description: "what listens on the second of its addresses takes no signature",
		Expect: Expect{Fails: []string{acceptsGenuine}, Withheld: []string{sameEverywhere}, May: everythingElse(acceptsGenuine, sameEverywhere)}, plant: func(ru *rules) {
			ru.addresses = 2
			ru.before = append(ru.before, func(d *delivery) (answer, bool) { return ru.refuse(d, unauthentic), d.listener == 1 })
		}},
	{Name: "one-instance-has-the-old-key", Description: "every fourth connection reaches an instance with a retired key only", Setup: Setup{RetiredKey: true},
		Expect: Expect{Withheld: []string{sameEverywhere}, May: everythingElse(sameEverywhere)}, plant: func(ru *rules) {
			retired := ru.options.RetiredKey.Expose()
			ru.before = append(ru.before, func(d *delivery) (answer, bool) {
				if d.conn%4 != 3 {
					return answer{}, false
				}
				bySelf := slices.ContainsFunc(ru.candidates(d), func(s string) bool { return exactHex(hmacSHA512(retired, d.body), s) })
				if bySelf {
					return ru.accept(d, event{}), true
				}
				return ru.refuse(d, unauthentic), true
			})
		}},
	{Name: "plain-http-served", Description: "answers in the clear as it does over HTTPS",
		Expect: Expect{Fails: []string{noPlainHTTP}}, plant: func(ru *rules) {
			ru.plain = func(_ *Receiver, own http.Handler) http.Handler { return own }
		}},
	{Name: "plain-http-taken-by-post", Description: "redirects GET to HTTPS, and takes POST in the clear",
		Expect: Expect{Fails: []string{noPlainHTTP}}, plant: func(ru *rules) {
			ru.plain = func(r *Receiver, own http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if req.Method == http.MethodPost {
						own.ServeHTTP(w, req)
						return
					}
					http.Redirect(w, req, r.URL(), http.StatusMovedPermanently)
				})
			}
		}},
	{Name: "plain-http-redirected-to-http", Description: "port 80 redirects to another plain address",
		Expect: Expect{Fails: []string{noPlainHTTP}}, plant: func(ru *rules) {
			ru.plain = func(r *Receiver, _ http.Handler) http.Handler {
				return http.RedirectHandler("http://"+r.options.Host+"/plain", http.StatusFound)
			}
		}},
	{Name: "certificate-expired", Description: "its certificate ran out a day ago", Expect: brokenTLS, plant: issue(func(now time.Time, r *certs.Request) {
		r.NotAfter = now.Add(-24 * time.Hour)
	})},
	{Name: "certificate-not-yet-valid", Description: "its certificate starts tomorrow", Expect: brokenTLS, plant: issue(func(now time.Time, r *certs.Request) {
		r.NotBefore = now.Add(24 * time.Hour)
	})},
	{Name: "certificate-of-another-name", Description: "its certificate names another host", Expect: brokenTLS, plant: issue(func(_ time.Time, r *certs.Request) {
		r.Names = []string{"elsewhere.acme.example"}
	})},
	{Name: "certificate-self-signed", Description: "its certificate is signed by itself", Expect: brokenTLS, plant: issue(func(_ time.Time, r *certs.Request) { r.SelfSigned = true })},
	{Name: "certificate-for-clients", Description: "its certificate is good for clients only", Expect: brokenTLS, plant: issue(func(_ time.Time, r *certs.Request) {
		r.Usages = clientUsage
	})},
	{Name: "intermediate-missing", Description: "its certificate comes from an intermediate, which it does not send", Expect: brokenTLS,
		plant: certificate(func(ca *certs.Authority, host string) tls.Certificate {
			return ca.Intermediate("Sandbox Issuing Authority").Issue(certs.Request{Names: []string{host}, OmitChain: true})
		})},
	{Name: "certificate-nearly-expired", Description: "its certificate runs out in three days",
		Expect: Expect{Warns: []string{certificateValid}}, plant: issue(func(now time.Time, r *certs.Request) { r.NotAfter = now.Add(72 * time.Hour) })},
	{Name: "tls-1.0", Description: "takes TLS 1.0 and 1.1 too", Expect: Expect{Fails: []string{modernTLS}}, plant: func(ru *rules) {
		ru.tls = func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }
	}},
	{Name: "triple-des", Description: "takes 3DES too", Expect: Expect{Fails: []string{modernTLS}}, plant: func(ru *rules) {
		certificate(rsaCertificate)(ru)
		ru.tls = func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}
		}
	}},
	{Name: "static-rsa", Description: "takes key exchange without forward secrecy too", Expect: Expect{Warns: []string{modernTLS}}, plant: func(ru *rules) {
		certificate(rsaCertificate)(ru)
		ru.tls = func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}
	}},
	{Name: "no-hsts", Description: "sends no Strict-Transport-Security", Expect: Expect{Warns: []string{hsts}}, plant: func(ru *rules) {
		ru.finish = append(ru.finish, func(_ *delivery, a *answer) { a.header.Del("Strict-Transport-Security") })
	}},
}

// brokenTLS is what a certificate leads to that no sender should trust: nothing behind it can be looked at.
var brokenTLS = Expect{Fails: []string{certificateValid}, May: slices.Concat([]string{reachable, modernTLS, hsts, noPlainHTTP, logsClean}, everythingElse())}

// issue makes a certificate that differs from a faultless one.
func issue(differ func(now time.Time, r *certs.Request)) func(*rules) {
	return func(ru *rules) {
		ru.certificate = func(ca *certs.Authority, host string) tls.Certificate {
			r := certs.Request{Names: []string{host}}
			differ(ru.options.Now(), &r)
			return ca.Issue(r)
		}
	}
}
