// Package fleet is the server: it joins the parts of a fleet, and holds its commands.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// Version is set by the linker for a release (-ldflags "-X …/internal/fleet.Version=1.2.3"); otherwise the module's own version is shown.
var Version string

// Streams are what the server gets from outside.
type Streams struct {
	Out, Err  io.Writer
	LookupEnv func(name string) (value string, set bool)
}

// Defaults of the flags.
const (
	defaultDatabase = "sqlite:/var/lib/prelaunch/fleet.db"
	defaultSettings = "/etc/prelaunch/fleet.yaml"
)

// app is one call of the program.
type app struct {
	Streams
	database, settings string
}

// Main runs the program and returns its exit status: 0, or 2 where it could not do what it was asked to.
func Main(ctx context.Context, args []string, streams Streams) int {
	a := &app{Streams: streams}
	root := &cobra.Command{
		Use: "prelaunch-server", Short: "Audit a fleet of webhook integrations on a schedule and after every change",
		Version: auditor.Tool(Version).Version, SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
	}
	root.SetArgs(args)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 80 "))
	root.PersistentFlags().StringVar(&a.database, "database", a.or("PRELAUNCH_DATABASE", defaultDatabase), "sqlite:PATH on one machine, postgres://… for many; a password is better kept in PRELAUNCH_DATABASE")
	root.PersistentFlags().StringVar(&a.settings, "settings", a.or("PRELAUNCH_SETTINGS", defaultSettings), "the fleet's settings")
	root.PersistentFlags().Lookup("database").DefValue = defaultDatabase // help does not repeat a password
	root.AddCommand(a.serveCommand(), a.migrateCommand(), a.listCommand(), a.auditCommand(), a.pauseCommand("pause", true), a.pauseCommand("resume", false), a.forgetCommand(), a.reloadCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(streams.Err, "prelaunch-server: %v\n", err)
		return 2
	}
	return 0
}

func (a *app) or(variable, otherwise string) string {
	if value, set := a.LookupEnv(variable); set && value != "" {
		return value
	}
	return otherwise
}

// open opens the database; ready says that its schema has to be there.
func (a *app) open(ctx context.Context, ready bool) (*database.DB, error) {
	db, err := database.Open(ctx, a.database, nil)
	if err != nil {
		return nil, err
	}
	if ready {
		if err := db.CheckSchema(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// with runs do with the database.
func (a *app) with(ctx context.Context, do func(db *database.DB) error) error {
	db, err := a.open(ctx, true)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

// actor is who calls the program, for the audit log.
func actor() string {
	if who, err := user.Current(); err == nil {
		return who.Username + " (command line)"
	}
	return "unknown (command line)"
}

func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the schema of the database up to this version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := a.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			return errors.Join(db.Migrate(cmd.Context()), db.Close())
		},
	}
}

func (a *app) listCommand() *cobra.Command {
	var filter database.Filter
	cmd := &cobra.Command{
		Use: "list", Short: "List the integrations with their status", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if filter.Status != "" && !slices.Contains(database.Statuses, filter.Status) {
				return fmt.Errorf("--status %q: the statuses are %s", filter.Status, strings.Join(database.Statuses, ", "))
			}
			return a.with(cmd.Context(), func(db *database.DB) error {
				list, err := db.List(cmd.Context(), filter)
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "INTEGRATION\tTEAM\tSTATUS\tSINCE\tFINDINGS\tNEXT\tNOTE")
				for _, i := range list {
					note, more, several := strings.Cut(i.Problem, "\n") // a line for each integration
					if several {
						note += fmt.Sprintf(" (and %d more)", 1+strings.Count(more, "\n"))
					}
					if i.Paused {
						note = "paused"
					}
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", i.Name, i.Team, i.Status, day(i.StatusSince), i.OpenFindings, day(i.NextDue), report.Plain(note))
				}
				return table.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&filter.Team, "team", "", "those of a team")
	cmd.Flags().StringVar(&filter.Status, "status", "", "those of a status: "+strings.Join(database.Statuses, ", "))
	return cmd
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02 15:04")
}

func (a *app) auditCommand() *cobra.Command {
	return &cobra.Command{
		Use: "audit INTEGRATION", Short: "Have an integration audited now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDesk(cmd.Context(), func(desk *work.Desk) error {
				return desk.AuditNow(cmd.Context(), actor(), args[0], database.ReasonByHand)
			})
		},
	}
}

func (a *app) withDesk(ctx context.Context, do func(desk *work.Desk) error) error {
	return a.with(ctx, func(db *database.DB) error {
		desk, err := work.NewDesk(db)
		if err != nil {
			return err
		}
		return do(desk)
	})
}

func (a *app) pauseCommand(name string, paused bool) *cobra.Command {
	short := map[bool]string{true: "Do not audit an integration until it is resumed", false: "Audit an integration again"}[paused]
	return &cobra.Command{
		Use: name + " INTEGRATION", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(db *database.DB) error {
				return db.Write(cmd.Context(), func(tx *database.Tx) error {
					return errors.Join(tx.SetPaused(cmd.Context(), args[0], paused), tx.Log(cmd.Context(), actor(), name, args[0], ""))
				})
			})
		},
	}
}

func (a *app) forgetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "forget INTEGRATION", Short: "Remove an integration with its history, and free its name", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDesk(cmd.Context(), func(desk *work.Desk) error { return desk.Forget(cmd.Context(), actor(), args[0]) })
		},
	}
}

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Read the configurations now", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withDesk(cmd.Context(), func(desk *work.Desk) error { return desk.Reload(cmd.Context(), actor()) })
		},
	}
}

// logger writes structured lines to standard error.
func (a *app) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(a.Err, nil)) }
