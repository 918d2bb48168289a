package work_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime/pprof"
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
	Tells              bool   // what it does, on standard output
	Profile            string // file for a profile of the CPU; "": none
}

// up is what a worker says when it works.
const up = "started"

func TestMain(m *testing.M) {
	if text := os.Getenv(workerVariable); text != "" {
		if err := runWorker(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil { // they wait for most of the time
		panic(err)
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
	if o.Profile != "" {
		file, err := os.Create(o.Profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if o.Tells {
		log = slog.New(slog.NewJSONHandler(os.Stdout, nil))
	}
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
		DB: db, Settings: read, Library: library, LookupEnv: os.LookupEnv, Notifier: &heard{db: db}, Log: log,
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
	fmt.Println(up)
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
	return l.startWorkerWith(workerOptions{Database: address, Settings: l.file, Events: events, Timing: timing}, nil)
}

// startWorkerWith has told called with each line in which the process tells what it does.
func (l *lab) startWorkerWith(o workerOptions, told func(line string)) *worker {
	l.t.Helper()
	text, err := json.Marshal(o)
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
	works := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == up {
				works <- true
			} else if told != nil {
				told(lines.Text())
			}
		}
		works <- false
	}()
	if !<-works {
		l.t.Fatalf("a worker does not start\n%s", w.log)
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

// killsVariable has TestWorkersAreKilled go on for longer, with more integrations: "INTEGRATIONS DURATION". It is run by hand, such as
//
//	PRELAUNCH_FLEET_KILLS="500 10m" go test ./internal/fleet/work -run TestWorkersAreKilled -v -timeout 30m
const killsVariable = "PRELAUNCH_FLEET_KILLS"

// TestWorkersAreKilled kills workers while they audit, at random, and holds that no audit and no event to be purged is lost, that nothing
// is reported twice, and that what the dead had taken is free. When every integration was audited, all are asked for again.
func TestWorkersAreKilled(t *testing.T) {
	t.Parallel()
	integrations, least, duration := 40, 6, time.Duration(0)
	if text := os.Getenv(killsVariable); text != "" {
		var lasts string
		_, err := fmt.Sscan(text, &integrations, &lasts)
		if err == nil {
			duration, err = time.ParseDuration(lasts)
		}
		if err != nil {
			t.Fatalf("%s: %v", killsVariable, err)
		}
	}
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "limits: {audits: 6, audits_per_address: 100, audits_per_minute: 10000}\n")
		r := newReceivers(t, 30*time.Millisecond)
		names := l.addMany(integrations, r)
		workers := make([]*worker, 1) // SQLite is for one process
		if l.db.IsPostgres() {
			workers = make([]*worker, 3)
		}
		for i := range workers {
			workers[i] = l.startWorker(address, 4, impatient())
		}
		rounds, kills := 1, 0
		for begun := time.Now(); kills < least || time.Since(begun) < duration; kills++ {
			enough := r.received() + 1 + rand.IntN(integrations)
			l.await("audits are under way", func() bool { return r.received() >= enough || l.audited(names, rounds) })
			if kills >= least && l.audited(names, rounds) {
				rounds++
				for _, name := range names {
					if err := l.desk().AuditNow(t.Context(), "test", name, database.ReasonByHand); err != nil {
						t.Fatal(err)
					}
				}
			}
			victim := rand.IntN(len(workers))
			workers[victim].kill()
			workers[victim] = l.startWorker(address, 4, impatient())
		}
		l.await("every integration is audited", func() bool { return l.audited(names, rounds) })
		l.await("the leases of the dead are released", func() bool {
			leases, err := l.db.Leases(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(leases) == 0
		})
		l.holdsAfterFaults(names, r, rounds)
		t.Logf("%d workers killed, %d integrations audited %d times, %d events received", kills, len(names), rounds, r.received())
	})
}

// audited reports whether each integration has that many reports, and nothing is to be done.
func (l *lab) audited(names []string, rounds int) bool {
	l.t.Helper()
	list, err := l.db.List(l.t.Context(), database.Filter{})
	if err != nil {
		l.t.Fatal(err)
	}
	settled := 0
	for _, i := range list {
		if i.LastRun != "" && i.Job == 0 && i.DueReason == "" {
			settled++
		}
	}
	if settled < len(names) {
		return false
	}
	for _, name := range names {
		if l.reports(name) < rounds {
			return false
		}
	}
	running, err := l.db.RunningRuns(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return len(running) == 0
}

func (r *receivers) received() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.uids)
}

// reports is how many audits that were asked for have one: the schedule may have made others.
func (l *lab) reports(name string) int {
	l.t.Helper()
	finished := 0
	for _, run := range l.runs(name) {
		if run.State == database.Finished && run.Reason != database.ReasonSchedule {
			finished++
		}
	}
	return finished
}

// holdsAfterFaults looks at what must hold whatever happened: each integration was asked for that many times.
func (l *lab) holdsAfterFaults(names []string, r *receivers, rounds int) {
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
		for _, run := range l.runs(name) {
			switch run.State {
			case database.Finished:
				if _, err := l.db.Document(t.Context(), run.Report); err != nil {
					t.Errorf("the report of a run: %v", err)
				}
			case database.Running, database.Failed:
				t.Errorf("%s: %+v", name, run)
			}
		}
		if n := l.reports(name); n != rounds {
			t.Errorf("%s has %d reports of %d audits", name, n, rounds)
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
