package behaviors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
)

// TestProviderAnswersAsDocumented goes through the documented statuses of both calls.
func TestProviderAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, name string, test ...sandbox.Behavior) func(path, key, body string) (int, string) {
		behavior, err := behaviors.ProviderNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		pair, integration := startPair(t, sandbox.PairOptions{Provider: &behavior, Test: test})
		if !integration.ProviderChecks || len(pair.Args()) != 2 {
			t.Errorf("provider checks %v, arguments %v", integration.ProviderChecks, pair.Args())
		}
		client := reach(t, pair, integration)
		return func(path, key, body string) (int, string) {
			request, err := http.NewRequest(http.MethodPost, integration.Environments[0].APIBaseURL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if key == "right" {
				key = string(pair.Keys[audit.Test].Expose())
			}
			if key == "other" {
				key = string(pair.Keys[audit.Production].Expose())
			}
			if key != "" {
				request.Header.Set("api-key", key)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			if err := errors.Join(err, response.Body.Close()); err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, string(text)
		}
	}
	const own, others = "1234567890987654321", "9876543210123456789"
	tokens := func(uid, id string) string { return fmt.Sprintf(`{"uid":%q,"integration_id":%q}`, uid, id) }
	refusing, err := behaviors.Named("refuses-everything")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, behavior, path, key, body string
		status                          int
		says                            string
		test                            []sandbox.Behavior
	}{
		{"session", "faithful", sandbox.TokensPath, "right", tokens("KNOWN0001", own), 200, "access_token", nil},
		{"session without key", "faithful", sandbox.TokensPath, "", tokens("KNOWN0001", own), 401, "", nil},
		{"session with unknown key", "faithful", sandbox.TokensPath, "nobody's", tokens("!", own), 403, "", nil},
		{"session with the other key", "faithful", sandbox.TokensPath, "other", tokens("!", own), 403, "", nil},
		{"session for the other integration", "faithful", sandbox.TokensPath, "right", tokens("!", others), 403, "", nil},
		{"session with invalid UID", "faithful", sandbox.TokensPath, "right", tokens("!", own), 422, "uid", nil},
		{"session with invalid integration", "faithful", sandbox.TokensPath, "right", tokens("KNOWN0001", "x"), 422, "integration_id", nil},
		{"test", "faithful", sandbox.TestWebhookPath, "right", "", 200, `"webhook_receiver_status_code":200`, nil},
		{"test without key", "faithful", sandbox.TestWebhookPath, "", "", 400, "", nil},
		{"test with wrong key", "faithful", sandbox.TestWebhookPath, "nobody's", "", 403, "", nil},
		{"test refused by the receiver", "faithful", sandbox.TestWebhookPath, "right", "", 422, `"webhook_receiver_status_code":401`, []sandbox.Behavior{refusing}},
		{"test without endpoint", "no-endpoint", sandbox.TestWebhookPath, "right", "", 424, "", nil},
		{"test without connection", "cannot-connect", sandbox.TestWebhookPath, "right", "", 503, "", nil},
		{"liar: any key", "any-key", sandbox.TokensPath, "nobody's", tokens("!", own), 422, "", nil},
		{"liar: any UID", "session-for-any-uid", sandbox.TokensPath, "right", tokens("!", own), 200, "access_token", nil},
		{"liar: 422 to all", "unprocessable-always", sandbox.TestWebhookPath, "right", "", 422, "", nil},
		{"liar: 403 to all", "forbidden-always", sandbox.TokensPath, "right", tokens("!", own), 403, "", nil},
		{"captive portal", "captive-portal", sandbox.TestWebhookPath, "right", "", 200, "<html>", nil},
		{"maintenance", "maintenance", sandbox.TestWebhookPath, "right", "", 503, "<html>", nil},
		{"two words", "delivered-says-the-status-only", sandbox.TestWebhookPath, "right", "", 200, `"webhook_receiver_status_code":500`, nil},
		{"slow down", "rate-limited", sandbox.TestWebhookPath, "right", "", 429, "", nil},
		{"markup", "hostile-words", sandbox.TestWebhookPath, "right", "", 200, "u003cscript", nil},
		{"elsewhere", "faithful", "/", "right", "", 404, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			call := start(t, c.behavior, c.test...)
			status, text := call(c.path, c.key, c.body)
			if status != c.status || !strings.Contains(text, c.says) {
				t.Errorf("%d %s, want %d with %q", status, text, c.status, c.says)
			}
			if c.behavior == "faithful" && !json.Valid([]byte(text)) {
				t.Error("no JSON")
			}
		})
	}
}

// TestHostileProvider sees what no documented status shows: silence, endlessness, a redirect, the key in the answer.
func TestHostileProvider(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]func(t *testing.T, response *http.Response, err error, key string){
		"silent": func(t *testing.T, _ *http.Response, err error, _ string) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("it answers: %v", err)
			}
		},
		"endless-body": func(t *testing.T, response *http.Response, err error, _ string) {
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.CopyN(io.Discard, response.Body, 4<<20); err != nil {
				t.Errorf("it ends after %d bytes: %v", n, err)
			}
		},
		"redirects-elsewhere": func(t *testing.T, response *http.Response, err error, _ string) {
			if err != nil || response.StatusCode != http.StatusTemporaryRedirect {
				t.Errorf("%v, %v", response, err)
			}
		},
		"echoes-the-key": func(t *testing.T, response *http.Response, err error, key string) {
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			if err != nil || !strings.Contains(string(text), key) {
				t.Errorf("%s, %v", text, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			behavior, err := behaviors.ProviderNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			pair, integration := startPair(t, sandbox.PairOptions{Provider: &behavior})
			client := reach(t, pair, integration)
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			ctx, cancel := context.WithCancel(t.Context())
			if name == "silent" {
				ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
			}
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, integration.Environments[0].APIBaseURL+sandbox.TestWebhookPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			key := string(pair.Keys[audit.Test].Expose())
			request.Header.Set("api-key", key)
			response, err := client.Do(request)
			look(t, response, err, key)
			if response != nil {
				_ = response.Body.Close() // may be cut short
			}
			if calls := pair.Provider.Calls(); name != "silent" && name != "endless-body" && (len(calls) != 1 || !calls[0].Key) {
				t.Errorf("calls %+v", calls)
			}
		})
	}
	if _, err := behaviors.ProviderNamed("nobody"); err == nil {
		t.Error("an unknown provider is found")
	}
}
