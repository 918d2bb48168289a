package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/runner"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/store"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

func (a *app) revisitCommand() *cobra.Command {
	var choice choice
	var permissions permissions
	var outputs []string
	var directory string
	var maxAge, wait time.Duration
	keep := store.DefaultKeep
	cmd := &cobra.Command{
		Use: "revisit [FILE]", Short: "Audit again what has changed since the last report, and keep the reports", Args: cobra.MaximumNArgs(1),
		Long: `Audit again, made for cron, systemd timers, Kubernetes CronJobs and CI. The live probes (webhook, HTTPS, access, logs, pages at a
URL) are always repeated, as no digest can vouch for a receiver. What a digest can vouch for (repositories, bundles, manifests) is
carried over from the last report with its time, unless something has changed, --max-age has passed, or something that the last
report rests on has run out. Standard error says which. The store keeps each report with the facts behind it, in a folder of its
own; "latest" leads to the newest. Exit codes are those of audit.`,
		Example: `  prelaunch revisit --store /var/lib/prelaunch/acme /etc/prelaunch/acme.yaml
  prelaunch revisit --max-age 168h --keep 90 -o junit=report.xml`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			destinations, err := parseOutputs(outputs)
			if err != nil {
				return err
			}
			library, selection, err := choice.load()
			if err != nil {
				return err
			}
			prepared, err := a.prepare(cmd.Context(), fileArgument(args), library, selection, permissions)
			if err != nil {
				return err
			}
			waiting, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			kept, err := store.Open(waiting, directory, keep)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, kept.Close()) }()
			return a.revisit(cmd.Context(), prepared, kept, library, selection, maxAge, destinations)
		},
	}
	choice.flags(cmd)
	permissions.flags(cmd)
	outputFlag(cmd, &outputs)
	cmd.Flags().StringVar(&directory, "store", ".prelaunch", "folder of the reports")
	cmd.Flags().IntVar(&keep, "keep", keep, "how many reports are kept")
	cmd.Flags().DurationVar(&maxAge, "max-age", 24*time.Hour, "audit everything again when anything was last looked at longer ago")
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "how long to wait for another run that uses the store")
	return cmd
}

func (a *app) revisit(ctx context.Context, prepared *prepared, kept *store.Store, library *policy.Library, selection policy.Selection, maxAge time.Duration, destinations []destination) error {
	last, reasons, err := lastRun(kept, prepared.integration.Name)
	if err != nil {
		return err
	}
	if last != nil {
		digests, err := runner.Digests(ctx, prepared.integration, prepared.options)
		if err != nil {
			return fmt.Errorf("compare with the last report: %w", err)
		}
		reasons = last.whatChanged(prepared, library, selection, digests, maxAge, a.now())
		if len(reasons) == 0 {
			prepared.options.Carry, prepared.options.Carried = last.facts, vouchedFor(digests)
		}
	}
	if len(reasons) == 0 {
		fmt.Fprintf(a.Err, "Nothing that a digest vouches for has changed since %s; carried over: %s. Everything else is looked at again.\n",
			stamp(last.facts.StartedAt), listed(slices.Sorted(maps.Keys(prepared.options.Carried))))
	} else {
		fmt.Fprintf(a.Err, "Auditing everything: %s.\n", a.redactor.RedactString(strings.Join(reasons, "; ")))
	}
	document, judged, err := a.audit(ctx, prepared, library, selection)
	if err != nil {
		return err
	}
	if last != nil && len(reasons) == 0 {
		before, after := last.facts.Scope.Digests, document.Scope.Digests
		if !sameChecks(last.report, judged) { // what only one of them looked at is neither new nor gone
			before, after = inBoth(before, after), inBoth(after, before)
		}
		for _, change := range changedDigests(before, after) {
			fmt.Fprintf(a.Err, "Since the last report: %s.\n", a.redactor.RedactString(change))
		}
	}
	err = a.writeReport(judged, document, destinations, report.Options{
		Earlier: earlierReports(kept),
	})
	if !judged.CutShort { // what is kept is whole
		err = errors.Join(err, a.keep(kept, judged, document))
	}
	if err != nil {
		return err
	}
	return exitWith(verdict.ExitCode(judged))
}

func (a *app) keep(kept *store.Store, judged *audit.Report, document *audit.Document) error {
	var asReport, asFacts bytes.Buffer
	if err := report.Write(&asReport, "json", judged, report.Options{Redactor: a.redactor}); err != nil {
		return err
	}
	if err := a.writeFacts(&asFacts, document); err != nil {
		return err
	}
	_, err := kept.Add(document.FinishedAt, document.RunID, asReport.Bytes(), asFacts.Bytes())
	return err
}

