package tlsinspect

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// answering is the receiver with another Strict-Transport-Security header.
func withHSTS(values ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, v := range values {
			w.Header().Add("Strict-Transport-Security", v)
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
}

// redirects serves redirect-URL answers by path: "/a" to a Location, or to a status.
func redirects(to map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		if location, ok := to[r.URL.Path]; ok {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
			return
		}
		fmt.Fprintln(w, "thank you")
	})
}

// page makes the target a redirect URL instead of the webhook.
func (l *lab) page() {
	l.target = Target{ID: "completion", URL: "https://" + labHost + "/done", Follow: true}
}

var answerBlocks = []block{
	{name: "right: HTTP/2 only", serve: func(l *lab) {
		c := l.modern()
		c.NextProtos = []string{"h2"}
		l.at(labHost+":443", l.stub(c, receiver, func(int, offer) verdict { return verdict{pass: true} }))
	}, look: func(f Facts) error { return expect("protocol", f.URLs[0].Answers[0].Post.Protocol, "HTTP/2.0") }},
	{name: "right: HTTP/1.1 only", serve: func(l *lab) {
		c := l.modern()
		c.NextProtos = []string{"http/1.1"}
		l.serve(c, receiver)
	}, look: func(f Facts) error { return expect("protocol", f.URLs[0].Answers[0].Post.Protocol, "HTTP/1.1") }},
	{name: "right: only POST is answered", serve: func(l *lab) {
		c := l.modern()
		c.NextProtos = []string{"http/1.1"}
		l.serve(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				panic(http.ErrAbortHandler)
			}
			receiver(w, r)
		}))
	}, look: func(f Facts) error {
		a := f.URLs[0].Answers[0]
		return first(expect("GET", a.Get.Reach.Kind, ReachReset), expect("HSTS", a.HSTS.WellFormed, true))
	}},
	{name: "right: 500 to GET", serve: func(l *lab) {
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.Header().Set("Strict-Transport-Security", "max-age=15552000")
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			receiver(w, r)
		}))
	}},
	{name: "right: a connection for each request", serve: func(l *lab) {
		c := l.modern()
		c.NextProtos = nil
		l.serve(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			receiver(w, r)
		}))
	}},
	{name: "right: slow", serve: func(l *lab) {
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(int, offer) verdict {
			<-time.After(150 * time.Millisecond)
			return verdict{pass: true}
		}))
	}},
	{name: "right: slow, and one at a time", serve: func(l *lab) {
		l.options.Timeout = 1200 * time.Millisecond
		var turn sync.Mutex
		l.at(labHost+":443", l.stub(l.modern(), receiver, func(int, offer) verdict {
			turn.Lock()
			defer turn.Unlock()
			<-time.After(350 * time.Millisecond)
			return verdict{pass: true}
		}))
	}},
	{name: "right: idle connections are closed while the pace is kept", serve: func(l *lab) {
		l.options.Pace = func(context.Context, string) error {
			<-time.After(700 * time.Millisecond)
			return nil
		}
		c := l.modern()
		c.NextProtos = nil
		listener := l.listen()
		server := &http.Server{Handler: receiver, TLSConfig: c, ErrorLog: quietLog, ReadHeaderTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond}
		l.t.Cleanup(func() { closeQuietly(server) })
		go func() { _ = server.ServeTLS(listener, "", "") }()
		l.at(labHost+":443", listener.Addr().String())
	}},
	{name: "right: a long body", serve: func(l *lab) {
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
			_, _ = w.Write(make([]byte, 4*MaxBody))
		}))
	}, look: func(f Facts) error { return expect("truncated", f.URLs[0].Answers[0].Get.Truncated, true) }},
	{name: "right: the server's clock is off", serve: func(l *lab) {
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", l.now.Add(2*time.Hour).UTC().Format(http.TimeFormat))
			receiver(w, r)
		}))
	}, look: func(f Facts) error {
		skew := f.URLs[0].Answers[0].ClockSkewSeconds
		return expect("two hours", skew != nil && *skew > 7190 && *skew < 7210, true)
	}},
	{name: "right: HSTS in quotes, with more to it", serve: func(l *lab) {
		l.serve(l.modern(), withHSTS(`; includeSubDomains ;preload; Max-Age = "15552000"; future=1`))
	}},
	{name: "no HSTS", want: []string{"warn hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS()) }},
	{name: "HSTS too short", want: []string{"warn hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("max-age=15551999")) }},
	{name: "HSTS malformed", want: []string{"warn hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("max-age=31536000, max-age=0")) }},
	{name: "HSTS without max-age", want: []string{"warn hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("includeSubDomains", "max-age=31536000")) }},
	{name: "HSTS repeated", want: []string{"warn hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("max-age=31536000; max-age=31536000")) }},
	{name: "the webhook redirects", want: []string{"warn redirect"}, serve: func(l *lab) {
		l.serve(l.modern(), redirects(map[string]string{"/begini": "/begini/"}))
	}},
	{name: "the webhook redirects in circles", want: []string{"fail trail loop", "warn redirect"}, serve: func(l *lab) {
		l.serve(l.modern(), redirects(map[string]string{"/begini": "/other", "/other": "/begini"}))
	}},
	{name: "the webhook redirects to http", want: []string{"fail trail downgrade", "warn redirect"}, serve: func(l *lab) {
		l.serve(l.modern(), redirects(map[string]string{"/begini": "http://" + labHost + "/begini"}))
	}},
	{name: "right: a page", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(nil))
	}},
	{name: "right: a page behind a redirect to another host", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/thanks?from=beacon"}))
		c := l.modern()
		c.Certificates = []tls.Certificate{l.ca.Server("www.acme.example")}
		l.at("www.acme.example:443", l.https(c, redirects(nil)))
	}},
	{name: "right: a page that sets a cookie first", serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := r.Cookie("seen"); err != nil && r.URL.Path == "/check" {
				http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/", Secure: true})
				http.Redirect(w, r, "/done", http.StatusFound)
			} else if err != nil {
				http.Redirect(w, r, "/check", http.StatusFound)
			}
		}))
	}},
	{name: "a page that is not there", want: []string{"fail ends 404"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), http.NotFoundHandler())
	}},
	{name: "a page behind a bad certificate", want: []string{"fail hop name_mismatch"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), redirects(map[string]string{"/done": "https://www.acme.example/"}))
		l.at("www.acme.example:443", l.https(l.modern(), redirects(nil)))
	}},
	{name: "a page behind ever more redirects", want: []string{"fail trail limit"}, serve: func(l *lab) {
		l.page()
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }))
	}},
	{name: "a page over http", want: []string{"fail scheme http"}, serve: func(l *lab) {
		l.page()
		l.target.URL = "http://" + labHost + "/done"
	}},
}

