package tlsinspect

import (
	"crypto/tls"
	"net/http"
	"sync/atomic"
	"time"
)

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
		return first(expect("rows", len(f.URLs[0].PlainHTTP), 2), expect("TLS only", f.URLs[0].PlainHTTP[0].Post.TLSOnly, true))
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
	}, look: func(f Facts) error { return expect("reach", f.URLs[0].PlainHTTP[0].Get.Reach.Kind, ReachTLS) }},
	{name: "own port, also in the clear", want: []string{"fail no-plain-http: the receiver 8443"}, serve: func(l *lab) {
		l.onOwnPort(l.eitherWay(l.modern(), receiver))
	}},
	{name: "port 80 is the receiver", want: []string{"fail no-plain-http: the receiver 80"}, serve: func(l *lab) { l.twin(receiver) }},
	{name: "port 80 takes GET", want: []string{"fail no-plain-http: taken 80"}, serve: func(l *lab) {
		l.twin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		}))
	}},
	{name: "port 80 redirects GET and takes POST", want: []string{"fail no-plain-http: taken 80"}, serve: func(l *lab) {
		l.twin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			upgrade(w, r)
		}))
	}},
	{name: "port 80 redirects to http", want: []string{"fail no-plain-http: downgraded 80"}, serve: func(l *lab) {
		l.twin(http.RedirectHandler("/welcome", http.StatusFound))
	}},
	{name: "port 80 is silent", want: []string{"inconclusive no-plain-http: unknown 80"}, serve: func(l *lab) {
		l.options.Timeout = time.Second
		l.serve(l.modern(), receiver)
		l.at(labHost+":80", "hang")
	}},
	{name: "port 80 breaks down", want: []string{"inconclusive no-plain-http: unknown 80"}, serve: func(l *lab) { l.twin(status(http.StatusBadGateway)) }},
	{name: "own port in the clear only, waits for a request", want: dark("fail no-plain-http: taken 8443", "fail webhook-reachable: address timeout"), serve: func(l *lab) {
		l.options.Timeout = 3 * time.Second
		l.onOwnPort(l.eitherWay(nil, status(http.StatusOK)))
	}},
	{name: "right: port 80 redirects for a while, with another word each time", serve: func(l *lab) {
		codes := []int{302, 303, 307, 308}
		var n atomic.Int32
		l.twin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "HTTPS://www.acme.example"+r.URL.Path, codes[int(n.Add(1))%len(codes)])
		}))
	}},
	{name: "right: port 80 is forbidden", serve: func(l *lab) { l.twin(status(http.StatusForbidden)) }},
	{name: "right: port 80 is busy at first", serve: func(l *lab) { l.twin(l.busy(2, upgrade)) }},
	{name: "right: port 80 speaks TLS", serve: func(l *lab) {
		l.serve(l.modern(), receiver)
		l.at(labHost+":80", l.https(l.modern(), receiver))
	}},
	{name: "right: port 80 is not HTTP's", serve: func(l *lab) {
		l.twin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.2p1\r\n"))
			closeQuietly(conn)
		}))
	}},
	{name: "port 80 shows a page of its own to all", want: []string{"fail no-plain-http: taken 80"}, serve: func(l *lab) {
		l.twin(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Welcome to nginx!")) }))
	}},
	{name: "port 80 takes POST at one address", want: []string{"fail no-plain-http: taken 80"}, serve: func(l *lab) {
		l.twin(upgrade)
		l.at(labHost+":80", l.http(status(http.StatusAccepted)))
	}},
	{name: "port 80 is the receiver behind a client certificate", want: append([]string{"inconclusive no-plain-http: unknown 80"}, mTLS...), serve: func(l *lab) {
		l.authenticating(tls.RequireAndVerifyClientCert, 0)
		l.at(labHost+":80", l.http(receiver))
	}},
	{name: "passive, port 80 redirects GET", want: []string{"inconclusive no-plain-http: not asked 80"}, serve: func(l *lab) {
		l.target.Post = false
		l.twin(upgrade)
	}},
	{name: "right: passive, own port, Go's complaint", serve: func(l *lab) {
		l.target.Post = false
		l.onOwnPort(l.https(l.modern(), receiver))
	}},
}
