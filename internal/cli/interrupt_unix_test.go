//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// TestInterruptWhileReading: what waits for a pipe that nobody writes to ends with the context.
func TestInterruptWhileReading(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	silent, _ := io.Pipe()
	for _, args := range [][]string{{"validate", pipe}, {"audit", pipe}, {"probe", pipe}, {"plan", pipe}, {"revisit", pipe}, {"report", pipe}, {"judge", "-"}} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		var out, errs bytes.Buffer
		code := cli.Main(ctx, args, cli.Streams{In: silent, Out: &out, Err: &errs, LookupEnv: lookup(nil)})
		if code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), "interrupted") {
			t.Errorf("%v: exit %d: %s%s", args, code, out.String(), errs.String())
		}
	}
}

// TestInterruptEndsABusyProgram: each command ends within a second of the signal, though other
// programs keep the processors busy; what it prints is whole, and it leaves nothing behind.
func TestInterruptEndsABusyProgram(t *testing.T) {
	pair := start(t, sandbox.PairOptions{Production: named(t, "forgeries-hang")})
	for range runtime.NumCPU() {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		if err := busy.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _, _ = busy.Process.Kill(), busy.Wait() }()
	}
	config := append([]string{pair.File}, pair.Args()...)
	for _, args := range [][]string{
		append([]string{"audit", "-o", "json"}, config...), append([]string{"probe"}, config...),
		append([]string{"revisit", "-o", "json", "--store", filepath.Join(t.TempDir(), "store")}, config...), {"demo"},
	} {
		// Other tests share the machine, so the best of three counts.
		const limit = time.Second // what is promised
		took := time.Hour
		for try := 0; try < 3 && took > limit; try++ {
			took = min(took, interruptOnce(t, pair.Env(), args))
		}
		if took > limit {
			t.Errorf("%s went on for %v", args[0], took)
		}
	}
}

func interruptOnce(t *testing.T, env, args []string) time.Duration {
	t.Helper()
	temporary, home := t.TempDir(), t.TempDir()
	program := exec.Command(os.Args[0], args...)
	program.Env = append([]string{asProgram + "=1", "TMPDIR=" + temporary, "HOME=" + home, "PATH=" + os.Getenv("PATH")}, env...)
	output, into, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close() //nolint:errcheck // only read
	var out bytes.Buffer
	program.Stderr = into
	program.Stdout = &out
	if args[0] == "demo" {
		program.Stdout, program.Stderr = into, nil
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	_ = into.Close()
	if _, err := output.Read(make([]byte, 1)); err != nil { // what it says first: it is under way
		t.Fatal(err)
	}
	go io.Copy(io.Discard, output) //nolint:errcheck // ends with the program
	begun := time.Now()
	if err := program.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait() // its exit status is looked at
	took := time.Since(begun)
	if code := program.ProcessState.ExitCode(); code != 2 {
		t.Errorf("%s: exit %d", args[0], code)
	}
	if out.Len() > 0 && !json.Valid(out.Bytes()) {
		t.Errorf("%s printed half a document", args[0])
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("%s left %v behind, %v", args[0], left, err)
	}
	return took
}
