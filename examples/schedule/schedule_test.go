// Package schedule holds examples of jobs that audit again and again. Its test runs the command line of each; the module below
// validate holds the files to the tools of what runs them.
package schedule

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// commandLine finds the arguments of prelaunch between two texts of a file.
func commandLine(t *testing.T, file, after, until, separator string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), after)
	line, _, ends := strings.Cut(rest, until)
	if !found || !ends {
		t.Fatalf("%s has no command line", file)
	}
	return strings.Split(line, separator)
}

// TestCommandLinesRun runs each command line twice, with the paths of a sandbox's integration in place of its own: the first finds
// no report and the second that of the first.
func TestCommandLinesRun(t *testing.T) {
	t.Parallel()
	for file, args := range map[string][]string{
		"crontab":            commandLine(t, "crontab", "/usr/local/bin/prelaunch ", " >", " "),
		"prelaunch.service":  commandLine(t, "prelaunch.service", "ExecStart=/usr/local/bin/prelaunch ", "\n", " "),
		"cronjob.yaml":       commandLine(t, "cronjob.yaml", "args: [", "]", ", "),
		"github-actions.yml": commandLine(t, "github-actions.yml", "          prelaunch ", "\n", " "),
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
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
			here := slices.Clone(args)
			for i, argument := range here {
				switch {
				case strings.HasSuffix(argument, "prelaunch.yaml"):
					here[i] = pair.File
				case i > 0 && args[i-1] == "--store":
					here[i] = filepath.Join(dir, "store")
				case i > 0 && args[i-1] == "--store-key":
					here[i] = strings.Trim(argument, `"`)
				default:
					here[i] = strings.ReplaceAll(argument, `"$GITHUB_STEP_SUMMARY"`, filepath.Join(dir, "summary.md"))
				}
			}
			for _, says := range []string{"There is no earlier report", "nothing changed"} {
				var stdout, stderr bytes.Buffer
				code := cli.Main(t.Context(), here, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr, LookupEnv: func(name string) (string, bool) {
					for _, variable := range append(pair.Env(), "PRELAUNCH_STORE_KEY=0123456789abcdef0123456789abcdef", "XDG_STATE_HOME="+dir) {
						if value, is := strings.CutPrefix(variable, name+"="); is {
							return value, true
						}
					}
					return "", false
				}})
				if code != 3 || !strings.Contains(stderr.String(), says) || !strings.Contains(stdout.String(), "NOT PROVEN") {
					t.Errorf("%q: exit %d, and it does not say %q:\n%s\n%s", here, code, says, stdout.String(), stderr.String())
				}
			}
		})
	}
}
