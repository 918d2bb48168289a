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

// answer is what a receiver sends back. Placeholders in header values and body are filled in when it is written, see fill.
type answer struct {
	status int
	header http.Header
	body   string
	asIs   bool // the body has no placeholders
	hang   bool // never answered: the connection stays open until one side closes it
	reset  bool // never answered: the connection is reset
}

func textAnswer(status int, contentType, body string) answer {
	a := answer{status: status, header: http.Header{}, body: body}
	if contentType != "" {
		a.header.Set("Content-Type", contentType)
	}
	return a
}

// reasonOf is a reason that a plain refusal answers with the status.
func reasonOf(status int) reason {
	for why := wrongPath; why <= unknownUser; why++ {
		if statuses[why] == status {
			return why
		}
	}
	return taken
}

// textRefusal makes refusals of a body in which %s, or %[1]s, is what is wrong.
func textRefusal(contentType, format string) func(*delivery, reason) answer {
	return func(_ *delivery, why reason) answer {
		return textAnswer(statuses[why], contentType, fmt.Sprintf(format, words[why]))
	}
}

// plainWord is the text where it needs no escaping in JSON and HTML, else nothing.
func plainWord(text string) string {
	if strings.ContainsFunc(text, func(c rune) bool {
		return !strings.ContainsRune("-_.", c) && !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z')
	}) {
		return ""
	}
	return text
}

func jsonAnswer(status int, body string) answer { return textAnswer(status, "application/json", body) }

func (a answer) with(name, value string) answer {
	a.header = a.header.Clone()
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(name, value)
	return a
}

// words say in a refusal's body what is wrong, and no more.
var words = map[reason]string{
	wrongPath: "not found", wrongMethod: "method not allowed", tooLarge: "payload too large", unauthentic: "unauthorized",
	malformed: "bad request", invalid: "unprocessable", unknownUser: "not found",
}

func plainRefusal(_ *delivery, why reason) answer {
	a := jsonAnswer(statuses[why], `{"error":"`+words[why]+`"}`)
	if why == wrongMethod {
		a.header.Set("Allow", http.MethodPost)
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
	d := &delivery{Request: req}
	if local, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		d.listener = slices.Index(r.Addresses(), local.String())
	}
	d.conn, _ = req.Context().Value(connNumber).(int64)
	if r.rules.delay > 0 {
		select {
		case <-time.After(r.rules.delay):
		case <-r.closing:
		}
	}
	a := r.answer(w, d)
	if a.header = a.header.Clone(); a.header == nil { // rows share their answers' headers
		a.header = http.Header{}
	}
	for _, finish := range r.rules.finish {
		finish(d, &a)
	}
	r.log(d, a)
	switch {
	case a.hang:
		select {
		case <-req.Context().Done():
		case <-r.closing:
		}
	case a.reset:
		reset(w)
	default:
		r.write(w, d, a)
	}
}

// answer takes a request through the stages: route, read, verify, validate, process.
func (r *Receiver) answer(w http.ResponseWriter, d *delivery) answer {
	ru := r.rules
	for _, step := range ru.first {
		if a, done := step(d); done {
			return a
		}
	}
	if !ru.anyPath && !slices.Contains(ru.paths, d.URL.Path) {
		return ru.refuse(d, wrongPath)
	}
	if !slices.Contains(ru.methods, d.Method) {
		return ru.refuse(d, wrongMethod)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, d.Body, ru.maxBody))
	if tooMuch := (*http.MaxBytesError)(nil); errors.As(err, &tooMuch) {
		return ru.refuse(d, tooLarge)
	}
	if err != nil {
		return ru.refuse(d, malformed)
	}
	d.body = body
	for _, step := range ru.before {
		if a, done := step(d); done {
			return a
		}
	}
	if ru.acked {
		ru.background.Go(func() { r.take(d) })
		return ru.accept(d, event{})
	}
	return r.take(d)
}

// take verifies, validates and processes.
func (r *Receiver) take(d *delivery) answer {
	ru := r.rules
	if !ru.verified(d) {
		return ru.refuse(d, unauthentic)
	}
	for _, step := range ru.after {
		if a, done := step(d); done {
			return a
		}
	}
	e, why := ru.read(d)
	if why != taken {
		return ru.refuse(d, why)
	}
	if !slices.Contains(ru.types, e.Type) && slices.Contains(ru.required, "event.type") {
		return ru.unknown(d, e)
	}
	if !ru.known(e) {
		return ru.refuse(d, unknownUser)
	}
	if r.Events.first(e.UID, e.Type) {
		r.Events.process(e.UID)
		return ru.accept(d, e)
	}
	if ru.redeliver != nil {
		return ru.redeliver(d, e)
	}
	return ru.accept(d, e)
}

func (r *Receiver) write(w http.ResponseWriter, d *delivery, a answer) {
	for name, values := range a.header {
		for _, value := range values {
			w.Header().Add(name, r.fill(d, value))
		}
	}
	if r.rules.earlyHints {
		w.WriteHeader(http.StatusEarlyHints)
	}
	body := a.body
	if !a.asIs {
		body = r.fill(d, body)
	}
	if body != "" && r.rules.compressed && strings.Contains(d.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = deflated(body)
	}
	w.WriteHeader(a.status)
	if d.Method != http.MethodHead && body != "" {
		_, _ = io.WriteString(w, body) // the client may have gone
	}
}

// deflated is the text in gzip.
func deflated(text string) string {
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text) // a strings.Builder takes everything
	_ = w.Close()
	return out.String()
}

// fill replaces the placeholders of an answer: what differs from answer to answer, and what is taken from the request.
func (r *Receiver) fill(d *delivery, text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	now := r.options.Now()
	return strings.NewReplacer(
		"{{id}}", randomHex(8), "{{hex128}}", randomHex(64), "{{uuid}}", uuid(), "{{number}}", fmt.Sprint(r.requests.Load()),
		"{{nanoid}}", randomWord(21, letters+"_-"), "{{ulid}}", randomWord(26, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
		"{{base64}}", base64.StdEncoding.EncodeToString([]byte(randomWord(17, letters))), "{{spelt}}", now.UTC().Format("Monday, 2 January 2006 15:04:05.000000"),
		"{{time}}", now.UTC().Format(time.RFC3339Nano), "{{date}}", now.UTC().Format(http.TimeFormat), "{{epoch}}", fmt.Sprint(now.UnixMilli()),
		"{{path}}", d.URL.Path, "{{method}}", d.Method, "{{host}}", d.Host, "{{instance}}", fmt.Sprint(d.conn%3),
	).Replace(text)
}

// log writes one line for a request. A right receiver tells nothing of what was sent.
func (r *Receiver) log(d *delivery, a answer) {
	line := fmt.Sprintf("%s level=info msg=webhook request=probe-%d status=%d", r.options.Now().UTC().Format(time.RFC3339Nano), r.requests.Load(), a.status)
	if r.rules.logged != nil {
		line += " " + r.rules.logged(d)
	}
	r.logs.Lock()
	defer r.logs.Unlock()
	_, _ = io.WriteString(r.options.Log, line+"\n") // a receiver answers whether or not it can log
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

func randomHex(bytes int) string {
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
	h := randomHex(16)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}
