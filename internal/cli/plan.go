package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/probes"
)

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
					steps = append(steps, probe.Plan(integration, selection.Selects)...)
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
	_, err := fmt.Fprint(a.Out, folded(text.String(), a.columns()))
	return err
}
