package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// listedProvider is a profile as `providers -o json` has it.
type listedProvider struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Grade     string `json:"grade"`
	Scheme    string `json:"scheme"`    // such as HMAC-SHA-256
	Signed    string `json:"signed"`    // what is signed, in words
	Placement string `json:"placement"` // where the signature is found
}

// describedProvider is a profile as `providers NAME -o json` has it.
type describedProvider struct {
	listedProvider
	Encoding      string                  `json:"encoding"`
	Tolerance     string                  `json:"tolerance,omitempty"` // how old a signed time may be
	Success       string                  `json:"success"`
	Within        string                  `json:"within,omitempty"`
	Events        []string                `json:"events"`
	Sources       []string                `json:"sources"`
	ConfirmedBy   []provider.Confirmation `json:"confirmed_by"`
	Vectors       int                     `json:"vectors"` // known answers that the recipe is held against
	Proven        []string                `json:"proven"`  // families of test cases that apply
	NotProven     []unprovenFamily        `json:"not_proven"`
	NegativeOnly  bool                    `json:"negative_only"` // valid events cannot be made
	Configuration string                  `json:"configuration"` // the part of prelaunch.yaml that it needs, as YAML
	reference     string                  // by which the command line and a configuration name it
}

// unprovenFamily is a family of test cases that does not apply, and why.
type unprovenFamily struct {
	Family  string `json:"family"`
	Because string `json:"because"`
}

func (a *app) providersCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "providers [NAME|FILE]", Short: "List the webhook providers, or describe one: its scheme, its sources and what can be proven", Args: cobra.MaximumNArgs(1),
		Long: `List the built-in profiles of webhook providers. With NAME, or the FILE of a profile of your own: how the provider signs,
what confirms that, what an audit can prove about a receiver of its webhooks and what not, and the configuration that it needs.`,
		Example: `  prelaunch providers
  prelaunch providers stripe
  prelaunch providers ./acme.yaml`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return provider.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listProviders(format)
			}
			profile, err := profileNamed(args[0])
			if err != nil {
				return err
			}
			described, err := describeProvider(profile, args[0])
			if err != nil {
				return err
			}
			if format == asJSON {
				return a.printJSON(described)
			}
			return a.print(described.page(a.columns()))
		},
	}
	listingFlag(cmd, &format)
	return cmd
}

// profileNamed is a built-in profile, or one in a file that the command line names.
func profileNamed(name string) (*provider.Profile, error) {
	if !isPath(name) {
		profile, err := provider.ByName(name)
		if err != nil {
			hint := "`prelaunch providers` lists them"
			if near := shape.Nearest(name, provider.Names()); near != "" {
				hint = fmt.Sprintf("did you mean %s? %s", near, hint)
			}
			return nil, fmt.Errorf("there is no provider %.40q: %s, and a profile of your own is named by its path", name, hint)
		}
		return &profile, nil
	}
	text, err := readBounded(name, provider.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	return provider.ParseOwn(name, text)
}

// readBounded reads a regular file that the command line names.
func readBounded(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", filepath.Base(name))
	case info.Size() > limit:
		return nil, fmt.Errorf("%s is larger than %d KiB", filepath.Base(name), limit>>10)
	}
	return os.ReadFile(name)
}

func listed(profile *provider.Profile) listedProvider {
	signed := profile.AllWords()["signed"]
	if signed == "" {
		signed = nothingSigned
	}
	return listedProvider{Name: profile.Name, Title: profile.Title, Grade: profile.Grade, Scheme: profile.Signature.Title(), Signed: signed, Placement: profile.Signature.Placement()}
}

// nothingSigned stands for what a secret token signs.
const nothingSigned = "nothing"

// scheme is the scheme and what it signs.
func (l listedProvider) scheme() string {
	if l.Signed == nothingSigned {
		return l.Scheme
	}
	return l.Scheme + " of the " + l.Signed
}

func (a *app) listProviders(format string) error {
	list := []listedProvider{}
	for _, name := range provider.Names() {
		profile, err := provider.ByName(name)
		if err != nil {
			return err
		}
		list = append(list, listed(&profile))
	}
	if format == asJSON {
		return a.printJSON(list)
	}
	rows := [][]string{{"name", "title", "grade", "scheme"}}
	for _, one := range list {
		rows = append(rows, []string{one.Name, one.Title, one.Grade, one.scheme() + ", in the " + one.Placement})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], len([]rune(text)))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			text.WriteString(cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+2))
		}
		text.WriteString(row[len(row)-1] + "\n")
	}
	text.WriteString("\n`prelaunch providers NAME` describes one; `provider: ./acme.yaml` names a profile of your own (`prelaunch schema provider`).\n")
	return a.print(text.String())
}

