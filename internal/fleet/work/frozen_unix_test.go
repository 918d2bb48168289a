//go:build unix

package work_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
)

// TestFrozenWorker stops a worker in the middle for so long that others take over, and holds that what it does when it goes on has no effect.
func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	address := databasetest.Postgres(t)
	l := newLab(t, address, "limits: {audits: 3, audits_per_address: 100}\n")
	r := newReceivers(t, 50*time.Millisecond)
	names := l.addMany(6, r)
	frozen := l.startWorker(address, 20, impatient())
	l.await("audits are under way", func() bool { return r.received() >= 5 })
	if err := frozen.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l.startWorker(address, 20, impatient())
	l.allFinished(names)
	if err := frozen.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	l.await("the worker gives up what it was doing", func() bool { return strings.Contains(frozen.log.String(), "it gives up what it was doing") })
	l.allFinished(names)
	l.holdsAfterFaults(names, r, 1)
}