// vouchedFor leaves out the probes that cannot tell cheaply whether something has changed; they look again.
func vouchedFor(digests map[string]map[string]string) map[string]map[string]string {
	vouched := map[string]map[string]string{}
	for probe, of := range digests {
		if !slices.Contains(slices.Collect(maps.Values(of)), audit.UnknownDigest) {
			vouched[probe] = of
		}
	}
	return vouched
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// run is what the store holds of the last one.
type run struct {
	facts  *audit.Document
	report *audit.Report
}

// lastRun reads the newest entry. One of another integration is an error, as the store is not for this one; one that cannot be read
// is a reason to audit everything.
func lastRun(kept *store.Store, integration string) (*run, []string, error) {
	entry, err := kept.Newest()
	if errors.Is(err, store.ErrEmpty) {
		return nil, []string{"there is no earlier report"}, nil
	}
	if err != nil {
		return nil, []string{fmt.Sprintf("the last report cannot be read: %v", err)}, nil
	}
	judged, err := report.Read(entry.Report)
	if err != nil {
		return nil, []string{fmt.Sprintf("the last report cannot be read: %v", err)}, nil
	}
	if judged.Integration != integration {
		return nil, nil, fmt.Errorf("the store holds reports of the integration %q, not of %q: name another --store", judged.Integration, integration)
	}
	facts, err := audit.DecodeDocument(entry.Facts)
	if err == nil {
		err = validateFacts(entry.Facts)
	}
	if err != nil {
		return nil, []string{fmt.Sprintf("the last report's facts cannot be used: %v", err)}, nil
	}
	raw, err := facts.Encode()
	if err != nil {
		return nil, nil, err
	}
	if audit.Digest(raw) != judged.FactsDigest {
		return nil, []string{"the facts beside the last report are not those that it was made of"}, nil
	}
	return &run{facts, judged}, nil, nil
}

// whatChanged lists why everything is to be audited again; none means that what a digest vouches for can be carried over.
func (last *run) whatChanged(prepared *prepared, library *policy.Library, selection policy.Selection, digests map[string]map[string]string, maxAge time.Duration, now time.Time) []string {
	var reasons []string
	if last.facts.ConfigDigest != prepared.integration.Digest {
		reasons = append(reasons, "the configuration has changed")
	}
	if last.report.PolicyDigest != library.Digest() {
		reasons = append(reasons, "the policies have changed")
	}
	if last.facts.Tool != prepared.options.Tool {
		reasons = append(reasons, "another version of prelaunch made the last report")
	}
	if !sameKeys(last.facts.Scope.Keys, prepared.integration) {
		reasons = append(reasons, "a key has changed")
	}
	if last.ranOutBy(now) {
		reasons = append(reasons, fmt.Sprintf("an attestation, a waiver, a review or a certificate that the last report rests on held until %s only", last.report.ValidUntil))
	}
	oldest := last.facts.StartedAt
	for _, probe := range last.facts.Probes {
		if !probe.ObservedAt.IsZero() && probe.ObservedAt.Before(oldest) {
			oldest = probe.ObservedAt
		}
		if _, carried := digests[probe.Name]; carried && probe.State != audit.ProbeComplete {
			reasons = append(reasons, fmt.Sprintf("the %s probe did not run to its end the last time", probe.Name))
		}
	}
	switch age := now.Sub(oldest); {
	case age > maxAge:
		reasons = append(reasons, fmt.Sprintf("something was last looked at on %s, longer ago than %v", stamp(oldest), maxAge))
	case age < 0:
		reasons = append(reasons, fmt.Sprintf("the last report says that it was made later than now, on %s", stamp(oldest)))
	}
	before, after := map[string]string{}, map[string]string{}
	for _, of := range vouchedFor(digests) {
		for name, digest := range of {
			after[name] = digest
			if digest, known := last.facts.Scope.Digests[name]; known {
				before[name] = digest
			}
		}
	}
	return append(reasons, changedDigests(before, after)...)
}

// ranOutBy reports whether something ran out since the last report was made. What had run out before it is judged as such already.
func (last *run) ranOutBy(now time.Time) bool {
	return verdict.Expired(last.report, now) && audit.NewDate(last.report.FinishedAt).Before(audit.NewDate(now))
}

// changedDigests says what differs between two sets of digests.
func changedDigests(before, after map[string]string) []string {
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(after)) {
		switch digest, known := before[name]; {
		case !known:
			changes = append(changes, name+" is new")
		case digest != after[name]:
			changes = append(changes, name+" has changed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, still := after[name]; !still {
			changes = append(changes, name+" is gone")
		}
	}
	return changes
}

func sameChecks(a, b *audit.Report) bool {
	return slices.EqualFunc(a.Checks, b.Checks, func(a, b audit.Check) bool { return a.ID == b.ID })
}

// inBoth are the digests whose names the others have as well.
func inBoth(digests, others map[string]string) map[string]string {
	both := map[string]string{}
	for name, digest := range digests {
		if _, has := others[name]; has {
			both[name] = digest
		}
	}
	return both
}

// sameKeys also holds where the last run did not look at the keys.
func sameKeys(before []audit.KeyScope, integration *audit.Integration) bool {
	fingerprints := map[string]bool{}
	for _, key := range before {
		fingerprints[key.Fingerprint] = true
	}
	keys := integration.Keys()
	return len(before) == 0 || len(keys) == len(before) && !slices.ContainsFunc(keys, func(key secret.Key) bool { return !fingerprints[key.Fingerprint()] })
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// earlierReports are those in the store that can be read, for the history of each check. A damaged one is told where it matters: when it
// is the last.
func earlierReports(kept *store.Store) []*audit.Report {
	names, err := kept.Names()
	if err != nil {
		return nil
	}
	var earlier []*audit.Report
	for _, name := range names {
		entry, err := kept.Read(name)
		if err != nil {
			continue
		}
		if read, err := report.Read(entry.Report); err == nil {
			earlier = append(earlier, read)
		}
	}
	return earlier
}
