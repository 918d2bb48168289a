package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
	"github.com/prelaunch-audit/prelaunch/probes"
)

// request is what the reviewer still needs.
type request struct {
	Integration   string        `json:"integration"`
	Provider      string        `json:"provider"`
	FinishedAt    string        `json:"finished_at,omitempty"`  // of the report
	FactsDigest   string        `json:"facts_digest,omitempty"` // of the report
	Items         []requestItem `json:"items"`
	Configuration string        `json:"configuration"` // YAML to fill in
}

// requestItem is one thing that is needed.
type requestItem struct {
	Ask      string   `json:"ask"`
	Why      string   `json:"why"`
	From     string   `json:"from"` // fromTeam or fromReviewer
	Checks   []string `json:"checks"`
	Settings string   `json:"settings,omitempty"` // YAML
}

// Who can give what is needed.
const (
	fromTeam     = "team"
	fromReviewer = "reviewer"
)

func (a *app) requestCommand() *cobra.Command {
	var format, name string
	cmd := &cobra.Command{
		Use: "request [REPORT]", Short: "Write down what the reviewer still needs from the audited team", Args: cobra.MaximumNArgs(1),
		Long: `Write what the reviewer still needs from the audited team: a checklist and a configuration to fill in, made from what a JSON report
(- for standard input) leaves unproven. Without a report, everything that the provider's checks need. With -o markdown it is the text
of an e-mail or a ticket.

Where keys and receivers are out of the reviewer's reach, the team gathers the facts and the reviewer judges them:

  team       prelaunch probe prelaunch.yaml > facts.json      (standard error names the digest of the facts)
  reviewer   prelaunch judge facts.json -o json=report.json   (the report names the same digest as facts_digest)

The digest binds the two: the team sends it by another way than the file, and any change to the facts changes it. judge says whose
word the facts are.`,
		Example: `  prelaunch request -o markdown | mail -s "Security review" team@acme.example
  prelaunch request report.json -o markdown
  prelaunch request --provider github > checklist.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var wanted *request
			var err error
			if len(args) > 0 {
				wanted, err = a.requestOf(cmd.Context(), args[0])
			} else {
				wanted, err = a.requestAll(cmd.Context(), name)
			}
			if err != nil {
				return err
			}
			switch format {
			case asJSON:
				return a.printJSON(wanted)
			case asMarkdown:
				_, err = fmt.Fprint(a.Out, wanted.markdown())
				return err
			}
			return a.print(wanted.table(a.columns()))
		},
	}
	listingFlag(cmd, &format, asMarkdown)
	providerFlag(cmd, &name)
	return cmd
}

// requestOf is what a report leaves unproven.
func (a *app) requestOf(ctx context.Context, path string) (*request, error) {
	read, _, err := a.readReport(ctx, path)
	if err != nil {
		return nil, err
	}
	wanted := &request{
		Integration: report.Plain(read.Integration), Provider: report.Plain(read.Provider),
		FinishedAt: stamp(read.FinishedAt), FactsDigest: report.Plain(read.FactsDigest),
	}
	return wanted, wanted.add(read, a.options(report.Options{}))
}

// requestAll is what the checks of a provider need of a new integration: what they say where nothing is known.
func (a *app) requestAll(ctx context.Context, name string) (*request, error) {
	profile, err := profileNamed(name)
	if err != nil {
		return nil, err
	}
	facts := auditor.ProfileFacts(*profile)
	unseen := audit.Integration{
		Name: "my-integration", Provider: profile.Name, ProviderProfile: profile.Source, EventTypes: profile.EventTypes(), Declared: []string{}, RetiredKeys: []audit.RetiredKey{},
		Repositories: []audit.Repository{}, Workloads: []audit.Workload{}, Clients: []audit.Client{}, Logs: []audit.LogSource{},
		Access: audit.Access{AllowedDomains: []string{}}, Attestations: []audit.Attestation{}, Waivers: []audit.Waiver{},
		Network: audit.NetworkOptions{RequestsPerSec: map[string]float64{}},
	}
	for _, environment := range []string{audit.Test, audit.Production} { // what the first item asks for is not asked for again
		url := "https://" + environment + ".acme.example/"
		unseen.Environments = append(unseen.Environments, audit.Environment{
			Name: environment, IntegrationID: environment, WebhookURL: url, Probing: audit.Careful, Receiver: audit.Inline,
			Redirects: audit.Redirects{Completion: url, Cancellation: url, Expiry: url},
		})
	}
	document := &audit.Document{
		Schema: audit.FactsSchema, Tool: tool(), Integration: unseen, Profile: facts, FinishedAt: a.now().UTC(), Facts: map[string][]json.RawMessage{},
	}
	for _, probe := range probes.All() {
		for _, kind := range probe.Kinds() {
			document.Facts[kind.Name] = []json.RawMessage{}
		}
	}
	library, err := auditor.Policies(nil)
	if err != nil {
		return nil, err
	}
	library = library.For(facts)
	selection, err := library.Select(nil, nil)
	if err != nil {
		return nil, err
	}
	judge, err := compile(library, ctx, selection)
	if err != nil {
		return nil, err
	}
	judged, err := auditor.Judge(ctx, document, library, selection, judge, "")
	if err != nil {
		return nil, err
	}
	wanted := &request{Integration: unseen.Name, Provider: profile.Name, Items: firstItems(profile)}
	if err := wanted.add(judged, report.Options{}); err != nil {
		return nil, err
	}
	wanted.Items = slices.DeleteFunc(wanted.Items, func(item requestItem) bool { return item.Settings == "" }) // nothing was probed, which is no news
	return wanted, nil
}

// firstItems ask for what every configuration has, and for what checks only ask for once something was probed.
func firstItems(profile *provider.Profile) []requestItem {
	word := "PRELAUNCH"
	if len(profile.Secret.Names) > 0 {
		word = strings.ToUpper(profile.Secret.Names[0])
	}
	asked := []string{"the URL of its webhook receiver"}
	var settings strings.Builder
	fmt.Fprintf(&settings, "version: 1\nintegration: my-integration\nprovider: %s\nenvironments:\n", profile.Name)
	if profile.Environments.HasIdentity() {
		asked = append(asked, "its "+profile.AllWords()["identity"])
	}
	if profile.Features.Redirects {
		asked = append(asked, "its redirect URLs")
	}
	for _, environment := range []string{audit.Test, audit.Production} {
		fmt.Fprintf(&settings, "  %s:\n", environment)
		if profile.Environments.HasIdentity() {
			settings.WriteString("    integration_id: \"FILL-IN\"\n")
		}
		fmt.Fprintf(&settings, "    api_key: {env: %s_%s_API_KEY}\n    webhook_url: https://FILL-IN.example/webhook\n", word, strings.ToUpper(environment))
		if profile.Features.Redirects {
			settings.WriteString("    redirect_urls:\n")
			for _, redirect := range (audit.Redirects{}).ByName() {
				fmt.Fprintf(&settings, "      %s: https://FILL-IN.example/%[1]s\n", redirect.Name)
			}
		}
	}
	return []requestItem{{
		Ask: "For each environment, tell " + strings.Join(asked, ", ") + ", and how its key is referred to: an environment variable or a file; " +
			"never the key itself. Where the reviewer may not hold it, its fingerprint will do for most checks: {sha256: HEX, length: N}.",
		Why: "Nothing can be audited without it.", From: fromTeam, Checks: []string{}, Settings: strings.TrimSpace(settings.String()),
	}, {
		Ask: "Say who allows the audit, and where that is written down.", Why: "The report names them.", From: fromTeam, Checks: []string{},
		Settings: "authorized: {by: FILL-IN, on: FILL-IN, reference: FILL-IN}",
	}, {
		Ask: "Name the manifests that give the receiver its key.", Why: "They show where the key is kept.", From: fromTeam,
		Checks: []string{"api-key.stored-securely"}, Settings: "workloads:\n  - {path: deploy/, environment: production}",
	}, {
		Ask: "Attest that Test and Production run the same build, where they do.", Why: "Production gets no valid synthetic events: what Test shows can then count for it.",
		From: fromTeam, Checks: []string{"webhook.accepts-genuine", "webhook.verifies-raw-body", "webhook.tolerates-redelivery", "errors.logs-clean"},
		Settings: "attestations:\n  - check: " + audit.SameBuild + "\n    statement: Test and Production run the same build\n    by: FILL-IN\n    on: FILL-IN",
	}}
}

// add adds what a report leaves unproven.
func (r *request) add(judged *audit.Report, options report.Options) error {
	open, err := report.UnprovenOf(judged, options)
	if err != nil {
		return err
	}
	for _, one := range open {
		item := requestItem{Ask: one.Step, Why: one.Why, From: fromTeam, Checks: one.Checks, Settings: toFillIn(one.Settings)}
		again := strings.HasPrefix(item.Ask, "Audit ") || strings.Contains(item.Ask, "--allow-") || strings.HasPrefix(item.Ask, "Leave out ")
		if item.Settings == "" && again {
			item.From = fromReviewer
		}
		r.Items = append(r.Items, item)
	}
	if r.Items == nil {
		r.Items = []requestItem{}
	}
	var parts []string
	for _, item := range r.Items {
		if item.From == fromTeam && item.Settings != "" {
			if _, err := yamldoc.Join(item.Settings); err == nil { // a user's own policy may say anything
				parts = append(parts, item.Settings)
			}
		}
	}
	r.Configuration, err = yamldoc.Join(parts...)
	return err
}

// toFillIn are settings in which people and days are left to be filled in: what somebody attests is nobody's word before. A day that
// is not filled in is an error of the configuration.
func toFillIn(settings string) string {
	return dayOf().ReplaceAllString(strings.ReplaceAll(settings, "you@acme.example", fillIn), "${1}"+fillIn)
}

const fillIn = "FILL-IN"

var dayOf = lazy.Regexp(`(\bon: |_on: )[0-9]{4}-[0-9]{2}-[0-9]{2}`)

// of are the items that somebody can give.
func (r *request) of(who string) []requestItem {
	var items []requestItem
	for _, item := range r.Items {
		if item.From == who {
			items = append(items, item)
		}
	}
	return items
}

func (r *request) title() string {
	if r.FinishedAt == "" {
		return "What the security review of a " + r.Provider + " integration needs"
	}
	return fmt.Sprintf("What the security review of %s still needs", r.Integration)
}

func (r *request) introduction() string {
	switch n := len(r.of(fromTeam)); {
	case n == 0 && r.FinishedAt != "":
		return fmt.Sprintf("The audit of %s leaves nothing open that the team would have to give.", r.FinishedAt)
	case r.FinishedAt == "":
		return fmt.Sprintf("The review needs %s. Nothing here asks for a key: a reference to it, or its fingerprint, is enough.", counted(n, "thing"))
	default:
		return fmt.Sprintf("The audit of %s (facts %s) could not prove everything. %s would settle it. Nothing here asks for a key: a reference to it, or its fingerprint, is enough.",
			r.FinishedAt, r.FactsDigest, strings.ToUpper(counted(n, "thing")[:1])+counted(n, "thing")[1:])
	}
}

// route says how a team may keep keys and receivers to itself.
const route = "If the keys or the receivers are not to leave your hands, gather the facts yourselves and send them: `prelaunch probe prelaunch.yaml > facts.json`. " +
	"No key is in them. Standard error names their digest; send it by another way than the file. The reviewer runs `prelaunch judge facts.json`, and the report names the same digest as `facts_digest`."

func (r *request) markdown() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\n%s\n", report.MarkdownText(r.title()), report.MarkdownText(r.introduction()))
	if items := r.of(fromTeam); len(items) > 0 {
		text.WriteString("\n## Checklist\n\n")
		for _, item := range items {
			fmt.Fprintf(&text, "- [ ] %s", report.MarkdownText(sentence(item.Ask)))
			if len(item.Checks) > 0 {
				fmt.Fprintf(&text, "  \n  %s: %s", report.MarkdownText(strings.TrimSuffix(item.Why, ".")), report.MarkdownText(strings.Join(item.Checks, ", ")))
			}
			text.WriteByte('\n')
		}
	}
	if r.Configuration != "" {
		fence := "```"
		for strings.Contains(r.Configuration, fence) {
			fence += "`"
		}
		fmt.Fprintf(&text, "\n## Configuration to fill in\n\nAdd this to `prelaunch.yaml`, with your own values, and check it with `prelaunch validate`.\n\n%syaml\n%s%s\n",
			fence, plainLines(r.Configuration), fence)
	}
	return text.String() + "\n## Without sharing keys\n\n" + route + "\n"
}

