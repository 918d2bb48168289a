package cli_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// nextServer serves a route handler of Next as Next does: with requests and responses of the web's own types.
const nextServer = `import { createServer } from 'node:http';
import { POST } from './route.mjs';
createServer(async (incoming, outgoing) => {
  try {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    if (incoming.method !== 'POST' || incoming.url.split('?')[0] !== '/webhook') return outgoing.writeHead(405).end();
    const headers = new Headers();
    for (let i = 0; i < incoming.rawHeaders.length; i += 2) headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1]);
    const response = await POST(new Request('http://localhost/webhook', { method: 'POST', headers, body: Buffer.concat(chunks) }));
    outgoing.writeHead(response.status).end();
  } catch {
    if (!outgoing.headersSent) outgoing.writeHead(400);
    outgoing.end();
  }
}).listen(Number(process.env.PORT), '127.0.0.1');
`

// runtimes are those on which a snippet is run as it is printed, where they are installed: the files, and the command that serves it.
var runtimes = []struct {
	framework, file string
	files           map[string]string
	needs           [][]string // commands that succeed where the runtime is installed
	build, serve    []string   // PORT stands for the port
}{
	{"go", "main.go", map[string]string{"go.mod": "module receiver\n\ngo 1.26\n"}, [][]string{{"go", "version"}}, []string{"go", "build", "-o", "receiver", "."}, []string{"./receiver"}},
	{"next", "route.mjs", map[string]string{"serve.mjs": nextServer}, [][]string{{"node", "--version"}}, nil, []string{"node", "serve.mjs"}},
	{"flask", "receiver.py", nil, [][]string{{"python3", "-c", "import flask"}}, nil, []string{"python3", "-m", "flask", "--app", "receiver", "run", "-p", "PORT"}},
	{"php", "index.php", nil, [][]string{{"php", "--version"}}, nil, []string{"php", "-S", "127.0.0.1:PORT", "index.php"}},
}

// TestVerificationSnippetsPass runs the snippets whose runtime is installed, and sends them the whole test suite: each verification
// that is recommended passes it.
func TestVerificationSnippetsPass(t *testing.T) {
	t.Parallel()
	const key = "key-7Jq2mXw9Lr4VzT0s"
	for _, r := range runtimes {
		t.Run(r.framework, func(t *testing.T) {
			t.Parallel()
			for _, command := range r.needs {
				if err := exec.Command(command[0], command[1:]...).Run(); err != nil { // #nosec G204 -- a fixed table
					t.Skipf("%s is not installed", strings.Join(command, " "))
				}
			}
			code, text, stderr := programIn(t, nil, "explain", "verification", r.framework)
			if code != 0 {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			directory := t.TempDir()
			files := map[string]string{r.file: text}
			for name, content := range r.files {
				files[name] = content
			}
			for name, content := range files {
				if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			command := func(line []string, port string) *exec.Cmd {
				line = strings.Split(strings.ReplaceAll(strings.Join(line, "\n"), "PORT", port), "\n")
				cmd := exec.CommandContext(t.Context(), line[0], line[1:]...) // #nosec G204 -- a fixed table
				cmd.Dir, cmd.Env = directory, append(os.Environ(), "BEGINI_API_KEY="+key, "PORT="+port, "GOWORK=off", "GOFLAGS=-mod=mod")
				return cmd
			}
			if r.build != nil {
				if out, err := command(r.build, "0").CombinedOutput(); err != nil {
					t.Fatalf("build: %v\n%s", err, out)
				}
			}
			port := freePort(t)
			serve := command(r.serve, port)
			said, err := serve.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := serve.Start(); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, bufio.NewReader(said)) }()
			t.Cleanup(func() {
				_ = serve.Process.Kill()
				_ = serve.Wait()
			})
			awaitListener(t, "127.0.0.1:"+port)
			url := "http://127.0.0.1:" + port + "/webhook"
			code, table, stderr := programIn(t, []string{"BEGINI_API_KEY=" + key}, "dev", "--url", url, "--key-env", "BEGINI_API_KEY")
			if code != 0 {
				t.Errorf("exit %d: %s\n%s", code, stderr, table)
			}
		})
	}
}

