//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/policies"
)

// BenchmarkStages tells apart what an audit of two receivers on loopback spends its time on: the start of the process, compiling the
// policies, probing, judging; and the whole as a process of its own, with its peak memory. Repeat it with
//
//	go test ./internal/cli -run '^$' -bench Stages -benchtime 5x
func BenchmarkStages(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "prelaunch")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "../../cmd/prelaunch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	pair, err := sandbox.StartPair(sandbox.PairOptions{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := pair.Close(); err != nil {
			b.Error(err)
		}
	})
	withoutLeaks(b, pair.File)
	b.Run("start-up", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command(binary, "version").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			library, err := policy.Load(policies.FS, nil)
			if err != nil {
				b.Fatal(err)
			}
			selection, err := library.Select(nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := library.Compile(b.Context(), selection); err != nil {
				b.Fatal(err)
			}
		}
	})
	var facts bytes.Buffer
	b.Run("probe", func(b *testing.B) {
		for b.Loop() {
			facts.Reset()
			var errs bytes.Buffer
			if code := cli.Main(b.Context(), []string{"probe", pair.File}, cli.Streams{In: strings.NewReader(""), Out: &facts, Err: &errs, LookupEnv: lookup(pair.Env())}); code != 0 {
				b.Fatal(errs.String())
			}
		}
	})
	b.Run("judge", func(b *testing.B) {
		document, err := audit.DecodeDocument(facts.Bytes())
		if err != nil {
			b.Fatal(err)
		}
		compiled, err := judgeFor(document.Profile)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := compiled.Verdicts(b.Context(), facts.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("audit", func(b *testing.B) {
		var peak int64
		for b.Loop() {
			command := exec.Command(binary, "audit", pair.File)
			command.Env = append(os.Environ(), pair.Env()...)
			if out, err := command.CombinedOutput(); command.ProcessState == nil || command.ProcessState.ExitCode() > 3 || command.ProcessState.ExitCode() == 2 {
				b.Fatalf("%v\n%s", err, out)
			}
			if usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage); ok {
				peak = max(peak, usage.Maxrss)
			}
		}
		b.ReportMetric(float64(peak)/1024, "peak-MB")
	})
}

// withoutLeaks leaves the repository, the bundle and the logs out of a pair's configuration.
func withoutLeaks(b *testing.B, file string) {
	b.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var kept []string
	section := ""
	for line := range strings.Lines(string(text)) {
		if line[0] != ' ' && line[0] != '#' {
			section, _, _ = strings.Cut(line, ":")
		}
		if section != "repositories" && section != "logs" && section != "clients" {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(file, []byte(strings.Join(kept, "")), 0o600); err != nil {
		b.Fatal(err)
	}
}
