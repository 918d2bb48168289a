//go:build unix

package logs

import (
	"path/filepath"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
)

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "logs/*.log", Environment: audit.Production})
	audittest.Traps(t, filepath.Join(b.dir, "logs"), ".log")
	b.write("logs/app.log", "key="+productionKey+"\n")
	audittest.Within(t, func() {
		b.first()
		b.follow()
	})
	if hits := audittest.Of[Hit](b.out); len(hits) != 1 || hits[0].File != "logs/app.log" {
		t.Errorf("%+v", hits)
	}
	if s := audittest.Of[Source](b.out)[0]; len(s.Gaps) < 2 {
		t.Errorf("%+v", s)
	}
}
