package lease_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/lease"
)

func TestMain(m *testing.M) { databasetest.Main(m) }

// TestTurns holds that a team with many audits of a host does not keep it from another team that names it.
func TestTurns(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		databasetest.Open(t, address)
		var passed atomic.Int64 // seconds
		db, err := database.Open(t.Context(), address, func() time.Time { return time.Date(2026, 11, 2, 6, 0, int(passed.Load()), 0, time.UTC) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		ctx, host := t.Context(), lease.Targets{Hosts: []string{lease.Host("hooks.acme.example")}}
		errBusy := errors.New("busy")
		take := func(team, run string, want bool) {
			t.Helper()
			passed.Add(1)
			target := ""
			err := db.Write(ctx, func(tx *database.Tx) (err error) {
				target, err = lease.Take(ctx, tx, lease.Claim{Run: run, Worker: "w", Team: team, Patience: time.Minute}, host, 1)
				if err == nil && target != "" {
					err = errBusy
				}
				return err
			})
			if errors.Is(err, errBusy) {
				err = db.Write(ctx, func(tx *database.Tx) error { return lease.Wait(ctx, tx, team, target) })
			}
			if err != nil || (target == "") != want {
				t.Errorf("%s of %s: busy is %q: %v", run, team, target, err)
			}
		}
		release := func(run string) {
			t.Helper()
			if err := db.Write(ctx, func(tx *database.Tx) error { return tx.ReleaseLeases(ctx, run) }); err != nil {
				t.Fatal(err)
			}
		}
		take("many", "m1", true)
		take("one", "o1", false)
		take("many", "m2", false)
		release("m1")
		take("many", "m2", false)
		take("many", "m3", false)
		take("one", "o1", true)
		take("one", "o2", false)
		release("o1")
		take("one", "o2", false)
		take("many", "m2", true)
		release("m2")
		passed.Add(61) // the other audit of the team is not coming back
		take("many", "m3", true)
		release("m3")
		take("one", "o2", true)
	})
}
