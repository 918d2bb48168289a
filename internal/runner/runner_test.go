package runner

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

type fact struct {
	Text string `json:"text"`
}

type other struct{}

// fake is a probe whose phases are functions.
type fake struct {
	name   string
	run    func(ctx context.Context, run *audit.Run) error
	follow func(ctx context.Context, run *audit.Run) error
}

func (f fake) Name() string                                            { return f.name }
func (f fake) Title() string                                           { return f.name }
func (f fake) Kinds() []audit.Kind                                     { return []audit.Kind{audit.KindOf[fact](f.name + ".fact")} }
func (f fake) Plan(*audit.Integration, func(string) bool) []audit.Step { return nil }
func (f fake) Run(ctx context.Context, r *audit.Run) error             { return f.run(ctx, r) }

// twoPhases is a fake with a second phase.
type twoPhases struct{ fake }

func (f twoPhases) Follow(ctx context.Context, r *audit.Run) error { return f.follow(ctx, r) }

var theKey = secret.New([]byte("a-key-that-must-not-be-seen"))

func integration() *audit.Integration {
	return &audit.Integration{Name: "acme", Environments: []audit.Environment{{Name: audit.Test, Key: audit.KeyReference{Key: theKey}}}}
}

func state(t *testing.T, doc *audit.Document, name string) audit.ProbeStatus {
	t.Helper()
	for _, status := range doc.Probes {
		if status.Name == name {
			return status
		}
	}
	t.Fatalf("no status of %s", name)
	return audit.ProbeStatus{}
}

func TestHowProbesEnd(t *testing.T) {
	t.Parallel()
	probes := []audit.Probe{
		fake{name: "good", run: func(_ context.Context, r *audit.Run) error {
			r.Sink.Emit("good.fact", fact{"b"})
			r.Sink.Emit("good.fact", fact{"a"})
			r.Sink.Scope(func(s *audit.Scope) { s.Digests["roster"] = "sha256:1" })
			return nil
		}},
		fake{name: "bad", run: func(context.Context, *audit.Run) error { return errors.New("no route with " + string(theKey.Expose())) }},
		fake{name: "panics", run: func(context.Context, *audit.Run) error { panic(string(theKey.Expose())) }},
		fake{name: "undeclared", run: func(_ context.Context, r *audit.Run) error {
			r.Sink.Emit("good.fact", fact{"x"})
			return nil
		}},
		fake{name: "wrongtype", run: func(_ context.Context, r *audit.Run) error {
			r.Sink.Emit("wrongtype.fact", other{})
			return nil
		}},
		fake{name: "floods", run: func(_ context.Context, r *audit.Run) error {
			for range MaxFactsPerKind + 1 {
				r.Sink.Emit("floods.fact", fact{"x"})
			}
			return nil
		}},
		fake{name: "unneeded", run: func(context.Context, *audit.Run) error { return errors.New("must not run") }},
	}
	doc := Run(t.Context(), integration(), Options{Probes: probes, Needed: func(kind string) bool { return kind != "unneeded.fact" }})
	want := map[string]string{
		"good": audit.ProbeComplete, "bad": audit.ProbeFailed, "panics": audit.ProbeFailed, "undeclared": audit.ProbeFailed,
		"wrongtype": audit.ProbeFailed, "floods": audit.ProbeFailed, "unneeded": audit.ProbeSkipped,
	}
	for name, state_ := range want {
		if got := state(t, doc, name); got.State != state_ || (got.Reason == "") != (state_ == audit.ProbeComplete) {
			t.Errorf("%s: %+v, want %s", name, got, state_)
		}
	}
	if diff := cmp.Diff([]json.RawMessage{[]byte(`{"text":"a"}`), []byte(`{"text":"b"}`)}, doc.Facts["good.fact"]); diff != "" {
		t.Error(diff)
	}
	if len(doc.Facts["floods.fact"]) != MaxFactsPerKind || len(doc.Facts["wrongtype.fact"]) != 0 {
		t.Error("the caps do not hold")
	}
	raw, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), string(theKey.Expose())) {
		t.Error("the document holds the key")
	}
	again, err := audit.DecodeDocument(raw)
	if err != nil {
		t.Fatal(err)
	}
	if raw2, _ := again.Encode(); string(raw2) != string(raw) {
		t.Error("a document does not survive being read back")
	}
}

func TestSecondPhaseStartsWhenAllHaveEnded(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var order []string
	note := func(text string) { mu.Lock(); order = append(order, text); mu.Unlock() }
	started := make(chan struct{})
	probes := []audit.Probe{
		twoPhases{fake{name: "log", run: func(context.Context, *audit.Run) error { close(started); return nil },
			follow: func(_ context.Context, r *audit.Run) error {
				note("follow")
				if len(r.Ledger.Events()) != 1 {
					t.Error("the ledger is not handed on")
				}
				return nil
			}}},
		fake{name: "hook", run: func(_ context.Context, r *audit.Run) error {
			<-started
			r.Ledger.Begin(time.Unix(1, 0))
			r.Ledger.Add(audit.LedgerEvent{UID: "x"})
			note("hook")
			return nil
		}},
	}
	doc := Run(t.Context(), integration(), Options{Probes: probes})
	if diff := cmp.Diff([]string{"hook", "follow"}, order); diff != "" {
		t.Error(diff)
	}
	if state(t, doc, "log").State != audit.ProbeComplete {
		t.Error("a probe of two phases is not complete")
	}
}

func TestInterruptReturnsWithWhatIsKnown(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	emitted := make(chan struct{})
	stuck := make(chan struct{})
	probes := []audit.Probe{
		fake{name: "polite", run: func(ctx context.Context, r *audit.Run) error {
			r.Sink.Emit("polite.fact", fact{"known"})
			close(emitted)
			<-ctx.Done()
			return ctx.Err()
		}},
		fake{name: "stuck", run: func(_ context.Context, r *audit.Run) error {
			<-stuck
			r.Sink.Emit("stuck.fact", fact{"too late"})
			return nil
		}},
		fake{name: "done", run: func(context.Context, *audit.Run) error { return nil }},
	}
	go func() { <-emitted; cancel() }()
	doc := Run(ctx, integration(), Options{Probes: probes, Grace: 50 * time.Millisecond})
	close(stuck)
	if !doc.CutShort {
		t.Error("it does not say that it was cut short")
	}
	for name, want := range map[string]string{"polite": audit.ProbeCutShort, "stuck": audit.ProbeCutShort} {
		if got := state(t, doc, name).State; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if len(doc.Facts["polite.fact"]) != 1 {
		t.Error("what was known is lost")
	}
}

// preparing is a fake that looks before any other does something.
type preparing struct {
	fake
	prepare func()
}

func (p preparing) Prepare(context.Context, *audit.Run) { p.prepare() }

func TestPreparedBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	var prepared atomic.Int32
	late := func(context.Context, *audit.Run) error {
		if prepared.Load() != 2 {
			return errors.New("it ran before all was prepared")
		}
		return nil
	}
	doc := Run(t.Context(), integration(), Options{Probes: []audit.Probe{
		fake{name: "eager", run: late},
		preparing{fake{name: "slow", run: late}, func() { runtime.Gosched(); prepared.Add(1) }},
		preparing{fake{name: "broken", run: late}, func() { prepared.Add(1); panic("x") }},
	}})
	for name, want := range map[string]string{"eager": audit.ProbeComplete, "slow": audit.ProbeComplete, "broken": audit.ProbeFailed} {
		if got := state(t, doc, name); got.State != want {
			t.Errorf("%s is %s (%s), want %s", name, got.State, got.Reason, want)
		}
	}
}
