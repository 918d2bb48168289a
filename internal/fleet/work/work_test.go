package work_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/database/databasetest"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/settings"
	"github.com/prelaunch-audit/prelaunch/internal/fleet/work"
	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// quick is the timing of tests.
var quick = work.Timing{
	Beat: 200 * time.Millisecond, Dead: 20 * time.Second, Sweep: time.Second, Reload: time.Second, Check: time.Second, Retain: time.Minute, Messages: time.Second, Poll: 50 * time.Millisecond,
	Busy: 100 * time.Millisecond, Stop: 10 * time.Second, Patience: 30 * time.Second,
}

// lab is a fleet with its source of configurations.
type lab struct {
	t       *testing.T
	dir     string // the source
	file    string // fleet.yaml
	address string // of the database
	db      *database.DB
	env     map[string]string
	options work.Options
	heard   *heard
	log     *buffer
}

// newLab makes the settings of a fleet whose receivers are on this machine. more is added to them.
func newLab(t *testing.T, address, more string) *lab {
	t.Helper()
	l := &lab{t: t, address: address, dir: t.TempDir(), env: map[string]string{"PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME")}, heard: &heard{}, log: &buffer{}}
	l.file = filepath.Join(t.TempDir(), "fleet.yaml")
	l.write(l.file, fmt.Sprintf("version: 1\nsources: [{name: own, directory: %s}]\nsecrets: %s/{team}/{integration}\nallow: [{networks: [127.0.0.0/8], env: [\"*_API_KEY\", \"*_KEY\"], api_hosts: [%s]}]\n%s",
		l.dir, t.TempDir(), sandbox.APIHost, more))
	l.db = databasetest.Open(t, address)
	l.heard.db = l.db
	l.options = work.Options{
		DB: l.db, LookupEnv: func(name string) (string, bool) { value, ok := l.env[name]; return value, ok }, Notifier: l.heard,
		Log: slog.New(slog.NewJSONHandler(l.log, nil)), Tool: auditor.Tool("test"), Role: "all", Timing: quick,
	}
	var err error
	if l.options.Settings, err = settings.Read(l.file); err != nil {
		t.Fatal(err)
	}
	if l.options.Library, err = auditor.Policies(nil); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) write(file, text string) {
	l.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// start starts a process of the fleet, which the test ends.
func (l *lab) start() {
	l.t.Helper()
	f, err := work.New(l.options)
	if err != nil {
		l.t.Fatal(err)
	}
	f.ShareJudges()
	l.run(f)
}

func (l *lab) run(f *work.Fleet) {
	l.t.Helper()
	if err := f.Start(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if err := f.Stop(); err != nil {
			l.t.Error(err)
		}
	})
}

// await waits until something holds, looking at the database again and again.
func (l *lab) await(what string, holds func() bool) {
	t := l.t
	t.Helper()
	const patience = 5 * time.Minute // on a machine that is busy with other tests
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			list, err := l.db.List(context.Background(), database.Filter{Removed: true})
			problems, more := l.db.SourceProblems(context.Background())
			t.Fatalf("%s: not within %v\n%+v %v %v\n%s", what, patience, list, problems, errors.Join(err, more), l.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// runs are the runs of an integration, the newest first.
func (l *lab) runs(name string) []database.Run {
	l.t.Helper()
	runs, err := l.db.Runs(l.t.Context(), name, 100)
	if err != nil {
		l.t.Fatal(err)
	}
	return runs
}

// finished waits until so many runs of an integration have come to an end, and returns them.
func (l *lab) finished(name string, n int) []database.Run {
	l.t.Helper()
	var ended []database.Run
	l.await(fmt.Sprintf("%d runs of %s", n, name), func() bool {
		ended = nil
		for _, run := range l.runs(name) {
			if run.State != database.Running {
				ended = append(ended, run)
			}
		}
		return len(ended) >= n
	})
	return ended
}

func (l *lab) integration(name string) database.Integration {
	l.t.Helper()
	i, err := l.db.Integration(l.t.Context(), name)
	if err != nil {
		l.t.Fatal(err)
	}
	return i
}

// heard is a notifier that remembers.
type heard struct {
	mu   sync.Mutex
	db   *database.DB
	list []database.Message
}

func (h *heard) Channels(database.Event) []string { return []string{"log"} }

func (h *heard) Pump(ctx context.Context) error {
	return h.db.Write(ctx, func(tx *database.Tx) error {
		due, err := tx.DueMessages(ctx, tx.Now(), tx.Now().Add(time.Minute), 1000)
		for _, m := range due {
			err = errors.Join(err, tx.MessageSent(ctx, m.ID))
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.list = append(h.list, due...)
		return err
	})
}

func (h *heard) kinds() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	kinds := map[string]int{}
	for _, m := range h.list {
		kinds[m.Event.Kind]++
	}
	return kinds
}

type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// pair starts the demo's integration below the source, in the directory of a team.
func (l *lab) pair(team string, options sandbox.PairOptions) *sandbox.Pair {
	l.t.Helper()
	options.Dir = filepath.Join(l.dir, team, "acme")
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		l.t.Fatal(err)
	}
	pair, err := sandbox.StartPair(options)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if err := pair.Close(); err != nil {
			l.t.Error(err)
		}
	})
	for _, variable := range pair.Env() {
		name, value, _ := strings.Cut(variable, "=")
		l.env[name] = value
	}
	return pair
}

