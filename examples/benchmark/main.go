// Command benchmark is a corpus for tools that test webhook receivers: over 300 receivers, each correct in its own way or with one
// flaw planted, and a score of any tool that can be started with a command.
//
//	go run ./examples/benchmark list
//	go run ./examples/benchmark serve falsy-signature-accepted
//	go run ./examples/benchmark serve --listen :8443 falsy-signature-accepted
//	go run ./examples/benchmark score --only signature -- ./my-tool
//
// The tool is told in its environment where the receiver is: WEBHOOK_URL, WEBHOOK_ADDRESS (connect there, the name in the URL is
// in no DNS), WEBHOOK_KEY, WEBHOOK_INTEGRATION_ID and WEBHOOK_CA (a PEM file; serve prints its content too, for what reads the log of
// a container). It says with exit code 0 that the receiver is
// correct, with 1 that it is flawed, with anything else that it cannot tell.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/behaviors"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // which is how containers are stopped
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("say list, serve NAME or score -- COMMAND")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	only := flags.String("only", "", "only receivers with this in their name")
	listen := flags.String("listen", "", "where the receiver is served; default a port of its own on loopback")
	timeout := flags.Duration("timeout", 5*time.Minute, "how long the tool may take for a receiver")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case args[0] == "list":
		for _, r := range corpus(*only) {
			fmt.Fprintf(out, "%-8s %-40s %s\n", r.truth(), r.Name, r.Description)
		}
		return nil
	case args[0] == "serve" && flags.NArg() == 1:
		return serve(ctx, flags.Arg(0), *listen, out)
	case args[0] == "score" && flags.NArg() > 0:
		return score(ctx, corpus(*only), flags.Args(), *timeout, out)
	}
	return fmt.Errorf("%q is not list, serve NAME or score -- COMMAND", args)
}

// receiver is a receiver of the corpus.
type receiver struct {
	sandbox.Behavior
	flawed bool
}

func (r receiver) truth() string {
	if r.flawed {
		return "flawed"
	}
	return "correct"
}

// corpus is what can be told from outside by sending requests: what needs a special deployment around it is left out.
func corpus(only string) []receiver {
	var list []receiver
	add := func(all []sandbox.Behavior, flawed bool) {
		for _, b := range all {
			if strings.Contains(b.Name, only) && b.Setup == (sandbox.Setup{}) && (!flawed || len(b.Expect.Fails) > 0) {
				list = append(list, receiver{b, flawed})
			}
		}
	}
	add(behaviors.Rights(), false)
	add(behaviors.Flaws(), true)
	return list
}

// start starts the receiver in a directory and returns the environment of whoever tests it.
func (r receiver) start(dir string) (env []string, stop func() error, err error) {
	pair, err := sandbox.StartPair(sandbox.PairOptions{Dir: dir, Test: []sandbox.Behavior{r.Behavior}})
	if err != nil {
		return nil, nil, err
	}
	ca := filepath.Join(dir, "benchmark-ca.pem")
	if err := os.WriteFile(ca, pair.Authority.CAPEM(), 0o600); err != nil {
		return nil, nil, errors.Join(err, pair.Close())
	}
	options := pair.Test.Options
	return append(pair.Env(), "WEBHOOK_URL="+pair.Test.URL(), "WEBHOOK_ADDRESS="+pair.Test.Addresses()[0], "WEBHOOK_KEY="+string(options.Key.Expose()),
		"WEBHOOK_INTEGRATION_ID="+options.IntegrationID, "WEBHOOK_CA="+ca, "PRELAUNCH_CONFIGURATION="+pair.File), pair.Close, nil
}

func serve(ctx context.Context, name, listen string, out io.Writer) (err error) {
	at := slices.IndexFunc(corpus(""), func(r receiver) bool { return r.Name == name })
	if at < 0 {
		return fmt.Errorf("there is no receiver %.60q: list names them", name)
	}
	dir, err := os.MkdirTemp("", "benchmark-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	env, stop, err := corpus("")[at].start(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	exported := map[string]string{}
	for _, variable := range env {
		if key, value, _ := strings.Cut(variable, "="); strings.HasPrefix(key, "WEBHOOK_") {
			exported[key] = value
		}
	}
	authority, err := os.ReadFile(exported["WEBHOOK_CA"])
	if err != nil {
		return err
	}
	exported["WEBHOOK_CA_PEM"] = string(authority)
	if listen != "" {
		outside, err := net.Listen("tcp", listen)
		if err != nil {
			return err
		}
		defer outside.Close()
		go relay(outside, exported["WEBHOOK_ADDRESS"])
		exported["WEBHOOK_ADDRESS"] = outside.Addr().String()
	}
	for _, key := range slices.Sorted(maps.Keys(exported)) {
		fmt.Fprintf(out, "export %s='%s'\n", key, exported[key])
	}
	<-ctx.Done()
	return nil
}

// relay hands each connection on to an address that only this machine, or this container, can reach, until the listener is closed.
func relay(outside net.Listener, address string) {
	for {
		from, err := outside.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer to.Close()
			var both sync.WaitGroup
			for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
				both.Go(func() {
					_, _ = io.Copy(way[1], way[0])
					if half, ok := way[1].(*net.TCPConn); ok {
						_ = half.CloseWrite() // the other way may still have an answer under way
					}
				})
			}
			both.Wait()
		}()
	}
}

// tally counts what a tool said of correct or of flawed receivers.
type tally struct{ correct, flawed, unsure int }

func score(ctx context.Context, receivers []receiver, command []string, timeout time.Duration, out io.Writer) error {
	said := map[bool]*tally{false: {}, true: {}}
	for _, r := range receivers {
		code, err := ask(ctx, r, command, timeout)
		if err != nil {
			return err
		}
		of, mark := said[r.flawed], ""
		switch code {
		case 0:
			of.correct++
			if r.flawed {
				mark = "MISSED"
			}
		case 1:
			of.flawed++
			if !r.flawed {
				mark = "FALSE ALARM"
			}
		default:
			of.unsure++
			mark = "not told"
		}
		fmt.Fprintf(out, "%-12s %-8s %s\n", mark, r.truth(), r.Name)
	}
	flawed, correct := said[true], said[false]
	fmt.Fprintf(out, "\nflawed receivers:  %d found, %d missed, %d not told\ncorrect receivers: %d passed, %d false alarms, %d not told\n",
		flawed.flawed, flawed.correct, flawed.unsure, correct.correct, correct.flawed, correct.unsure)
	return nil
}

// ask runs the tool against the receiver and returns its exit code; -1 where it had to be ended.
func ask(ctx context.Context, r receiver, command []string, timeout time.Duration) (code int, err error) {
	dir, err := os.MkdirTemp("", "benchmark-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	env, stop, err := r.start(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tool := exec.CommandContext(limited, command[0], command[1:]...)
	tool.Env = append(os.Environ(), env...)
	var exited *exec.ExitError
	switch err := tool.Run(); {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exited):
		return exited.ExitCode(), nil
	default:
		return 0, fmt.Errorf("start %s: %w", command[0], err)
	}
}
