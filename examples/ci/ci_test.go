// Package ci holds what other people's CI takes: a GitHub workflow, a GitLab include and a pre-commit configuration. Its test runs
// the commands of each, and the scripts of the GitHub Action, as far as that goes without the services themselves.
package ci

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// TestMain lets this test's binary be the prelaunch that the scripts find.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "prelaunch" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}))
	}
	os.Exit(m.Run())
}

// machine is a runner: a directory with prelaunch on the PATH, and an integration.
type machine struct {
	t    *testing.T
	dir  string
	pair *sandbox.Pair
	env  []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	pair, err := sandbox.StartPair(sandbox.PairOptions{Dir: t.TempDir(), Probing: map[string]string{audit.Test: audit.Passive, audit.Production: audit.Passive}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			t.Errorf("close the pair: %v", err)
		}
	})
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "bin", "prelaunch")); err != nil {
		t.Fatal(err)
	}
	env := append(pair.Env(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_STATE_HOME="+dir)
	return &machine{t, dir, pair, env}
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

// run is the program's exit code and output.
func (m *machine) run(env []string, program string, args ...string) (int, string) {
	m.t.Helper()
	command := exec.Command(program, args...)
	command.Dir, command.Env = filepath.Dir(m.pair.File), slices.Concat(m.env, env)
	said, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		m.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(said)
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

const action = "../../.github/actions/audit/"

func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(action + name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// actionInputs are the variables that action.yml gives its scripts, with the defaults of its inputs.
func actionInputs(t *testing.T, inputs map[string]string) []string {
	t.Helper()
	var definition struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Steps []struct {
				ID  string
				Env map[string]string
			}
		}
	}
	decode(t, action+"action.yml", &definition)
	var env []string
	for _, step := range definition.Runs.Steps {
		if step.ID != "audit" {
			continue
		}
		for name, expression := range step.Env {
			input := strings.TrimSuffix(strings.TrimPrefix(expression, "${{ inputs."), " }}")
			if _, known := definition.Inputs[input]; !known {
				t.Fatalf("%s is given %s, which is no input", name, expression)
			}
			value, set := inputs[input]
			if !set {
				value = definition.Inputs[input].Default
			}
			env = append(env, name+"="+value)
		}
	}
	return env
}

func TestActionAudits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		inputs                map[string]string
		code, verdict, output string
	}{
		"all of it":           {nil, "3", "verdict=NOT PROVEN", "NOT PROVEN"},
		"some checks":         {map[string]string{"only": "api-key.* https.*"}, "0", "verdict=PARTIAL", "PARTIAL"},
		"only failures count": {map[string]string{"fail-on": "fail"}, "0", "verdict=NOT PROVEN", "NOT PROVEN"},
		"no such check":       {map[string]string{"only": "webhok.*"}, "2", "", "did you mean"},
		"further arguments":   {map[string]string{"arguments": "--skip\nhttps.*\n\n--no-unmarked"}, "3", "verdict=PARTIAL", "PARTIAL"},
		"no shell":            {map[string]string{"only": "$(touch owned)", "arguments": "`touch owned`"}, "2", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			inputs := map[string]string{"configuration": m.pair.File}
			for input, value := range test.inputs {
				inputs[input] = value
			}
			env := append(actionInputs(t, inputs), "RUNNER_TEMP="+m.dir, "GITHUB_OUTPUT="+m.path("output"), "GITHUB_STEP_SUMMARY="+m.path("summary"))
			code, said := m.run(env, script(t, "audit"))
			output := read(t, m.path("output"))
			if code != 0 || !strings.Contains(output, "exit-code="+test.code+"\n") || !strings.Contains(output, test.verdict) || !strings.Contains(said, test.output) {
				t.Fatalf("exit %d, output %q:\n%s", code, output, said)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(m.pair.File), "owned")); err == nil {
				t.Error("a shell read the inputs")
			}
			if test.verdict == "" {
				if strings.Contains(output, "sarif=") {
					t.Errorf("findings of an audit that was not run: %s", output)
				}
				return
			}
			if !strings.Contains(read(t, m.path("summary")), "NOT PROVEN") && !strings.Contains(read(t, m.path("summary")), "PARTIAL") {
				t.Errorf("the summary is %.200s", read(t, m.path("summary")))
			}
			if sarif := read(t, m.path("prelaunch-reports/report.sarif")); !strings.Contains(sarif, `"version":"2.1.0"`) && !strings.Contains(sarif, `"version": "2.1.0"`) {
				t.Errorf("SARIF is %.200s", sarif)
			}
		})
	}
}

