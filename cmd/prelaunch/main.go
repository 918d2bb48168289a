// Command prelaunch audits a webhook integration before it goes live.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/prelaunch-audit/prelaunch/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	// Asked for and not read, so that a reader that goes away (| head) fails a write and does not end the process in the middle.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}))
}
