//go:build unix

package command

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// secretText stands for what a command prints and is given: no error may hold it.
const secretText = "sk_live_4fQ8zX92jKs81mNq"

func environment(home string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		switch name {
		case "PATH":
			return ".:/usr/local/bin:/usr/bin:/bin", true
		case "HOME":
			return home, home != ""
		case "NAMED":
			return "value", true
		case "SECRET":
			return secretText, true
		}
		return "", false
	}
}

func script(t *testing.T, directory, name, body string) {
	t.Helper()
	writeProgram(t, filepath.Join(directory, name), "#!/bin/sh\n"+body+"\n", 0o700)
}

// writeProgram lets no other test start a process meanwhile: it would hold the file open for writing, which then cannot be run.
func writeProgram(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func TestOutputAndExitStatus(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	script(t, directory, "observe", `echo "asked about $1"; echo noise >&2; exit 7`)
	run := New(directory, true, environment("/home/jane"))
	for _, test := range []struct {
		args   []string
		output string
		exit   int
	}{
		{[]string{"printf", "%s|%s", "a b", "$HOME"}, "a b|$HOME", 0},
		{[]string{"./observe", "UID1"}, "asked about UID1\n", 7},
		{[]string{filepath.Join(directory, "observe"), "UID2"}, "asked about UID2\n", 7},
		{[]string{"pwd", "-P"}, physical(t, directory) + "\n", 0},
		{[]string{"cat"}, "", 0},
		{[]string{"env"}, "PATH=.:/usr/local/bin:/usr/bin:/bin\nHOME=/home/jane\nNAMED=value\n", 0},
	} {
		output, exit, err := run(t.Context(), audit.Command{Args: test.args, Env: []string{"NAMED", "UNSET"}})
		if err != nil || string(output) != test.output || exit != test.exit {
			t.Errorf("%v: output %q, exit %d, error %v", test.args, output, exit, err)
		}
	}
}

func physical(t *testing.T, path string) string {
	t.Helper()
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

func TestNothingRunsUnlessAllowed(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	output, _, err := New(directory, false, environment(""))(t.Context(), audit.Command{Args: []string{"touch", "ran"}})
	if !errors.Is(err, audit.ErrCommandsNotAllowed) || !strings.Contains(err.Error(), "--allow-commands") || output != nil {
		t.Errorf("output %q, error %v", output, err)
	}
	if _, err := os.Stat(filepath.Join(directory, "ran")); err == nil {
		t.Error("it ran")
	}
}

func TestErrorsNameTheProgramAndNothingElse(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	script(t, directory, "here", "exit 0")
	script(t, directory, "dies", "echo "+secretText+"; kill -9 $$")
	script(t, directory, "lingers", "echo "+secretText+"; sleep 600 &")
	for name, mode := range map[string]os.FileMode{"plain": 0o600, "nonsense": 0o700} {
		writeProgram(t, filepath.Join(directory, name), "\x7fnot a program "+secretText, mode)
	}
	run := New(directory, true, environment(""))
	for _, test := range []struct {
		program, want string
	}{
		{"no-such-program", "run no-such-program: it is not in PATH"},
		{"here", "run here: it is not in PATH"}, // relative folders of PATH do not count
		{"./none", "run ./none: no such file or directory"},
		{"./plain", "run ./plain: it is not executable"},
		{"./nonsense", "run ./nonsense: exec format error"},
		{"./", "run ./: it is not a file"},
		{"./dies", "run ./dies: it was ended by a signal"},
		{"./lingers", "run ./lingers: it ended while something it had started still held its output"},
		{secretText, "run (name withheld): it is not in PATH"},
	} {
		_, _, err := run(t.Context(), audit.Command{Args: []string{test.program, secretText}})
		if err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if _, _, err := run(t.Context(), audit.Command{}); err == nil {
		t.Error("no command ran")
	}
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	run := (&runner{t.TempDir(), environment(""), defaultTimeout, 1000}).run
	output, _, err := run(t.Context(), audit.Command{Args: []string{"yes", secretText}})
	if !errors.Is(err, audit.ErrOutputLimit) || len(output) != 1000 || strings.Contains(err.Error(), secretText) {
		t.Errorf("%d bytes, error %v", len(output), err)
	}
	output, exit, err := run(t.Context(), audit.Command{Args: []string{"printf", "%01000d", "7"}})
	if err != nil || exit != 0 || len(output) != 1000 {
		t.Errorf("exactly at the limit: %d bytes, exit %d, error %v", len(output), exit, err)
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	_, _, err := (&runner{t.TempDir(), environment(""), 50 * time.Millisecond, defaultLimit}).run(t.Context(), audit.Command{Args: []string{"sleep", "600"}})
	if err == nil || err.Error() != "run sleep: it was stopped after 50ms" {
		t.Errorf("got %v", err)
	}
}

// TestNothingIsLeftRunning starts a command that starts others, which ignore what would end them gently, and interrupts it once all
// are there.
func TestNothingIsLeftRunning(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body      string
		interrupt bool
		linux     bool // only Linux tells which processes are left
	}{
		"interrupted":      {body: `trap "" INT TERM HUP; sh -c 'trap "" INT TERM HUP; exec 3>alive; echo >&3; while :; do sleep 600; done' & wait`, interrupt: true},
		"ended on its own": {body: `sh -c 'exec 3>alive; echo >&3; touch started; exec sleep 600' >/dev/null & while [ ! -e started ]; do :; done`},
		"daemon": {linux: true, body: `(setsid sh -c 'trap "" INT TERM HUP; exec 3>alive; echo >&3; touch started; while :; do sleep 600; done' >/dev/null &)
			while [ ! -e started ]; do :; done`},
		"daemon of an interrupted command": {linux: true, interrupt: true, body: `(setsid sh -c 'exec 3>alive; echo >&3; exec sleep 600' >/dev/null &); sleep 600`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.linux && runtime.GOOS != "linux" {
				t.Skip("daemons are ended on Linux only")
			}
			t.Parallel()
			directory := t.TempDir()
			alive := filepath.Join(directory, "alive")
			if err := syscall.Mkfifo(alive, 0o600); err != nil {
				t.Fatal(err)
			}
			script(t, directory, "start", test.body)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, _, err := New(directory, true, environment(""))(ctx, audit.Command{Args: []string{"./start"}})
				done <- err
			}()
			// All that was started holds the pipe open: a line tells that it runs, the end that nothing does any more.
			pipe, err := os.Open(alive)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = pipe.Close() }()
			processes := bufio.NewReader(pipe)
			if _, err := processes.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if test.interrupt {
				cancel()
			}
			if err := <-done; test.interrupt != errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if err := pipe.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(processes); err != nil || len(rest) > 0 {
				t.Errorf("%q, %v", rest, err)
			}
		})
	}
}
