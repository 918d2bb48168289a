package database_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
)

func TestLogins(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx, now := t.Context(), db.Now()
		current := database.Session{Hash: "a", Login: "ann", Via: "basic", Groups: []string{"security"}, Created: now, Expires: now.Add(time.Hour)}
		expired := database.Session{Hash: "b", Login: "bob", Via: "basic", Groups: []string{}, Created: now, Expires: now.Add(-time.Hour)}
		for _, s := range []database.Session{expired, current} { // writing the second drops what has expired
			write(t, db, func(tx *database.Tx) error { return tx.PutSession(ctx, s) })
		}
		read, err := db.Session(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(current, read); diff != "" {
			t.Errorf("what is read is not what was written (-written +read):\n%s", diff)
		}
		if _, err := db.Session(ctx, "b"); !errors.Is(err, database.ErrNotFound) {
			t.Errorf("a session that has expired: %v", err)
		}
		write(t, db, func(tx *database.Tx) error { return tx.DropSession(ctx, "a") })
		if _, err := db.Session(ctx, "a"); !errors.Is(err, database.ErrNotFound) {
			t.Errorf("a session that was ended: %v", err)
		}

		token := database.Token{Name: "deploy", Hash: "c", Grants: "[]", CreatedBy: "ann", Created: now, Expires: now.Add(time.Hour)}
		for _, want := range []bool{true, false} {
			write(t, db, func(tx *database.Tx) error {
				added, err := tx.AddToken(ctx, token)
				if added != want {
					t.Errorf("added %v, expected %v", added, want)
				}
				return err
			})
		}
		kept, err := db.Token(ctx, "c")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(token, kept); diff != "" {
			t.Errorf("what is read is not what was written (-written +read):\n%s", diff)
		}
		write(t, db, func(tx *database.Tx) error { return tx.DropToken(ctx, "deploy") })
		if list, err := db.Tokens(ctx); err != nil || len(list) != 0 {
			t.Errorf("%v: after it was revoked: %v", err, list)
		}
		if err := db.Write(ctx, func(tx *database.Tx) error { return tx.DropToken(ctx, "deploy") }); !errors.Is(err, database.ErrNotFound) {
			t.Errorf("revoke it again: %v", err)
		}
	})
}

func TestChoices(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		ctx := t.Context()
		a, b, gone := integration("a", "payments"), integration("b", "loans"), integration("gone", "other")
		a.Provider, b.Provider, gone.RemovedAt, b.Status = "stripe", "begini", day, database.Ready
		write(t, db, func(tx *database.Tx) error {
			for _, i := range []database.Integration{a, b, gone} {
				if err := tx.PutIntegration(ctx, i); err != nil {
					return err
				}
			}
			return tx.PutFinding(ctx, database.Finding{ID: "f", Integration: "a", Check: "web.check", Severity: "high", State: database.StateOpen, FirstSeen: day})
		})
		for _, test := range []struct {
			teams []string
			want  database.Choices
		}{
			{nil, database.Choices{Teams: []string{"loans", "payments"}, Providers: []string{"begini", "stripe"}}},
			{[]string{"payments"}, database.Choices{Teams: []string{"payments"}, Providers: []string{"stripe"}}},
			{[]string{}, database.Choices{Teams: []string{}, Providers: []string{}}},
		} {
			choices, err := db.Choices(ctx, test.teams)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, choices); diff != "" {
				t.Errorf("of %v (-want +got):\n%s", test.teams, diff)
			}
		}
		if list, err := db.List(ctx, database.Filter{NotReady: true}); err != nil || len(list) != 1 || list[0].Name != "a" || list[0].OpenFindings != 1 {
			t.Errorf("%v: not ready are %v", err, list)
		}
		if counts, err := db.OpenSeverities(ctx); err != nil || len(counts) != 1 || counts[0] != (database.SeverityCount{Integration: "a", Severity: "high", Findings: 1}) {
			t.Errorf("%v: %v", err, counts)
		}
	})
}
