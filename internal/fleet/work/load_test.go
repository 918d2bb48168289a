package work_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// loadVariable has TestLoad measure a fleet: "DATABASE INTEGRATIONS WORKERS AUDITS", the last at once in one worker, such as
// "postgres 1000 2 16". A DURATION after them ends the measurement before every integration was audited. It is run by hand, on a machine
// that does nothing else:
//
//	PRELAUNCH_FLEET_LOAD="sqlite 200 1 200" go test ./internal/fleet/work -run TestLoad -v
//	PRELAUNCH_FLEET_LOAD="postgres 10000 2 16 10m" go test ./internal/fleet/work -run TestLoad -v -timeout 30m
const loadVariable = "PRELAUNCH_FLEET_LOAD"

// profileVariable is a directory for a profile of each worker's CPU. Where its time goes:
//
//	go tool pprof -top -cum -focus 'crypto/tls' DIRECTORY/worker-0
const profileVariable = "PRELAUNCH_FLEET_PROFILE"

// maxReceivers bounds how many receivers there are: integrations share them, and with them their hosts.
const maxReceivers = 256

// TestLoad measures how many whole audits a fleet makes in an hour, what a worker takes of memory, and how the database grows.
func TestLoad(t *testing.T) {
	var kind string
	var integrations, workers, audits int
	var lasts string
	if n, _ := fmt.Sscan(os.Getenv(loadVariable), &kind, &integrations, &workers, &audits, &lasts); n < 4 {
		t.Skip(loadVariable + " says how much to measure")
	}
	duration, err := time.ParseDuration(cmp.Or(lasts, "24h"))
	if err != nil {
		t.Fatal(err)
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
	begun := time.Now()
	f, err := work.New(l.options) // which is not started
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := size(t, address)
	t.Logf("%d integrations were read in %v; the database has %d kB", integrations, time.Since(begun).Round(time.Millisecond), before>>10)
	process := func(wanted int) func(int, string) bool { return func(pid int, _ string) bool { return pid == wanted } }
	isPostgres := func(_ int, command string) bool { return command == "postgres" }
	idle, idlePostgres := cpuOf(t, process(os.Getpid())), cpuOf(t, isPostgres)
	steps := make(chan int, 1000) // +1 where an audit begins, -1 where it ends
	told := func(line string) {
		switch {
		case strings.Contains(line, `"msg":"an audit begins"`):
			steps <- 1
		case strings.Contains(line, `"msg":"an audit ends"`):
			steps <- -1
		}
	}
	processes := make([]*worker, workers)
	begun = time.Now()
	end := time.After(duration)
	for i := range processes {
		o := workerOptions{Database: address, Settings: l.file, Events: -1, Timing: timing, Tells: true}
		if dir := os.Getenv(profileVariable); dir != "" {
			o.Profile = filepath.Join(dir, fmt.Sprintf("worker-%d", i))
		}
		processes[i] = l.startWorkerWith(o, told)
	}
	running, most, done := 0, 0, 0
	for over := false; !over && done < integrations; {
		select {
		case step := <-steps:
			running, most, done = running+step, max(most, running+step), done+max(0, -step)
		case <-end:
			over = true
		}
	}
	took := time.Since(begun)
	t.Logf("%d audits of %d integrations of %s, %d workers with %d at once: %v from the start, %.0f an hour, at most %d at once (day %s)",
		done, integrations, kind, workers, audits, took.Round(time.Second), float64(done)/took.Hours(), most, today.Format(time.DateOnly))
	t.Logf("of %v of CPU, the receivers took %v and all Postgres there is %v", (took * time.Duration(runtime.NumCPU())).Round(time.Second),
		cpuOf(t, process(os.Getpid()))-idle, cpuOf(t, isPostgres)-idlePostgres)
	for i, w := range processes {
		t.Logf("worker %d took %v of CPU and at most %s of memory", i, cpuOf(t, process(w.cmd.Process.Pid)), peak(w.cmd.Process.Pid))
	}
	go func() {
		for range steps { // of audits that end with the workers
		}
	}()
	for _, w := range processes {
		_ = w.stdin.Close() // it stops, and writes its profile
		_ = w.cmd.Wait()
	}
	statuses := map[string]int{}
	list, err := l.db.List(t.Context(), database.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		statuses[i.Status]++
	}
	t.Logf("statuses %v", statuses)
	audited := integrations - statuses[database.Unknown]
	grown := size(t, address) - before
	each := grown / int64(max(1, audited))
	t.Logf("the database grew by %d kB: %d for each first audit, %d MB a day for one audit of each an hour", grown>>10, each>>10, each*24*int64(integrations)>>20)
}

// size is how large a database is, without what is still to be written elsewhere or could be freed.
func size(t *testing.T, address string) (bytes int64) {
	t.Helper()
	driver, source := "pgx", address
	queries := []string{"CHECKPOINT", "VACUUM", "SELECT pg_database_size(current_database())"}
	if path, isFile := strings.CutPrefix(address, "sqlite:"); isFile {
		driver, source = "sqlite", path
		queries = []string{"PRAGMA wal_checkpoint(TRUNCATE)", "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"}
	}
	pool, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	last := len(queries) - 1
	for _, query := range queries[:last] {
		if _, err := pool.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	if err := pool.QueryRowContext(t.Context(), queries[last]).Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}

// cpuOf is how much time of the processors the processes have taken that are meant, with children that have ended.
func cpuOf(t *testing.T, meant func(pid int, command string) bool) time.Duration {
	t.Helper()
	const tick = 10 * time.Millisecond // of Linux, whatever the machine
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		before, after, _ := strings.Cut(string(text), ") ")
		id, command, _ := strings.Cut(before, " (")
		fields := strings.Fields(after)
		if pid, err := strconv.Atoi(id); err != nil || !meant(pid, command) || len(fields) < 15 {
			continue
		}
		for _, field := range fields[11:15] { // in user and in kernel mode, its own and of children
			ticks, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			took += time.Duration(ticks) * tick
		}
	}
	return took.Round(time.Second)
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
