package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

func TestStarterLoads(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "acme-personal-loans", `Ümlaut: "quoted" # {{integration}}`} {
		content, err := Starter(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "prelaunch.yaml")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		integration, err := Load(path, Options{Now: func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }})
		if err != nil {
			t.Fatal(err)
		}
		want := name
		if want == "" {
			want = "my-integration"
		}
		if integration.Name != want {
			t.Errorf("name %q, want %q", integration.Name, want)
		}
		if e, _ := integration.Environment(audit.Production); e.Probing != audit.Careful || e.Key.Variable != "BEGINI_PRODUCTION_API_KEY" {
			t.Errorf("production: %+v", e)
		}
	}
	if _, err := Starter("two\nlines"); err == nil {
		t.Error("a name on two lines is taken")
	}
}
