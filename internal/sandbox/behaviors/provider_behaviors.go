package behaviors

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// ProviderBehaviors are the documented failures, and a provider that is not to be trusted.
func ProviderBehaviors() []sandbox.ProviderBehavior {
	return []sandbox.ProviderBehavior{
		{Name: "faithful", Description: "answers as documented"},
		{Name: "no-endpoint", Description: "no endpoint is registered: 424", Undelivered: true, Unregistered: true},
		{Name: "cannot-connect", Description: "nothing listens at the registered endpoint: 503", Undelivered: true, Unreachable: true},
		{Name: "any-key", Description: "takes any key, so that its word on keys proves nothing", Undecided: true, AnyKey: true},
		{Name: "unprocessable-always", Description: "answers 422 to everything", Undelivered: true, Undecided: true, Ruse: always(422, sandbox.Detail("unprocessable"))},
		{Name: "forbidden-always", Description: "answers 403 to everything", Undelivered: true, Undecided: true, Ruse: always(403, sandbox.Detail("forbidden"))},
		{Name: "session-for-any-uid", Description: "creates a session though the UID is invalid", Undecided: true,
			Ruse: func(x *sandbox.ApiExchange) bool {
				if x.R.URL.Path == sandbox.TokensPath && x.Status == http.StatusUnprocessableEntity {
					x.Status, x.Body = http.StatusOK, sandbox.Session("")
				}
				return false
			}},
		{Name: "maintenance", Description: "answers 503 with an HTML page to everything", Undelivered: true, Undecided: true, Ruse: page(503, "<html><h1>Maintenance</h1></html>")},
		{Name: "captive-portal", Description: "answers 200 with an HTML page to everything", Undelivered: true, Undecided: true, Ruse: page(200, "<html><h1>Welcome</h1></html>")},
		{Name: "delivered-always", Description: "answers 200 and that the test was delivered to everything, whatever the key", Undelivered: true, Undecided: true,
			Ruse: page(200, `{"webhook_receiver_status_code": 200, "detail": "delivered"}`)},
		{Name: "delivered-says-the-status-only", Description: "answers the test with 200 and a body that says the receiver answered 500", Undelivered: true,
			Ruse: func(x *sandbox.ApiExchange) bool {
				if x.R.URL.Path == sandbox.TestWebhookPath && x.Status == http.StatusOK {
					x.Body = map[string]any{"webhook_receiver_status_code": 500, "detail": ""}
				}
				return false
			}},
		{Name: "rate-limited", Description: "answers 429 to everything", Undelivered: true, Undecided: true,
			Ruse: func(x *sandbox.ApiExchange) bool {
				x.W.Header().Set("Retry-After", "3600")
				return always(429, sandbox.Detail("slow down"))(x)
			}},
		{Name: "redirects-elsewhere", Description: "redirects to another host, which must not get the key", Undelivered: true, Undecided: true,
			Ruse: func(x *sandbox.ApiExchange) bool {
				http.Redirect(x.W, x.R, "https://elsewhere.acme.example"+x.R.URL.Path, http.StatusTemporaryRedirect)
				return true
			}},
		{Name: "silent", Description: "never answers", Undelivered: true, Undecided: true,
			Ruse: func(x *sandbox.ApiExchange) bool {
				select {
				case <-x.R.Context().Done():
				case <-x.Closing:
				}
				return true
			}},
		{Name: "endless-body", Description: "its answers never end", Undelivered: true, Undecided: true,
			Ruse: func(x *sandbox.ApiExchange) bool {
				chunk := strings.Repeat(" ", 32<<10)
				for {
					select {
					case <-x.Closing:
						return true
					default:
					}
					if _, err := io.WriteString(x.W, chunk); err != nil {
						return true
					}
				}
			}},
		{Name: "echoes-the-key", Description: "repeats the key in its answers, which no report may",
			Ruse: func(x *sandbox.ApiExchange) bool {
				if fields, ok := x.Body.(map[string]any); ok {
					fields["key"] = x.R.Header.Get(sandbox.KeyHeader)
				}
				return false
			}},
		{Name: "hostile-words", Description: "its details hold markup, terminal controls and broken text",
			Ruse: func(x *sandbox.ApiExchange) bool {
				if fields, ok := x.Body.(map[string]any); ok {
					if _, isText := fields["detail"].(string); isText {
						fields["detail"] = "\x1b[2J<script>alert(1)</script>\u202e" + strings.Repeat("x", 64<<10)
					}
				}
				return false
			}},
	}
}

// ProviderNamed finds a row of ProviderBehaviors.
func ProviderNamed(name string) (sandbox.ProviderBehavior, error) {
	for _, b := range ProviderBehaviors() {
		if b.Name == name {
			return b, nil
		}
	}
	return sandbox.ProviderBehavior{}, fmt.Errorf("no sandbox provider is called %q", name)
}

func always(code int, answer any) sandbox.Ruse {
	return func(x *sandbox.ApiExchange) bool {
		x.Status, x.Body = code, answer
		return false
	}
}

func page(code int, text string) sandbox.Ruse {
	return func(x *sandbox.ApiExchange) bool {
		x.W.Header().Set("Content-Type", "text/html")
		x.W.WriteHeader(code)
		_, _ = io.WriteString(x.W, text) // the client may have gone
		return true
	}
}
