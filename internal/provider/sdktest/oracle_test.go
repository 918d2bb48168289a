package sdktest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if running.stdin != nil {
		running.stdin.Close()
		_ = running.command.Wait()
	}
	os.Exit(code)
}

// needNode skips a test where there is no Node.js at all. Where there is, the SDKs must be installed.
func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node.js is not installed")
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		t.Fatal("the SDKs are not installed: run `npm ci --ignore-scripts` in internal/provider/sdktest")
	}
}

// running is the one process that has the SDKs loaded.
var running struct {
	sync.Mutex
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *bufio.Reader
}

// ask asks the SDKs something.
func ask(t *testing.T, question, answer any) {
	t.Helper()
	needNode(t)
	running.Lock()
	defer running.Unlock()
	if running.command == nil {
		if err := start(); err != nil {
			t.Fatal(err)
		}
	}
	line, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.stdin.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	text, err := running.stdout.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var failed struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(text, &failed); err != nil || failed.Error != "" {
		t.Fatalf("the SDK cannot be asked: %s", text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		t.Fatal(err)
	}
}

func start() error {
	running.command = exec.Command("node", "oracle.mjs")
	running.command.Stderr = os.Stderr
	stdout, err := running.command.StdoutPipe()
	if err != nil {
		return err
	}
	if running.stdin, err = running.command.StdinPipe(); err != nil {
		return err
	}
	running.stdout = bufio.NewReader(stdout)
	return running.command.Start()
}

type question struct {
	Op       string   `json:"op"`
	Provider string   `json:"provider,omitempty"`
	Secret   string   `json:"secret,omitempty"`
	Request  *request `json:"request,omitempty"`
	Input    *input   `json:"input,omitempty"`
}

type request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

type input struct {
	URL       string `json:"url"`
	Body      string `json:"body"`
	Timestamp int64  `json:"timestamp"`
	ID        string `json:"id"`
}

// accepts asks a provider's SDK for its word on a request.
func accepts(t *testing.T, name, secret string, m provider.Message) bool {
	t.Helper()
	headers := map[string]string{}
	for header, values := range m.Header {
		headers[strings.ToLower(header)] = strings.Join(values, ", ")
	}
	var answer struct {
		Accepted bool `json:"accepted"`
	}
	ask(t, question{Op: "verify", Provider: name, Secret: secret, Request: &request{
		Method: http.MethodPost, URL: m.URL, Headers: headers, Body: m.Body,
	}}, &answer)
	return answer.Accepted
}

// signs has a provider's SDK sign an event. It is false where the SDK only verifies.
func signs(t *testing.T, name, secret string, in input) (provider.Message, bool) {
	t.Helper()
	var answer struct {
		None   bool `json:"none"`
		Signed struct {
			URL     string            `json:"url"`
			Body    string            `json:"body"`
			Headers map[string]string `json:"headers"`
		} `json:"signed"`
	}
	ask(t, question{Op: "sign", Provider: name, Secret: secret, Input: &in}, &answer)
	if answer.None {
		return provider.Message{}, false
	}
	m := provider.Message{Method: http.MethodPost, URL: in.URL, Header: http.Header{}, Body: []byte(in.Body)}
	if answer.Signed.URL != "" {
		m.URL = answer.Signed.URL
	}
	if answer.Signed.Body != "" {
		m.Body = []byte(answer.Signed.Body)
	}
	for header, value := range answer.Signed.Headers {
		m.Header.Set(header, value)
	}
	return m, true
}

func describe(m provider.Message) string {
	return fmt.Sprintf("%s %v %s", m.URL, m.Header, m.Body)
}
