package fleet

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
)

// Roles of a process.
const (
	roleAll    = "all"
	roleWorker = "worker" // it holds keys, reads configurations, audits and sends messages
)

func (a *app) serveCommand() *cobra.Command {
	var role string
	migrate := true
	cmd := &cobra.Command{
		Use: "serve", Short: "Audit the fleet until the process is told to end", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !slices.Contains([]string{roleAll, roleWorker}, role) {
				return fmt.Errorf("--role %s: the roles are all and worker", role)
			}
			ctx := cmd.Context()
			set, err := settings.Read(a.settings)
			if err != nil {
				return err
			}
			library, err := auditor.Policies(set.Policies)
			if err != nil {
				return err
			}
			db, err := a.open(ctx, !migrate)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			if migrate {
				if err := db.Migrate(ctx); err != nil {
					return err
				}
			}
			log := a.logger()
			process, err := work.New(work.Options{
				DB: db, Settings: set, Library: library, LookupEnv: a.LookupEnv, Log: log, Tool: auditor.Tool(Version), Role: role, Timing: work.DefaultTiming,
			})
			if err != nil {
				return err
			}
			if err := process.Start(ctx); err != nil {
				return err
			}
			log.Info("the fleet is audited", "worker", process.ID(), "role", role, "sources", len(set.Sources))
			<-ctx.Done()
			log.Info("the process is told to end: audits under way may go on for a while", "seconds", work.DefaultTiming.Stop.Seconds())
			return process.Stop()
		},
	}
	cmd.Flags().StringVar(&role, "role", roleAll, "all or worker")
	cmd.Flags().BoolVar(&migrate, "migrate", true, "bring the schema of the database up to this version; without it an older schema is an error")
	return cmd
}
