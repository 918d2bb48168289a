package sandbox

import (
	"compress/gzip"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Answer is what a receiver sends back. Placeholders in header values and body are filled in when it is written, see fill.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	AsIs   bool // the body has no placeholders
	Hang   bool // never answered: the connection stays open until one side closes it
	Reset  bool // never answered: the connection is reset
}

func TextAnswer(status int, contentType, body string) Answer {
	a := Answer{Status: status, Header: http.Header{}, Body: body}
	if contentType != "" {
		a.Header.Set("Content-Type", contentType)
	}
	return a
}

// PlainWord is the text where it needs no escaping in JSON and HTML, else nothing.
func PlainWord(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool {
		return !strings.ContainsRune("-_.", c) && !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z')
	}) {
		return ""
	}
	return text
}

func JsonAnswer(status int, body string) Answer { return TextAnswer(status, "application/json", body) }

func (a Answer) With(name, value string) Answer {
	a.Header = a.Header.Clone()
	if a.Header == nil {
		a.Header = http.Header{}
	}
	a.Header.Set(name, value)
	return a
}

// Words say in a rejection's body what is wrong, and no more.
var Words = map[Reason]string{
	WrongPath: "not found", WrongMethod: "method not allowed", TooLarge: "payload too large", Unauthentic: "unauthorized",
	Malformed: "bad request", Invalid: "unprocessable", UnknownUser: "not found",
}

func PlainRefusal(_ *Delivery, why Reason) Answer {
	a := JsonAnswer(Statuses[why], `{"error":"`+Words[why]+`"}`)
	if why == WrongMethod {
		a.Header.Set("Allow", http.MethodPost)
	}
	return a
}

// serve answers one request.
func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.gone {
		return
	}
	r.requests.Add(1)
	d := &Delivery{Request: req}
	if local, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		d.Listener = slices.Index(r.Addresses(), local.String())
	}
	d.Conn, _ = req.Context().Value(connNumber).(int64)
	if r.Rules.Delay > 0 {
		select {
		case <-time.After(r.Rules.Delay):
		case <-r.closing:
		}
	}
	a := r.answer(w, d)
	if a.Header = a.Header.Clone(); a.Header == nil { // rows share their answers' headers
		a.Header = http.Header{}
	}
	for _, finish := range r.Rules.Finish {
		finish(d, &a)
	}
	r.log(d, a)
	switch {
	case a.Hang:
		select {
		case <-req.Context().Done():
		case <-r.closing:
		}
	case a.Reset:
		reset(w)
	default:
		r.write(w, d, a)
	}
}

// answer takes a request through the stages: route, read, verify, validate, process.
func (r *Receiver) answer(w http.ResponseWriter, d *Delivery) Answer {
	ru := r.Rules
	for _, step := range ru.First {
		if a, done := step(d); done {
			return a
		}
	}
	if !ru.AnyPath && !slices.Contains(ru.paths, d.URL.Path) {
		return ru.Refuse(d, WrongPath)
	}
	if !slices.Contains(ru.Methods, d.Method) {
		return ru.Refuse(d, WrongMethod)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, d.Body, ru.MaxBody))
	if tooMuch := (*http.MaxBytesError)(nil); errors.As(err, &tooMuch) {
		return ru.Refuse(d, TooLarge)
	}
	if err != nil {
		return ru.Refuse(d, Malformed)
	}
	d.Payload = body
	for _, step := range ru.Before {
		if a, done := step(d); done {
			return a
		}
	}
	if ru.Acked {
		ru.background.Go(func() { r.take(d) })
		return ru.Accept(d, Event{})
	}
	return r.take(d)
}

// take verifies, validates and processes.
func (r *Receiver) take(d *Delivery) Answer {
	ru := r.Rules
	if !ru.verified(d) {
		return ru.Refuse(d, Unauthentic)
	}
	for _, step := range ru.After {
		if a, done := step(d); done {
			return a
		}
	}
	e, why := ru.read(d)
	if why != taken {
		return ru.Refuse(d, why)
	}
	if !slices.Contains(ru.Types, e.Type) && slices.Contains(ru.Required, "event.type") {
		return ru.Unknown(d, e)
	}
	if !ru.Known(e) {
		return ru.Refuse(d, UnknownUser)
	}
	if r.Events.first(e.UID, e.Type) {
		r.Events.Process(e.UID)
		return ru.Accept(d, e)
	}
	if ru.Reprocess {
		r.Events.Process(e.UID)
	}
	if ru.Redeliver != nil {
		return ru.Redeliver(d, e)
	}
	return ru.Accept(d, e)
}

func (r *Receiver) write(w http.ResponseWriter, d *Delivery, a Answer) {
	for name, values := range a.Header {
		for _, value := range values {
			w.Header().Add(name, r.fill(d, value))
		}
	}
	if r.Rules.EarlyHints {
		w.WriteHeader(http.StatusEarlyHints)
	}
	body := a.Body
	if !a.AsIs {
		body = r.fill(d, body)
	}
	if body != "" && r.Rules.Compressed && strings.Contains(d.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = Deflated(body)
	}
	w.WriteHeader(a.Status)
	if d.Method != http.MethodHead && body != "" {
		_, _ = io.WriteString(w, body) // the client may have gone
	}
}

// Deflated is the text in gzip.
func Deflated(text string) string {
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text) // a strings.Builder takes everything
	_ = w.Close()
	return out.String()
}

// fill replaces the placeholders of an answer: what differs from answer to answer, and what is accepted from the request.
func (r *Receiver) fill(d *Delivery, text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	now := r.Options.Now()
	return strings.NewReplacer(
		"{{id}}", RandomHex(8), "{{hex128}}", RandomHex(64), "{{uuid}}", uuid(), "{{number}}", fmt.Sprint(r.requests.Load()),
		"{{nanoid}}", randomWord(21, letters+"_-"), "{{ulid}}", randomWord(26, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
		"{{base64}}", base64.StdEncoding.EncodeToString([]byte(randomWord(17, letters))), "{{spelt}}", now.UTC().Format("Monday, 2 January 2006 15:04:05.000000"),
		"{{time}}", now.UTC().Format(time.RFC3339Nano), "{{date}}", now.UTC().Format(http.TimeFormat), "{{epoch}}", fmt.Sprint(now.UnixMilli()),
		"{{path}}", d.URL.Path, "{{method}}", d.Method, "{{host}}", d.Host, "{{instance}}", fmt.Sprint(d.Conn%3),
	).Replace(text)
}

// log writes one line for a request. A correct receiver tells nothing of what was sent.
func (r *Receiver) log(d *Delivery, a Answer) {
	line := fmt.Sprintf("%s level=info msg=webhook request=probe-%d status=%d", r.Options.Now().UTC().Format(time.RFC3339Nano), r.requests.Load(), a.Status)
	if r.Rules.logged != nil {
		line += " " + r.Rules.logged(d)
	}
	r.logs.Lock()
	defer r.logs.Unlock()
	_, _ = io.WriteString(r.Options.Log, line+"\n") // a receiver answers whether or not it can log
}

// reset drops the connection without an answer, with a TCP reset where the protocol allows that.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	under := conn
	if secure, ok := conn.(*tls.Conn); ok {
		under = secure.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // otherwise it is closed in the usual way, which is no answer either
	}
	_ = under.Close()
}

func RandomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func randomWord(length int, alphabet string) string {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

func uuid() string {
	h := RandomHex(16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// wrappingListener changes what is read from its connections.
type wrappingListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

// Accept returns the next connection, wrapped.
func (l wrappingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(c), nil
}
