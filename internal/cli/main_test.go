package cli_test

import (
	"context"
	"os"
	ossignal "os/signal"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

// asProgram makes the test binary run the program with its own arguments, streams and environment, for tests of what the whole
// process prints, libraries included.
const asProgram = "PRELAUNCH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		ctx, _ := ossignal.NotifyContext(context.Background(), os.Interrupt)
		os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}))
	}
	audittest.Main(m)
}
