package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
	"github.com/prelaunch-audit/prelaunch/internal/store"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// This file holds the commands that work on stored reports: report, diff, tickets, sign and verify. None of them probes anything.

// maxEnvelope bounds a signature file, in bytes.
const maxEnvelope = 4 << 20

func (a *app) readReport(ctx context.Context, path string) (*audit.Report, []byte, error) {
	raw, err := a.readBounded(ctx, path, report.MaxSize)
	if err != nil {
		return nil, nil, err
	}
	read, err := report.Read(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return read, raw, nil
}

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
				return difference.WriteJSON(a.Out, nil)
			}
			return difference.WriteText(a.Out, nil)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON (prelaunch.diff/v1)")
	cmd.Flags().StringArrayVar(&facts, "facts", nil, "the facts behind OLD and, given again, behind NEW: tells which facts differ")
	return cmd
}

func (a *app) ticketsCommand() *cobra.Command {
	format := history.TicketFormats[0].Name
	var options history.TicketOptions
	var names strings.Builder
	for _, f := range history.TicketFormats {
		fmt.Fprintf(&names, "\n  %-7s %s", f.Name, f.Help)
	}
	var place storeFlags
	since := ""
	cmd := &cobra.Command{
		Use: "tickets (--store DIR | OLD... NEW)", Short: "List which tickets to open, update and close, one JSON object a line",
		Long: `Print what the newest report in the store of ` + "`prelaunch revisit`" + ` changes: tickets to open, update and close. The store knows
which tickets are open, also of reports that were dropped since; it is not changed, so the same call prints the same. An importer
that missed some reports catches up with --since, the time of the last one that it saw.

Without --store, JSON reports are compared, the oldest first. One report alone opens a ticket for each of its findings. Tickets that
only reports not given opened are then not known: they are not closed.

A ticket is closed only when its scope freshly passes, never because a check was left out or is inconclusive. Findings of one cause
share a ticket.`,
		Example: `  prelaunch tickets --store /var/lib/prelaunch/acme --format github
  prelaunch tickets --store /var/lib/prelaunch/acme --since 2026-11-01T05:17:00Z
  prelaunch tickets last-week.json today.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch fromStore := place.directory != ""; {
			case fromStore && len(args) > 0:
				return errors.New("tickets are derived from the store or from reports: give --store or reports, not both")
			case !fromStore && len(args) == 0:
				return errors.New("tickets needs --store DIR, or reports")
			case !fromStore && since != "":
				return errors.New("--since needs --store")
			}
			tickets, err := a.tickets(cmd.Context(), place, since, args)
			if err != nil {
				return err
			}
			return history.WriteTickets(a.Out, format, tickets, options)
		},
	}
	place.flags(cmd, "")
	cmd.Flags().StringVar(&since, "since", "", "the time of the last report in the store whose tickets are known, such as 2026-11-01 or 2026-11-01T05:17:00Z")
	cmd.Flags().StringVar(&format, "format", format, "what is printed for each ticket:"+names.String()+"\n")
	cmd.Flags().StringVar(&options.JiraProject, "jira-project", "", "key of the project for new Jira issues")
	cmd.Flags().StringVar(&options.JiraIssueType, "jira-type", "", "type of new Jira issues (default Bug)")
	cmd.Flags().StringVar(&options.JiraTransition, "jira-transition", "", "id of the transition that closes a Jira issue")
	return cmd
}

func (a *app) tickets(ctx context.Context, place storeFlags, since string, paths []string) ([]history.Ticket, error) {
	if place.directory != "" {
		return a.storedTickets(ctx, place, since)
	}
	var reports []*audit.Report
	for _, path := range paths {
		read, _, err := a.readReport(ctx, path)
		if err != nil {
			return nil, err
		}
		reports = append(reports, read)
	}
	if len(reports) > 1 {
		a.notice("Tickets that only other reports opened are not known and not closed; `prelaunch tickets --store DIR` knows them.")
	}
	return history.Tickets(reports[:len(reports)-1], reports[len(reports)-1])
}

// storedTickets are what the newest entry of a store changes, or all entries later than since. Entries that cannot be relied on are
// named and left out.
func (a *app) storedTickets(ctx context.Context, place storeFlags, since string) ([]history.Ticket, error) {
	var known time.Time
	if since != "" {
		var err error
		if known, err = time.Parse(time.RFC3339, since); err != nil {
			if known, err = time.Parse(time.DateOnly, since); err != nil {
				return nil, fmt.Errorf("--since %s: give a time such as 2026-11-01 or 2026-11-01T05:17:00Z", since)
			}
		}
	}
	if info, err := os.Stat(place.directory); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is not the store of `prelaunch revisit`", place.directory)
	}
	kept, err := a.openStore(ctx, place, store.DefaultKeep)
	if err != nil {
		return nil, err
	}
	defer kept.Close() //nolint:errcheck // only read
	names, err := kept.Names()
	if err != nil {
		return nil, err
	}
	var later []*keptRun // the newest first
	for _, name := range slices.Backward(names) {
		run, _, doubt := soundEntry(kept, name)
		if doubt != "" {
			a.notice("The kept report %s %s. It is left out.", name, a.redactor.RedactString(report.Plain(doubt)))
			continue
		}
		if since != "" && !run.report.FinishedAt.After(known) {
			break
		}
		later = append(later, run)
		if since == "" {
			break
		}
	}
	if len(later) == 0 && since == "" {
		return nil, fmt.Errorf("the store %s holds no report that can be relied on", place.directory)
	}
	var state *history.State
	var rounds [][]history.Ticket
	for _, run := range slices.Backward(later) {
		if state == nil {
			state = run.before
		}
		tickets, err := state.Apply(run.report)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, tickets)
	}
	return history.Net(rounds...), nil
}

// materialFlags are the files that a signature covers next to the report.
type materialFlags struct{ facts, config string }

func (m *materialFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.facts, "facts", "", "the facts behind the report")
	cmd.Flags().StringVar(&m.config, "config", "", "the configuration it was made with")
}

func (a *app) materials(ctx context.Context, reportPath string, m materialFlags) (signoff.Materials, error) {
	_, raw, err := a.readReport(ctx, reportPath)
	if err != nil {
		return signoff.Materials{}, err
	}
	materials := signoff.Materials{Report: raw}
	if m.facts != "" {
		if materials.Facts, err = a.readBounded(ctx, m.facts, audit.MaxDocument); err != nil {
			return materials, err
		}
	}
	if m.config != "" {
		if materials.Config, err = a.readBounded(ctx, m.config, 1<<20); err != nil {
			return materials, err
		}
	}
	return materials, nil
}

func (a *app) signCommand() *cobra.Command {
	var files materialFlags
	var policyDirs []string
	var key, newKey, output string
	decision := signoff.Decision{}
	cmd := &cobra.Command{
		Use: "sign REPORT", Short: "Sign a reviewer's decision on a JSON report", Args: cobra.MaximumNArgs(1),
		Long: `Sign that a report was approved or rejected, by whom and with which residual risks: a DSSE envelope around an in-toto statement
that names the report, the facts, the configuration and the policies by digest. With --new-key, make a key pair instead.`,
		Example: `  prelaunch sign --new-key reviewer
  prelaunch sign report.json --facts facts.json --config prelaunch.yaml --key reviewer.pem \
    --decision approved --by jane@acme.example --risk 'gateway limit lands in January' -o report.sig.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if newKey != "" {
				return a.makeKey(newKey)
			}
			if len(args) != 1 || key == "" {
				return errors.New("sign needs the report and --key (or --new-key NAME to make one)")
			}
			private, err := signoff.ReadPrivateKey(key)
			if err != nil {
				return err
			}
			materials, err := a.materials(cmd.Context(), args[0], files)
			if err != nil {
				return err
			}
			library, err := auditor.Policies(policyDirs)
			if err != nil {
				return err
			}
			if err := strictlyAgainst(materials.Report, library); err != nil {
				return err
			}
			decision.On = a.now()
			envelope, err := signoff.Sign(private, materials, decision, nil)
			if err != nil {
				return err
			}
			if output == "-" {
				_, err = a.Out.Write(append(envelope, '\n'))
				return err
			}
			if output == "" {
				output = args[0] + ".sig.json"
				if _, err := os.Lstat(output); err == nil {
					return fmt.Errorf("%s is there already, and may hold another reviewer's decision: name another file with -o, or this one to replace it", output)
				}
			}
			if err := report.Save(output, append(envelope, '\n')); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.Out, "Wrote %s.\n", output)
			return err
		},
	}
	files.flags(cmd)
	policyFlag(cmd, &policyDirs)
	cmd.Flags().StringVar(&key, "key", "", "the ed25519 key that signs: PEM or OpenSSH, readable by you only, without passphrase")
	cmd.Flags().StringVar(&newKey, "new-key", "", "make NAME.pem and NAME.pub instead of signing")
	cmd.Flags().StringVar(&decision.Outcome, "decision", "", "approved or rejected")
	cmd.Flags().StringVar(&decision.By, "by", "", "who decided")
	cmd.Flags().StringArrayVar(&decision.ResidualRisks, "risk", nil, "a risk that remains, in words (repeatable)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "where the signature goes (default REPORT.sig.json, - for standard output)")
	return cmd
}

