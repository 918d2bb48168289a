package config

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	testKey       = "test-4fQ8zX92jKs81mNq"
	productionKey = "prod-9aLmR27cVb3kTz0W"
)

// variables is an environment.
func variables(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := values[name]
		return value, set
	}
}

var bothKeys = variables(map[string]string{"TEST_KEY": testKey, "PRODUCTION_KEY": productionKey})

// withReference is the minimal configuration with another reference to the Test key.
func withReference(reference string) string {
	return strings.Replace(minimal, "{env: TEST_KEY}", reference, 1)
}

func TestKeysResolve(t *testing.T) {
	t.Parallel()
	printing := func(output string) audit.Exec {
		return func(_ context.Context, command audit.Command) ([]byte, int, error) {
			if cmp.Diff([]string{"vault", "read"}, command.Args) != "" {
				return nil, -1, fmt.Errorf("ran %v", command.Args)
			}
			return []byte(output), 0, nil
		}
	}
	for name, test := range map[string]struct {
		reference string
		file      string
		exec      audit.Exec
		want      string
	}{
		"variable":                  {reference: "{env: TEST_KEY}", want: testKey},
		"variable with a newline":   {reference: "{env: SPACED}", want: " spaced-key-value\n"},
		"file":                      {reference: "{file: key}", file: testKey, want: testKey},
		"file, one newline":         {reference: "{file: ./key}", file: testKey + "\n", want: testKey},
		"file, two newlines":        {reference: "{file: key}", file: testKey + "\n\n", want: testKey + "\n"},
		"file, Windows newline":     {reference: "{file: key}", file: testKey + "\r\n", want: testKey},
		"file, spaces stay":         {reference: "{file: key}", file: " " + testKey + " \n", want: " " + testKey + " "},
		"command":                   {reference: "{command: [vault, read]}", exec: printing(testKey + "\n"), want: testKey},
		"command without a newline": {reference: "{command: [vault, read]}", exec: printing(testKey), want: testKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			write(t, filepath.Join(directory, "key"), []byte(test.file))
			integration, err := loadIn(t, directory, withReference(test.reference))
			if err != nil {
				t.Fatal(err)
			}
			if !integration.Environments[0].Key.Key.IsZero() {
				t.Error("Load resolved the key")
			}
			lookup := variables(map[string]string{"TEST_KEY": testKey, "PRODUCTION_KEY": productionKey, "SPACED": " spaced-key-value\n"})
			if err := ResolveKeys(t.Context(), integration, Resolver{LookupEnv: lookup, Exec: test.exec, AllowCommands: true}); err != nil {
				t.Fatal(err)
			}
			if got := string(integration.Environments[0].Key.Key.Expose()); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := string(integration.Environments[1].Key.Key.Expose()); got != productionKey {
				t.Errorf("production: got %q", got)
			}
		})
	}
}

func TestAbsoluteKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	write(t, path, []byte(testKey))
	configuration := filepath.Join(t.TempDir(), "prelaunch.yaml")
	write(t, configuration, []byte(withReference("{file: "+path+"}")))
	permitted := options
	permitted.Permissions.Paths = []string{filepath.Dir(path)}
	integration, err := Load(configuration, permitted)
	if err != nil {
		t.Fatal(err)
	}
	if err := ResolveKeys(t.Context(), integration, Resolver{LookupEnv: bothKeys}); err != nil {
		t.Error(err)
	}
}

func TestFingerprintNeedsNoResolving(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(testKey))
	integration, err := loadIn(t, t.TempDir(), withReference(fmt.Sprintf("{sha256: %q, length: %d}", hex.EncodeToString(sum[:]), len(testKey))))
	if err != nil {
		t.Fatal(err)
	}
	if err := ResolveKeys(t.Context(), integration, Resolver{LookupEnv: bothKeys}); err != nil {
		t.Fatal(err)
	}
	if key := integration.Environments[0].Key.Key; !key.Equal(secret.New([]byte(testKey))) || key.Held() {
		t.Errorf("got %v", key)
	}
}

func TestEveryReferenceThatFailsIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	write(t, filepath.Join(directory, "empty"), []byte("\n"))
	write(t, filepath.Join(directory, "large"), []byte(strings.Repeat("x", longestKey+1)))
	write(t, filepath.Join(directory, "huge"), []byte(strings.Repeat("x", maxKeyOutput+1)))
	content := minimal + `retired_keys:
  - {env: EMPTY, environment: test}
  - {file: secrets/none.key, environment: test}
  - {file: empty, environment: test}
  - {file: large, environment: test}
  - {file: huge, environment: test}
  - {file: ., environment: test}
  - {command: [fails], environment: test}
  - {command: [silent], environment: test}
  - {command: [chatty], environment: test}
  - {command: [endless], environment: test}
  - {command: [missing], environment: test}
  - {command: [deprived], env: [EMPTY, UNSET], environment: test}
logs: [{command: [journalctl], env: [UNSET]}]
`
	gone := filepath.Join(directory, "secrets/none.key")
	write(t, gone, nil)
	integration, err := loadIn(t, directory, content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	exec := func(_ context.Context, command audit.Command) ([]byte, int, error) {
		switch command.Args[0] {
		case "fails":
			return []byte(testKey), 3, nil
		case "silent":
			return []byte("\n"), 0, nil
		case "chatty":
			return []byte(strings.Repeat("x", maxKeyOutput+1)), 0, nil
		case "endless":
			return []byte(testKey), -1, fmt.Errorf("run endless: %w", audit.ErrOutputLimit)
		}
		return nil, -1, errors.New("run missing: there is no such program in PATH")
	}
	err = ResolveKeys(t.Context(), integration, Resolver{LookupEnv: variables(map[string]string{"EMPTY": ""}), Exec: exec, AllowCommands: true})
	if err == nil {
		t.Fatal("it resolves")
	}
	mustNotEcho(t, "resolving", err.Error(), testKey)
	want := `prelaunch.yaml:7:5: environments.test.api_key: the variable TEST_KEY is not set: export it before the run
prelaunch.yaml:11:5: environments.production.api_key: the variable PRODUCTION_KEY is not set: export it before the run
prelaunch.yaml:14:5: retired_keys[0]: the variable EMPTY is empty: set it to the key
prelaunch.yaml:15:5: retired_keys[1]: the key's file cannot be read: it does not exist: correct the path, which starts at the configuration's directory, or its permissions
prelaunch.yaml:16:5: retired_keys[2]: the key's file is empty: put the key there
prelaunch.yaml:17:5: retired_keys[3]: the key's file is longer than 4096 bytes, which is no key: put the key alone there
prelaunch.yaml:18:5: retired_keys[4]: the key's file cannot be read: it is larger than 65536 bytes: correct the path, which starts at the configuration's directory, or its permissions
prelaunch.yaml:19:5: retired_keys[5]: the key's file cannot be read: it is no regular file: correct the path, which starts at the configuration's directory, or its permissions
prelaunch.yaml:20:5: retired_keys[6]: its command ended with exit status 3: run it by hand to see why; it has PATH, HOME and the variables in its env setting
prelaunch.yaml:21:5: retired_keys[7]: the output of its command is empty: put the key there
prelaunch.yaml:22:5: retired_keys[8]: its command prints more than a key: have it print the key alone
prelaunch.yaml:23:5: retired_keys[9]: its command prints more than a key: have it print the key alone
prelaunch.yaml:24:5: retired_keys[10]: its command failed: run missing: there is no such program in PATH: run it by hand to see why
` + `prelaunch.yaml:25:5: retired_keys[11]: the variable UNSET, which it is passed, is not set: export it before the run
prelaunch.yaml:26:8: logs[0] runs a command: the variable UNSET, which it is passed, is not set: export it before the run`
	if differences := cmp.Diff(want, strings.ReplaceAll(err.Error(), directory+string(filepath.Separator), "")); differences != "" {
		t.Error(differences)
	}
}

func TestCommandsNeedAWordOnTheCommandLine(t *testing.T) {
	t.Parallel()
	integration := mustLoad(t, withReference("{command: [vault, read]}"))
	ran := false
	exec := func(context.Context, audit.Command) ([]byte, int, error) { ran = true; return []byte(testKey), 0, nil }
	err := ResolveKeys(t.Context(), integration, Resolver{LookupEnv: bothKeys, Exec: exec})
	if err == nil || !strings.Contains(err.Error(), "prelaunch.yaml:7:5: environments.test.api_key: ") || !strings.Contains(err.Error(), "--allow-commands") || ran {
		t.Errorf("ran: %v, error: %v", ran, err)
	}
}

