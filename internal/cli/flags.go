package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: the flags that several commands share, and what sets them in addition to the command line. A variable
// PRELAUNCH_FLAG_NAME sets --flag-name. Flags that grant a permission, add policies or change what an exit status means are
// excepted: a variable that a scheduler inherits must not change them unnoticed. So are flags that name keys, since a variable of
// that name may hold one.

// withoutVariable are the flags that no variable sets, in addition to --allow-*.
var withoutVariable = []string{"policy", "fail-on", "environment", "key", "new-key", "store-key", "help", "version"}

// presentation is how results, progress and logs are shown; the flags are those of every command.
type presentation struct {
	color, logLevel, logFormat string
	least                      string // severity that is shown
	quiet, verbose, noProgress bool
}

func (p *presentation) flags(flags *pflag.FlagSet) {
	flags.StringVar(&p.color, "color", "auto", "color the output: auto, always or never (NO_COLOR is honored)")
	flags.BoolVar(&p.quiet, "quiet", false, "write nothing but errors on standard error")
	flags.BoolVar(&p.verbose, "verbose", false, "show each check with its remediation in the table, and more of the log")
	flags.BoolVar(&p.noProgress, "no-progress", false, "do not show the progress of the probes on standard error")
	flags.StringVar(&p.logLevel, "log-level", defaultLogLevel, "log of libraries on standard error: debug, info, warn or error; excerpts are withheld")
	flags.StringVar(&p.logFormat, "log-format", "text", "format of that log: text or json")
}

// settle checks the flags and applies them, once they are read.
func (a *app) settle(cmd *cobra.Command) error {
	p := &a.presentation
	if err := setFromVariables(cmd, a.LookupEnv); err != nil {
		return err
	}
	if p.quiet && p.verbose {
		return errors.New("--quiet and --verbose contradict each other: choose one")
	}
	if !slices.Contains([]string{"auto", "always", "never"}, p.color) {
		return fmt.Errorf("--color is auto, always or never, not %.20q", p.color)
	}
	level := p.logLevel
	if level == defaultLogLevel && p.verbose {
		level = "info"
	}
	if level == defaultLogLevel && p.quiet {
		level = "error"
	}
	return a.logs.configure(a.Err, level, p.logFormat)
}

// setFromVariables sets the flags that the command line does not.
func setFromVariables(cmd *cobra.Command, lookupEnv func(string) (string, bool)) error {
	var problems []error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Changed || strings.HasPrefix(flag.Name, "allow-") || slices.Contains(withoutVariable, flag.Name) {
			return
		}
		variable := "PRELAUNCH_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, set := lookupEnv(variable)
		if !set || value == "" {
			return
		}
		if err := cmd.Flags().Set(flag.Name, value); err != nil { // whose text repeats the value
			problems = append(problems, fmt.Errorf("the variable %s is not a value of --%s", variable, flag.Name))
		}
	})
	return errors.Join(problems...)
}

// policyFlag is the flag of the commands that read the catalog.
func policyFlag(cmd *cobra.Command, directories *[]string) {
	cmd.Flags().StringArrayVar(directories, "policy", nil, "read more checks in Rego from `DIR` (repeatable)")
}

// environmentFlag is the flag of the commands that audit or judge one environment alone.
func environmentFlag(cmd *cobra.Command, environment *string) {
	cmd.Flags().StringVar(environment, "environment", "", "leave out all environments but `NAME`; the report is PARTIAL and says what that leaves open")
}

// The formats of commands that print a listing.
const (
	asTable    = "table"
	asJSON     = "json"
	asMarkdown = "markdown"
)

// listingFlag is -o of such a command. --json is its older name.
func listingFlag(cmd *cobra.Command, format *string, further ...string) {
	names := append([]string{asTable, asJSON}, further...)
	cmd.Flags().VarP(&choiceValue{format, names}, "output", "o", "`FORMAT`: "+strings.Join(names, ", ")+" (default table)")
	*format = asTable
	must(cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return names, cobra.ShellCompDirectiveNoFileComp
	}))
}

// choiceValue is a flag with one of several values.
type choiceValue struct {
	value *string
	among []string
}

func (c *choiceValue) String() string { return "" } // no default in the help, which names it
func (c *choiceValue) Type() string   { return "string" }

func (c *choiceValue) Set(text string) error {
	if !slices.Contains(c.among, text) {
		hint := ""
		if near := shape.Nearest(text, c.among); near != "" {
			hint = fmt.Sprintf(": did you mean %s?", near)
		}
		return fmt.Errorf("it is one of %s%s", strings.Join(c.among, ", "), hint)
	}
	*c.value = text
	return nil
}

// Values of --fail-on.
const (
	failOnFail         = "fail"
	failOnInconclusive = "inconclusive"
	failOnWarn         = "warn"
)

// failOn is which outcome makes the exit status other than 0.
type failOn string

func (f *failOn) flag(cmd *cobra.Command) {
	*f = failOnInconclusive
	cmd.Flags().Var(&choiceValue{(*string)(f), []string{failOnFail, failOnInconclusive, failOnWarn}}, "fail-on",
		"`OUTCOME` from which on the exit status is not 0: fail, inconclusive (3) or warn (1) (default inconclusive)")
}

// judgedFlags are the flags of the commands that judge and report.
func (a *app) judgedFlags(cmd *cobra.Command, outputs *[]string) {
	outputFlag(cmd, outputs)
	a.failOn.flag(cmd)
	a.severityFlag(cmd)
}

// severityFlag is the flag of commands that show reports.
func (p *presentation) severityFlag(cmd *cobra.Command) {
	cmd.Flags().Var(&choiceValue{&p.least, []string{"low", "medium", "high", "critical"}}, "min-severity",
		"hide checks below `SEVERITY` (low, medium, high or critical) in table and markdown; they count all the same")
}

// exit is the exit status of a report. Whether it is ready does not depend on --fail-on.
func (f failOn) exit(r *audit.Report) error {
	code := verdict.ExitCode(r)
	warns := slices.ContainsFunc(r.Checks, func(check audit.Check) bool { return check.Outcome == audit.Warn })
	switch {
	case code == 3 && f == failOnFail:
		code = 0
	case (code == 0 || code == 3) && f == failOnWarn && warns:
		code = 1
	}
	return exitWith(code)
}

// options are the report's options that the flags settle.
func (a *app) options(o report.Options) report.Options {
	o.Verbose, o.MinSeverity, o.Redactor = a.verbose, a.least, a.redactor
	return o
}
