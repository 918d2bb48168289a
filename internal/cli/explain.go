package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

func (a *app) explainCommand() *cobra.Command {
	var policyDirs []string
	var format, name string
	cmd := &cobra.Command{
		Use:   "explain [CHECK | CASE | verification [FRAMEWORK]]",
		Short: "Explain a check, a test case or how to verify signatures; without arguments, list the checks", Args: cobra.MaximumNArgs(2),
		Long: `Explain what a check requires and how to fix what fails it, or what a test case sends and which checks read it. verification lists
the frameworks for which there is a correct verification of the provider's signatures, and prints that for one.`,
		Example: `  prelaunch explain webhook.verifies-raw-body
  prelaunch explain truncated-signature/first-16
  prelaunch explain verification express --provider github`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			switch {
			case len(args) == 1 && args[0] == "verification":
				return frameworks(), cobra.ShellCompDirectiveNoFileComp
			case len(args) > 0:
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			known := cmp.Or(name, provider.Default)
			list, directive := completeCases(&known)(cmd, args, begun)
			for _, check := range checkIDs(policyDirs) {
				if !slices.Contains(list, check) {
					list = append(list, check)
				}
			}
			return append(list, "verification\tcorrect code for a framework"), directive
		},
		RunE: func(_ *cobra.Command, args []string) error {
			library, err := catalogueFor(policyDirs, name)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				if format == asJSON {
					return a.printJSON(library.Checks())
				}
				return a.printCatalogue(library.Checks())
			}
			profile, err := profileNamed(cmp.Or(name, provider.Default))
			if err != nil {
				return err
			}
			if args[0] == "verification" {
				return a.explainVerification(profile, args[1:], format)
			}
			if len(args) > 1 {
				return fmt.Errorf("%.60q is one too many: only verification takes a framework", args[1])
			}
			var ids []string
			for _, check := range library.Checks() {
				if check.ID == args[0] {
					own := checkOf(library, *profile, check.ID)
					if name == "" && len(own.Sources) > 0 {
						check.Sources = own.Sources // with that of the default provider
					}
					page := pageOf(profile, check)
					if format == asJSON {
						return a.printJSON(page)
					}
					if len(own.Sources) > 0 {
						check.Sources = inTheWordsOf(*profile, own)
					}
					if name == "" {
						check.Items = nil // which list they are of is not known
					}
					return a.print(page.text(check, a.pageWidth()))
				}
				ids = append(ids, check.ID)
			}
			if strings.Contains(args[0], "/") || slices.ContainsFunc(cases.Families, func(f cases.Family) bool { return f.Name == args[0] }) {
				return a.explainCases(profile, args[0], format)
			}
			hint := "`prelaunch checks` lists them"
			if near := shape.Nearest(args[0], append(ids, "verification")); near != "" {
				hint = fmt.Sprintf("did you mean %s? `prelaunch checks` lists them all", near)
			}
			return fmt.Errorf("there is no check %.60q: %s", args[0], hint)
		},
	}
	policyFlag(cmd, &policyDirs)
	catalogProviderFlag(cmd, &name)
	listingFlag(cmd, &format)
	return cmd
}

// text is a check's page, wrapped to the width.
func (p checkPage) text(check audit.CheckInfo, width int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s\n\n", check.ID, check.Title)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&text, "  %-12s %s\n", name, value)
		}
	}
	row("section", check.Section)
	row("level", check.Level)
	row("severity", check.Severity)
	var items []string
	for _, item := range check.Items {
		items = append(items, fmt.Sprint(item))
	}
	row("checklist", strings.Join(items, ", "))
	row("weaknesses", strings.Join(check.CWE, ", "))
	row("OWASP ASVS", strings.Join(check.OWASPASVS, ", "))
	if check.Attestable {
		row("attestable", "yes: an attestation can replace evidence of what no program can observe")
	}
	row("facts", strings.Join(check.Facts, ", "))
	paragraph := func(title, body string) {
		if body != "" {
			fmt.Fprintf(&text, "\n%s\n%s\n", title, report.Wrap(body, width, "  "))
		}
	}
	paragraph("What it looks at", check.Description)
	var families []string
	for _, family := range p.Families {
		families = append(families, fmt.Sprintf("- %s (%s): %s", family.Name, counted(family.Cases, "case"), family.Title))
	}
	paragraph("What is sent", strings.Join(families, "\n"))
	paragraph("What passes", p.Passes)
	paragraph("What fails", p.Fails)
	paragraph("What to do", check.Remediation)
	if len(p.Families) > 0 {
		paragraph("Correct code", "`prelaunch explain verification` prints a correct verification for your framework.")
	}
	paragraph("Source", bulleted(check.Sources))
	return text.String()
}

// bulleted is a paragraph of texts, as a list where they are several.
func bulleted(texts []string) string {
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	return "- " + strings.Join(texts, "\n- ")
}

// checkOf is a check as it is for a provider; the zero value where the provider has none of that name.
func checkOf(library *policy.Library, profile provider.Profile, id string) audit.CheckInfo {
	for _, check := range library.For(auditor.ProfileFacts(profile)).Checks() {
		if check.ID == id {
			return check
		}
	}
	return audit.CheckInfo{}
}

