package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/notice"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/web"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
)

// Roles of a process.
const (
	roleAll    = "all"
	roleWeb    = "web"    // it serves pages and API, and holds no key
	roleWorker = "worker" // it holds keys, reads configurations, audits and sends messages
)

var roles = []string{roleAll, roleWeb, roleWorker}

// defaultListen is this machine only, which needs no login.
const defaultListen = "127.0.0.1:8080"

// Bounds of the pages' server.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	drainTimeout  = 10 * time.Second // in which requests under way may come to their end
)

func (a *app) serveCommand() *cobra.Command {
	var role, listen string
	migrate := true
	cmd := &cobra.Command{
		Use: "serve", Short: "Audit the fleet and serve its pages until the process is stopped", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), role, listen, migrate) },
	}
	cmd.Flags().StringVar(&role, "role", roleAll, strings.Join(roles[:len(roles)-1], ", ")+" or "+roles[len(roles)-1])
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "address of the pages; any but loopback needs a login in the settings")
	cmd.Flags().BoolVar(&migrate, "migrate", true, "bring the schema of the database up to this version; without it an older schema is an error")
	return cmd
}

func (a *app) serve(ctx context.Context, role, listen string, migrate bool) (err error) {
	if !slices.Contains(roles, role) {
		return fmt.Errorf("--role %s: the roles are %s", role, strings.Join(roles, ", "))
	}
	set, err := settings.Read(a.settings, web.Field(), notice.Field())
	if err != nil {
		return err
	}
	library, err := auditor.Policies(set.Policies)
	if err != nil {
		return err
	}
	log := a.logger()
	pages := web.Options{Version: auditor.Tool(Version).Version, PolicyDigest: library.Digest(), Log: log}
	if role != roleWorker {
		if err := web.From(set.Field("web"), a.LookupEnv, &pages); err != nil {
			return err
		}
		if err := pages.Login.Check(listen); err != nil {
			return err
		}
	}
	notices := notice.Options{Version: pages.Version, PublicURL: set.Field("web").Field("public_url").String(), Log: log}
	if role != roleWeb {
		if notices.Channels, notices.Networks, err = notice.From(set.Field("notices"), a.LookupEnv); err != nil {
			return err
		}
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
	if role != roleWorker {
		stop, err := servePages(db, listen, pages)
		if err != nil {
			return err
		}
		defer stop()
	}
	if role == roleWeb {
		<-ctx.Done()
		return nil
	}
	notices.DB = db
	return a.work(ctx, role, set, library, db, notice.New(notices), log)
}

// servePages serves pages and API until stop is called.
func servePages(db *database.DB, listen string, o web.Options) (stop func(), err error) {
	desk, err := work.NewDesk(db)
	if err != nil {
		return nil, err
	}
	o.DB, o.AuditNow, o.Reload = db, desk.AuditNow, desk.Reload
	handler, err := web.New(o)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the pages: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("the pages are no longer served", "error", err)
		}
	}()
	o.Log.Info("the pages are served", "address", listener.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			o.Log.Warn("requests were cut off", "error", err)
		}
		<-ended
	}, nil
}

func (a *app) work(ctx context.Context, role string, set *settings.Settings, library *policy.Library, db *database.DB, notifier work.Notifier, log *slog.Logger) error {
	process, err := work.New(work.Options{
		DB: db, Settings: set, Library: library, LookupEnv: a.LookupEnv, Notifier: notifier, Log: log, Tool: auditor.Tool(Version), Role: role, Timing: work.DefaultTiming,
	})
	if err != nil {
		return err
	}
	if err := process.Start(ctx); err != nil {
		return err
	}
	log.Info("the fleet is audited", "worker", process.ID(), "role", role, "sources", len(set.Sources))
	<-ctx.Done()
	log.Info("shutting down: running audits may go on for a while", "seconds", work.DefaultTiming.Stop.Seconds())
	return process.Stop()
}