func TestResolvingStopsWhenItIsInterrupted(t *testing.T) {
	t.Parallel()
	integration := mustLoad(t, withReference("{command: [vault, read]}"))
	ctx, cancel := context.WithCancel(t.Context())
	exec := func(ctx context.Context, _ audit.Command) ([]byte, int, error) { cancel(); return nil, -1, ctx.Err() }
	err := ResolveKeys(ctx, integration, Resolver{LookupEnv: bothKeys, Exec: exec, AllowCommands: true})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestALiteralKeyAnywhereIsRefused(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte("user:" + testKey + "!"))
	for name, test := range map[string]struct {
		content string
		want    string
	}{
		"comment":           {minimal + "# old note: " + testKey + "\n", "13:13"},
		"text":              {strings.Replace(minimal, "integration: acme", "integration: x"+testKey, 1), "2:15"},
		"URL":               {strings.Replace(minimal, "hooks-test.acme.example/", "hooks-test.acme.example/?k="+testKey, 1), "8:53"},
		"base64":            {minimal + "# " + encoded + "\n", "13:10"},
		"hex":               {minimal + "#ü " + hex.EncodeToString([]byte(testKey)) + "\n", "13:4"},
		"split by folding":  {minimal + "waivers: [{check: input.bounded, owner: a, approved_by: b, expires: 2027-01-01, reason: \"x test-4fQ8z\\\n   X92jKs81mNq\"}]\n", "13:89"},
		"escaped in part":   {minimal + "waivers: [{check: input.bounded, owner: a, approved_by: b, expires: 2027-01-01, reason: \"te\\x73t-4fQ8zX92jKs81mNq\"}]\n", "13:89"},
		"the other's place": {strings.Replace(minimal, `"2"`, `"`+testKey+`"`, 1), "10:22"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			integration := mustLoad(t, test.content)
			err := ResolveKeys(t.Context(), integration, Resolver{LookupEnv: bothKeys})
			want := integration.File + ":" + test.want + ": the key of environments.test.api_key stands here: take it out, refer to it instead, and rotate the key if anybody else has seen this file"
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

func TestALiteralKeyKnownByItsDigestIsRefused(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(testKey))
	content := withReference(fmt.Sprintf("{sha256: %x, length: %d}", sum, len(testKey)))
	if err := ResolveKeys(t.Context(), mustLoad(t, content), Resolver{LookupEnv: bothKeys}); err != nil {
		t.Fatal(err)
	}
	err := ResolveKeys(t.Context(), mustLoad(t, content+"# "+testKey), Resolver{LookupEnv: bothKeys})
	if err == nil || !strings.Contains(err.Error(), ":13:3: the key of environments.test.api_key stands here") {
		t.Errorf("got %v", err)
	}
}

func TestLiteralKeysAreRefusedWithoutResolving(t *testing.T) {
	t.Parallel()
	content := minimal + "retired_keys: [{file: ca.pem, environment: test}, {command: [vault], environment: test}]\n# "
	clean := mustLoad(t, content)
	for name, lookup := range map[string]func(string) (string, bool){"nothing is set": variables(nil), "no key stands there": bothKeys} {
		if err := RefuseLiteralKeys(clean, lookup); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !clean.Environments[0].Key.Key.IsZero() {
		t.Error("a key was kept")
	}
	err := RefuseLiteralKeys(mustLoad(t, content+productionKey), bothKeys)
	if err == nil || !strings.Contains(err.Error(), ":14:3: the key of environments.production.api_key stands here") {
		t.Errorf("got %v", err)
	}
}

func TestAVariableThatHoldsItsOwnNameIsNotShown(t *testing.T) {
	t.Parallel()
	integration := mustLoad(t, minimal)
	err := ResolveKeys(t.Context(), integration, Resolver{LookupEnv: variables(map[string]string{"TEST_KEY": "PRODUCTION_KEY"})})
	if err == nil || strings.Contains(err.Error(), "PRODUCTION_KEY") || !strings.Contains(err.Error(), "is not set") {
		t.Errorf("got %v", err)
	}
}

func TestShortKeysAreNotTakenForText(t *testing.T) {
	t.Parallel()
	err := ResolveKeys(t.Context(), mustLoad(t, minimal), Resolver{LookupEnv: variables(map[string]string{"TEST_KEY": "acme", "PRODUCTION_KEY": "https"})})
	if err != nil {
		t.Error(err)
	}
}
