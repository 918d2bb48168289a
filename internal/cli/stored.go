package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// Rules of this file: report and diff show stored reports. Neither probes anything.

// heldAgainst holds a report against the catalog of the policies at hand. Caveat says that it was judged by others, whose catalog is
// not known.
func heldAgainst(read *audit.Report, library *policy.Library) (caveat string, err error) {
	if read.PolicyDigest != library.Digest() {
		return fmt.Sprintf("This report was judged by other policies (%s) than those of this prelaunch (%s): its checks could not be held against their catalog.",
			report.Plain(read.PolicyDigest), library.Digest()), nil
	}
	profile, err := reportedProfile(read)
	if err != nil {
		return "", err
	}
	if err := verdict.Follows(read, library.For(profile).Checks()); err != nil {
		return "", fmt.Errorf("the report is not one that its policies can have given: %w", err)
	}
	return "", nil
}

func (a *app) reportCommand() *cobra.Command {
	var outputs, earlier, policyDirs []string
	cmd := &cobra.Command{
		Use: "report FILE", Short: "Show a saved JSON report in any format", Args: cobra.ExactArgs(1),
		Long: `Show a report that ` + "`-o json`" + ` saved (- for standard input) in any format. A report whose checks are not those of the policies that it
names is an error; one of other policies than those present is shown with a line that says so. Exit code 3 says that the report has
expired; its verdict is then EXPIRED.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			destinations, err := parseOutputs(outputs)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(destinations, func(d destination) bool { return d.format == factsFormat }) {
				return errors.New("a report does not hold the facts behind it: they are written with it by `prelaunch audit -o facts=PATH`")
			}
			read, _, err := a.readReport(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			library, err := auditor.Policies(policyDirs)
			if err != nil {
				return err
			}
			caveat, err := heldAgainst(read, library)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			options := report.Options{Now: a.now()}
			if caveat != "" {
				options.Caveats = []string{caveat}
			}
			for _, path := range earlier {
				older, _, err := a.readReport(cmd.Context(), path)
				if err != nil {
					return err
				}
				options.Earlier = append(options.Earlier, older)
			}
			if err := a.writeReport(read, nil, destinations, options); err != nil {
				return err
			}
			if verdict.Expired(read, options.Now) {
				return exitWith(3)
			}
			return nil
		},
	}
	outputFlag(cmd, &outputs)
	a.severityFlag(cmd)
	cmd.Flags().StringArrayVar(&earlier, "earlier", nil, "an earlier JSON report, for the history in html (repeatable)")
	policyFlag(cmd, &policyDirs)
	return cmd
}

func (a *app) diffCommand() *cobra.Command {
	asJSON := false
	var facts []string
	cmd := &cobra.Command{
		Use: "diff OLD NEW", Short: "Tell what changed between two JSON reports, and why", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			older, _, err := a.readReport(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			newer, _, err := a.readReport(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			options := history.DiffOptions{Reads: map[string][]string{}}
			if len(facts) > 0 {
				if len(facts) != 2 {
					return errors.New("--facts is given twice: the facts of OLD, then those of NEW")
				}
				if options.OldFacts, err = a.readFacts(cmd.Context(), facts[0]); err != nil {
					return err
				}
				if options.NewFacts, err = a.readFacts(cmd.Context(), facts[1]); err != nil {
					return err
				}
				library, err := auditor.Policies(nil)
				if err != nil {
					return err
				}
				for _, check := range library.Checks() {
					options.Reads[check.ID] = check.Facts
				}
			}
			difference, err := history.Compare(older, newer, options)
			if err != nil {
				return err
			}
			if asJSON {
				return difference.WriteJSON(a.Out)
			}
			return difference.WriteText(a.Out)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON (prelaunch.diff/v1)")
	cmd.Flags().StringArrayVar(&facts, "facts", nil, "the facts behind OLD and, given again, behind NEW: tells which facts differ")
	return cmd
}
