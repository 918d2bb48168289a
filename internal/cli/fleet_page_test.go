package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/fleet"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/notice"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/web"
)

// TestGeneratedFleet holds the page of the fleet to the server's own help, settings and OpenAPI document.
func TestGeneratedFleet(t *testing.T) {
	t.Parallel()
	var commands strings.Builder
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}} {
		var help strings.Builder
		if code := fleet.Main(t.Context(), args, fleet.Streams{Out: &help, Err: &help, LookupEnv: func(string) (string, bool) { return "", false }}); code != 0 {
			t.Fatalf("exit %d: %s", code, help.String())
		}
		fmt.Fprintf(&commands, "```\n%s```\n", help.String())
	}
	generated(t, "fleet.md", "commands", commands.String())

	var table strings.Builder
	table.WriteString("| setting | | value | what it says |\n| --- | --- | --- | --- |\n")
	describeSettings(&table, map[string]string{}, "", settings.Shape(web.Field(), notice.Field()).Schema("Settings of prelaunch-server"))
	generated(t, "fleet.md", "settings", table.String())

	var events strings.Builder
	events.WriteString("| event | what it says | by default |\n| --- | --- | --- |\n")
	for _, one := range notice.Events() {
		var to []string
		for name, is := range map[string]bool{"people": one.People, "tickets": one.Tickets} {
			if is {
				to = append(to, name)
			}
		}
		slices.Sort(to)
		fmt.Fprintf(&events, "| `%s` | %s | %s |\n", one.Kind, one.Means, strings.Join(to, ", "))
	}
	generated(t, "fleet.md", "events", events.String())

	var metrics strings.Builder
	metrics.WriteString("| metric | labels | what it says |\n| --- | --- | --- |\n")
	for _, one := range web.Metrics {
		fmt.Fprintf(&metrics, "| `%s` | %s | %s |\n", one.Name, strings.Join(one.Labels, ", "), one.Help)
	}
	generated(t, "fleet.md", "metrics", metrics.String())

	pages, err := web.New(web.Options{DB: databasetest.Open(t, databasetest.SQLite(t)), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	response := httptest.NewRecorder()
	pages.ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/api/v1/openapi.json", nil))
	var document struct {
		Paths map[string]map[string]struct{ Summary, Description string }
	}
	if err := json.Unmarshal(response.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	var api strings.Builder
	api.WriteString("| request | | role |\n| --- | --- | --- |\n")
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(document.Paths[path])) {
			operation := document.Paths[path][method]
			fmt.Fprintf(&api, "| `%s %s` | %s | %s |\n", strings.ToUpper(method), path, cell(operation.Summary), strings.TrimPrefix(operation.Description, "Role: "))
		}
	}
	generated(t, "fleet.md", "api", api.String())
}
