package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/login"
)

// BenchmarkFleetPage writes the page of 10,000 integrations, of which every third has five open findings. The goal is 100 ms.
func BenchmarkFleetPage(b *testing.B) {
	for name, address := range map[string]func(testing.TB) string{"sqlite": databasetest.SQLite, "postgres": databasetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := databasetest.Open(b, address(b))
			err := db.Write(b.Context(), func(tx *database.Tx) error {
				for i := range 10_000 {
					at := time.UnixMilli(1_700_000_000_000 + int64(i))
					one := database.Integration{Name: fmt.Sprintf("integration-%05d", i), Team: fmt.Sprintf("team-%02d", i%40), Provider: fmt.Sprintf("provider-%d", i%7), Status: database.Ready, StatusSince: at, NextDue: at}
					if i%3 == 0 {
						one.Status = database.NotReady
					}
					if err := tx.PutIntegration(b.Context(), one); err != nil {
						return err
					}
					for j := 0; i%3 == 0 && j < 5; j++ {
						if err := tx.PutFinding(b.Context(), database.Finding{ID: fmt.Sprintf("%d-%d", i, j), Integration: one.Name, Check: fmt.Sprintf("webhook.check-%d", j), Severity: "high", State: database.StateOpen, FirstSeen: at, LastSeen: at}); err != nil {
							return err
						}
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			handler, err := New(Options{DB: db, Login: login.Config{}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			for _, path := range []string{"/", "/?status=any_not_ready&team=team-07&after=integration-05000", "/?check=webhook.check-3", "/?search=integration-09", "/metrics"} {
				b.Run(path, func(b *testing.B) {
					for b.Loop() {
						request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://127.0.0.1"+path, nil)
						recorder := httptest.NewRecorder()
						handler.ServeHTTP(recorder, request)
						if recorder.Code != http.StatusOK {
							b.Fatal(recorder.Code, recorder.Body)
						}
					}
				})
			}
		})
	}
}
