package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

func checkIDs(policyDirs []string) []string {
	library, err := auditor.Policies(policyDirs)
	if err != nil {
		return nil
	}
	var ids []string
	for _, check := range library.Checks() {
		ids = append(ids, check.ID+"\t"+check.Title)
	}
	return ids
}

func (a *app) checksCommand() *cobra.Command {
	var policyDirs []string
	var format, name string
	alsoJSON, alsoMarkdown := false, false
	cmd := &cobra.Command{
		Use: "checks", Short: "List the checks", Args: cobra.NoArgs,
		Long: `List the checks: all there are or, with --provider, those that a provider has, in its words and with the items of its checklist.
Without it, the items are those of the default provider.`,
		RunE: func(*cobra.Command, []string) error {
			library, err := catalogueFor(policyDirs, name)
			if err != nil {
				return err
			}
			switch {
			case format == asJSON || alsoJSON:
				return a.printJSON(library.Checks())
			case format == asMarkdown || alsoMarkdown:
				return a.print(catalogueMarkdown(library.Checks()))
			}
			return a.printCatalogue(library.Checks())
		},
	}
	policyFlag(cmd, &policyDirs)
	catalogProviderFlag(cmd, &name)
	listingFlag(cmd, &format, asMarkdown)
	cmd.Flags().BoolVar(&alsoJSON, "json", false, "the same as -o json")
	cmd.Flags().BoolVar(&alsoMarkdown, "markdown", false, "the same as -o markdown")
	cmd.MarkFlagsMutuallyExclusive("json", "markdown")
	return cmd
}

// printJSON prints a value that commands list. What acts on a terminal or cannot be seen is escaped
// as JSON has it, so that the value stays the same.
func (a *app) printJSON(value any) error {
	encoded, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, char := range string(encoded) {
		if char < utf8.RuneSelf || report.Plain(string(char)) == string(char) {
			text.WriteRune(char)
			continue
		}
		for _, unit := range utf16.Encode([]rune{char}) {
			fmt.Fprintf(&text, `\u%04x`, unit)
		}
	}
	_, err = fmt.Fprintln(a.Out, text.String())
	return err
}

// printCatalogue groups the checks by the checklist's sections.
func (a *app) printCatalogue(checks []audit.CheckInfo) error {
	width, _ := terminal(a.Out)
	widest := 0
	for _, check := range checks {
		widest = max(widest, len(check.ID))
	}
	var text strings.Builder
	section := ""
	for _, check := range checks {
		if check.Section != section {
			if section != "" {
				text.WriteByte('\n')
			}
			section = check.Section
			fmt.Fprintf(&text, "%s\n", section)
		}
		mark := " "
		if check.Level == audit.Recommended {
			mark = "r"
		}
		line := fmt.Sprintf("  %s %-*s  %s", mark, widest, check.ID, check.Title)
		if width > 0 && len(line) > width {
			line = fmt.Sprintf("  %s %s\n      %s", mark, check.ID, check.Title)
		}
		text.WriteString(line + "\n")
	}
	fmt.Fprintf(&text, "\n%d checks; r: recommended, the others are required. `prelaunch explain CHECK` tells more.\n", len(checks))
	return a.print(text.String())
}

// catalogueMarkdown is the table in the README.
func catalogueMarkdown(checks []audit.CheckInfo) string {
	var text strings.Builder
	text.WriteString("| check | level | severity | holds when |\n| --- | --- | --- | --- |\n")
	for _, check := range checks {
		level := check.Level
		if check.Attestable {
			level += ", attestable"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", check.ID, level, check.Severity, check.Title)
	}
	return text.String()
}

// catalogueFor is the policies as a provider has them, or as any may.
func catalogueFor(policyDirs []string, name string) (*policy.Library, error) {
	library, err := auditor.Policies(policyDirs)
	if err != nil {
		return nil, err
	}
	profile, err := catalogueProfile(name)
	return library.For(profile), err
}

// catalogProviderFlag chooses whose catalog is listed; without it, it is anybody's.
func catalogProviderFlag(cmd *cobra.Command, name *string) {
	providerFlag(cmd, name)
	*name = ""
	cmd.Flag("provider").Usage = "checks, words and items as the webhook provider `NAME` has them"
}
