package behaviors

import (
	"crypto/tls"
	"net/http"
	"slices"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// networkFlaws are receivers that are flawed on some connections only, or below HTTP.
var networkFlaws = []sandbox.Behavior{
	{Name: "one-instance-in-four-unpatched", Description: "every fourth connection reaches an instance that verifies nothing",
		Expect: sandbox.Expect{Fails: []string{sandbox.SameEverywhere}, May: everythingElse(sandbox.SameEverywhere)}, Plant: excuse(func(d *sandbox.Delivery) bool { return d.Conn%4 == 3 })},
	{Name: "one-instance-in-ten-unpatched", Description: "every tenth connection reaches an instance that verifies nothing",
		Expect: sandbox.Expect{Fails: []string{sandbox.SameEverywhere}, May: everythingElse(sandbox.SameEverywhere)}, Plant: excuse(func(d *sandbox.Delivery) bool { return d.Conn%10 == 9 })},
	{Name: "one-address-unpatched", Description: "what listens on the second of its addresses verifies nothing",
		Expect: sandbox.Expect{Fails: []string{sandbox.SameEverywhere}, May: everythingElse(sandbox.SameEverywhere)}, Plant: func(ru *sandbox.Rules) {
			ru.Addresses = 2
			ru.Excuses = append(ru.Excuses, func(d *sandbox.Delivery) bool { return d.Listener == 1 })
		}},
	{Name: "one-instance-crashes", Description: "every fourth connection reaches an instance that answers 500",
		Expect: sandbox.Expect{Withheld: []string{sandbox.SameEverywhere}, May: everythingElse(sandbox.SameEverywhere)}, Plant: before(func(d *sandbox.Delivery) bool { return d.Conn%4 == 3 }, sandbox.Crash)},
	{Name: "one-address-refuses", Description: "what listens on the second of its addresses takes no signature",
		Expect: sandbox.Expect{Fails: []string{sandbox.AcceptsGenuine}, Withheld: []string{sandbox.SameEverywhere}, May: everythingElse(sandbox.AcceptsGenuine, sandbox.SameEverywhere)}, Plant: func(ru *sandbox.Rules) {
			ru.Addresses = 2
			ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
				return ru.Refuse(d, sandbox.Unauthentic), d.Listener == 1
			})
		}},
	{Name: "one-instance-has-the-old-key", Description: "every fourth connection reaches an instance with a retired key only", Setup: sandbox.Setup{RetiredKey: true},
		Expect: sandbox.Expect{Withheld: []string{sandbox.SameEverywhere}, May: everythingElse(sandbox.SameEverywhere)}, Plant: func(ru *sandbox.Rules) {
			retired := ru.Options.RetiredKey.Expose()
			ru.Before = append(ru.Before, func(d *sandbox.Delivery) (sandbox.Answer, bool) {
				if d.Conn%4 != 3 {
					return sandbox.Answer{}, false
				}
				bySelf := slices.ContainsFunc(ru.Candidates(d), func(s string) bool { return sandbox.ExactHex(sandbox.HmacSHA512(retired, d.Payload), s) })
				if bySelf {
					return ru.Accept(d, sandbox.Event{}), true
				}
				return ru.Refuse(d, sandbox.Unauthentic), true
			})
		}},
	{Name: "plain-http-taken-by-post", Description: "redirects GET to HTTPS, and takes POST over plain HTTP",
		Expect: sandbox.Expect{Fails: []string{sandbox.NoPlainHTTP}}, Plant: func(ru *sandbox.Rules) {
			ru.Plain = func(r *sandbox.Receiver, own http.Handler) http.Handler {
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
		Expect: sandbox.Expect{Fails: []string{sandbox.NoPlainHTTP}}, Plant: func(ru *sandbox.Rules) {
			ru.Plain = func(r *sandbox.Receiver, _ http.Handler) http.Handler {
				return http.RedirectHandler("http://"+r.Options.Host+"/plain", http.StatusFound)
			}
		}},
	{Name: "certificate-expired", Description: "its certificate expired a day ago", Expect: brokenTLS, Plant: issue(func(now time.Time, r *certs.Request) {
		r.NotAfter = now.Add(-24 * time.Hour)
	})},
	{Name: "certificate-not-yet-valid", Description: "its certificate starts tomorrow", Expect: brokenTLS, Plant: issue(func(now time.Time, r *certs.Request) {
		r.NotBefore = now.Add(24 * time.Hour)
	})},
	{Name: "certificate-of-another-name", Description: "its certificate names another host", Expect: brokenTLS, Plant: issue(func(_ time.Time, r *certs.Request) {
		r.Names = []string{"elsewhere.acme.example"}
	})},
	{Name: "certificate-self-signed", Description: "its certificate is signed by itself", Expect: brokenTLS, Plant: issue(func(_ time.Time, r *certs.Request) { r.SelfSigned = true })},
	{Name: "certificate-for-clients", Description: "its certificate is good for clients only", Expect: brokenTLS, Plant: issue(func(_ time.Time, r *certs.Request) {
		r.Usages = clientUsage
	})},
	{Name: "intermediate-missing", Description: "its certificate comes from an intermediate, which it does not send", Expect: brokenTLS,
		Plant: certificate(func(ca *certs.Authority, host string) tls.Certificate {
			return ca.Intermediate("Sandbox Issuing Authority").Issue(certs.Request{Names: []string{host}, OmitChain: true})
		})},
	{Name: "certificate-nearly-expired", Description: "its certificate expires in three days",
		Expect: sandbox.Expect{Warns: []string{sandbox.CertificateValid}}, Plant: issue(func(now time.Time, r *certs.Request) { r.NotAfter = now.Add(72 * time.Hour) })},
	{Name: "triple-des", Description: "takes 3DES too", Expect: sandbox.Expect{Fails: []string{sandbox.ModernTLS}}, Plant: func(ru *sandbox.Rules) {
		certificate(rsaCertificate)(ru)
		ru.Tls = func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}
		}
	}},
	{Name: "static-rsa", Description: "takes key exchange without forward secrecy too", Expect: sandbox.Expect{Warns: []string{sandbox.ModernTLS}}, Plant: func(ru *sandbox.Rules) {
		certificate(rsaCertificate)(ru)
		ru.Tls = func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}
	}},
	{Name: "no-hsts", Description: "sends no Strict-Transport-Security", Expect: sandbox.Expect{Warns: []string{sandbox.Hsts}}, Plant: func(ru *sandbox.Rules) {
		ru.Finish = append(ru.Finish, func(_ *sandbox.Delivery, a *sandbox.Answer) { a.Header.Del("Strict-Transport-Security") })
	}},
}

// brokenTLS is what a certificate leads to that no sender should trust: nothing behind it can be checked.
var brokenTLS = sandbox.Expect{Fails: []string{sandbox.CertificateValid}, May: slices.Concat([]string{sandbox.Reachable, sandbox.ModernTLS, sandbox.Hsts, sandbox.NoPlainHTTP, sandbox.LogsClean}, everythingElse())}

// issue makes a certificate that differs from a faultless one.
func issue(differ func(now time.Time, r *certs.Request)) func(*sandbox.Rules) {
	return func(ru *sandbox.Rules) {
		ru.Certificate = func(ca *certs.Authority, host string) tls.Certificate {
			r := certs.Request{Names: []string{host}}
			differ(ru.Options.Now(), &r)
			return ca.Issue(r)
		}
	}
}