func describeProvider(profile *provider.Profile, reference string) (*describedProvider, error) {
	words := profile.AllWords()
	described := &describedProvider{
		listedProvider: listed(profile), Encoding: words["encoding"], Tolerance: string(profile.Signature.Timestamp.Tolerance),
		Success: words["success"], Within: string(profile.Delivery.Within), Events: profile.EventTypes(), Sources: profile.Sources,
		ConfirmedBy: append([]provider.Confirmation{}, profile.ConfirmedBy...), Vectors: len(profile.Vectors),
		Proven: []string{}, NotProven: []unprovenFamily{}, NegativeOnly: profile.Signature.NegativeOnly(),
	}
	for _, family := range provider.Families() {
		if applies, because := profile.Applies(family); applies {
			described.Proven = append(described.Proven, family)
		} else {
			described.NotProven = append(described.NotProven, unprovenFamily{family, because})
		}
	}
	starter, err := config.Starter(profile, "acme", reference)
	if err != nil {
		return nil, err
	}
	described.Configuration, described.reference = essential(string(starter)), reference
	return described, nil
}

// essential is a configuration without its comments and what it can do without.
func essential(starter string) string {
	var out strings.Builder
	for line := range strings.Lines(starter) {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "probing:") {
			continue
		}
		if strings.HasPrefix(line, "repositories:") || strings.HasPrefix(line, "provider_checks:") {
			break
		}
		line, _, _ = strings.Cut(line, " # ")
		out.WriteString(strings.TrimRight(line, "\n") + "\n")
	}
	return out.String()
}

// page describes a provider to a person.
func (d *describedProvider) page(width int) string {
	if width == 0 || width > 100 {
		width = 100
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s (%s)\n\n", d.Name, d.Title, d.Grade)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&text, "  %-12s %s\n", name, value)
		}
	}
	signature := d.scheme()
	if d.Signed != nothingSigned {
		signature += ", in " + d.Encoding
	}
	row("signature", signature)
	row("found in", d.Placement)
	row("tolerance", d.Tolerance)
	row("success", d.Success)
	row("deadline", d.Within)
	row("events", strings.Join(d.Events, ", "))
	for _, confirmation := range d.ConfirmedBy {
		row("confirmed by", confirmation.Vector+confirmation.SDK+confirmation.Source)
	}
	if d.Vectors > 0 {
		row("vectors", counted(d.Vectors, "known answer"))
	}
	row("sources", strings.Join(d.Sources, "\n               "))
	paragraph := func(title, body string) {
		if body != "" {
			fmt.Fprintf(&text, "\n%s\n%s\n", title, report.Wrap(body, width, "  "))
		}
	}
	proven := "Test cases: " + strings.Join(d.Proven, ", ") + "."
	if d.NegativeOnly {
		proven += "\nOnly the provider can sign, so valid events cannot be made: forged ones are sent, and alone they fail or stay inconclusive, and never pass. " +
			"A recorded delivery (captured), which the provider's public key verifies, is sent again in full probing as the valid event, as long as it is not older " +
			"than the scheme allows. In Test the receiver may have the public key of a pair of your own, with whose private key (keypair) valid events are sent."
	}
	if d.Grade == provider.Unverified {
		proven += "\nNeither an official vector nor an SDK confirms this profile: an audit ends NOT PROVEN until a recorded delivery (captured) is verified by it."
	}
	paragraph("What can be proven", proven)
	var because []string
	for _, family := range d.NotProven {
		if i := slices.IndexFunc(because, func(line string) bool { return strings.HasSuffix(line, ": "+family.Because) }); i >= 0 {
			because[i] = strings.Replace(because[i], ": "+family.Because, ", "+family.Family+": "+family.Because, 1)
			continue
		}
		because = append(because, family.Family+": "+family.Because)
	}
	text.WriteString("\nWhat does not apply\n")
	for _, line := range because {
		text.WriteString(report.Wrap(line, width, "  ") + "\n")
	}
	fmt.Fprintf(&text, "\nConfiguration (`prelaunch init --provider %s` writes all of it)\n", d.reference)
	for line := range strings.Lines(d.Configuration) {
		text.WriteString("  " + line)
	}
	return text.String()
}
