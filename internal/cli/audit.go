package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/command"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
)

// compile is what compiles policies; tests compile those of a selection once for all.
var compile = (*policy.Library).Compile

func (a *app) auditCommand() *cobra.Command {
	var choice choice
	var permissions permissions
	var outputs []string
	cmd := &cobra.Command{
		Use: "audit [FILE]", Short: "Probe, judge and report", Args: cobra.MaximumNArgs(1),
		Long: "Probe the integration that FILE (default prelaunch.yaml) describes, judge what was seen, and report.",
		Example: `  prelaunch audit
  prelaunch audit acme.yaml -o table -o json=report.json
  prelaunch audit --only 'webhook.*' --allow-commands`,
		RunE: func(cmd *cobra.Command, args []string) error {
			destinations, err := parseOutputs(outputs)
			if err != nil {
				return err
			}
			prepared, err := a.prepareFor(cmd, args, &choice, permissions)
			if err != nil {
				return err
			}
			document, report, err := a.audit(cmd.Context(), prepared)
			if err != nil {
				return err
			}
			if err := a.write(report, document, destinations); err != nil {
				return err
			}
			return a.failOn.exit(report)
		},
	}
	choice.flags(cmd)
	permissions.flags(cmd)
	a.judgedFlags(cmd, &outputs)
	return cmd
}

func (a *app) probeCommand() *cobra.Command {
	var choice choice
	var permissions permissions
	cmd := &cobra.Command{
		Use: "probe [FILE]", Short: "Gather the facts only and print them as JSON", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			prepared, err := a.prepareFor(cmd, args, &choice, permissions)
			if err != nil {
				return err
			}
			document := a.probe(cmd.Context(), prepared)
			if err := a.writeFacts(a.Out, document); err != nil {
				return err
			}
			raw, err := document.Encode()
			if err != nil {
				return err
			}
			a.notice("The digest of these facts is %s. A report that is judged from them names it.", audit.Digest(raw))
			if document.CutShort {
				return exitWith(exitFailure)
			}
			return nil
		},
	}
	choice.flags(cmd)
	permissions.flags(cmd)
	return cmd
}

