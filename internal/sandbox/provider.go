package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Rules of this file: the stand-in answers as the provider's documentation says, status by status. What a row of
// ProviderBehaviors changes is a ruse in front of it, so the faithful part stays in one piece.

// Paths of the provider's API.
const (
	TokensPath      = "/v1/sessions-management/tokens"
	TestWebhookPath = "/v1/webhooks-management/test"
	KeyHeader       = "api-key"
)

// Registration is what the provider's Registration Centre knows of one environment.
type Registration struct {
	IntegrationID string
	Key           secret.Key
	WebhookURL    string // empty: none registered
}

// ProviderOptions describe the stand-in. Authority and Host are required.
type ProviderOptions struct {
	Authority     *certs.Authority // issues its certificate, and is trusted when it delivers
	Host          string
	Registrations []Registration
	Resolve       map[string]string // "host:port" → "address:port" of the receivers
	Behavior      ProviderBehavior  // the zero value is faithful
}

// Provider is a running stand-in for the provider's API. Close ends it.
type Provider struct {
	options  ProviderOptions
	server   *http.Server
	listener net.Listener
	client   *http.Client
	Closing  chan struct{}
	once     sync.Once
	serving  sync.WaitGroup

	mu    sync.Mutex
	calls []ProviderCall
}

// ProviderCall is a call that arrived. It holds no key.
type ProviderCall struct {
	Method, Path string
	Key          bool // one was sent
	Status       int  // 0: a ruse answered
}

// StartProvider starts the stand-in.
func StartProvider(o ProviderOptions) (*Provider, error) {
	if o.Authority == nil || o.Host == "" {
		return nil, errors.New("start sandbox provider: an authority and a host are needed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start sandbox provider: %w", err)
	}
	p := &Provider{options: o, listener: l, Closing: make(chan struct{})}
	p.client = &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: o.Authority.Pool()},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if other, ok := o.Resolve[address]; ok {
					address = other
				}
				return (&net.Dialer{}).DialContext(ctx, network, address)
			},
		},
	}
	p.server = &http.Server{
		Handler: http.HandlerFunc(p.serve), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{o.Authority.Server(o.Host)}},
	}
	p.serving.Go(func() { _ = p.server.ServeTLS(l, "", "") }) // ends with ErrServerClosed
	return p, nil
}

// BaseURL is the API's, at port 443 of its host; Address says where that is to be reached.
func (p *Provider) BaseURL() string { return "https://" + p.options.Host }

// Address is the "address:port" behind port 443 of the host.
func (p *Provider) Address() string { return p.listener.Addr().String() }

// Calls are the calls that arrived so far.
func (p *Provider) Calls() []ProviderCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]ProviderCall(nil), p.calls...)
}

// Close ends the stand-in and waits for it. A second call does nothing.
func (p *Provider) Close() error {
	var err error
	p.once.Do(func() {
		close(p.Closing)
		err = p.server.Close()
		p.client.CloseIdleConnections()
		p.serving.Wait()
	})
	if err != nil {
		return fmt.Errorf("close sandbox provider: %w", err)
	}
	return nil
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request) {
	call := ProviderCall{Method: r.Method, Path: r.URL.Path, Key: r.Header.Get(KeyHeader) != ""}
	x := &ApiExchange{Provider: p, W: w, R: r}
	x.Status, x.Body = p.answer(r)
	if ruse := p.options.Behavior.Ruse; ruse != nil && ruse(x) {
		p.note(call)
		return
	}
	call.Status = x.Status
	p.note(call)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(x.Status)
	_ = json.NewEncoder(w).Encode(x.Body) // the client may have gone
}

func (p *Provider) note(call ProviderCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
}

func (p *Provider) answer(r *http.Request) (int, any) {
	switch {
	case r.URL.Path != TokensPath && r.URL.Path != TestWebhookPath:
		return http.StatusNotFound, Detail("Not Found")
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, Detail("Method Not Allowed")
	case r.URL.Path == TokensPath:
		return p.token(r)
	default:
		return p.test(r)
	}
}

func Detail(value any) any { return map[string]any{"detail": value} }

// deployment is the one that the request's key belongs to.
func (p *Provider) deployment(r *http.Request) (Registration, bool) {
	given := secret.New([]byte(r.Header.Get(KeyHeader)))
	for _, d := range p.options.Registrations {
		if d.Key.Equal(given) || p.options.Behavior.AnyKey {
			return d, true
		}
	}
	return Registration{}, false
}

