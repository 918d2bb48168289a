//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

// TestInterruptWhileReading: what waits for a pipe that nobody writes to ends with the context.
func TestInterruptWhileReading(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	silent, _ := io.Pipe()
	for _, args := range [][]string{{"validate", pipe}, {"audit", pipe}, {"report", pipe}, {"judge", "-"}} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		var out, errs bytes.Buffer
		code := cli.Main(ctx, args, cli.Streams{In: silent, Out: &out, Err: &errs, LookupEnv: lookup(nil)})
		if code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), "interrupted") {
			t.Errorf("%v: exit %d: %s%s", args, code, out.String(), errs.String())
		}
	}
}
