package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// received is what reached a loopback receiver over plain HTTP.
type received struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   [][]byte
}

func (r *received) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

// last is the latest request, with its body.
func (r *received) last() (*http.Request, []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) == 0 {
		return nil, nil
	}
	return r.requests[len(r.requests)-1], r.bodies[len(r.bodies)-1]
}

func mac(newHash func() hash.Hash, key string, body []byte) []byte {
	m := hmac.New(newHash, []byte(key))
	m.Write(body)
	return m.Sum(nil)
}

// replayed is a replay at a loopback receiver that repeats what it got, the signature that it expected and its key.
func replayed(t *testing.T, selector string) (webhook.Replay, *received) {
	t.Helper()
	got := &received{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		got.mu.Lock()
		got.requests, got.bodies = append(got.requests, r), append(got.bodies, body)
		got.mu.Unlock()
		expected := mac(sha512.New, testKey, body)
		w.Header().Set("X-Expected", base64.StdEncoding.EncodeToString(expected))
		fmt.Fprintf(w, "got %v %s with %s, expected %x or %X, made with %s", r.URL, r.Header, body, expected, expected, testKey)
	}))
	t.Cleanup(server.Close)
	integration := &audit.Integration{
		Name: "acme", Provider: "begini", EventTypes: provider.Must("begini").EventTypes(), PlainLoopback: true,
		Environments: []audit.Environment{{
			Name: audit.Test, IntegrationID: "1234567890987654321", Probing: audit.Full, Receiver: audit.Inline, WebhookURL: server.URL + "/begini",
			Key: audit.KeyReference{Source: audit.FromEnv, Variable: "ACME_KEY", Key: secret.New([]byte(testKey))},
		}},
		Network: audit.NetworkOptions{Timeout: 10 * time.Second, RequestsPerSec: map[string]float64{audit.Test: 1000}},
	}
	return webhook.Replay{
		Run: &audit.Run{
			Integration: integration, UserAgent: "prelaunch/devel run/test", Now: time.Now, OnlyMarked: true,
			Network: netprobe.New(integration, nil), Ledger: &audit.Ledger{},
		},
		Environment: integration.Environments[0],
		Selects: func(c cases.Case) bool {
			return strings.HasPrefix(c.Label(), selector) && c.Name != cases.CaseCutOff
		},
	}, got
}

