package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/store"
)

// Bounds of what is read back of a store, so that an audit takes as long however many reports are kept.
const (
	maxDoubtful = 20 // entries that cannot be relied on, before a sound one is found
	maxHistory  = 30 // reports in the history of a page
	maxChanges  = 20 // lines about what changed
)

func (a *app) revisitCommand() *cobra.Command {
	var choice choice
	var permissions permissions
	var outputs []string
	var place storeFlags
	keep := store.DefaultKeep
	cmd := &cobra.Command{
		Use: "revisit [FILE]", Short: "Audit again, say what changed since the last report, and keep the reports", Args: cobra.MaximumNArgs(1),
		Long: `Audit again, made for cron, systemd timers, Kubernetes CronJobs and CI. Everything is audited every time. The store keeps each
report with the facts behind it in a directory of its own; "latest" leads to the newest. It decides no verdict, with one exception:
a key that was found exposed stays exposed for as long as it is in use, also once it was removed from where it was found.
Standard error says what changed since the last report. Entries are authenticated, and one that was changed is named and not
compared with. Exit codes are those of audit.`,
		Example: `  prelaunch revisit --store /var/lib/prelaunch/acme /etc/prelaunch/acme.yaml
  prelaunch revisit --keep 90 -o junit=report.xml --store-key env:PRELAUNCH_STORE_KEY`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			destinations, err := parseOutputs(outputs)
			if err != nil {
				return err
			}
			prepared, err := a.prepareFor(cmd, args, &choice, permissions)
			if err != nil {
				return err
			}
			kept, err := a.openStore(cmd.Context(), place, keep)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, kept.Close()) }()
			return a.revisit(cmd.Context(), prepared, kept, destinations)
		},
	}
	choice.flags(cmd)
	permissions.flags(cmd)
	a.judgedFlags(cmd, &outputs)
	place.flags(cmd, ".prelaunch")
	cmd.Flags().IntVar(&keep, "keep", keep, "how many reports are kept")
	return cmd
}

func (a *app) revisit(ctx context.Context, prepared *prepared, kept *store.Store, destinations []destination) error {
	last, exposures, err := a.lastEntry(kept, prepared.integration.Name)
	if err != nil {
		return err
	}
	var inUse []string
	for _, key := range prepared.integration.Keys() {
		inUse = append(inUse, key.Fingerprint())
	}
	prepared.options.Exposures = history.MergeExposures(exposures, inUse...)
	document, judged, err := a.audit(ctx, prepared)
	if err != nil {
		return err
	}
	if last != nil {
		if err := a.sayChanges(last.report, judged); err != nil {
			return err
		}
	}
	options := report.Options{}
	if slices.ContainsFunc(destinations, func(d destination) bool { return d.format == "html" }) {
		options.Earlier = earlierReports(kept, prepared.integration.Name)
	}
	err = a.writeReport(judged, document, destinations, options)
	if !judged.CutShort { // what is kept is whole
		err = errors.Join(err, a.keep(kept, last, judged, document))
	}
	if err != nil {
		return err
	}
	return a.failOn.exit(judged)
}

// keptRun is a sound entry of the store.
type keptRun struct {
	name   string
	report *audit.Report
	before *history.State // of the tickets, before the report
}

// soundEntry reads an entry. Doubt says why it cannot be relied on.
func soundEntry(kept *store.Store, name string) (run *keptRun, facts []byte, doubt string) {
	entry, err := kept.Read(name)
	if err != nil {
		return nil, entry.Facts, fmt.Sprintf("cannot be read: %v", err)
	}
	if entry.Doubt != "" {
		return nil, entry.Facts, entry.Doubt
	}
	judged, err := report.Read(entry.Report)
	if err != nil {
		return nil, entry.Facts, fmt.Sprintf("cannot be read: %v", err)
	}
	before := &history.State{}
	if entry.Tickets != nil { // an earlier version kept none: what was open is not known
		if before, err = history.DecodeState(entry.Tickets); err != nil {
			return nil, entry.Facts, fmt.Sprintf("cannot be read: %v", err)
		}
	}
	return &keptRun{name, judged, before}, entry.Facts, ""
}

// lastEntry is the newest entry that can be relied on, nil without one, and what the store remembers of exposures. Entries that cannot
// be relied on are named; exposures in them count. An entry of another integration is an error: the store is not for this one.
func (a *app) lastEntry(kept *store.Store, integration string) (*keptRun, []audit.Exposure, error) {
	names, err := kept.Names()
	if err != nil {
		return nil, nil, err
	}
	var exposures []audit.Exposure
	for i, name := range slices.Backward(names) {
		run, facts, doubt := soundEntry(kept, name)
		exposures = append(exposures, history.Exposures(facts)...)
		if doubt == "" {
			if run.report.Integration != integration {
				return nil, nil, fmt.Errorf("the store holds reports of the integration %q, not of %q: name another --store", run.report.Integration, integration)
			}
			return run, exposures, nil
		}
		a.notice("The kept report %s %s. It is not compared with; keys that it says were exposed count.", name, a.redactor.RedactString(report.Plain(doubt)))
		if len(names)-i == maxDoubtful {
			a.notice("%d kept reports in a row cannot be relied on; older ones are not read.", maxDoubtful)
			return nil, exposures, nil
		}
	}
	a.notice("There is no earlier report to compare with.")
	return nil, exposures, nil
}

// sayChanges says on standard error what a report changes.
func (a *app) sayChanges(last, judged *audit.Report) error {
	difference, err := history.Compare(last, judged, history.DiffOptions{AnyOrder: true})
	if err != nil {
		return fmt.Errorf("compare with the last report: %w", err)
	}
	lines := difference.Summary()
	since := "Since the last report, of " + stamp(last.FinishedAt)
	if judged.FinishedAt.Before(last.FinishedAt) {
		since += " (later than now: was the clock set back?)"
	}
	if len(lines) == 0 {
		lines = []string{"nothing changed"}
	}
	for _, line := range lines[:min(len(lines), maxChanges)] {
		a.notice("%s: %s.", since, a.redactor.RedactString(line))
	}
	if more := len(lines) - maxChanges; more > 0 {
		a.notice("%s: %d further changes; `prelaunch diff` lists all.", since, more)
	}
	return nil
}

func (a *app) keep(kept *store.Store, last *keptRun, judged *audit.Report, document *audit.Document) error {
	var entry store.Entry
	var asReport, asFacts bytes.Buffer
	if err := report.Write(&asReport, "json", judged, report.Options{Redactor: a.redactor}); err != nil {
		return err
	}
	if err := a.writeFacts(&asFacts, document); err != nil {
		return err
	}
	entry.Report, entry.Facts = asReport.Bytes(), asFacts.Bytes()
	state := &history.State{}
	if last != nil {
		state = last.before
		if _, err := state.Apply(last.report); err != nil {
			return err
		}
	}
	var err error
	if entry.Tickets, err = state.Encode(); err != nil {
		return err
	}
	name, err := kept.Add(document.FinishedAt, document.RunID, entry)
	if name != "" {
		err = errors.Join(err, a.rememberNewest(kept, name))
	}
	return err
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// earlierReports are the newest in the store that can be relied on, for the history of each check.
func earlierReports(kept *store.Store, integration string) []*audit.Report {
	names, err := kept.Names()
	if err != nil {
		return nil
	}
	var earlier []*audit.Report
	for _, name := range names[max(0, len(names)-maxHistory):] {
		if run, _, doubt := soundEntry(kept, name); doubt == "" && run.report.Integration == integration {
			earlier = append(earlier, run.report)
		}
	}
	return earlier
}
