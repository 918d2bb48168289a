//go:build unix

package workloads

import (
	"path/filepath"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
)

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	audittest.Traps(t, filepath.Join(directory, "deploy"), ".yaml")
	audittest.Traps(t, filepath.Join(directory, "deploy", "beside"), ".txt")
	audittest.Within(t, func() {
		out := &audittest.Sink{}
		if err := New().Run(t.Context(), &audit.Run{Integration: integration(directory, audit.Workload{Path: "deploy"}), Sink: out}); err != nil {
			t.Error(err)
		}
		if s := audittest.Of[Status](out)[0]; s.State == "read" || len(s.Unread) == 0 {
			t.Errorf("%+v", s)
		}
	})
}
