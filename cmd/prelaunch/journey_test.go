package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

var exported = regexp.MustCompile(`(?m)^  export (\S+)$`)

// TestDeveloperToGreen is the way of a developer whose receiver compares a part of the signature: the key to export, the failing
// request by name, the request itself, and green once it is fixed. Nothing is read but what the program prints.
func TestDeveloperToGreen(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	source, err := os.ReadFile(filepath.Join("..", "..", "examples", "receivers", "python", "receiver.py"))
	if err != nil {
		t.Fatal(err)
	}
	const compare = `return hmac.compare_digest(expected.encode(), given[0].encode("utf-8", "surrogateescape"))`
	flawed := bytes.Replace(source, []byte(compare), []byte(`return expected[:16] == given[0][:16]`), 1)
	if bytes.Equal(source, flawed) {
		t.Fatal("the receiver compares signatures in another way than this test expects")
	}
	state := t.TempDir()
	call := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		begun := time.Now()
		code := cli.Main(t.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: func(name string) (string, bool) {
			return state, name == "XDG_STATE_HOME"
		}})
		t.Logf("$ prelaunch %s   # exit %d, %.1f s", strings.Join(args, " "), code, time.Since(begun).Seconds())
		return code, out.String() + errs.String()
	}

	// Nothing listens yet: the program says what the receiver needs.
	code, said := call("dev", "--url", "http://127.0.0.1:1/begini")
	variables := exported.FindAllStringSubmatch(said, -1)
	if code != 1 || len(variables) != 2 || !strings.Contains(said, "start your receiver") {
		t.Fatalf("exit %d: %s", code, said)
	}
	url := listen(t, python, flawed, variables)
	code, said = call("dev", "--url", url)
	command := regexp.MustCompile(`\$ prelaunch (replay truncated-signature/\S+ --url \S+)`).FindStringSubmatch(said)
	if code != 1 || command == nil || !strings.Contains(said, "fail          webhook.rejects-partial-signature") || strings.Count(said, "\n") > 40 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if code, said := call(strings.Fields(command[1])...); code != 0 || !strings.Contains(said, "< 200 OK") {
		t.Errorf("exit %d: %s", code, said)
	}
	code, said = call("dev", "--url", listen(t, python, source, variables))
	if code != 0 || strings.Contains(said, "fail") || strings.Contains(said, "inconclusive") || strings.Count(said, "\n") > 30 {
		t.Errorf("exit %d: %s", code, said)
	}
}

// listen starts a receiver with the variables that were printed, and returns its URL once it listens.
func listen(t *testing.T, python string, source []byte, variables [][]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "receiver.py")
	if err := os.WriteFile(path, source, 0o600); err != nil {
		t.Fatal(err)
	}
	receiver := exec.CommandContext(t.Context(), python, path)
	receiver.Env = []string{"LISTEN=127.0.0.1:0", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for _, variable := range variables {
		receiver.Env = append(receiver.Env, variable[1])
	}
	output, err := receiver.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = receiver.Process.Kill()
		_ = receiver.Wait()
	})
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if _, address, found := strings.Cut(lines.Text(), "listening on "); found {
			return "http://" + address + "/begini"
		}
	}
	t.Fatalf("the receiver ended: %v", lines.Err())
	return ""
}