// TestReplayShowsNothingMadeWithAKey: neither the request nor what a receiver repeats of it.
func TestReplayShowsNothingMadeWithAKey(t *testing.T) {
	t.Parallel()
	replay, got := replayed(t, "")
	list, err := replay.Send(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, e := range list {
		if e.NotSent != "" {
			continue
		}
		sent++
		shown := fmt.Sprintf("%s %v %s %v %s", e.URL, e.Sent.Header, e.Sent.Body, e.Received.Header, e.Received.Body)
		if strings.Contains(shown, testKey) {
			t.Errorf("%s shows the key", e.Label())
		}
		expected := mac(sha512.New, testKey, e.Sent.Body)
		for _, signature := range []string{hex.EncodeToString(expected), strings.ToUpper(hex.EncodeToString(expected)), base64.StdEncoding.EncodeToString(expected)} {
			if strings.Contains(shown, signature) {
				t.Errorf("%s shows the signature of its body", e.Label())
			}
		}
		if strings.HasPrefix(e.Label(), "truncated-signature/") && !strings.Contains(fmt.Sprint(e.Sent.Header), "[X-Signature [redacted]]") {
			t.Errorf("%s shows a part of the signature: %v", e.Label(), e.Sent.Header)
		}
	}
	if sent < 200 || got.count() < sent {
		t.Errorf("%d cases were sent, %d requests arrived", sent, got.count())
	}
}

func TestReplayRevealsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	replay, got := replayed(t, "valid/application.complete")
	replay.Reveal = true
	list, err := replay.Send(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	request, body := got.last()
	signature := request.Header.Get("X-Signature")
	if signature != hex.EncodeToString(mac(sha512.New, testKey, body)) || !strings.Contains(fmt.Sprint(list[0].Sent.Header), signature) {
		t.Errorf("signature %q is not shown: %v", signature, list[0].Sent.Header)
	}
	if list[0].Status != 200 || !bytes.Contains(list[0].Received.Body, body) {
		t.Errorf("%d %s", list[0].Status, list[0].Received.Body)
	}
}

// TestReplayKeepsToTheProbing: a replay sends what an audit would send, and nothing else.
func TestReplayKeepsToTheProbing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ probing, selector, notSent string }{
		{audit.Careful, "valid/application.complete", "probing is careful"},
		{audit.Careful, "malformed-signature/flipped-63", "probing is careful"},
		{audit.Careful, "unsigned/absent", ""},
	} {
		replay, got := replayed(t, test.selector)
		replay.Environment.Probing = test.probing
		list, err := replay.Send(t.Context())
		if err != nil || len(list) != 1 || list[0].NotSent != test.notSent || (got.count() == 0) != (test.notSent != "") {
			t.Errorf("%s, %s: %v %v", test.probing, test.selector, list, err)
		}
		commands, err := replay.Commands(t.Context())
		if err != nil || len(commands) != 1 || commands[0].NotSent != test.notSent {
			t.Errorf("%s, %s: command %v %v", test.probing, test.selector, commands, err)
		}
	}
	replay, got := replayed(t, "unsigned/absent")
	replay.Environment.Probing = audit.Passive
	if _, err := replay.Send(t.Context()); err == nil || got.count() > 0 {
		t.Errorf("passive: %v, %d requests", err, got.count())
	}
	if _, err := replay.Commands(t.Context()); err == nil {
		t.Error("passive: a command is printed")
	}
	replay, got = replayed(t, "valid/application.complete")
	replay.Run.Integration.PlainLoopback = false
	if list, err := replay.Send(t.Context()); err != nil || got.count() > 0 || !strings.Contains(list[0].NotSent, "plain HTTP") {
		t.Errorf("plain HTTP: %v, %d requests: %v", err, got.count(), list)
	}
}

// TestCommandsSendTheCase runs what a user would paste into a shell, with a key of the user's own.
func TestCommandsSendTheCase(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	const key = "it's a key, with \"quotes\" & $signs"
	signed := func(body []byte) string { return hex.EncodeToString(mac(sha512.New, key, body)) }
	exactly := func(of func(body []byte) string) func(string, []byte) bool {
		return func(signature string, body []byte) bool { return signature == of(body) }
	}
	for label, holds := range map[string]func(signature string, body []byte) bool{
		"valid/application.complete":       exactly(signed),
		"raw-body/value-control-character": exactly(signed),
		"raw-body/pretty":                  exactly(signed),
		"raw-body/value-non-ascii":         exactly(signed),
		"malformed/utf-16":                 exactly(signed),
		"malformed/empty":                  exactly(signed),
		"oversized/1-MiB":                  exactly(signed),
		"oversized/nesting-2000":           exactly(signed),
		"truncated-signature/first-16":     exactly(func(body []byte) string { return signed(body)[:16] }),
		"truncated-signature/last-16":      exactly(func(body []byte) string { return signed(body)[112:] }),
		"truncated-signature/first-16-then-zeros": exactly(func(body []byte) string {
			return signed(body)[:16] + strings.Repeat("0", 112)
		}),
		"truncated-signature/first-1": exactly(func(body []byte) string { return signed(body)[:1] }),
		"malformed-signature/flipped-0": func(signature string, body []byte) bool {
			return signature[0] != signed(body)[0] && signature[1:] == signed(body)[1:]
		},
		"malformed-signature/flipped-64": func(signature string, body []byte) bool {
			return signature[64] != signed(body)[64] && signature[:64]+signature[65:] == signed(body)[:64]+signed(body)[65:]
		},
		"other-hash/sha256-prefix": exactly(func(body []byte) string { return "sha256=" + hex.EncodeToString(mac(sha256.New, key, body)) }),
		"unkeyed-digest/sha512-key-body": exactly(func(body []byte) string {
			return fmt.Sprintf("%x", sha512.Sum512(slices.Concat([]byte(key), body)))
		}),
		"unkeyed-digest/sha512-body-key": exactly(func(body []byte) string {
			return fmt.Sprintf("%x", sha512.Sum512(slices.Concat(body, []byte(key))))
		}),
		"guessable-key/undefined":                   exactly(func(body []byte) string { return hex.EncodeToString(mac(sha512.New, "undefined", body)) }),
		"empty-body-signature/multipart-body-empty": exactly(func([]byte) string { return signed(nil) }),
		"tampered/value-changed":                    func(signature string, body []byte) bool { return len(signature) == 128 && signature != signed(body) },
		"unsigned/absent":                           exactly(func([]byte) string { return "" }),
		"unparsable-header/byte-e9":                 func(signature string, _ []byte) bool { return signature[0] == 0xe9 && len(signature) == 128 },
		"valid/chunked":                             exactly(signed),
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			replay, got := replayed(t, label)
			replay.Selects = func(c cases.Case) bool { return c.Label() == label }
			replay.Environment.Key.Key = secret.Key{} // no key need be known
			replay.Run.Integration.Environments[0].Key.Key = secret.Key{}
			commands, err := replay.Commands(t.Context())
			if err != nil || len(commands) != 1 || commands[0].NotSent != "" {
				t.Fatal(commands, err)
			}
			shell := exec.CommandContext(t.Context(), "sh", "-c", commands[0].Script)
			shell.Env = append(os.Environ(), "ACME_KEY="+key)
			output, err := shell.CombinedOutput()
			request, body := got.last()
			if err != nil || request == nil {
				t.Fatalf("%v: %s\n%s", err, output, commands[0].Script)
			}
			if signature := request.Header.Get("X-Signature"); !holds(signature, body) {
				t.Errorf("sent %q with %d bytes:\n%s", signature, len(body), commands[0].Script)
			}
		})
	}
}

