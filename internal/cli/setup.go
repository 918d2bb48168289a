package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

func (a *app) initCommand() *cobra.Command {
	var chosen string
	cmd := &cobra.Command{
		Use: "init [FILE]", Short: "Write a commented starter configuration", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := fileArgument(args)
			profile, err := provider.ByName(chosen)
			if err != nil {
				return err
			}
			starter, err := config.Starter(&profile, "my-integration")
			if err != nil {
				return err
			}
			file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s exists and is left as it is: name another file, or remove it first", name)
			}
			if err != nil {
				return fmt.Errorf("write the starter configuration: %w", err)
			}
			if _, err := file.Write(starter); err != nil {
				return errors.Join(fmt.Errorf("write %s: %w", name, err), file.Close())
			}
			if err := file.Close(); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
			_, err = fmt.Fprintf(a.Out, "Wrote %s. Fill it in, then:\n  prelaunch validate %[1]s\n  prelaunch plan %[1]s\n  prelaunch audit %[1]s\n", name)
			return err
		},
	}
	providerFlag(cmd, &chosen)
	return cmd
}

func (a *app) validateCommand() *cobra.Command {
	var policyDirs []string
	var permissions permissions
	cmd := &cobra.Command{
		Use: "validate [FILE]", Short: "Check a configuration without probing or running anything", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			library, err := auditor.Policies(policyDirs)
			if err != nil {
				return err
			}
			integration, err := a.load(cmd.Context(), fileArgument(args), library, permissions.reading())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.Out, "%s is well-formed: %s at %s, %d event types, %d attestations, %d waivers. No key was resolved and nothing was sent.\n",
				fileArgument(args), report.Plain(integration.Name), integration.Provider, len(integration.EventTypes), len(integration.Attestations), len(integration.Waivers))
			return err
		},
	}
	policyFlag(cmd, &policyDirs)
	permissions.readFlags(cmd)
	return cmd
}

// planCost says in a line what the receivers get: how many requests, how long that takes, and what it may leave behind.
func planCost(integration *audit.Integration, steps []audit.Step) string {
	var parts []string
	for _, environment := range integration.Environments {
		requests := 0
		for _, step := range steps {
			if step.Probe == "webhook" && step.Action == "send" && step.Environment == environment.Name {
				requests += max(step.Count, 1)
			}
		}
		if rate := integration.Network.RequestsPerSec[environment.Name]; requests > 0 && rate > 0 {
			took := time.Duration(float64(requests) / rate * float64(time.Second)).Round(time.Second)
			parts = append(parts, fmt.Sprintf("%d requests to %s (%s at %g a second)", requests, environment.Name, took, rate))
		}
	}
	if len(parts) == 0 {
		return "No webhook receiver is sent anything."
	}
	return strings.Join(parts, ", ") + "; each may leave a line in a log, and what is accepted a synthetic event."
}

// printPlan lists steps under their probe, after the cost of them all.
func (a *app) printPlan(cost string, steps []audit.Step) error {
	var text strings.Builder
	text.WriteString(cost + "\n\n")
	probe := ""
	for _, step := range steps {
		if step.Probe != probe {
			probe = step.Probe
			fmt.Fprintf(&text, "%s\n", probe)
		}
		count := ""
		if step.Count > 1 {
			count = fmt.Sprintf("%d × ", step.Count)
		}
		line := fmt.Sprintf("  %s%s %s", count, step.Action, step.Target)
		if step.Detail != "" {
			line += ": " + step.Detail
		}
		if step.Environment != "" {
			line += " [" + step.Environment + "]"
		}
		text.WriteString("  " + report.Plain(line) + "\n")
	}
	text.WriteString("Nothing of this was done; only the configuration and its own files were read.\n")
	_, err := fmt.Fprint(a.Out, text.String())
	return err
}
