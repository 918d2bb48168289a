package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/command"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
	"github.com/prelaunch-audit/prelaunch/probes"
)

// defaultFile is the configuration that is read when none is named.
const defaultFile = "prelaunch.yaml"

// choice is which checks are judged, by which policies.
type choice struct {
	audit.Choice
	policyDirs []string
}

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&c.Only, "only", nil, "judge only `CHECKS`, globs such as 'webhook.*'")
	cmd.Flags().StringSliceVar(&c.Skip, "skip", nil, "leave out `CHECKS`")
	policyFlag(cmd, &c.policyDirs)
	completeChecks := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return checkIDs(c.policyDirs), cobra.ShellCompDirectiveNoFileComp
	}
	for _, name := range []string{"only", "skip"} {
		must(cmd.RegisterFlagCompletionFunc(name, completeChecks))
	}
}

// load reads the policies, and rejects a choice that suits no provider.
func (c *choice) load() (*policy.Library, error) {
	library, err := auditor.Policies(c.policyDirs)
	if err != nil {
		return nil, err
	}
	_, err = c.from(library)
	return library, err
}

// fit is the policies as a provider has them, with the chosen checks.
func (c *choice) fit(library *policy.Library, profile audit.Profile) (*policy.Library, policy.Selection, error) {
	library = library.For(profile)
	selection, err := c.from(library)
	if err != nil {
		err = fmt.Errorf("%s: %w", report.Plain(profile.Name), err)
	}
	return library, selection, err
}

func (c *choice) from(library *policy.Library) (policy.Selection, error) {
	selection, err := library.Select(c.Only, c.Skip)
	var unmatched *policy.UnmatchedError
	if errors.As(err, &unmatched) {
		err = fmt.Errorf("%w: %s", err, suggestChecks(unmatched.Pattern, library.Checks()))
	}
	return selection, err
}

// suggestChecks is the next step after a pattern that matches no check.
func suggestChecks(pattern string, checks []audit.CheckInfo) string {
	var known []string
	for _, check := range checks {
		area, _, _ := strings.Cut(check.ID, ".")
		known = append(known, check.ID, area+".*")
	}
	if near := shape.Nearest(pattern, known); near != "" {
		return fmt.Sprintf("did you mean %q? `prelaunch checks` lists them", near)
	}
	return "`prelaunch checks` lists them"
}

// permissions are what the configuration alone must not decide.
type permissions struct {
	commands, onlyMarked bool
	apiHosts, paths, env []string
	addresses            []netip.Prefix
	environment          string // the only one that is audited; empty: all
}

func (p *permissions) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.commands, "allow-commands", false, "run the commands that the configuration names")
	cmd.Flags().BoolVar(&p.onlyMarked, "no-unmarked", false, "name the auditor in every request; a receiver that recognizes it is not found out then")
	cmd.Flags().StringArrayVar(&p.apiHosts, "allow-api-host", nil, "let keys go to the API at `HOST` too (repeatable)")
	cmd.Flags().Func("allow-address", "contact addresses in `CIDR` although they are link-local or cloud metadata,\nor loopback or private and named by content only (repeatable)", func(text string) error {
		prefix, err := netprobe.ParseAllowed(text)
		p.addresses = append(p.addresses, prefix)
		return err
	})
	environmentFlag(cmd, &p.environment)
	p.readFlags(cmd)
}

// readFlags are the flags that reading a configuration alone needs.
func (p *permissions) readFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&p.paths, "allow-path", nil,
		"let key files, client certificates and evidence come from `DIR`, outside the configuration's own directory (repeatable)")
	cmd.Flags().StringArrayVar(&p.env, "allow-env", nil,
		"let keys and commands use variables that match `PATTERN`, such as 'VAULT_*' (repeatable)")
}

// reading is what the configuration may read.
func (p *permissions) reading() config.Permissions {
	return config.Permissions{Environment: p.environment, Paths: p.paths, Env: p.env}
}

func (p *permissions) overrides() []audit.Override {
	var list []audit.Override
	if p.commands {
		list = append(list, audit.Override{Setting: "--allow-commands", Value: "yes"})
	}
	for _, host := range p.apiHosts {
		list = append(list, audit.Override{Setting: "--allow-api-host", Value: host})
	}
	for _, prefix := range p.addresses {
		list = append(list, audit.Override{Setting: "--allow-address", Value: prefix.String()})
	}
	for _, directory := range p.paths {
		list = append(list, audit.Override{Setting: "--allow-path", Value: directory})
	}
	for _, pattern := range p.env {
		list = append(list, audit.Override{Setting: "--allow-env", Value: pattern})
	}
	return list
}

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
			library, err := choice.load()
			if err != nil {
				return err
			}
			prepared, err := a.prepare(cmd.Context(), fileArgument(args), library, &choice, permissions)
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
	outputFlag(cmd, &outputs)
	a.failOn.flag(cmd)
	a.severityFlag(cmd)
	return cmd
}

