package tlsinspect

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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

// raw serves TLS and then these bytes, whatever was asked.
func (l *lab) raw(answer string) {
	c := l.modern()
	c.NextProtos = nil
	l.serve(c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte(answer))
		closeQuietly(conn)
	}))
}

// busy answers the first requests with 503, and its client does not really wait.
func (l *lab) busy(first int32, then http.Handler) http.Handler {
	l.options.Wait = func(context.Context, time.Duration) error { return nil }
	var n atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) > first {
			then.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
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
	{name: "no HSTS", want: []string{"warn hsts: hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS()) }},
	{name: "HSTS too short", want: []string{"warn hsts: hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("max-age=15551999")) }},
	{name: "HSTS malformed", want: []string{"warn hsts: hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("max-age=31536000, max-age=0")) }},
	{name: "HSTS without max-age", want: []string{"warn hsts: hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("includeSubDomains", "max-age=31536000")) }},
	{name: "HSTS repeated", want: []string{"warn hsts: hsts"}, serve: func(l *lab) { l.serve(l.modern(), withHSTS("max-age=31536000; max-age=31536000")) }},
	{name: "the webhook redirects", want: []string{"warn webhook-reachable: redirect"}, serve: func(l *lab) {
		l.serve(l.modern(), redirects(map[string]string{"/begini": "/begini/"}))
	}},
	{name: "the webhook redirects in circles", want: []string{"fail webhook-reachable: redirect loop", "warn webhook-reachable: redirect"}, serve: func(l *lab) {
		l.serve(l.modern(), redirects(map[string]string{"/begini": "/other", "/other": "/begini"}))
	}},
	{name: "the webhook redirects to http", want: []string{"fail webhook-reachable: redirect downgrade", "warn webhook-reachable: redirect"}, serve: func(l *lab) {
		l.serve(l.modern(), redirects(map[string]string{"/begini": "http://" + labHost + "/begini"}))
	}},
	{name: "right: a head of 60 kB", serve: func(l *lab) {
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", strings.Repeat("a", 60<<10))
			receiver(w, r)
		}))
	}},
	{name: "right: an endless body", serve: func(l *lab) {
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
			for chunk := make([]byte, 4<<10); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}))
	}},
	{name: "right: HTTP/1.0", serve: func(l *lab) {
		l.raw("HTTP/1.0 401 Unauthorized\r\nstrict-transport-security: MAX-AGE=31536000\r\n\r\nno signature")
	}},
	{name: "no HTTP after the handshake", want: []string{"fail webhook-reachable: answer not_http", "inconclusive hsts: no answer"}, serve: func(l *lab) {
		l.raw("220 mail.acme.example ESMTP\r\n")
	}},
	{name: "nothing after the handshake", want: []string{"fail webhook-reachable: answer timeout", "inconclusive hsts: no answer"}, serve: func(l *lab) {
		l.options.Timeout = time.Second
		l.serve(l.modern(), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	}},
	{name: "right: busy at first", serve: func(l *lab) { l.serve(l.modern(), l.busy(2, receiver)) }},
	{name: "busy for ever", want: []string{"inconclusive webhook-reachable: gateway"}, serve: func(l *lab) { l.serve(l.modern(), l.busy(1000, receiver)) }},
	{name: "right: HSTS twice, of which the first counts", serve: func(l *lab) {
		l.serve(l.modern(), withHSTS("max-age=31536000", "max-age=0"))
	}},
	{name: "HSTS twice, and the first counts", want: []string{"warn hsts: hsts"}, serve: func(l *lab) {
		l.serve(l.modern(), withHSTS("max-age=0", "max-age=31536000"))
	}},
	{name: "HSTS at one address only", want: []string{"warn hsts: hsts"}, serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		l.serve(l.modern(), withHSTS())
	}},
	{name: "the webhook redirects POST to another host", want: []string{"warn webhook-reachable: redirect"}, serve: func(l *lab) {
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
			http.Redirect(w, r, "https://www.acme.example/begini", http.StatusPermanentRedirect)
		}))
	}},
	{name: "the webhook redirects POST to http", want: []string{"fail webhook-reachable: redirect downgrade"}, serve: func(l *lab) {
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				receiver(w, r)
				return
			}
			http.Redirect(w, r, "http://"+labHost+"/begini", http.StatusTemporaryRedirect)
		}))
	}},
	{name: "right: passive, no POST is sent", serve: func(l *lab) {
		l.target.Post = false
		l.serve(l.modern(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				l.t.Error("a POST was sent")
			}
			receiver(w, r)
		}))
	}},
	{name: "passive, nothing answers", want: []string{"fail webhook-reachable: answer reset", "inconclusive hsts: no answer"}, serve: func(l *lab) {
		l.target.Post = false
		c := l.modern()
		c.NextProtos = nil
		l.serve(c, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	}},
}