func (r *request) table(width int) string {
	if width == 0 || width > 100 {
		width = 100
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\n%s\n", r.title(), report.Wrap(r.introduction(), width, ""))
	for _, list := range []struct{ who, title string }{{fromTeam, "From the team"}, {fromReviewer, "From the reviewer"}} {
		items := r.of(list.who)
		if len(items) == 0 {
			continue
		}
		fmt.Fprintf(&text, "\n%s\n", list.title)
		for i, item := range items {
			lead := fmt.Sprintf("  %d. ", i+1)
			lines := report.Wrap(sentence(item.Ask), width, strings.Repeat(" ", len(lead)))
			text.WriteString(lead + strings.TrimLeft(lines, " ") + "\n")
			if len(item.Checks) > 0 {
				text.WriteString(report.Wrap("For "+strings.Join(item.Checks, ", ")+".", width, strings.Repeat(" ", len(lead))) + "\n")
			}
		}
	}
	if r.Configuration != "" {
		text.WriteString("\nConfiguration to fill in\n")
		for line := range strings.Lines(r.Configuration) {
			text.WriteString("  " + line)
		}
	}
	fmt.Fprintf(&text, "\n%s\n", report.Wrap(strings.ReplaceAll(route, "`", ""), width, ""))
	return text.String()
}

// sentence ends a text like one.
func sentence(text string) string {
	text = strings.TrimRight(strings.TrimSpace(text), ":")
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}