// makeKey writes a key pair and never over a file that is there.
func (a *app) makeKey(name string) error {
	private, public, err := signoff.GenerateKey()
	if err != nil {
		return err
	}
	for _, file := range []struct {
		path    string
		content []byte
		mode    os.FileMode
	}{{name + ".pem", private, 0o600}, {name + ".pub", public, 0o644}} {
		created, err := os.OpenFile(file.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.mode)
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		_, err = created.Write(file.content)
		if err := errors.Join(err, created.Close()); err != nil {
			return fmt.Errorf("make a key: write %s: %w", file.path, err)
		}
	}
	_, err = fmt.Fprintf(a.Out, "Wrote %s.pem (keep it to yourself) and %[1]s.pub (give it to whoever verifies).\n", name)
	return err
}

func (a *app) verifyCommand() *cobra.Command {
	var files materialFlags
	var keys, policyDirs []string
	signature := ""
	anyDecision := false
	cmd := &cobra.Command{
		Use: "verify REPORT", Short: "Verify a signed decision, and that report, facts, configuration and policies belong together", Args: cobra.ExactArgs(1),
		Long: `Verify a signed decision, and that report, facts, configuration and policies belong together. Exit code 0 says that the report was
approved and has not expired, 1 that it was rejected or has expired (unless --any-decision), 2 that the papers do not hold.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(keys) == 0 {
				return errors.New("verify needs --key: the public key of the reviewer")
			}
			if signature == "" {
				signature = args[0] + ".sig.json"
			}
			materials, err := a.materials(cmd.Context(), args[0], files)
			if err != nil {
				return err
			}
			envelope, err := a.readBounded(cmd.Context(), signature, maxEnvelope)
			if err != nil {
				return err
			}
			var public []ed25519.PublicKey
			for _, path := range keys {
				key, err := signoff.ReadPublicKey(path)
				if err != nil {
					return err
				}
				public = append(public, key)
			}
			library, err := auditor.Policies(policyDirs)
			if err != nil {
				return err
			}
			if err := strictlyAgainst(materials.Report, library); err != nil {
				return err
			}
			against, err := a.rejudge(cmd.Context(), materials.Report, library)
			if err != nil {
				return err
			}
			verified, err := signoff.Verify(envelope, public, materials, against)
			if err != nil {
				return err
			}
			if err := a.printVerification(verified); err != nil {
				return err
			}
			if rejected := verified.Statement.Predicate.Decision.Outcome != signoff.Approved; (rejected || verified.Expired != "") && !anyDecision {
				return exitWith(1)
			}
			return nil
		},
	}
	files.flags(cmd)
	cmd.Flags().StringArrayVar(&keys, "key", nil, "a reviewer's public key, PEM or OpenSSH (repeatable)")
	cmd.Flags().StringVar(&signature, "signature", "", "the signature (default REPORT.sig.json)")
	policyFlag(cmd, &policyDirs)
	cmd.Flags().BoolVar(&anyDecision, "any-decision", false, "exit 0 also for a decision that is a rejection, or about a report that has expired")
	return cmd
}

// strictlyAgainst also rejects a report of other policies than those at hand.
func strictlyAgainst(raw []byte, library *policy.Library) error {
	read, err := report.Read(raw)
	if err != nil {
		return err
	}
	caveat, err := heldAgainst(read, library)
	if err == nil && caveat != "" {
		err = fmt.Errorf("%s Take version %.40q of prelaunch and the audit's own checks (--policy), if it had any", caveat, report.Plain(read.Tool.Version))
	}
	return err
}

// rejudge lets facts be judged again by the policies at hand, with the choice of checks that the report had.
func (a *app) rejudge(ctx context.Context, raw []byte, library *policy.Library) (signoff.Against, error) {
	read, err := report.Read(raw)
	if err != nil {
		return signoff.Against{}, err
	}
	return signoff.Against{PolicyDigest: library.Digest(), Now: a.now(), Judge: func(document *audit.Document) (*audit.Report, error) {
		var only []string
		for _, check := range read.Checks {
			only = append(only, check.ID)
		}
		environment := ""
		if open := read.LeftOpen; open != nil {
			only = append(only, open.Checks...)
			for _, declared := range document.Integration.Environments {
				if !slices.Contains(open.Environments, declared.Name) {
					environment = declared.Name
				}
			}
		}
		library := library.For(document.Profile)
		selection, err := library.Select(only, nil)
		if err != nil {
			return nil, err
		}
		judge, err := library.Compile(ctx, selection)
		if err != nil {
			return nil, err
		}
		return auditor.Judge(ctx, document, library, selection, judge, environment)
	}}, nil
}

func (a *app) printVerification(v *signoff.Verification) error {
	var text strings.Builder
	decision := v.Statement.Predicate.Decision
	fmt.Fprintf(&text, "%s by %s on %s (key %s)\n", strings.ToUpper(report.Plain(decision.Outcome)), report.Plain(decision.By), stamp(decision.On), v.KeyID)
	for _, risk := range decision.ResidualRisks {
		fmt.Fprintf(&text, "  residual risk: %s\n", report.Plain(risk))
	}
	for _, sentence := range v.Checked {
		fmt.Fprintf(&text, "  shown: %s\n", sentence)
	}
	for _, sentence := range v.Unchecked {
		fmt.Fprintf(&text, "  not shown: %s\n", sentence)
	}
	if v.Expired != "" {
		fmt.Fprintf(&text, "  note: %s\n", v.Expired)
	}
	_, err := fmt.Fprint(a.Out, text.String())
	return err
}
