package work_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
)

// workerVariable has the test binary run as a worker: the address of the database and the file of the settings, in JSON.
const workerVariable = "PRELAUNCH_TEST_WORKER"

// workerOptions are what a worker process is told.
type workerOptions struct {
	Database, Settings string
	Events             int // that each audit sends; negative: audits are made with every probe there is
	Timing             work.Timing
}

func TestMain(m *testing.M) {
	if text := os.Getenv(workerVariable); text != "" {
		if err := runWorker(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	databasetest.Main(m)
}

// runWorker is a worker until it is killed, or until its standard input ends with the test.
func runWorker(text string) error {
	var o workerOptions
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := database.Open(ctx, o.Database, nil)
	if err != nil {
		return err
	}
	read, err := settings.Read(o.Settings)
	if err != nil {
		return err
	}
	library, err := auditor.Policies(nil)
	if err != nil {
		return err
	}
	f, err := work.New(work.Options{
		DB: db, Settings: read, Library: library, LookupEnv: os.LookupEnv, Notifier: &heard{db: db}, Log: slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Tool: auditor.Tool("test"), Role: "worker", Timing: o.Timing,
	})
	if err != nil {
		return err
	}
	if o.Events >= 0 {
		f.UseProbes(few(o.Events))
	}
	if err := f.Start(ctx); err != nil {
		return err
	}
	fmt.Println("started")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	<-ctx.Done()
	return f.Stop()
}

// worker is such a process.
type worker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *buffer
}

// startWorker starts a process and waits until it works.
func (l *lab) startWorker(address string, events int, timing work.Timing) *worker {
	l.t.Helper()
	text, err := json.Marshal(workerOptions{address, l.file, events, timing})
	if err != nil {
		l.t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	w := &worker{cmd: exec.Command(program), log: &buffer{}}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
	w.cmd.Stderr = w.log
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		l.t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(w.kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "started" {
		l.t.Fatalf("a worker does not start: %q, %v\n%s", line, err, w.log)
	}
	return w
}

// kill ends the process at once, as kill -9 does.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // it may be dead already
	_ = w.cmd.Wait()
}

// impatient is a timing with which the dead are noticed soon.
func impatient() work.Timing {
	timing := quick
	timing.Beat, timing.Dead = 200*time.Millisecond, 5*time.Second
	return timing
}

// TestWorkersAreKilled kills workers while they audit, and holds that no audit and no event to be purged is lost, that nothing is reported
// twice, and that what the dead had taken is free.
func TestWorkersAreKilled(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "limits: {audits: 6, audits_per_address: 100}\n")
		r := newReceivers(t, 30*time.Millisecond)
		names := l.addMany(40, r)
		workers := make([]*worker, 1) // SQLite is for one process
		if l.db.IsPostgres() {
			workers = make([]*worker, 3)
		}
		for i := range workers {
			workers[i] = l.startWorker(address, 4, impatient())
		}
		for kills := range 6 {
			before := r.received()
			l.await("audits are under way", func() bool { return r.received() >= before+5 || l.done() == len(names) })
			victim := kills % len(workers)
			workers[victim].kill()
			workers[victim] = l.startWorker(address, 4, impatient())
		}
		l.allFinished(names)
		l.await("the leases of the dead are released", func() bool {
			leases, err := l.db.Leases(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(leases) == 0
		})
		l.holdsAfterFaults(names, r)
	})
}

func (r *receivers) received() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.uids)
}

// done is how many integrations have a report.
func (l *lab) done() int {
	l.t.Helper()
	n := 0
	list, err := l.db.List(l.t.Context(), database.Filter{})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, i := range list {
		if i.LastRun != "" {
			n++
		}
	}
	return n
}

// holdsAfterFaults looks at what must hold whatever happened.
func (l *lab) holdsAfterFaults(names []string, r *receivers) {
	t := l.t
	t.Helper()
	purge := map[string]bool{}
	for _, name := range names {
		sent, err := l.db.SentOf(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sent {
			purge[s.UID] = true
		}
		finished := 0
		for _, run := range l.runs(name) {
			switch run.State {
			case database.Finished:
				finished++
				if _, err := l.db.Document(t.Context(), run.Report); err != nil {
					t.Errorf("the report of a run: %v", err)
				}
			case database.Running, database.Failed:
				t.Errorf("%s: %+v", name, run)
			}
		}
		if finished != 1 {
			t.Errorf("%s has %d reports", name, finished)
		}
		events, err := l.db.Events(t.Context(), name, nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		opened := map[string]int{}
		for _, e := range events {
			if e.Kind == database.EventOpened {
				opened[e.Finding]++
			}
		}
		if len(opened) == 0 {
			t.Errorf("%s: no finding was opened", name)
		}
		for finding, n := range opened {
			if n != 1 {
				t.Errorf("%s: finding %s was opened %d times", name, finding, n)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.uids) == 0 {
		t.Error("the receivers received nothing")
	}
	for uid := range r.uids {
		if !purge[uid] {
			t.Errorf("the receivers have %s, and nobody knows of it", uid)
		}
	}
}
