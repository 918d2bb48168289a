// Package cli is the command line: flags, streams and exit codes. It is the only place that knows both probes and policies.
//
// Exit codes: 0 every selected required check passes (or is waived, or not applicable); 1 a required check fails; 2 the audit could
// not be run or was cut short; 3 nothing fails, but something is not proven. Reports go to Out, progress and errors to Err.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/prelaunch-audit/prelaunch/internal/command"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Streams are what the program reads and writes, so that tests can hold all of it.
type Streams struct {
	In        io.Reader
	Out, Err  io.Writer
	LookupEnv func(string) (string, bool)
	Now       func() time.Time // the clock by which is judged; nil: time.Now
	// Grace is how long after an interrupt a command may take to print what it knows and clean up;
	// 0: so long that the program ends within a second.
	Grace time.Duration
}

// exitFailure is the exit code of everything that could not be run.
const exitFailure = 2

// exit ends a command with a code that is no failure of its own.
type exit struct{ code int }

func (e exit) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// app is one call of the program.
type app struct {
	Streams
	presentation
	failOn   failOn
	redactor *secret.Redactor // knows the keys once they are resolved
	logs     *logOutput
	lasting  context.Context // outlasts an interrupt by the grace that commands have
	scratch  *scratch        // what must not be left behind
}

// now is the time by the clock that the program was given.
func (a *app) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// Main runs the program and returns its exit code, within a second once ctx is done.
func Main(ctx context.Context, args []string, streams Streams) int {
	out, errs := newStream(streams.Out), newStream(streams.Err)
	lasting, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	a := &app{Streams: streams, logs: newLogOutput(errs), lasting: lasting, scratch: &scratch{}}
	a.Out, a.Err = out, errs
	defer captureLogs(a.logs)()
	ended := make(chan int, 1)
	go func() { ended <- a.run(ctx, args) }()
	select {
	case code := <-ended:
		return code
	case <-ctx.Done():
	}
	if code, in := within(ended, cmp.Or(streams.Grace, defaultGrace)); in {
		return code
	}
	printed := out.mute()
	errs.mute()
	abandon()
	command.Abandon()
	within(ended, unwinding)
	a.scratch.remove()
	report.Abandon()
	if !printed {
		(&app{Streams: streams}).fail(ctx, args, context.Canceled)
	}
	return exitFailure
}

// run is a whole call of the program.
func (a *app) run(ctx context.Context, args []string) (code int) {
	defer func() { // a panic's value may hold anything, so only its type is shown
		if value := recover(); value != nil {
			fmt.Fprintf(a.Err, "prelaunch: internal error (%T); please report it\n", value)
			code = exitFailure
		}
	}()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	err := root.ExecuteContext(ctx)
	var status exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return status.code
	}
	return a.fail(ctx, args, err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "prelaunch",
		Short: "Audit a webhook integration before it goes live",
		Long: `prelaunch probes a real webhook integration (HTTPS, forged signatures, keys in repositories, clients and logs, Test and
Production kept apart, error handling, access) and lets policies that encode the provider's security checklist judge what it saw:
what passes, what fails and what is not proven.

Start with:  prelaunch demo          two integrations of its own, one flawed and one right
             prelaunch init          a commented configuration to fill in
             prelaunch plan          what an audit would send and read
             prelaunch audit         the audit

Exit codes:  0 ready   1 a required check fails   2 could not be run or was cut short   3 something is not proven`,
		SilenceUsage: true, SilenceErrors: true,
		Version: tool().Version,
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		var text strings.Builder
		root.SetOut(&text)
		help(cmd, args)
		root.SetOut(a.Out)
		_, _ = fmt.Fprint(a.Out, folded(text.String(), min(a.columns(), 100)))
	})
	root.SetVersionTemplate("prelaunch {{.Version}}\n")
	a.presentation.flags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if !cmd.HasParent() { // the flags of a misspelled command, which the root does not have
			if unknown := unknownCommand(cmd, cmd.Flags().Args()); unknown != nil {
				return unknown
			}
		}
		return fmt.Errorf("%w\nSee `%s --help`", err, cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.settle(cmd) }
	root.AddCommand(a.auditCommand(), a.probeCommand(), a.judgeCommand(), a.planCommand(), a.checksCommand(), a.explainCommand(), a.casesCommand(), a.replayCommand(), a.vectorsCommand(),
		a.revisitCommand(),
		a.reportCommand(), a.diffCommand(), a.ticketsCommand(), a.signCommand(), a.verifyCommand(),
		a.demoCommand(), a.devCommand(), a.requestCommand(), a.initCommand(), a.validateCommand(), a.schemaCommand(), a.providersCommand(), a.verifyDeliveryCommand(), a.docsCommand(), a.bundleCommand(), a.versionCommand())
	for _, cmd := range root.Commands() {
		cmd.Args = withUsage(cmd.Args)
	}
	return root
}

// withUsage shows how a command is called where it was given too many arguments or too few.
func withUsage(fits cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if fits == nil || fits(cmd, args) == nil {
			return nil
		}
		return fmt.Errorf("%s cannot be called with %s\nUsage: %s", cmd.CommandPath(), counted(len(args), "argument"), cmd.UseLine())
	}
}

// unknownCommand is the error of the first argument where it names no command, with the nearest ones.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if meant := cmd.SuggestionsFor(args[0]); len(meant) > 0 {
		return fmt.Errorf("unknown command %q: did you mean %s?", args[0], strings.Join(meant, " or "))
	}
	return fmt.Errorf("unknown command %q: `prelaunch --help` lists them", args[0])
}

// terminal tells whether w is a terminal, and how wide; 0 when it is none.
func terminal(w io.Writer) (width int, is bool) {
	file, ok := destinationOf(w).(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width < 20 {
		width = 80
	}
	return width, true
}

func (a *app) colored(w io.Writer) bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	if value, set := a.LookupEnv("NO_COLOR"); set && value != "" {
		return false
	}
	if name, _ := a.LookupEnv("TERM"); name == "dumb" {
		return false
	}
	_, is := terminal(w)
	return is
}

func exitWith(code int) error {
	if code == 0 {
		return nil
	}
	return exit{code}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