// twin serves port 80, beside a right webhook.
func (l *lab) twin(h http.Handler) {
	l.serve(l.modern(), receiver)
	l.at(labHost+":80", l.http(h))
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

var upgrade = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "https://"+labHost+r.URL.Path, http.StatusMovedPermanently)
})

// onOwnPort moves the webhook to a port other than 443.
func (l *lab) onOwnPort(address string) {
	l.target.URL = "https://" + labHost + ":8443/begini"
	l.at(labHost+":8443", address)
}

var clearBlocks = []block{
	{name: "right: port 80 redirects to https", serve: func(l *lab) { l.twin(upgrade) }},
	{name: "right: port 80 knows nothing", serve: func(l *lab) { l.twin(http.NotFoundHandler()) }},
	{name: "right: port 80 asks for an upgrade", serve: func(l *lab) { l.twin(status(http.StatusUpgradeRequired)) }},
	{name: "right: port 80 refuses in its own words", serve: func(l *lab) { l.twin(status(http.StatusUnauthorized)) }},
	{name: "right: port 80 hangs up", serve: func(l *lab) {
		l.twin(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	}},
	{name: "right: own port, Go's complaint", serve: func(l *lab) { l.onOwnPort(l.https(l.modern(), receiver)) }, look: func(f Facts) error {
		return first(expect("rows", len(f.URLs[0].Clear), 2), expect("TLS only", f.URLs[0].Clear[0].Post.TLSOnly, true))
	}},
	{name: "right: own port, an alert", serve: func(l *lab) {
		l.onOwnPort(l.eitherWay(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = conn.Write(alert(10))
			closeQuietly(conn)
		})))
	}, look: func(f Facts) error { return expect("reach", f.URLs[0].Clear[0].Get.Reach.Kind, ReachTLS) }},
	{name: "own port, also in the clear", want: []string{"fail clear post own port same answer"}, serve: func(l *lab) {
		l.onOwnPort(l.eitherWay(l.modern(), receiver))
	}},
	{name: "port 80 is the receiver", want: []string{"fail clear post same answer"}, serve: func(l *lab) { l.twin(receiver) }},
	{name: "port 80 takes GET", want: []string{"fail clear get 200"}, serve: func(l *lab) {
		l.twin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		}))
	}},
	{name: "port 80 redirects GET and takes POST", want: []string{"fail clear post 204"}, serve: func(l *lab) {
		l.twin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			upgrade(w, r)
		}))
	}},
	{name: "port 80 redirects to http", want: []string{"fail clear get redirects to http", "fail clear post redirects to http"}, serve: func(l *lab) {
		l.twin(http.RedirectHandler("/welcome", http.StatusFound))
	}},
	{name: "port 80 is silent", want: []string{"inconclusive clear get timeout", "inconclusive clear post timeout"}, serve: func(l *lab) {
		l.options.Timeout = time.Second
		l.serve(l.modern(), receiver)
		l.at(labHost+":80", "hang")
	}},
	{name: "port 80 breaks down", want: []string{"inconclusive clear get 502", "inconclusive clear post 502"}, serve: func(l *lab) { l.twin(status(http.StatusBadGateway)) }},
	{name: "own port in the clear only, waits for a request", want: []string{"fail answer timeout", "fail clear get own port 200", "fail clear post own port 200", "fail reach timeout"}, serve: func(l *lab) {
		l.options.Timeout = 3 * time.Second
		l.onOwnPort(l.eitherWay(nil, status(http.StatusOK)))
	}},
}
