//go:build unix

package clients

import (
	"path/filepath"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
)

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	audittest.Traps(t, filepath.Join(directory, "dist"), ".js")
	write(t, directory, "dist/app.js", "k='"+productionKey+"'")
	write(t, directory, "dist/vendor.js", "k='"+productionKey+"'") // a file too large to be searched, before it, leaves it its share
	audittest.Within(t, func() {
		out := look(t, newIntegration(directory, audit.Client{Path: "dist", Environment: audit.Production}), nil)
		if hits := audittest.Of[Hit](out); len(hits) != 2 || hits[0].Path != "app.js" || hits[1].Path != "vendor.js" {
			t.Errorf("%+v", hits)
		}
		if s := audittest.Of[Status](out)[0]; len(s.Gaps) < 2 {
			t.Errorf("%+v", s)
		}
	})
}