// inTheWordsOf is the sources of a check, those of the provider's own list with the words of its items.
func inTheWordsOf(profile provider.Profile, check audit.CheckInfo) []string {
	var cited []string
	for _, source := range check.Sources {
		var words []string
		for _, number := range check.Items {
			item := profile.Checklist[number-1]
			if title := strconv.Quote(item.Title); item.Source == source && !slices.Contains(words, title) {
				words = append(words, title)
			}
		}
		if len(words) > 0 {
			source = strings.Join(words, ", ") + " (" + source + ")"
		}
		cited = append(cited, source)
	}
	return cited
}

// checkPage is what `explain CHECK` says.
type checkPage struct {
	audit.CheckInfo
	Families []familyPage `json:"families"`
}

// familyPage is a family of test cases that a check reads.
type familyPage struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Cases int    `json:"cases"`

	accepted string
}

// familiesOf are the families that a check reads, of the cases that a provider's scheme has.
func familiesOf(profile *provider.Profile, check audit.CheckInfo) []familyPage {
	list := []familyPage{}
	sent := map[string]int{}
	for _, c := range cases.All(profile) {
		family, _, _ := strings.Cut(c.Label(), "/")
		sent[family]++
	}
	for _, family := range cases.Families {
		at := slices.IndexFunc(list, func(f familyPage) bool { return f.Name == family.Name })
		if at < 0 && sent[family.Name] > 0 && slices.Contains(family.Checks, check.ID) {
			list = append(list, familyPage{family.Name, family.Title, sent[family.Name], family.Accepted})
		}
	}
	return list
}

// pageOf is a check's page. A check that requires forgeries to be rejected needs no words of its own for what passes and what fails.
func pageOf(profile *provider.Profile, check audit.CheckInfo) checkPage {
	page := checkPage{check, familiesOf(profile, check)}
	var accepted []string
	for _, family := range page.Families {
		if family.accepted != "" {
			accepted = append(accepted, family.accepted)
		}
	}
	if len(accepted) > 0 {
		page.Passes = cmp.Or(page.Passes, "Every one of these requests is rejected with a 4xx status, while a valid event gets "+profile.AllWords()["success"]+".")
		page.Fails = cmp.Or(page.Fails, "The receiver accepts any of: "+strings.Join(accepted, "; ")+".")
	}
	page.Passes = cmp.Or(page.Passes, "Everything that the check reads was checked, and shows that this holds: "+check.Title+".")
	page.Fails = cmp.Or(page.Fails, "Something that was observed contradicts it: the finding names what and where.")
	page.Fails += " What could not be observed is inconclusive, never a pass."
	return page
}

// explainCases says what test cases send, and which checks read the responses.
func (a *app) explainCases(profile *provider.Profile, selector, format string) error {
	chosen, err := chooseCases(profile, selector)
	if err != nil {
		return err
	}
	if format == asJSON {
		return a.printJSON(listCases(chosen))
	}
	width := a.pageWidth()
	var text strings.Builder
	for i, c := range chosen {
		if i > 0 {
			text.WriteByte('\n')
		}
		fmt.Fprintf(&text, "%s\n%s\n", c.Label(), report.Wrap(capitalized(c.Words())+".", width, "  "))
		family, _, _ := strings.Cut(c.Label(), "/")
		at := slices.IndexFunc(cases.Families, func(f cases.Family) bool { return f.Name == family && f.Accepted != "" })
		if at >= 0 {
			text.WriteString(report.Wrap("A receiver that accepts it accepts "+cases.Families[at].Accepted+".", width, "  ") + "\n")
		}
		careful := "It is sent in full probing only."
		if !c.FullOnly {
			careful = "It is sent in careful probing too."
		}
		fmt.Fprintf(&text, "%s\n", report.Wrap(careful+" Checks that read the response: "+strings.Join(c.Checks(), ", ")+".", width, "  "))
		fmt.Fprintf(&text, "  prelaunch replay %s\n", c.Label())
	}
	return a.print(text.String())
}

func capitalized(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// verificationPage is what `explain verification -o json` says of a framework.
type verificationPage struct {
	Framework string `json:"framework"`
	Provider  string `json:"provider"`
	Code      string `json:"code"`
}

// explainVerification lists the frameworks, or prints the code for one.
func (a *app) explainVerification(profile *provider.Profile, args []string, format string) error {
	wanted := frameworks()
	if len(args) > 0 {
		wanted = args
	}
	pages := []verificationPage{}
	for _, framework := range wanted {
		code, err := verification(profile, framework)
		if err != nil {
			return err
		}
		pages = append(pages, verificationPage{framework, profile.Name, code})
	}
	switch {
	case format == asJSON:
		return a.printJSON(pages)
	case len(args) > 0:
		return a.print(pages[0].Code)
	}
	width := a.pageWidth()
	text := fmt.Sprintf("%s signs with %s (%s). Correct verification keeps the raw bytes of the body, computes the signature over the %s, compares all of it in constant time, "+
		"and parses only what was verified. The code for a framework: prelaunch explain verification FRAMEWORK, with one of %s.",
		profile.Title, profile.Signature.Title(), profile.Signature.Placement(), profile.AllWords()["signed"], strings.Join(wanted, ", "))
	return a.print(report.Wrap(text, width, "") + "\n")
}
