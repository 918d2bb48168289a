package work_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// loadVariable has TestLoad measure a fleet: "DATABASE INTEGRATIONS WORKERS AUDITS", the last at once in one worker, such as
// "postgres 1000 2 16". It is run by hand, on a machine that does nothing else:
//
//	PRELAUNCH_FLEET_LOAD="sqlite 200 1 200" go test ./internal/fleet/work -run TestLoad -v
const loadVariable = "PRELAUNCH_FLEET_LOAD"

// maxReceivers bounds how many receivers there are: integrations share them, and with them their hosts.
const maxReceivers = 256

// TestLoad measures how many whole audits a fleet makes in an hour, what a worker takes of memory, and how the database grows.
func TestLoad(t *testing.T) {
	var kind string
	var integrations, workers, audits int
	if _, err := fmt.Sscan(os.Getenv(loadVariable), &kind, &integrations, &workers, &audits); err != nil {
		t.Skip(loadVariable + " says how much to measure")
	}
	address := databasetest.SQLite(t)
	if kind == "postgres" {
		address = databasetest.Postgres(t)
	}
	l := newLab(t, address, fmt.Sprintf("limits: {audits: %d, audits_per_address: 1000, audits_per_minute: 10000}\n", audits))
	profile, authority, today := provider.Must("github"), certs.New(time.Now()), time.Now()
	receivers := make([]*sandbox.Receiver, min(integrations, maxReceivers))
	for i := range receivers {
		var err error
		receivers[i], err = sandbox.Start(sandbox.Options{
			Authority: authority, Host: fmt.Sprintf("hooks-%d.acme.example", i), Path: "/hook", Profile: profile, Key: secret.New([]byte(keyOf("load"))), IntegrationID: "1",
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = receivers[i].Close() })
	}
	for i := range integrations {
		name, receiver := fmt.Sprintf("acme-%05d", i), receivers[i%len(receivers)]
		l.write(filepath.Join(l.options.Settings.SecretsOf(name, "load"), "sandbox"), keyOf("load"))
		l.write(filepath.Join(l.dir, "load", name, "ca.pem"), string(authority.CAPEM()))
		l.write(filepath.Join(l.dir, "load", name, "prelaunch.yaml"), fmt.Sprintf(`version: 1
integration: %s
provider: github
environments:
  sandbox: {webhook_url: "%s", secret: {file: %s/sandbox}}
repositories: []
clients: []
logs: []
network: {ca_file: ca.pem, provider_trusts_ca: true, max_requests_per_second: 1000, resolve: {"%s": [%s]}}
`, name, receiver.URL(), l.options.Settings.SecretsOf(name, "load"), net.JoinHostPort(receiver.Options.Host, "443"), strings.Join(quoted(receiver.Addresses()), ", ")))
	}
	timing := quick
	timing.Beat, timing.Dead, timing.Reload, timing.Busy = time.Second, time.Minute, time.Hour, 2*time.Second
	processes := make([]*worker, workers)
	begun := time.Now()
	for i := range processes {
		processes[i] = l.startWorker(address, -1, timing)
	}
	most := 0
	for done := 0; done < integrations; done = l.done() {
		time.Sleep(200 * time.Millisecond)
		running, err := l.db.RunningRuns(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(running))
	}
	took := time.Since(begun)
	statuses := map[string]int{}
	list, err := l.db.List(t.Context(), database.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		statuses[i.Status]++
	}
	t.Logf("%d integrations of %s, %d workers with %d audits at once: %v from the start, %.0f audits an hour, at most %d at once (day %s)",
		integrations, kind, workers, audits, took.Round(time.Second), float64(integrations)/took.Hours(), most, today.Format(time.DateOnly))
	for i, process := range processes {
		t.Logf("worker %d took at most %s of memory", i, peak(process.cmd.Process.Pid))
	}
	t.Logf("statuses %v", statuses)
	if path, isFile := strings.CutPrefix(address, "sqlite:"); isFile {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the database has %d kB, %d for each audit", info.Size()>>10, info.Size()>>10/int64(integrations))
	}
}

func quoted(texts []string) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = fmt.Sprintf("%q", text)
	}
	return list
}

// peak is the most memory that a process had, as the kernel counts it.
func peak(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "an unknown amount"
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown amount"
}