var integrationIDPattern = lazy.Regexp(`^[0-9]{10,20}$`)

// token creates a session.
func (p *Provider) token(r *http.Request) (int, any) {
	if r.Header.Get(KeyHeader) == "" {
		return http.StatusUnauthorized, Detail("API key missing")
	}
	owner, ok := p.deployment(r)
	if !ok {
		return http.StatusForbidden, Detail("API key not authorised for this integration")
	}
	var asked struct {
		UID           string `json:"uid"`
		IntegrationID string `json:"integration_id"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, MaxBody)).Decode(&asked); err != nil {
		return http.StatusUnprocessableEntity, Detail("body is not as documented")
	}
	if integrationIDPattern().MatchString(asked.IntegrationID) && asked.IntegrationID != owner.IntegrationID {
		return http.StatusForbidden, Detail("API key not authorised for this integration")
	}
	if !integrationIDPattern().MatchString(asked.IntegrationID) {
		return http.StatusUnprocessableEntity, Detail("integration_id is invalid")
	}
	if !validUID(asked.UID) {
		return http.StatusUnprocessableEntity, Detail("uid is invalid")
	}
	return http.StatusOK, Session(asked.UID)
}

// Session is a new one, with a token in the form of a JWT.
func Session(uid string) any {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	token := part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"sub":"`+PlainWord(uid)+`"}`) + "." + part(RandomHex(16))
	return map[string]any{"access_token": token, "url": "https://assessment.acme.example/?t=" + RandomHex(8)}
}

// test delivers a signed test webhook.
func (p *Provider) test(r *http.Request) (int, any) {
	if r.Header.Get(KeyHeader) == "" {
		return http.StatusBadRequest, Detail("API key missing")
	}
	owner, ok := p.deployment(r)
	if !ok {
		return http.StatusForbidden, Detail("API key invalid")
	}
	if owner.WebhookURL == "" {
		return http.StatusFailedDependency, Detail("no webhook endpoint registered in the Registration Centre")
	}
	status, body, err := p.deliver(r.Context(), owner)
	if err != nil {
		return http.StatusServiceUnavailable, Detail("cannot connect to the webhook endpoint")
	}
	if status != http.StatusOK {
		return http.StatusUnprocessableEntity, Detail(map[string]any{"webhook_receiver_status_code": status, "webhook_receiver_body_content": body})
	}
	return http.StatusOK, map[string]any{"webhook_receiver_status_code": status, "detail": "Test webhook delivered"}
}

// deliver sends the test webhook and returns the receiver's status and the beginning of its answer.
func (p *Provider) deliver(ctx context.Context, d Registration) (int, string, error) {
	body := []byte(fmt.Sprintf(`{"uid":"TESTWEBHOOK%s","integration_id":%q,"event":{"type":"psychometric_score.complete","details":{"application_started_at":1,"application_completed_at":2,"scored_at":3,"platform":"WEB","calculated":{"score":0,"risk_band":"E","score_confidence":"0.00","traits":[]}}}}`,
		strings.ToUpper(RandomHex(4)), d.IntegrationID))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.WebhookURL, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(SignatureHeader, hex.EncodeToString(HmacSHA512(d.Key.Expose(), body)))
	response, err := p.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return 0, "", err
	}
	return response.StatusCode, string(text), nil
}

// ProviderBehavior is one way in which the stand-in differs from the documented provider: a row of ProviderBehaviors.
type ProviderBehavior struct {
	Name        string
	Description string
	// Undelivered: what it says does not show that the webhook is registered; deployment-centre.webhook-registered must not pass.
	Undelivered bool
	// Undecided: its word on keys proves nothing, so that no key counts as rejected because of it.
	Undecided bool

	AnyKey       bool
	Unregistered bool // the pair registers no endpoint
	Unreachable  bool // the pair registers an endpoint where nothing listens
	Ruse         Ruse
}

// Ruse changes an answer before it is sent, or sends its own and returns true.
type Ruse func(*ApiExchange) (answered bool)

// ApiExchange is one call with the answer that the faithful part has for it.
type ApiExchange struct {
	*Provider
	W      http.ResponseWriter
	R      *http.Request
	Status int
	Body   any
}