func (a *app) judgeCommand() *cobra.Command {
	var choice choice
	var outputs []string
	var environment string
	cmd := &cobra.Command{
		Use: "judge FACTS", Short: "Judge stored facts offline, at their own time", Args: cobra.ExactArgs(1),
		Long: "Judge the facts that `prelaunch probe` printed (- for standard input): the report that `audit` gave, without network or keys.\n" +
			"Without --only and --skip, the checks are those that the audit was for.",
		RunE: func(cmd *cobra.Command, args []string) error {
			destinations, err := parseOutputs(outputs)
			if err != nil {
				return err
			}
			document, err := a.readFacts(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			library, err := choice.load()
			if err != nil {
				return err
			}
			if choice.Choice.IsZero() {
				choice.Choice = document.Choice
			}
			library, selection, err := choice.fit(library, document.Profile)
			if err != nil {
				return err
			}
			judge, err := compile(library, cmd.Context(), selection)
			if err != nil {
				return err
			}
			report, err := auditor.Judge(cmd.Context(), document, library, selection, judge, environment)
			if err != nil {
				return err
			}
			a.whoseWord(document, report.FactsDigest)
			if err := a.write(report, document, destinations); err != nil {
				return err
			}
			return a.failOn.exit(report)
		},
	}
	choice.flags(cmd)
	environmentFlag(cmd, &environment)
	a.judgedFlags(cmd, &outputs)
	return cmd
}

// prepared is an integration that is ready to be probed: its keys are resolved and what it may do is settled.
type prepared struct {
	integration *audit.Integration
	profile     audit.Profile
	choice      audit.Choice
	library     *policy.Library // for the profile
	selection   policy.Selection
	options     runner.Options
	permissions permissions
}

// prepareFor prepares the integration that the arguments of a command name.
func (a *app) prepareFor(cmd *cobra.Command, args []string, choice *choice, permissions permissions) (*prepared, error) {
	library, err := choice.load()
	if err != nil {
		return nil, err
	}
	return a.prepare(cmd.Context(), fileArgument(args), library, choice, permissions)
}

// prepare reads the configuration and resolves the keys.
func (a *app) prepare(ctx context.Context, file string, library *policy.Library, choice *choice, permissions permissions) (*prepared, error) {
	integration, err := a.readConfiguration(ctx, file, library, permissions.reading())
	if err != nil {
		return nil, err
	}
	if err := narrow(integration, permissions.environment); err != nil {
		return nil, err
	}
	profile, err := auditor.Profile(integration)
	if err != nil {
		return nil, err
	}
	library, selection, err := choice.fit(library, profile)
	if err != nil {
		return nil, err
	}
	exec := command.New(integration.Directory, permissions.commands, a.LookupEnv)
	if err := config.ResolveKeys(ctx, integration, config.Resolver{LookupEnv: a.LookupEnv, Exec: exec, AllowCommands: permissions.commands}); err != nil {
		return nil, err
	}
	a.redactor = integration.Redactor()
	a.logs.redactor.Store(a.redactor)
	prepared, err := a.probing(integration, permissions, exec)
	if err != nil {
		return nil, err
	}
	prepared.profile, prepared.choice, prepared.library, prepared.selection = profile, choice.Choice, library, selection
	prepared.options.Needed, prepared.options.Selected = selection.Reads, selection.Selects
	return prepared, nil
}

// probing is an integration with what its probes get from outside.
func (a *app) probing(integration *audit.Integration, permissions permissions, exec audit.Exec) (*prepared, error) {
	integration.AllowedAPIHosts, integration.AllowedAddresses = permissions.apiHosts, permissions.addresses
	options, err := auditor.Options(integration, exec)
	options.Now, options.Tool, options.OnlyMarked = a.now, tool(), permissions.onlyMarked
	return &prepared{integration: integration, permissions: permissions, options: options}, err
}

// audit probes an integration and judges what was seen. The policies are compiled while the probes run, a user's own before: a mistake
// in them is told before anything is sent.
func (a *app) audit(ctx context.Context, prepared *prepared) (*audit.Document, *audit.Report, error) {
	library, selection := prepared.library, prepared.selection
	type compiled struct {
		judge *policy.Judge
		err   error
	}
	compiling := make(chan compiled, 1)
	compile := func() {
		judge, err := compile(library, a.lasting, selection)
		compiling <- compiled{judge, err}
	}
	if library.HasUserPolicies() {
		compile()
		done := <-compiling
		if done.err != nil {
			return nil, nil, done.err
		}
		compiling <- done
	} else {
		go compile()
	}
	document := a.probe(ctx, prepared)
	var done compiled
	select {
	case done = <-compiling:
	case <-ctx.Done():
		// Compiling takes a second on a busy machine, and nothing stops it: what is known by then is not worth the whole grace.
		select {
		case done = <-compiling:
		case <-time.After(cmp.Or(a.Grace, defaultGrace) / 3):
			return nil, nil, ctx.Err()
		}
	}
	if done.err != nil {
		return nil, nil, done.err
	}
	// Not ctx: what is known when a run is cut short is judged too.
	report, err := auditor.Judge(a.lasting, document, library, selection, done.judge, "")
	return document, report, err
}

// probe runs the probes.
func (a *app) probe(ctx context.Context, prepared *prepared) *audit.Document {
	debug.SetGCPercent(gcPercent)
	progress := a.newProgress()
	prepared.options.Progress, prepared.options.Notice = progress, progress.notice
	document := runner.Run(ctx, prepared.integration, prepared.options)
	progress.close()
	document.Profile, document.Choice = prepared.profile, prepared.choice
	auditor.Describe(document, prepared.integration, prepared.permissions.overrides(), a.LookupEnv)
	return document
}

// whoseWord tells the reviewer what facts rest on that somebody else may have gathered.
func (a *app) whoseWord(document *audit.Document, digest string) {
	by, host := "somebody unknown", "an unknown machine"
	if document.ProbedBy != nil {
		by, host = cmp.Or(document.ProbedBy.By, by), cmp.Or(document.ProbedBy.Host, host)
	}
	attested := map[string]bool{}
	for _, attestation := range document.Integration.Attestations {
		attested[attestation.By] = true
	}
	people := "nobody"
	if len(attested) > 0 {
		people = strings.Join(slices.Sorted(maps.Keys(attested)), ", ")
	}
	a.notice("%s", a.redactor.RedactString(report.Plain(fmt.Sprintf(
		"Observations were gathered by %s on %s with %s %s from %s to %s; declarations come from whoever wrote the configuration (%s); "+
			"attestations come from %s. The digest of these facts is %s, as the report names it: compare it with the one that you were told.",
		by, host, document.Tool.Name, document.Tool.Version, stamp(document.StartedAt), stamp(document.FinishedAt), document.ConfigDigest, people, digest))))
}

// gcPercent lets garbage grow while a run lasts, which is short and bounded: collecting it less often saves a tenth of the time until
// the verdict (measured), and stays within the 150 MB that an audit may take.
const gcPercent = 200