func (a *app) probeCommand() *cobra.Command {
	var choice choice
	var permissions permissions
	cmd := &cobra.Command{
		Use: "probe [FILE]", Short: "Gather the facts only and print them as JSON", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			library, err := choice.load()
			if err != nil {
				return err
			}
			prepared, err := a.prepare(cmd.Context(), fileArgument(args), library, &choice, permissions)
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
			judge, err := library.Compile(cmd.Context(), selection)
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
	outputFlag(cmd, &outputs)
	a.failOn.flag(cmd)
	a.severityFlag(cmd)
	return cmd
}

func (a *app) planCommand() *cobra.Command {
	var choice choice
	var permissions permissions
	var format string
	alsoJSON := false
	cmd := &cobra.Command{
		Use: "plan [FILE]", Short: "List what an audit would send, read and run, without doing it", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			library, err := choice.load()
			if err != nil {
				return err
			}
			survey := permissions.reading()
			survey.Survey = true
			integration, err := a.load(cmd.Context(), fileArgument(args), library, survey)
			if err != nil {
				return err
			}
			if err := narrow(integration, permissions.environment); err != nil {
				return err
			}
			profile, err := auditor.Profile(integration)
			if err != nil {
				return err
			}
			_, selection, err := choice.fit(library, profile)
			if err != nil {
				return err
			}
			integration.AllowedAPIHosts = permissions.apiHosts
			steps := configurationSteps(integration)
			for _, probe := range probes.All() {
				resolves := probe.Name() == "keys" // whatever is judged
				if resolves || slices.ContainsFunc(probe.Kinds(), func(kind audit.Kind) bool { return selection.Reads(kind.Name) }) {
					steps = append(steps, probe.Plan(integration)...)
				}
			}
			if format == asJSON || alsoJSON {
				return a.printJSON(steps)
			}
			return a.printPlan(planCost(integration, steps), steps)
		},
	}
	choice.flags(cmd)
	permissions.flags(cmd) // so that an audit's own flags can be given
	listingFlag(cmd, &format)
	cmd.Flags().BoolVar(&alsoJSON, "json", false, "the same as -o json")
	return cmd
}

// configurationSteps are the files that belong to the configuration, which are read whenever it is, for a plan too, and the flags
// that it lacks.
func configurationSteps(integration *audit.Integration) []audit.Step {
	steps := []audit.Step{}
	read := func(path, what string) {
		if path != "" {
			steps = append(steps, audit.Step{Probe: "configuration", Action: "read", Target: path, Detail: what})
		}
	}
	read(integration.File, "the configuration, read for this plan as are the files of this section")
	for _, file := range integration.ProfileFiles {
		read(file, "the provider's profile")
	}
	for _, attestation := range integration.Attestations {
		read(attestation.Evidence, "evidence of the attestation of "+attestation.Check)
	}
	read(integration.Network.CAFile, "extra trusted roots")
	read(integration.Network.ClientCert, "client certificate")
	read(integration.Network.ClientKey, "private key of the client certificate")
	for _, need := range integration.Needs {
		steps = append(steps, audit.Step{Probe: "configuration", Action: "needs", Target: need.Flag, Detail: need.Setting + " is rejected without it"})
	}
	return steps
}

// load reads a configuration without resolving a key, and refuses one in whose text a key stands that is known all the same.
func (a *app) load(ctx context.Context, file string, library *policy.Library, permissions config.Permissions) (*audit.Integration, error) {
	integration, err := a.readConfiguration(ctx, file, library, permissions)
	if err != nil {
		return nil, err
	}
	return integration, config.RefuseLiteralKeys(integration, a.LookupEnv)
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
		judge, err := library.Compile(a.lasting, selection)
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
	done := <-compiling
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

// narrow limits an integration to the environment of --environment, if there is one.
func narrow(integration *audit.Integration, environment string) error {
	if environment == "" {
		return nil
	}
	if err := integration.Narrow(environment); err != nil {
		return fmt.Errorf("--environment: %w", err)
	}
	return nil
}

func fileArgument(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultFile
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

func (a *app) readConfiguration(ctx context.Context, file string, library *policy.Library, permissions config.Permissions) (*audit.Integration, error) {
	return interruptible(ctx, func() (*audit.Integration, error) {
		return config.Load(file, config.Options{Checks: library.Checks(), PolicyDigest: library.Digest(), Now: a.now, Permissions: permissions, LookupEnv: a.LookupEnv})
	})
}

// interruptible returns when ctx ends, though read may wait for ever: for a terminal, or for a pipe that nobody writes to. What it
// waits for is left to the end of the process.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value    T
		err      error
		panicked any
	}
	ended := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			r.panicked = recover()
			ended <- r
		}()
		r.value, r.err = read()
	}()
	select {
	case r := <-ended:
		if r.panicked != nil {
			panic(r.panicked) // where Main recovers
		}
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// readBounded reads a file, or standard input for "-".
func (a *app) readBounded(ctx context.Context, path string, limit int64) ([]byte, error) {
	return interruptible(ctx, func() ([]byte, error) { return a.readAtMost(path, limit) })
}

func (a *app) readAtMost(path string, limit int64) ([]byte, error) {
	source := a.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
		}
		defer file.Close() //nolint:errcheck // only read
		source = file
	}
	raw, err := io.ReadAll(io.LimitReader(source, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("read %s: it is larger than %d MB", path, limit>>20)
	}
	return raw, nil
}