// freePort is one at which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // it was only to find a port
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// awaitListener returns once something listens there: these runtimes do not tell.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	for range 600 {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			if err := connection.Close(); err != nil {
				t.Fatal(err)
			}
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the test ended")
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("nothing listens at %s", address)
}

// TestVerificationFollowsFromTheRecipe: hash, header, prefix, encoding and what is signed are the provider's in every framework, and a
// scheme that takes more says so instead of printing what would be wrong.
func TestVerificationFollowsFromTheRecipe(t *testing.T) {
	t.Parallel()
	_, list, _ := programIn(t, nil, "explain", "verification")
	frameworks := strings.Split("aspnet django express fastapi fastify flask go hono laravel nest next php rack rails spring symfony", " ")
	for _, framework := range frameworks {
		if !strings.Contains(strings.Join(strings.Fields(list), " "), framework) {
			t.Errorf("%s is not listed:\n%s", framework, list)
		}
		for name, parts := range map[string][]string{
			"begini":   {"X-Signature", "512", "uid"},
			"github":   {"X-Hub-Signature-256", "256", "sha256="},
			"typeform": {"Typeform-Signature", "256", "sha256="},
		} {
			code, text, stderr := programIn(t, nil, "explain", "verification", framework, "--provider", name)
			for _, part := range parts {
				if code != 0 || !strings.Contains(text, part) || strings.Contains(text, "[[if") || strings.Contains(text, "[[.") || strings.Contains(text, "no value") {
					t.Errorf("%s for %s: exit %d, %s: no %q in\n%s", framework, name, code, stderr, part, text)
				}
			}
		}
	}
	for _, name := range provider.Names() {
		code, text, stderr := programIn(t, nil, "explain", "verification", "go", "--provider", name)
		if code != 0 && !strings.Contains(stderr, "official SDK") || code == 0 && !strings.Contains(text, "hmac.Equal(") {
			t.Errorf("%s: exit %d, %s", name, code, stderr)
		}
	}
	if code, _, stderr := programIn(t, nil, "explain", "verification", "expres"); code != 2 || !strings.Contains(stderr, `did you mean "express"?`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestExplainPages: a check's page has the provider's source, the families, what passes and fails, and where correct code is; a case
// says what it sends.
func TestExplainPages(t *testing.T) {
	t.Parallel()
	_, page, _ := programIn(t, nil, "explain", "webhook.rejects-partial-signature")
	for _, part := range []string{"What is sent\n", "- truncated-signature (9 cases)", "What passes\n", "What fails\n", "one incorrect digit", "explain verification", "Source\n", "Begini Security Checklist"} {
		if !strings.Contains(page, part) {
			t.Errorf("no %q in\n%s", part, page)
		}
	}
	_, list, _ := programIn(t, nil, "checks", "-o", "json")
	var checks []struct{ ID string }
	if err := json.Unmarshal([]byte(list), &checks); err != nil || len(checks) < 50 {
		t.Fatalf("%d checks: %v", len(checks), err)
	}
	for _, check := range checks {
		if _, page, _ := programIn(t, nil, "explain", check.ID); strings.Contains(page, "Everything that the check reads") || strings.Contains(page, "Something that was observed") {
			t.Errorf("%s does not say for itself what passes and what fails:\n%s", check.ID, page)
		}
	}
	_, page, _ = programIn(t, nil, "explain", "access.reviewed", "-o", "json")
	for _, part := range []string{`"id": "access.reviewed"`, `"families": []`, `"passes": "`, `"fails": "`} {
		if !strings.Contains(page, part) {
			t.Errorf("no %q in\n%s", part, page)
		}
	}
	code, page, stderr := programIn(t, nil, "explain", "truncated-signature/first-16")
	if code != 0 || !strings.Contains(page, "webhook.rejects-partial-signature") || !strings.Contains(page, "prelaunch replay truncated-signature/first-16") {
		t.Errorf("exit %d: %s\n%s", code, stderr, page)
	}
	if code, _, stderr := programIn(t, nil, "explain", "truncated-signature/first-17"); code != 2 || !strings.Contains(stderr, "did you mean truncated-signature/first-1") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
