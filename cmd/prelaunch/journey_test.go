package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
)

// journey is somebody on the way from a fresh clone to a goal, who reads nothing but what the program prints. `go test ./cmd/prelaunch
// -run Journey -v` shows the commands and the seconds of each; with PRELAUNCH_SWEEP=1 those at the default rates.
type journey struct {
	*testing.T
	environment map[string]string
	begun       time.Time
}

func newJourney(t *testing.T, environment []string) *journey {
	j := &journey{t, map[string]string{"XDG_STATE_HOME": t.TempDir(), "PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME")}, time.Now()}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		j.environment[name] = value
	}
	t.Cleanup(func() { t.Logf("the journey took %.1f s", time.Since(j.begun).Seconds()) })
	return j
}

func (j *journey) call(args ...string) (code int, said string) {
	var out, errs bytes.Buffer
	begun := time.Now()
	code = cli.Main(j.Context(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: func(name string) (string, bool) {
		value, set := j.environment[name]
		return value, set
	}})
	j.Logf("$ prelaunch %s   # exit %d, %.1f s", strings.Join(args, " "), code, time.Since(begun).Seconds())
	return code, out.String() + errs.String()
}

// wants calls the program, and holds it to an exit code and to what it has to say.
func (j *journey) wants(code int, parts []string, args ...string) string {
	j.Helper()
	got, said := j.call(args...)
	for _, part := range parts {
		if got != code || !strings.Contains(said, part) {
			j.Fatalf("prelaunch %s: exit %d instead of %d, or no %q:\n%s", strings.Join(args, " "), got, code, part, said)
		}
	}
	return said
}

// TestJourneyDemo: a newcomer sees what an audit finds, within the lines that a screen or two hold, and what comes next.
func TestJourneyDemo(t *testing.T) {
	t.Parallel()
	said := newJourney(t, nil).wants(0, []string{"The flawed integration is NOT READY, the corrected one is READY.", "Next: prelaunch explain", "prelaunch init"}, "demo")
	flawed, rest, _ := strings.Cut(said, "2. The same integration, corrected\n")
	corrected, _, _ := strings.Cut(rest, "3. The planted flaws")
	t.Logf("the flawed report has %d lines, the corrected one %d", strings.Count(flawed, "\n"), strings.Count(corrected, "\n"))
	if strings.Count(flawed, "\n") > 120+3 || strings.Count(corrected, "\n") > 40+3 { // with their titles
		t.Errorf("the reports are longer than 120 and 40 lines:\n%s", said)
	}
	for line := range strings.Lines(said) {
		if utf8.RuneCountInString(line) > 80+1 {
			t.Errorf("longer than 80 columns: %s", line)
		}
	}
}

// deployment is a pair of receivers with the configuration of a reviewer who knows no more of it than the receivers.
func deployment(t *testing.T, production ...sandbox.Behavior) (j *journey, file string, complete []byte, flags []string) {
	t.Helper()
	pair, err := sandbox.StartPair(sandbox.PairOptions{Dir: t.TempDir(), Production: production})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Error(err)
		}
	})
	if complete, err = os.ReadFile(pair.File); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("PRELAUNCH_SWEEP") == "1" { // as long as a reviewer waits
		complete = regexp.MustCompile(`(?m)^  max_requests_per_second: .*\n`).ReplaceAll(complete, nil)
	}
	if err := os.Remove(pair.File); err != nil {
		t.Fatal(err)
	}
	j = newJourney(t, pair.Env())
	j.wants(0, []string{"prelaunch validate"}, "init", pair.File)
	environments, _, _ := bytes.Cut(complete, []byte("repositories:"))
	_, network, _ := bytes.Cut(complete, []byte("network:"))
	least := slices.Concat(regexp.MustCompile(`(?m)^    redirect_urls:\n(      .*\n)+|^provider_checks: .*\n`).ReplaceAll(environments, nil), []byte("network:"), network)
	if err := os.WriteFile(pair.File, least, 0o600); err != nil {
		t.Fatal(err)
	}
	return j, pair.File, complete, pair.Args()
}

// TestJourneyToTheFirstVerdict is the way of a reviewer with a flawed receiver: the first audit with the least configuration names the
// flaw and the request that shows it, and what the team is to be asked for.
func TestJourneyToTheFirstVerdict(t *testing.T) {
	t.Parallel()
	flaw := behaviors.Flaws()[slices.IndexFunc(behaviors.Flaws(), func(b sandbox.Behavior) bool { return b.Name == "first-sixteen-digits" })]
	j, file, _, flags := deployment(t, flaw)
	j.wants(0, []string{"well-formed"}, "validate", file)
	j.wants(0, []string{"requests to production", "Nothing of this was done"}, append([]string{"plan", file}, flags...)...)
	stored := filepath.Join(filepath.Dir(file), "report.json")
	said := j.wants(1, []string{"NOT READY\n", "accepted truncated signatures"}, append([]string{"audit", file, "-o", "table", "-o", "json=" + stored}, flags...)...)
	command := regexp.MustCompile(`\$ prelaunch (replay \S+ --environment production)\n`).FindStringSubmatch(said)
	if command == nil {
		t.Fatalf("no command shows the request:\n%s", said)
	}
	words := strings.Fields(command[1])
	j.wants(0, []string{"< 200 OK"}, slices.Concat(words[:2], []string{file}, words[2:], flags)...)
	j.wants(0, []string{"webhook.rejects-partial-signature", "constant-time"}, "explain", "webhook.rejects-partial-signature")
	j.wants(0, []string{"access:", "repositories:"}, "request", stored, "-o", "markdown")
}

// TestJourneyToReady is the way of a reviewer with a correct receiver: the least configuration proves what the receivers show, the report
// says what else to declare, and with every declaration it is READY.
func TestJourneyToReady(t *testing.T) {
	t.Parallel()
	j, file, complete, flags := deployment(t)
	audit := append([]string{"audit", file}, flags...)
	said := j.wants(1, []string{"redirects.production-configured", "\nNot proven, by cause (6)\n", "To settle it:"}, audit...)
	for _, setting := range []string{"redirect_urls:", "repositories:", "clients:", "logs:", "access:", "roster:", "attestations:", "check: api-key.stored-securely"} {
		if !strings.Contains(said, setting) {
			t.Errorf("the report does not say that %s settles something:\n%s", setting, said)
		}
	}
	if err := os.WriteFile(file, complete, 0o600); err != nil {
		t.Fatal(err)
	}
	j.wants(0, []string{"READY\n"}, audit...)
}

var exported = regexp.MustCompile(`(?m)^  export (\S+)$`)

// TestJourneyOfADeveloper is the way of a developer whose receiver compares a part of the signature: the key to export, the failing
// request by name, the request itself, and green once it is fixed. Nothing is read but what the program prints.
func TestJourneyOfADeveloper(t *testing.T) {
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
	j := newJourney(t, nil)
	call := j.call

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
	if _, next, _ := strings.Cut(said, "How to fix it: prelaunch "); !strings.HasPrefix(next, "explain webhook.rejects-partial-signature\n") {
		t.Errorf("how to fix it is not said: %s", said)
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