// TestCommandsChangeADigit: the digit that a case changes becomes the same one in most of the requests that are compared, which must
// not be written down as it is: the signature of a key that has it there would be the correct one.
func TestCommandsChangeADigit(t *testing.T) {
	t.Parallel()
	const label = "malformed-signature/flipped-0"
	replay, _ := replayed(t, label)
	replay.Selects = func(c cases.Case) bool { return c.Label() == label }
	for range 20 {
		commands, err := replay.Commands(t.Context())
		if err != nil || len(commands) != 1 {
			t.Fatal(commands, err)
		}
		if !strings.Contains(commands[0].Script, "tr 0-9a-f 1-9a-f0") {
			t.Fatalf("the first digit is not computed:\n%s", commands[0].Script)
		}
	}
}

// TestCommandsNeedTheirVariable: without the key nothing is sent, rather than something else.
func TestCommandsNeedTheirVariable(t *testing.T) {
	t.Parallel()
	replay, got := replayed(t, "valid/application.complete")
	commands, err := replay.Commands(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", commands[0].Script)
	shell.Env = []string{"PATH=" + os.Getenv("PATH")}
	if output, err := shell.CombinedOutput(); err == nil || got.count() > 0 || !bytes.Contains(output, []byte("ACME_KEY: holds no key")) {
		t.Errorf("%v, %d requests: %s", err, got.count(), output)
	}
}

// TestEveryCaseIsACommand: but for what curl cannot do.
func TestEveryCaseIsACommand(t *testing.T) {
	t.Parallel()
	replay, _ := replayed(t, "")
	replay.Selects = func(cases.Case) bool { return true }
	commands, err := replay.Commands(t.Context())
	if err != nil || len(commands) < 250 {
		t.Fatal(len(commands), err)
	}
	for _, command := range commands {
		possible := !slices.Contains([]string{"malformed/cut-off", "other-environment/other-environment", "diagnosis/other-environment"}, command.Label()) &&
			!strings.HasPrefix(command.Label(), "diagnosis/key-")
		if possible && command.NotSent != "" {
			t.Errorf("%s: %s", command.Label(), command.NotSent)
		}
		if strings.Contains(command.Script, testKey) {
			t.Errorf("%s holds the key", command.Label())
		}
	}
}
