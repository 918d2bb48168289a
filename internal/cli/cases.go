package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// providerFlag is --provider of such a command.
func providerFlag(cmd *cobra.Command, name *string) {
	*name = provider.Default
	cmd.Flags().Var(&profileValue{choiceValue{name, provider.Names()}}, "provider", "`NAME` of the webhook provider or path of a profile (default "+provider.Default+")")
	must(cmd.RegisterFlagCompletionFunc("provider", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return provider.Names(), cobra.ShellCompDirectiveDefault
	}))
}

// profileValue is a flag with the name of a built-in profile or the path of another one.
type profileValue struct{ choiceValue }

func (p *profileValue) Set(text string) error {
	if isPath(text) {
		*p.value = text
		return nil
	}
	return p.choiceValue.Set(text)
}

// isPath tells the path of a profile from the name of a built-in one.
func isPath(name string) bool { return strings.ContainsAny(name, `./\`) }

// listedCase is a test case as `cases -o json` has it.
type listedCase struct {
	Case    string   `json:"case"`
	Family  string   `json:"family"`
	Changes string   `json:"changes"` // what is sent, in words
	Checks  []string `json:"checks"`  // that read the response
	Careful bool     `json:"careful"` // careful probing sends it too
}

func (a *app) casesCommand() *cobra.Command {
	var format, name string
	cmd := &cobra.Command{
		Use: "cases [CHECK-OR-CASE]", Short: "List the test cases of the webhook receiver", Args: cobra.MaximumNArgs(1),
		Long: `List every test case: its name, what it changes about a valid event, and which checks read the response.
CHECK-OR-CASE is a check, a case, a family or a glob such as 'truncated-signature/*'.`,
		Example: `  prelaunch cases
  prelaunch cases webhook.rejects-partial-signature
  prelaunch replay truncated-signature/first-16`,
		ValidArgsFunction: completeCases(&name),
		RunE: func(_ *cobra.Command, args []string) error {
			profile, err := profileNamed(name)
			if err != nil {
				return err
			}
			list := cases.All(profile)
			if len(args) > 0 {
				if list, err = chooseCases(profile, args[0]); err != nil {
					return err
				}
			}
			if format == asJSON {
				return a.printJSON(listCases(list))
			}
			return a.printCases(list)
		},
	}
	listingFlag(cmd, &format)
	providerFlag(cmd, &name)
	return cmd
}

func listCases(list []cases.Case) []listedCase {
	listed := make([]listedCase, len(list))
	for i, c := range list {
		family, _, _ := strings.Cut(c.Label(), "/")
		listed[i] = listedCase{
			Case: c.Label(), Family: family, Changes: c.Words(), Checks: append([]string{}, c.Checks()...), Careful: !c.FullOnly,
		}
	}
	return listed
}

// printCases prints the cases under what the checks that read them are.
func (a *app) printCases(list []cases.Case) error {
	widest := 0
	for _, c := range list {
		widest = max(widest, len(c.Label()))
	}
	width := a.columns()
	var text strings.Builder
	heading := ""
	for _, c := range list {
		if now := strings.Join(c.Checks(), ", "); now != heading || text.Len() == 0 {
			if text.Len() > 0 {
				text.WriteByte('\n')
			}
			heading = now
			fmt.Fprintf(&text, "%s\n", now)
		}
		line := fmt.Sprintf("  %-*s  %s", widest, c.Label(), c.Words())
		if width > 0 && len(line) > width {
			line = fmt.Sprintf("  %s\n      %s", c.Label(), c.Words())
		}
		text.WriteString(line + "\n")
	}
	fmt.Fprintf(&text, "\n%s. `prelaunch replay CASE` sends one and shows the response.\n", counted(len(list), "case"))
	return a.print(text.String())
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// chooseCases returns the cases that a selector names: all of a check or a family, one case, or those that match a glob.
func chooseCases(profile *provider.Profile, selector string) ([]cases.Case, error) {
	var chosen []cases.Case
	known := checkNames()
	for _, family := range cases.Families {
		known = append(known, family.Name)
	}
	if _, err := path.Match(selector, ""); err != nil {
		return nil, fmt.Errorf("%.60q is no glob: %w", selector, err)
	}
	for _, c := range cases.All(profile) {
		known = append(known, c.Label())
		if chooses(selector, c) {
			chosen = append(chosen, c)
		}
	}
	switch {
	case len(chosen) > 0:
		return chosen, nil
	case slices.Contains(known, selector):
		return nil, fmt.Errorf("%s has no test case of its own here: `prelaunch cases` lists those that can be sent", selector)
	}
	hint := "`prelaunch cases` lists the cases, `prelaunch checks` the checks"
	if near := shape.Nearest(selector, known); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return nil, fmt.Errorf("there is no check or test case %.60q: %s", selector, hint)
}

// chooses reports whether a selector names a case.
func chooses(selector string, c cases.Case) bool {
	family, _, _ := strings.Cut(c.Label(), "/")
	matched, err := path.Match(selector, c.Label())
	return err == nil && matched || selector == family || slices.Contains(c.Checks(), selector) || slices.Contains(cases.ReadEverything, selector)
}

// checkNames are the ids of the built-in checks.
func checkNames() []string {
	var names []string
	for _, check := range builtInChecks() {
		names = append(names, check.ID)
	}
	return names
}

func builtInChecks() []audit.CheckInfo {
	library, err := auditor.Policies(nil)
	if err != nil {
		return nil
	}
	return library.Checks()
}

// completeCases completes the first argument of a command with test cases, families and the checks that read them.
func completeCases(providerName *string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		profile, err := profileNamed(*providerName)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var names []string
		add := func(name, what string) {
			if text := name + "\t" + what; !slices.Contains(names, text) {
				names = append(names, text)
			}
		}
		read := map[string]bool{}
		for _, c := range cases.All(profile) {
			for _, check := range c.Checks() {
				read[check] = true
			}
			family, _, _ := strings.Cut(c.Label(), "/")
			if names == nil || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, family+"\t") }) {
				add(family, "every case of the family")
			}
			add(c.Label(), c.Words())
		}
		for _, check := range builtInChecks() {
			if read[check.ID] {
				add(check.ID, check.Title)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
