package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ProviderBehaviour is one way in which the stand-in differs from the documented provider: a row of ProviderBehaviours.
type ProviderBehaviour struct {
	Name        string
	Description string
	// Undelivered: what it says does not show that the webhook is registered; deployment-centre.webhook-registered must not pass.
	Undelivered bool
	// Undecided: its word on keys proves nothing, so that no key counts as refused because of it.
	Undecided bool

	anyKey       bool
	unregistered bool // the pair registers no endpoint
	unreachable  bool // the pair registers an endpoint where nothing listens
	ruse         ruse
}

// ruse changes an answer before it is sent, or sends its own and returns true.
type ruse func(*apiExchange) (answered bool)

// apiExchange is one call with the answer that the faithful part has for it.
type apiExchange struct {
	*Provider
	w      http.ResponseWriter
	r      *http.Request
	status int
	body   any
}

// ProviderBehaviours are the documented failures, and a provider that is not to be trusted.
func ProviderBehaviours() []ProviderBehaviour {
	return []ProviderBehaviour{
		{Name: "faithful", Description: "answers as documented"},
		{Name: "no-endpoint", Description: "no endpoint is registered: 424", Undelivered: true, unregistered: true},
		{Name: "cannot-connect", Description: "nothing listens at the registered endpoint: 503", Undelivered: true, unreachable: true},
		{Name: "any-key", Description: "takes any key, so that its word on keys proves nothing", Undecided: true, anyKey: true},
		{Name: "unprocessable-always", Description: "answers 422 to everything", Undelivered: true, Undecided: true, ruse: always(422, detail("unprocessable"))},
		{Name: "forbidden-always", Description: "answers 403 to everything", Undelivered: true, Undecided: true, ruse: always(403, detail("forbidden"))},
		{Name: "session-for-any-uid", Description: "creates a session though the UID is invalid", Undecided: true,
			ruse: func(x *apiExchange) bool {
				if x.r.URL.Path == TokensPath && x.status == http.StatusUnprocessableEntity {
					x.status, x.body = http.StatusOK, session("")
				}
				return false
			}},
		{Name: "maintenance", Description: "answers 503 with an HTML page to everything", Undelivered: true, Undecided: true, ruse: page(503, "<html><h1>Maintenance</h1></html>")},
		{Name: "captive-portal", Description: "answers 200 with an HTML page to everything", Undelivered: true, Undecided: true, ruse: page(200, "<html><h1>Welcome</h1></html>")},
		{Name: "delivered-always", Description: "answers 200 and that the test was delivered to everything, whatever the key", Undelivered: true, Undecided: true,
			ruse: page(200, `{"webhook_receiver_status_code": 200, "detail": "delivered"}`)},
		{Name: "delivered-says-the-status-only", Description: "answers the test with 200 and a body that says the receiver answered 500", Undelivered: true,
			ruse: func(x *apiExchange) bool {
				if x.r.URL.Path == TestWebhookPath && x.status == http.StatusOK {
					x.body = map[string]any{"webhook_receiver_status_code": 500, "detail": ""}
				}
				return false
			}},
		{Name: "rate-limited", Description: "answers 429 to everything", Undelivered: true, Undecided: true,
			ruse: func(x *apiExchange) bool {
				x.w.Header().Set("Retry-After", "3600")
				return always(429, detail("slow down"))(x)
			}},
		{Name: "redirects-elsewhere", Description: "redirects to another host, which must not get the key", Undelivered: true, Undecided: true,
			ruse: func(x *apiExchange) bool {
				http.Redirect(x.w, x.r, "https://elsewhere.acme.example"+x.r.URL.Path, http.StatusTemporaryRedirect)
				return true
			}},
		{Name: "silent", Description: "never answers", Undelivered: true, Undecided: true,
			ruse: func(x *apiExchange) bool {
				select {
				case <-x.r.Context().Done():
				case <-x.closing:
				}
				return true
			}},
		{Name: "endless-body", Description: "its answers never end", Undelivered: true, Undecided: true,
			ruse: func(x *apiExchange) bool {
				chunk := strings.Repeat(" ", 32<<10)
				for {
					select {
					case <-x.closing:
						return true
					default:
					}
					if _, err := io.WriteString(x.w, chunk); err != nil {
						return true
					}
				}
			}},
		{Name: "echoes-the-key", Description: "repeats the key in its answers, which no report may",
			ruse: func(x *apiExchange) bool {
				if fields, ok := x.body.(map[string]any); ok {
					fields["key"] = x.r.Header.Get(keyHeader)
				}
				return false
			}},
		{Name: "hostile-words", Description: "its details hold markup, terminal controls and broken text",
			ruse: func(x *apiExchange) bool {
				if fields, ok := x.body.(map[string]any); ok {
					if _, isText := fields["detail"].(string); isText {
						fields["detail"] = "\x1b[2J<script>alert(1)</script>\u202e" + strings.Repeat("x", 64<<10)
					}
				}
				return false
			}},
	}
}

// ProviderNamed finds a row of ProviderBehaviours.
func ProviderNamed(name string) (ProviderBehaviour, error) {
	for _, b := range ProviderBehaviours() {
		if b.Name == name {
			return b, nil
		}
	}
	return ProviderBehaviour{}, fmt.Errorf("no sandbox provider is called %q", name)
}

func always(code int, answer any) ruse {
	return func(x *apiExchange) bool {
		x.status, x.body = code, answer
		return false
	}
}

func page(code int, text string) ruse {
	return func(x *apiExchange) bool {
		x.w.Header().Set("Content-Type", "text/html")
		x.w.WriteHeader(code)
		_, _ = io.WriteString(x.w, text) // the client may have gone
		return true
	}
}
