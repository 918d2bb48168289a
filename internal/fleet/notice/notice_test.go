package notice_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/notice"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/provider/delivery"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// attack has what could begin markup, a header, a log line or a mention in any of the channels.
const attack = "<!channel> <https://attacker.example|here>\r\nBcc: all@acme.example\n\n\x1b[31m\u202e<script>alert(1)</script> @here"

// hosts resolves names of the tests to loopback, and others nowhere.
type hosts map[string]string

func (h hosts) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if address, known := h[host]; known {
		return []netip.Addr{netip.MustParseAddr(address)}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// fleet is a database with its clock, a notifier and what it logs.
type fleet struct {
	*notice.Notifier
	db    *database.DB
	clock *audittest.Clock
	log   *bytes.Buffer
}

// setUp makes a fleet whose notices trust a server's certificate.
func setUp(t *testing.T, server *httptest.Server, channels ...notice.Channel) *fleet {
	t.Helper()
	if err := notice.Channels(channels).Check(); err != nil {
		t.Fatal(err)
	}
	f := &fleet{clock: audittest.StartClock(), log: &bytes.Buffer{}}
	db, err := database.Open(t.Context(), databasetest.SQLite(t), f.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.db = db
	o := notice.Options{DB: db, Channels: channels, PublicURL: "https://fleet.acme.example", Networks: loopback, Version: "test", Log: slog.New(slog.NewJSONHandler(f.log, nil)),
		Resolver: hosts{"hooks.acme.example": "127.0.0.1"}}
	if server != nil && server.TLS != nil {
		o.Roots = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	f.Notifier = notice.New(o)
	return f
}

// raise writes events for every channel.
func (f *fleet) raise(t *testing.T, events ...database.Event) {
	t.Helper()
	f.write(t, func(tx *database.Tx) error {
		for _, event := range events {
			if _, err := tx.AddEvent(t.Context(), event, f.Channels(event)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fleet) write(t *testing.T, do func(*database.Tx) error) {
	t.Helper()
	if err := f.db.Write(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

func (f *fleet) pump(t *testing.T) {
	t.Helper()
	if err := f.Pump(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// waiting is what is known of messages that were not sent.
func (f *fleet) waiting(t *testing.T) []database.Outbox {
	t.Helper()
	list, err := f.db.Outboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// received is a server's requests.
type received struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   [][]byte
	dumps    [][]byte
	status   int
	header   http.Header
}

func (r *received) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	dump, _ := httputil.DumpRequest(request, true)
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.bodies, r.dumps = append(r.requests, request), append(r.bodies, body), append(r.dumps, dump)
	for name, values := range r.header {
		w.Header()[name] = values
	}
	if r.status != 0 {
		w.WriteHeader(r.status)
	}
}

func (r *received) all() ([]*http.Request, [][]byte, [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests), slices.Clone(r.bodies), slices.Clone(r.dumps)
}

func (r *received) respond(status int, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.header = status, header
}

func listen(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}

func key(text string) secret.Key { return secret.New([]byte(text)) }

func signing(fill string) secret.Key {
	return key("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 32))))
}

func opened(integration string) database.Event {
	return database.Event{Integration: integration, Team: "payments", Run: "run1", Finding: "00ff", Kind: database.EventOpened, Message: "Production receiver accepts unsigned requests",
		Data: map[string]string{"check": "webhook.rejects-unsigned", "severity": "critical"}}
}

// TestWebhook: a recorded notice is verified by the profile of Standard Webhooks, with the current secret and with the next one, and a
// later attempt differs in its time only.
func TestWebhook(t *testing.T) {
	t.Parallel()
	receiver := &received{status: http.StatusInternalServerError}
	server := listen(t, receiver)
	f := setUp(t, server, notice.Channel{Name: "hook", Kind: notice.Webhook, URL: key(server.URL + "/hooks?token=in-the-url"), Secrets: []secret.Key{signing("a"), signing("b")}})
	f.raise(t, opened("acme-loans"))
	f.pump(t)
	f.pump(t) // it is not due again yet
	receiver.respond(http.StatusNoContent, nil)
	f.clock.Add(2 * time.Minute)
	f.pump(t)
	f.pump(t)
	requests, bodies, dumps := receiver.all()
	if len(requests) != 2 || len(f.waiting(t)) != 0 {
		t.Fatalf("%d requests, waiting %v", len(requests), f.waiting(t))
	}
	if !bytes.Equal(bodies[0], bodies[1]) || requests[0].Header.Get("Webhook-Id") != requests[1].Header.Get("Webhook-Id") {
		t.Error("another attempt is another message")
	}
	if requests[0].Header.Get("Webhook-Timestamp") == requests[1].Header.Get("Webhook-Timestamp") {
		t.Error("another attempt has the time of the first, so a receiver would take it for a replay")
	}
	profile := provider.Must("standard-webhooks")
	for name, fill := range map[string]string{"the current secret": "a", "the previous secret": "b"} {
		captured, err := delivery.Parse(dumps[1])
		if err != nil {
			t.Fatal(err)
		}
		captured[0].Received = f.clock.Now()
		if result := delivery.Check(profile, captured[0], []delivery.Secret{{Name: name, Value: signing(fill).Expose()}}); !result.Verified {
			t.Errorf("%s does not verify it: %+v", name, result)
		}
	}
	captured, err := delivery.Parse(dumps[1])
	if err != nil {
		t.Fatal(err)
	}
	if delivery.Check(profile, captured[0], []delivery.Secret{{Name: "another", Value: signing("c").Expose()}}).Verified {
		t.Error("any secret verifies it")
	}
	var got struct {
		Type string
		Data struct{ Integration, Message, URL string }
	}
	if err := json.Unmarshal(bodies[0], &got); err != nil || got.Type != "finding.opened" || got.Data.Integration != "acme-loans" || got.Data.URL != "https://fleet.acme.example/integrations/acme-loans" {
		t.Errorf("%v: %s", err, bodies[0])
	}
	if log := f.log.String(); !strings.Contains(log, "500") || strings.Contains(log, "in-the-url") || strings.Contains(log, "whsec_") {
		t.Errorf("the log: %s", log)
	}
}

// TestAuditedReceiverAcceptsNotices: the receiver of Standard Webhooks that an audit finds correct accepts a notice, and rejects one
// that was signed with another secret.
func TestAuditedReceiverAcceptsNotices(t *testing.T) {
	t.Parallel()
	pair, err := sandbox.StartPair(sandbox.PairOptions{Dir: t.TempDir(), Profile: provider.Must("standard-webhooks")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Error(err)
		}
	})
	var out, problems bytes.Buffer
	cli.Main(t.Context(), append([]string{"audit", pair.File, "-o", "json", "--only", "webhook.*", "--environment", "test"}, pair.Args()...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &problems,
		LookupEnv: func(name string) (string, bool) {
			for _, variable := range pair.Env() {
				if value, is := strings.CutPrefix(variable, name+"="); is {
					return value, true
				}
			}
			return "", false
		}})
	var report struct {
		Checks []struct{ ID, Outcome string }
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s", err, problems.String())
	}
	passed := 0
	for _, check := range report.Checks {
		switch check.Outcome {
		case "fail", "warn":
			t.Errorf("the audit of the receiver: %s is %s", check.ID, check.Outcome)
		case "pass":
			passed++
		}
	}
	if passed < 8 {
		t.Errorf("only %d checks pass: the receiver was not audited", passed)
	}

	address, err := netip.ParseAddrPort(pair.Test.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(pair.Test.URL())
	if err != nil {
		t.Fatal(err)
	}
	at.Host = fmt.Sprintf("%s:%d", at.Hostname(), address.Port())
	good := notice.Channel{Name: "good", Kind: notice.Webhook, URL: key(at.String()), Secrets: []secret.Key{pair.Keys["test"]}}
	bad := notice.Channel{Name: "bad", Kind: notice.Webhook, URL: key(at.String()), Secrets: []secret.Key{signing("x")}}
	f := setUp(t, nil, good, bad)
	f.Notifier.Roots, f.Notifier.Resolver = pair.Authority.Pool(), hosts{at.Hostname(): "127.0.0.1"}
	f.raise(t, opened("acme-loans"))
	f.pump(t)
	if waiting := f.waiting(t); len(waiting) != 1 || waiting[0].Channel != "bad" || !strings.Contains(waiting[0].Problem, "the receiver responded with 4") {
		t.Errorf("not sent: %+v", waiting)
	}
}

// TestGuard: notices reach no address that is not public, by whatever name, unless the operator allows it, and follow no redirect.
func TestGuard(t *testing.T) {
	t.Parallel()
	receiver := &received{}
	server := listen(t, receiver)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	names := hosts{"rebound.attacker.example": "127.0.0.1", "metadata.attacker.example": "169.254.169.254", "inside.attacker.example": "10.1.2.3", "mapped.attacker.example": "::ffff:127.0.0.1",
		"nat64.attacker.example": "64:ff9b::7f00:1"}
	for name, host := range map[string]string{"loopback": "127.0.0.1", "loopback in another way": "127.1.2.3", "IPv6 loopback": "[::1]", "a name for loopback": "rebound.attacker.example",
		"the metadata service": "metadata.attacker.example", "a private network": "inside.attacker.example", "IPv4 in IPv6": "mapped.attacker.example", "NAT64": "nat64.attacker.example"} {
		f := setUp(t, server, notice.Channel{Name: "hook", Kind: notice.Webhook, URL: key("https://" + host + ":" + port + "/secret-path"), Secrets: []secret.Key{signing("a")}})
		f.Notifier.Networks, f.Notifier.Resolver = nil, names
		f.raise(t, opened("acme-loans"))
		f.pump(t)
		waiting := f.waiting(t)
		if len(waiting) != 1 || !strings.Contains(waiting[0].Problem, "networks does not allow") || strings.Contains(waiting[0].Problem, "attacker") {
			t.Errorf("%s: %+v", name, waiting)
		}
	}
	if requests, _, _ := receiver.all(); len(requests) != 0 {
		t.Errorf("%d requests arrived", len(requests))
	}

	other := &received{}
	elsewhere := listen(t, other)
	receiver.respond(http.StatusTemporaryRedirect, http.Header{"Location": {elsewhere.URL}})
	f := setUp(t, server, notice.Channel{Name: "hook", Kind: notice.Webhook, URL: key(server.URL), Secrets: []secret.Key{signing("a")}})
	f.raise(t, opened("acme-loans"))
	f.pump(t)
	if requests, _, _ := other.all(); len(requests) != 0 || len(f.waiting(t)) != 1 {
		t.Errorf("a redirect: %d requests, waiting %v", len(requests), f.waiting(t))
	}
}

// TestAttempts: they get rarer, keep to Retry-After, and end.
func TestAttempts(t *testing.T) {
	t.Parallel()
	receiver := &received{status: http.StatusServiceUnavailable, header: http.Header{"Retry-After": {"7200"}}}
	server := listen(t, receiver)
	f := setUp(t, server, notice.Channel{Name: "hook", Kind: notice.Webhook, URL: key(server.URL), Secrets: []secret.Key{signing("a")}})
	f.raise(t, opened("acme-loans"))
	f.pump(t)
	f.clock.Add(time.Hour)
	f.pump(t)
	if requests, _, _ := receiver.all(); len(requests) != 1 {
		t.Errorf("%d attempts within the time that the receiver asked for", len(requests))
	}
	receiver.respond(http.StatusServiceUnavailable, nil)
	for range 20 {
		f.clock.Add(25 * time.Hour)
		f.pump(t)
	}
	requests, _, _ := receiver.all()
	if waiting := f.waiting(t); len(requests) != 9 || waiting[0].GivenUp != 1 || waiting[0].Waiting != 0 {
		t.Errorf("%d attempts, then %+v", len(requests), waiting)
	}

	receiver.respond(http.StatusGone, nil)
	f.raise(t, opened("acme-risk"))
	f.pump(t)
	if waiting := f.waiting(t); waiting[0].GivenUp != 2 {
		t.Errorf("a receiver that is gone: %+v", waiting)
	}
}

func TestSlack(t *testing.T) {
	t.Parallel()
	receiver := &received{status: http.StatusForbidden}
	server := listen(t, receiver)
	f := setUp(t, server, notice.Channel{Name: "slack", Kind: notice.Slack, URL: key(server.URL + "/services/T000/B000/hidden")})
	events := []database.Event{{Integration: attack, Team: "payments", Run: "run1", Kind: database.EventReadyLost, Message: attack}}
	for i := range 30 {
		events = append(events, database.Event{Integration: attack, Team: "payments", Run: "run1", Finding: fmt.Sprint(i), Kind: database.EventOpened, Message: attack})
	}
	f.raise(t, events...)
	f.pump(t)
	receiver.respond(http.StatusOK, nil)
	f.clock.Add(2 * time.Minute)
	f.pump(t)
	_, bodies, _ := receiver.all()
	if len(bodies) != 2 || len(f.waiting(t)) != 0 {
		t.Fatalf("%d messages for one run in two attempts; waiting %v", len(bodies), f.waiting(t))
	}
	var message struct{ Text string }
	if err := json.Unmarshal(bodies[1], &message); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(message.Text, "<!") || strings.Contains(message.Text, "<https://attacker") || strings.Contains(message.Text, "\x1b") || strings.Contains(message.Text, "\u202e") {
		t.Errorf("markup of a name is not escaped: %q", message.Text)
	}
	if lines := strings.Count(message.Text, "\n"); lines != 22 || !strings.Contains(message.Text, "no longer ready (and 30 more)") || !strings.Contains(message.Text, "and 11 more") {
		t.Errorf("%d lines: %s", lines, message.Text)
	}
	if strings.Contains(f.log.String(), "hidden") || strings.Contains(f.log.String(), "127.0.0.1") {
		t.Errorf("the log has the URL: %s", f.log)
	}
}

// mailServer speaks as much SMTP as a client needs, with STARTTLS.
type mailServer struct {
	listener net.Listener
	config   *tls.Config
	plain    bool // offers no STARTTLS

	mu   sync.Mutex
	said []string
}

func startMail(t *testing.T, authority *certs.Authority, plain bool) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{listener: listener, plain: plain, config: &tls.Config{Certificates: []tls.Certificate{authority.Server("hooks.acme.example")}}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return s
}

func (s *mailServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 mail")
	lines := bufio.NewScanner(conn)
	secure, data := false, false
	for lines.Scan() {
		line := lines.Text()
		s.mu.Lock()
		s.said = append(s.said, line)
		s.mu.Unlock()
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case data:
			if line == "." {
				data = false
				say("250 taken")
			}
		case verb == "EHLO" && !secure && !s.plain:
			say("250-mail\r\n250 STARTTLS")
		case verb == "EHLO":
			say("250-mail\r\n250 AUTH PLAIN")
		case verb == "STARTTLS":
			say("220 go on")
			wrapped := tls.Server(conn, s.config)
			conn, lines, secure = wrapped, bufio.NewScanner(wrapped), true
		case verb == "AUTH":
			say("235 ok")
		case verb == "DATA":
			data = true
			say("354 go on")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\r\n")
}

func TestEmail(t *testing.T) {
	t.Parallel()
	authority := certs.New(time.Now())
	for _, plain := range []bool{false, true} {
		server := startMail(t, authority, plain)
		_, port, err := net.SplitHostPort(server.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		f := setUp(t, nil, notice.Channel{Name: "mail", Kind: notice.Email, Server: "hooks.acme.example:" + port, From: "prelaunch@acme.example", To: "security@acme.example, payments@acme.example", User: "prelaunch", Token: key("mail-password")})
		f.Notifier.Roots = authority.Pool()
		f.raise(t, database.Event{Integration: attack, Team: "payments", Run: "run1", Kind: database.EventReadyLost, Message: attack})
		f.pump(t)
		if plain {
			if waiting := f.waiting(t); len(waiting) != 1 || !strings.Contains(waiting[0].Problem, "STARTTLS") || strings.Contains(server.text(), "MAIL") || strings.Contains(server.text(), "AUTH") {
				t.Errorf("in the clear: %+v\n%s", waiting, server.text())
			}
			continue
		}
		if waiting := f.waiting(t); len(waiting) != 0 {
			t.Fatalf("not sent: %+v\n%s", waiting, server.text())
		}
		_, rest, _ := strings.Cut(server.text(), "\r\nDATA\r\n")
		text, _, _ := strings.Cut(rest, "\r\n.\r\n")
		message, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if message.Header.Get("Bcc") != "" || message.Header.Get("To") != "<security@acme.example>, <payments@acme.example>" || strings.Count(server.text(), "RCPT TO") != 2 {
			t.Errorf("a name became a header or a recipient:\n%s", server.text())
		}
		if strings.Contains(text, "\x1b") || !strings.Contains(text, "no longer ready") {
			t.Errorf("the message:\n%s", text)
		}
	}
}

// trackers is GitHub, Jira and ServiceNow as far as tickets need them: issues by path of the collection.
type tracker struct {
	mu     sync.Mutex
	issues []map[string]any
	calls  []string
}

func (tr *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.calls = append(tr.calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	respond := func(value any) { _ = json.NewEncoder(w).Encode(value) }
	add := func() int {
		tr.issues = append(tr.issues, body)
		return len(tr.issues)
	}
	number := func(path string) map[string]any {
		at := 0
		_, _ = fmt.Sscanf(path[strings.LastIndexAny(path, "/-")+1:], "%d", &at)
		return tr.issues[at-1]
	}
	switch {
	case r.URL.Path == "/repos/acme/payments/issues" && r.Method == http.MethodGet:
		list := []map[string]any{}
		for i, issue := range tr.issues {
			state, _ := issue["state"].(string)
			list = append(list, map[string]any{"number": i + 1, "body": issue["body"], "state": map[string]string{"closed": "closed"}[state] + map[bool]string{true: "open"}[state != "closed"]})
		}
		respond(list)
	case r.URL.Path == "/repos/acme/payments/issues":
		respond(map[string]any{"number": add()})
	case r.Method == http.MethodPatch && strings.HasPrefix(r.URL.Path, "/repos/"):
		issue := number(r.URL.Path)
		for name, value := range body {
			issue[name] = value
		}
	case r.URL.Path == "/rest/api/3/search/jql":
		list := []any{}
		for i, issue := range slices.Backward(tr.issues) { // the newest first, as the query asks
			fields, _ := issue["fields"].(map[string]any)
			for _, label := range fields["labels"].([]any) {
				if strings.Contains(body["jql"].(string), `"`+label.(string)+`"`) {
					category := map[bool]string{true: "done", false: "new"}[issue["done"] == true]
					list = append(list, map[string]any{"key": fmt.Sprintf("SEC-%d", i+1), "fields": map[string]any{"labels": fields["labels"], "status": map[string]any{"statusCategory": map[string]any{"key": category}}}})
				}
			}
		}
		respond(map[string]any{"issues": list})
	case r.URL.Path == "/rest/api/3/issue":
		respond(map[string]any{"key": fmt.Sprintf("SEC-%d", add())})
	case strings.HasSuffix(r.URL.Path, "/transitions"):
		number(strings.TrimSuffix(r.URL.Path, "/transitions"))["done"] = true
	case r.URL.Path == "/api/now/table/incident" && r.Method == http.MethodGet:
		list := []any{}
		for i, issue := range tr.issues {
			if strings.Contains(r.URL.Query().Get("sysparm_query"), "correlation_id="+issue["correlation_id"].(string)+"^") {
				state, _ := issue["state"].(string)
				list = append(list, map[string]any{"sys_id": fmt.Sprint(i + 1), "state": state})
			}
		}
		respond(map[string]any{"result": list})
	case r.URL.Path == "/api/now/table/incident":
		respond(map[string]any{"result": map[string]any{"sys_id": fmt.Sprint(add())}})
	case r.Method == http.MethodPatch:
		issue := number(r.URL.Path)
		for name, value := range body {
			issue[name] = value
		}
	}
}

func (tr *tracker) seen() (issues []map[string]any, calls string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.issues), strings.Join(tr.calls, "\n")
}

// TestTickets: one ticket a finding, whatever is repeated or out of order, in the state that the finding has.
func TestTickets(t *testing.T) {
	t.Parallel()
	token := key("tracker-token")
	for _, test := range []struct {
		channel notice.Channel
		closed  func(map[string]any) bool
		page    string
	}{
		{notice.Channel{Kind: notice.GitHub, Repository: "acme/payments", Token: token}, func(issue map[string]any) bool { return issue["state"] == "closed" }, "https://github.com/acme/payments/issues/1"},
		{notice.Channel{Kind: notice.Jira, Project: "SEC", Transition: "31", User: "bot@acme.example", Token: token}, func(issue map[string]any) bool { return issue["done"] == true }, "/browse/SEC-1"},
		{notice.Channel{Kind: notice.ServiceNow, User: "bot", Token: token}, func(issue map[string]any) bool { return issue["state"] == "6" }, "incident.do%3Fsys_id%3D1"},
	} {
		t.Run(test.channel.Kind, func(t *testing.T) {
			t.Parallel()
			api := &tracker{}
			server := listen(t, api)
			channel := test.channel
			channel.Name, channel.URL = "tickets", key(server.URL)
			f := setUp(t, server, channel)
			finding := database.Finding{ID: "0123456789abcdef", Integration: "acme-loans", Scope: "fedcba9876543210", Check: "webhook.rejects-unsigned", Environment: "production", Level: "required", Severity: "critical",
				Outcome: "fail", State: database.StateClosed, Message: attack, FirstSeen: f.clock.Now(), LastSeen: f.clock.Now(), FirstRun: "run1", LastRun: "run1"}
			becomes := func(state, kind string) {
				finding.State = state
				f.write(t, func(tx *database.Tx) error { return tx.PutFinding(t.Context(), finding) })
				event := opened("acme-loans")
				event.Kind, event.Finding = kind, finding.ID
				f.raise(t, event)
				f.pump(t)
				if waiting := f.waiting(t); len(waiting) > 0 {
					_, calls := api.seen()
					t.Fatalf("%s: %+v\n%s", kind, waiting, calls)
				}
			}
			becomes(database.StateClosed, database.EventOpened) // it was fixed before the first notice could be sent
			if issues, _ := api.seen(); len(issues) != 0 {
				t.Fatalf("a fixed finding has a ticket: %v", issues)
			}
			becomes(database.StateOpen, database.EventReopened)
			becomes(database.StateOpen, database.EventOpened)
			becomes(database.StateOpen, database.EventUpdated)
			issues, calls := api.seen()
			if len(issues) != 1 || test.closed(issues[0]) {
				t.Fatalf("%d tickets\n%v\n%s", len(issues), issues, calls)
			}
			kept, err := f.db.Finding(t.Context(), finding.ID)
			if err != nil || !strings.HasSuffix(kept.Ticket, test.page) {
				t.Errorf("%v: the ticket is %q", err, kept.Ticket)
			}
			if raw, err := json.Marshal(issues[0]); err != nil || bytes.Contains(raw, []byte("<script>")) || bytes.Contains(raw, []byte(`"action"`)) {
				t.Errorf("%v: %s", err, raw)
			}
			becomes(database.StateClosed, database.EventClosed)
			becomes(database.StateClosed, database.EventClosed)
			if issues, calls := api.seen(); len(issues) != 1 || !test.closed(issues[0]) {
				t.Errorf("after it was fixed: %v\n%s", issues, calls)
			}
			becomes(database.StateOpen, database.EventReopened)
			becomes(database.StateOpen, database.EventUpdated)
			issues, calls = api.seen()
			open := 0
			for _, issue := range issues {
				if !test.closed(issue) {
					open++
				}
			}
			if open != 1 {
				t.Errorf("after it came back: %v\n%s", issues, calls)
			}
			if _, calls := api.seen(); !strings.Contains(calls, "Bearer tracker-token") && !strings.Contains(calls, "Basic ") {
				t.Errorf("without the token:\n%s", calls)
			}
			if strings.Contains(f.log.String(), "tracker-token") {
				t.Errorf("the log has the token: %s", f.log)
			}
		})
	}
}

func TestChannels(t *testing.T) {
	t.Parallel()
	https := key("https://hooks.acme.example/x")
	channels := notice.Channels{
		{Name: "all", Kind: notice.Slack, URL: https},
		{Name: "payments", Kind: notice.Slack, URL: https, Teams: []string{"payments"}},
		{Name: "lost", Kind: notice.Slack, URL: https, Events: []string{database.EventReadyLost}},
		{Name: "tickets", Kind: notice.GitHub, Repository: "acme/payments", Token: key("t")},
	}
	if err := channels.Check(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ team, kind, want string }{
		{"payments", database.EventOpened, "all payments tickets"}, {"loans", database.EventOpened, "all tickets"},
		{"loans", database.EventReadyLost, "all lost"}, {"loans", database.EventUpdated, "tickets"},
	} {
		if got := strings.Join(channels.For(test.team, test.kind), " "); got != test.want {
			t.Errorf("%s of %s: %s, want %s", test.kind, test.team, got, test.want)
		}
	}
	for says, channel := range map[string]notice.Channel{
		"url must be https":        {Kind: notice.Webhook, URL: key("http://hooks.acme.example"), Secrets: []secret.Key{signing("a")}},
		"secrets is empty":         {Kind: notice.Webhook, URL: https},
		"a secret is not whsec_":   {Kind: notice.Webhook, URL: https, Secrets: []secret.Key{key("whsec_c2hvcnQ=")}},
		"url must be Slack's":      {Kind: notice.Slack},
		"server must be HOST:PORT": {Kind: notice.Email, Server: "mail.acme.example", From: "a@acme.example", To: "b@acme.example"},
		"from must be":             {Kind: notice.Email, Server: "mail.acme.example:587", From: "a\r\nBcc: x@acme.example", To: "b@acme.example"},
		"repository must be":       {Kind: notice.GitHub, Repository: "acme/payments/../x", Token: key("t")},
		"token is required":        {Kind: notice.GitHub, Repository: "acme/payments"},
		"project, user and token":  {Kind: notice.Jira, URL: https},
		"user and token":           {Kind: notice.ServiceNow, URL: https},
		"the kind is":              {Kind: "pager"},
		"is no event":              {Kind: notice.Slack, URL: https, Events: []string{"x"}},
		"a ticket is about":        {Kind: notice.GitHub, Repository: "acme/payments", Token: key("t"), Events: []string{database.EventReadyLost}},
		"is empty or used twice":   {Kind: notice.Slack, URL: https},
	} {
		if says != "is empty or used twice" {
			channel.Name = "x"
		}
		if err := (notice.Channels{channel}).Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
