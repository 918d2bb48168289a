package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// Formats of replay beyond those of listings.
const (
	asCommand = "curl"
	asHAR     = "har"
)

func (a *app) replayCommand() *cobra.Command {
	var format string
	var r receiver
	var permissions permissions
	flags := map[string]*bool{asJSON: new(bool), asCommand: new(bool), asHAR: new(bool)}
	cmd := &cobra.Command{
		Use: "replay CHECK-OR-CASE [FILE]", Short: "Send a test case and show the request and the response", Args: cobra.RangeArgs(1, 2),
		Long: `Send one test case, or all that a check reads, to the receiver that FILE (default prelaunch.yaml) or --url names, and show what was
sent and received. Test is meant unless --environment says production, and nothing is sent that an audit would not send there. Keys and
signatures are redacted, except those made with a throw-away key. --curl sends nothing: it prints shell commands in which openssl
computes the signature from a variable.`,
		Example: `  prelaunch replay truncated-signature/first-16
  prelaunch replay webhook.rejects-tampered --url http://localhost:8080/webhook
  prelaunch replay tampered/value-changed --curl | sh`,
		ValidArgsFunction: completeCases(&r.provider),
		RunE: func(cmd *cobra.Command, args []string) error {
			for name, set := range flags {
				if *set {
					format = name
				}
			}
			replay, reveal, err := a.replayOf(cmd, args, r, permissions, format != asCommand)
			if err != nil {
				return err
			}
			profile, err := provider.Of(replay.Run.Integration.Provider, replay.Run.Integration.ProviderProfile)
			if err != nil {
				return err
			}
			replay.Reveal = reveal
			if replay.Selects, err = selects(&profile, args[0]); err != nil {
				return err
			}
			if format == asCommand {
				err := a.printCommands(cmd.Context(), replay)
				if errors.Is(err, webhook.ErrNothingSelected) {
					return nothingToSend(&profile, args[0])
				}
				return err
			}
			list, err := replay.Send(cmd.Context())
			if errors.Is(err, webhook.ErrNothingSelected) {
				return nothingToSend(&profile, args[0])
			}
			if err != nil {
				return err
			}
			return a.printExchanges(list, replay, format)
		},
	}
	r.flags(cmd)
	permissions.flags(cmd)
	cmd.Flags().Lookup("environment").Usage = "the environment of the configuration, by `NAME` (default test)"
	must(cmd.RegisterFlagCompletionFunc("environment", cobra.FixedCompletions([]string{audit.Test, audit.Production}, cobra.ShellCompDirectiveNoFileComp)))
	listingFlag(cmd, &format, asCommand, asHAR)
	for _, name := range []string{asJSON, asCommand, asHAR} {
		cmd.Flags().BoolVar(flags[name], name, false, "the same as -o "+name)
	}
	cmd.MarkFlagsMutuallyExclusive(asJSON, asCommand, asHAR, "output")
	return cmd
}

// replayOf is what the flags name: the receiver of --url, or an environment of a configuration. Keys are resolved if something is to
// be sent. reveal says that the key is no secret.
func (a *app) replayOf(cmd *cobra.Command, args []string, r receiver, permissions permissions, resolve bool) (replay webhook.Replay, reveal bool, err error) {
	ctx := cmd.Context()
	var prepared *prepared
	if r.url != "" {
		if len(args) > 1 || cmd.Flags().Changed("environment") {
			return replay, false, errors.New("--url names a receiver of its own: give no configuration and no --environment with it")
		}
		local, err := a.local(ctx, r)
		if err != nil {
			return replay, false, err
		}
		if prepared, err = a.probing(local.integration, permissions, nil); err != nil {
			return replay, false, err
		}
		reveal = local.throwAway != ""
	} else {
		for _, name := range []string{"key-env", "integration-id", "uid", "ca-file", "provider"} {
			if cmd.Flags().Changed(name) {
				return replay, false, fmt.Errorf("--%s describes the receiver of --url, which is missing: the configuration has its own", name)
			}
		}
		if prepared, err = a.replayConfiguration(ctx, args[0], fileArgument(args[1:]), &permissions, resolve); err != nil {
			return replay, false, err
		}
	}
	integration := prepared.integration
	chosen := integration.Environments[0]
	if r.url == "" {
		var known bool
		if chosen, known = integration.Environment(permissions.environment); !known {
			return replay, false, fmt.Errorf("%s has no environment %.40q", integration.File, permissions.environment)
		}
	}
	id := strings.ToLower(rand.Text()[:12])
	run := &audit.Run{
		Integration: integration, ID: id, UserAgent: tool().Name + "/" + tool().Version + " run/" + id, Now: a.now,
		Network: prepared.options.Network, Exec: prepared.options.Exec, Roots: prepared.options.Roots, Ledger: &audit.Ledger{}, OnlyMarked: true,
	}
	return webhook.Replay{Run: run, Environment: chosen}, reveal, nil
}

// replayConfiguration reads a configuration for one environment, that of the flag or else Test. The keys of others are needed only
// where they sign the case.
func (a *app) replayConfiguration(ctx context.Context, selector, file string, permissions *permissions, resolve bool) (*prepared, error) {
	library, err := (&choice{}).load()
	if err != nil {
		return nil, err
	}
	integration, err := a.load(ctx, file, library, permissions.reading())
	if err != nil {
		return nil, err
	}
	if permissions.environment == "" {
		permissions.environment = integration.Environments[0].Name
		if _, known := integration.Environment(audit.Test); known {
			permissions.environment = audit.Test
		}
	}
	narrowed := *permissions
	if strings.HasPrefix(selector, "other-environment") || selector == "environments.credentials-not-interchangeable" || selector == "diagnosis/other-environment" {
		narrowed.environment = ""
	}
	if resolve {
		return a.prepare(ctx, file, library, &choice{}, narrowed)
	}
	if err := narrow(integration, narrowed.environment); err != nil {
		return nil, err
	}
	return a.probing(integration, narrowed, nil)
}

// nothingToSend says why a selector chose nothing: it names nothing, or what its cases are made of is missing.
func nothingToSend(profile *provider.Profile, selector string) error {
	if _, err := chooseCases(profile, selector); err != nil {
		return err
	}
	return fmt.Errorf("%s cannot be sent here: it needs something that the receiver's description lacks, such as the key of another environment", selector)
}

// selects is whether a case is one that a selector names. Which there are depends on the configuration too: retired keys have cases.
func selects(profile *provider.Profile, selector string) (func(cases.Case) bool, error) {
	name, _, _ := strings.Cut(selector, "/")
	family := slices.ContainsFunc(cases.Families, func(f cases.Family) bool { return f.Name == name || slices.Contains(f.Checks, selector) })
	if !family {
		if _, err := chooseCases(profile, selector); err != nil {
			return nil, err
		}
	}
	return func(c cases.Case) bool { return chooses(selector, c) }, nil
}

func (a *app) printCommands(ctx context.Context, replay webhook.Replay) error {
	list, err := replay.Commands(ctx)
	if err != nil {
		return err
	}
	var text strings.Builder
	written := 0
	for _, command := range list {
		if command.NotSent != "" {
			fmt.Fprintf(&text, "# %s: %s\n", command.Label(), report.Plain(command.NotSent))
			continue
		}
		written++
		fmt.Fprintf(&text, "# %s: %s\n%s", command.Label(), report.Plain(command.Words()), command.Script)
	}
	if written == 0 {
		return fmt.Errorf("%s: %s", list[0].Label(), list[0].NotSent)
	}
	_, err = fmt.Fprint(a.Out, text.String())
	return err
}