// TestFleetAudits has the demo's integrations audited from their configuration to history, events and messages.
func TestFleetAudits(t *testing.T) {
	t.Parallel()
	databasetest.EachAddress(t, func(t *testing.T, address string) {
		l := newLab(t, address, "")
		l.pair("payments", sandbox.PairOptions{Test: sandbox.DemoTest})
		l.start()
		var name string
		l.await("the configuration is found", func() bool {
			list, err := l.db.List(t.Context(), database.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 1 {
				name = list[0].Name
			}
			return len(list) == 1
		})
		run := l.finished(name, 1)[0]
		i := l.integration(name)
		if run.State != database.Finished || run.Status != database.NotReady || run.Reason != database.ReasonNew {
			t.Fatalf("the run is %+v\n%s", run, l.log)
		}
		if i.Team != "payments" || i.Status != database.NotReady || i.LastRun != run.ID || i.Job != 0 || !i.NextDue.After(l.db.Now()) {
			t.Errorf("the integration is %+v", i)
		}
		document, err := l.db.Document(t.Context(), run.Report)
		if err != nil {
			t.Fatal(err)
		}
		var judged audit.Report
		if err := json.Unmarshal(document, &judged); err != nil {
			t.Fatal(err)
		}
		if until := judged.ValidUntil.AddDays(1).Time(); !run.ValidUntil.Equal(until) || !i.ValidUntil.Equal(until) { // it holds on its last day
			t.Errorf("valid until %v and %v, the report says %v", run.ValidUntil, i.ValidUntil, judged.ValidUntil)
		}
		findings, err := l.db.Findings(t.Context(), name, database.StateOpen)
		if err != nil || len(findings) == 0 {
			t.Fatalf("findings %v: %v", findings, err)
		}
		uids := map[string]bool{} // a duplicate delivery has the UID of the first
		for _, event := range judged.Scope.Sent {
			uids[event.Environment+event.UID] = true
		}
		sent, err := l.db.SentOf(t.Context(), name)
		if err != nil || len(sent) != len(uids) || len(sent) == 0 {
			t.Errorf("%d events are to be purged, the report has %d: %v", len(sent), len(uids), err)
		}
		l.await("an event for each finding is sent", func() bool { return l.heard.kinds()[database.EventOpened] == len(findings) })
		l.holdsNoSecret()
	})
}

// holdsNoSecret looks for every key of the lab in the log, in the file of the database, where there is one, and in the documents.
func (l *lab) holdsNoSecret() {
	l.t.Helper()
	texts := map[string]string{"the log": l.log.String()}
	list, err := l.db.List(l.t.Context(), database.Filter{})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, i := range list {
		for _, run := range l.runs(i.Name) {
			for _, digest := range []string{run.Report, run.Facts} {
				document, err := l.db.Document(l.t.Context(), digest)
				if err != nil {
					l.t.Fatal(err)
				}
				texts["the document "+digest] = string(document)
			}
		}
	}
	if path, isFile := strings.CutPrefix(l.address, "sqlite:"); isFile {
		for _, name := range []string{path, path + "-wal"} {
			content, err := os.ReadFile(name)
			if err != nil {
				l.t.Fatal(err)
			}
			texts[name] = string(content)
		}
	}
	keys := 0
	for name, key := range l.env {
		if !strings.HasSuffix(name, "_KEY") {
			continue
		}
		keys++
		for where, text := range texts {
			if strings.Contains(text, key) {
				l.t.Errorf("%s holds the key %s", where, name)
			}
		}
	}
	if keys == 0 || len(texts) < 3 {
		l.t.Errorf("%d keys were looked for in %d texts", keys, len(texts))
	}
}
