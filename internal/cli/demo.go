package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

func (a *app) demoCommand() *cobra.Command {
	keep, name := "", ""
	cmd := &cobra.Command{
		Use: "demo", Short: "Audit two integrations of its own, one flawed and one correct", Args: cobra.NoArgs,
		Long: `Start two integrations on loopback, each with HTTPS receivers for Test and Production, redirect pages, a Git repository, a client
bundle, logs and a stand-in for the provider's API, and audit both: a flawed one and its corrected twin. Nothing outside this machine
is contacted. The exit code is 0 when every planted flaw was found and the corrected integration is ready.

With --provider the receivers are those of that provider's events. Nothing confirms the recipe of an unverified profile, so that the
corrected integration is then NOT PROVEN, and nothing else.`,
		Example: `  prelaunch demo
  prelaunch demo --provider stripe`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("provider") {
				return a.demo(cmd.Context(), keep, nil)
			}
			profile, err := profileNamed(name)
			if err != nil {
				return err
			}
			if profile.Signature.NegativeOnly() {
				return fmt.Errorf("only %s itself can sign its events: without a real delivery no receiver of them can be shown to be correct", profile.Title)
			}
			return a.demo(cmd.Context(), keep, profile)
		},
	}
	providerFlag(cmd, &name)
	cmd.Flags().StringVar(&keep, "keep", "", "keep the configurations and reports in this new directory")
	return cmd
}

func (a *app) demo(ctx context.Context, keep string, profile *provider.Profile) (err error) {
	dir := keep
	if keep == "" {
		if dir, err = os.MkdirTemp("", "prelaunch-demo-"); err != nil {
			return fmt.Errorf("create a directory for the demo: %w", err)
		}
		a.scratch.add(dir)
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.Mkdir(keep, 0o700); err != nil {
		return fmt.Errorf("create the directory of the demo: %w", err)
	}
	flawed, planted := flawedPair(profile)
	a.say("1. An integration with %d planted flaws\n", len(planted))
	first, err := a.demoAudit(ctx, filepath.Join(dir, "flawed"), flawed)
	if err != nil {
		return err
	}
	corrected := sandbox.PairOptions{Profile: profile}
	if profile == nil {
		corrected.Provider = &sandbox.ProviderBehavior{}
	}
	a.say("\n2. The same integration, corrected\n")
	second, err := a.demoAudit(ctx, filepath.Join(dir, "right"), corrected)
	if err != nil {
		return err
	}
	a.say("\n3. The planted flaws, and whether the first audit found them\n")
	asPlanted := second.Ready || profile != nil && profile.Grade != provider.Verified && onlyUnconfirmed(second)
	for _, flaw := range planted {
		verdict := "found"
		for _, id := range flaw.fails {
			if outcomeOf(first, id) != audit.Fail {
				verdict, asPlanted = "MISSED", false
			}
		}
		line := fmt.Sprintf("   %-7s %s (%s)", verdict, flaw.description, strings.Join(flaw.fails, ", "))
		a.say("%s", folded(line, cmp.Or(a.columns(), 80)))
	}
	a.say("\nThe flawed integration is %s, the corrected one is %s.", verdict.Status(first), verdict.Status(second))
	if !asPlanted {
		return errors.New("the demo missed a planted flaw or raised a false alarm; please report it")
	}
	where := "prelaunch demo --keep demo    keeps configurations and reports in ./demo"
	if keep != "" {
		where = fmt.Sprintf("%s    the configurations and reports of this demo", keep)
	}
	a.say("Next: prelaunch explain webhook.rejects-partial-signature\n      prelaunch init\n      %s", where)
	return nil
}

// say prints lines on standard output.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.Out, format+"\n", args...)
}

// plantedFlaw is a flaw with the checks that must fail because of it.
type plantedFlaw struct {
	description string
	fails       []string
}

func flawedPair(profile *provider.Profile) (sandbox.PairOptions, []plantedFlaw) {
	options := sandbox.PairOptions{
		Provider: &sandbox.ProviderBehavior{}, Test: sandbox.DemoTest, Production: sandbox.DemoProduction, Flaws: sandbox.DemoDeployment,
	}
	if profile != nil {
		options = sandbox.PairOptions{Profile: profile, Flaws: sandbox.DemoSchemeDeployment(profile)}
		options.Test, options.Production = sandbox.DemoScheme(profile)
	}
	var planted []plantedFlaw
	for environment, flaws := range map[string][]sandbox.Behavior{audit.Test: options.Test, audit.Production: options.Production} {
		for _, flaw := range flaws {
			planted = append(planted, plantedFlaw{environment + ": " + flaw.Description, flaw.Expect.Fails})
		}
	}
	for _, flaw := range options.Flaws {
		planted = append(planted, plantedFlaw{flaw.Description, flaw.Expect.Fails})
	}
	slices.SortFunc(planted, func(a, b plantedFlaw) int { return strings.Compare(a.description, b.description) })
	return options, planted
}

// demoAudit audits a pair exactly as the audit command does, shows the table and keeps the JSON.
func (a *app) demoAudit(ctx context.Context, dir string, options sandbox.PairOptions) (_ *audit.Report, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create a directory for the demo: %w", err)
	}
	options.Dir = dir
	pair, err := sandbox.StartPair(options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pair.Close()) }()
	keys := map[string]string{}
	for _, variable := range pair.Env() {
		name, value, _ := strings.Cut(variable, "=")
		keys[name] = value
	}
	audited := *a // the same call but for the variables
	audited.LookupEnv = func(name string) (string, bool) {
		if value, ok := keys[name]; ok {
			return value, true
		}
		return a.LookupEnv(name)
	}
	library, err := (&choice{}).load()
	if err != nil {
		return nil, err
	}
	prepared, err := audited.prepare(ctx, pair.File, library, &choice{}, permissions{commands: true, apiHosts: []string{sandbox.APIHost}})
	if err != nil {
		return nil, err
	}
	document, judged, err := audited.audit(ctx, prepared)
	if err != nil {
		return nil, err
	}
	if judged.CutShort {
		return nil, errors.New("the demo was interrupted")
	}
	destinations := []destination{{format: "table"}, {format: "json", path: filepath.Join(dir, "report.json")}}
	if slices.Contains(report.Names(), "html") {
		destinations = append(destinations, destination{format: "html", path: filepath.Join(dir, "report.html")})
	}
	return judged, audited.write(judged, document, destinations)
}

// onlyUnconfirmed reports whether nothing keeps a report from being ready but a recipe that nothing confirms.
func onlyUnconfirmed(r *audit.Report) bool {
	for _, check := range r.Checks {
		for _, finding := range check.Findings {
			if check.Level == audit.Required && (finding.Outcome == audit.Fail || finding.Outcome == audit.Inconclusive && finding.Evidence["reason"] != "unverified_profile") {
				return false
			}
		}
	}
	return true
}

func outcomeOf(r *audit.Report, id string) audit.Outcome {
	for _, check := range r.Checks {
		if check.ID == id {
			return check.Outcome
		}
	}
	return audit.Inconclusive
}
