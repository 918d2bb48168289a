// Command prelaunch-server audits a fleet of webhook integrations on a schedule and after every change.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/prelaunch-audit/prelaunch/internal/fleet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(fleet.Main(ctx, os.Args[1:], fleet.Streams{Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}))
}