// The action installs what the checksums of the release name, and nothing else.
func TestActionInstalls(t *testing.T) {
	t.Parallel()
	const name = "prelaunch_1.2.3_linux_amd64.tar.gz"
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	files := tar.NewWriter(compressed)
	program := "#!/bin/sh\necho prelaunch 1.2.3\n"
	if err := files.WriteHeader(&tar.Header{Name: "prelaunch", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write([]byte(program)); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive.Bytes())
	for _, test := range []struct {
		what, version, checksum string
		code                    int
	}{
		{"right", "1.2.3", hex.EncodeToString(sum[:]), 0},
		{"changed", "1.2.3", strings.Repeat("0", 64), 1},
		{"no version", "1.2.3/../../x", hex.EncodeToString(sum[:]), 2},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/v1.2.3/" + name:
					_, _ = w.Write(archive.Bytes())
				case "/v1.2.3/checksums.txt":
					fmt.Fprintf(w, "%s  %s\n%s  %s.deb\n", test.checksum, name, strings.Repeat("1", 64), name)
				default:
					http.NotFound(w, r)
				}
			}))
			t.Cleanup(server.Close)
			dir := t.TempDir()
			command := exec.Command(script(t, "install"))
			command.Env = []string{"PATH=" + os.Getenv("PATH"), "VERSION=" + test.version, "RUNNER_OS=Linux", "RUNNER_ARCH=X64",
				"RUNNER_TEMP=" + dir, "GITHUB_PATH=" + filepath.Join(dir, "path"), "PRELAUNCH_RELEASES=" + server.URL}
			said, err := command.CombinedOutput()
			if code := command.ProcessState.ExitCode(); code != test.code {
				t.Fatalf("exit %d, want %d: %v\n%s", code, test.code, err, said)
			}
			if test.code != 0 {
				if _, err := os.Stat(filepath.Join(dir, "path")); err == nil {
					t.Error("it is on the PATH all the same")
				}
				return
			}
			into := strings.TrimSpace(read(t, filepath.Join(dir, "path")))
			if said, err := exec.Command(filepath.Join(into, "prelaunch")).Output(); err != nil || string(said) != "prelaunch 1.2.3\n" {
				t.Errorf("%q, %v", said, err)
			}
		})
	}
}

func TestGitLabJob(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	var pipeline struct {
		Variables map[string]string
		Job       struct {
			BeforeScript []string `yaml:"before_script"`
			Script       []string
			Artifacts    struct {
				Paths   []string
				Reports map[string]string
			}
		} `yaml:"prelaunch"`
	}
	decode(t, "gitlab.yml", &pipeline)
	env := []string{}
	for name, value := range pipeline.Variables {
		env = append(env, name+"="+value)
	}
	env = append(env, "PRELAUNCH_CONFIGURATION="+m.pair.File)
	lines := append([]string{"set -e"}, append(pipeline.Job.BeforeScript, pipeline.Job.Script...)...)
	code, said := m.run(env, "sh", "-c", strings.Join(lines, "\n"))
	if code != 3 || !strings.Contains(said, "NOT PROVEN") {
		t.Fatalf("exit %d:\n%s", code, said)
	}
	junit := filepath.Join(filepath.Dir(m.pair.File), pipeline.Job.Artifacts.Reports["junit"])
	if !strings.Contains(read(t, junit), "<testsuite") {
		t.Errorf("%s is no JUnit", junit)
	}
}

// Each hook is run as pre-commit would: its entry, split like a shell does, in a work tree of git.
func TestPreCommitHooks(t *testing.T) {
	t.Parallel()
	var hooks []struct {
		ID, Entry, Language string
		PassFilenames       *bool `yaml:"pass_filenames"`
	}
	decode(t, "../../.pre-commit-hooks.yaml", &hooks)
	var used struct {
		Repos []struct{ Hooks []struct{ ID string } }
	}
	decode(t, "pre-commit-config.yaml", &used)
	for _, hook := range used.Repos[0].Hooks {
		if !slices.ContainsFunc(hooks, func(h struct {
			ID, Entry, Language string
			PassFilenames       *bool `yaml:"pass_filenames"`
		}) bool {
			return h.ID == hook.ID
		}) {
			t.Errorf("there is no hook %s", hook.ID)
		}
	}
	m := newMachine(t)
	for _, hook := range hooks {
		args := strings.Fields(hook.Entry)[1:]
		// The hook is run with prelaunch.yaml of the work tree, which the sandbox has elsewhere.
		code, said := m.run(nil, m.path("bin/prelaunch"), append(args, m.pair.File)...)
		if code != 0 || hook.Language != "golang" {
			t.Errorf("%s: exit %d\n%s", hook.ID, code, said)
		}
	}
}

// TestEveryModuleIsKeptCurrent: Dependabot is told of each directory that has dependencies, by ecosystem.
func TestEveryModuleIsKeptCurrent(t *testing.T) {
	t.Parallel()
	const root = "../.."
	want := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && slices.Contains([]string{".git", "node_modules"}, entry.Name()) {
			return cmp.Or(err, fs.SkipDir)
		}
		if ecosystem := map[string]string{"go.mod": "gomod", "package-lock.json": "npm"}[entry.Name()]; ecosystem != "" {
			relative, err := filepath.Rel(root, filepath.Dir(name))
			want[ecosystem] = append(want[ecosystem], path.Join("/", filepath.ToSlash(relative)))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(root + "/.github/dependabot.yml")
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	if err := yaml.Unmarshal(raw, &told); err != nil {
		t.Fatal(err)
	}
	for _, update := range told.Updates {
		slices.Sort(update.Directories)
		if slices.Sort(want[update.Ecosystem]); update.Ecosystem != "github-actions" && !slices.Equal(update.Directories, want[update.Ecosystem]) {
			t.Errorf("%s: %v, want %v", update.Ecosystem, update.Directories, want[update.Ecosystem])
		}
		delete(want, update.Ecosystem)
	}
	if len(want) > 0 {
		t.Errorf("nothing keeps %v current", want)
	}
}
