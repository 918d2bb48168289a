package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

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
