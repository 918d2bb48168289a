package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/store"
)

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
