package behaviors

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox"
)

// TestRightReceiversAreRight holds every right receiver to what the provider's documentation asks, by what it did and, unless it
// acknowledges first, by what it answered.
func TestRightReceiversAreRight(t *testing.T) {
	t.Parallel()
	for _, behavior := range Rights() {
		t.Run(behavior.Name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, behavior)
			queued := behavior.Setup.Queued
			forgeries := map[string]sent{
				"unsigned":      b.unsigned(),
				"empty":         b.unsigned().with(""),
				"random":        b.unsigned().with(sandbox.RandomHex(64)),
				"wrong key":     b.unsigned().signedWith(sandbox.RandomHex(20)),
				"empty key":     b.unsigned().signedWith(""),
				"other key":     b.unsigned().signedWith(b.otherKey),
				"tampered":      b.genuine().changed(`"application_started_at":1`, `"application_started_at":2`),
				"prefix":        b.unsigned().with(b.genuine().signatures[0][:16]),
				"not ASCII":     b.unsigned().with("\xe9"),
				"plain text":    b.unsigned().with(sandbox.RandomHex(64)).typed("text/plain"),
				"local":         b.unsigned().headed("X-Forwarded-For", "127.0.0.1"),
				"put":           b.unsigned().by(http.MethodPut),
				"slash":         b.unsigned().at(b.path + "/"),
				"encoded slash": b.unsigned().at("/%2fbegini"),
			}
			if !behavior.Setup.RotationWindow {
				forgeries["retired key"] = b.unsigned().signedWith(b.retired)
			}
			for name, forgery := range forgeries {
				got := b.patiently(forgery)
				otherPath := forgery.path != b.path
				if !queued && !refused(got.status) && !(got.status == 501 && forgery.method != http.MethodPost) && !otherPath {
					t.Errorf("%s: answered %d %s", name, got.status, got.failed)
				}
				if n := b.Events.Processed(forgery.uid); n != 0 {
					t.Errorf("%s: processed %d times", name, n)
				}
			}
			for name, body := range map[string]string{
				"empty": "", "blank": " ", "open": "{", "trailing": `{}x`, "two": "{} {}", "NaN": "NaN", "null": "null", "list": "[]", "text": `"x"`,
				"object": "{}", "no uid": `{"integration_id":"` + b.integration + `","event":{"type":"application.complete","details":{}}}`,
				"no type": `{"uid":"PRELAUNCH1","integration_id":"` + b.integration + `","event":{"details":{}}}`,
				"bytes":   "{\"uid\":\"\xff\"}",
			} {
				if got := b.patiently(b.signed(body)); !queued && !refused(got.status) {
					t.Errorf("signed %s: answered %d %s", name, got.status, got.failed)
				}
			}
			for _, eventType := range sandbox.EventTypes {
				genuine := b.sign(b.eventOf(eventType))
				first, again := b.patiently(genuine), b.patiently(genuine)
				if first.status != 200 || again.status != 200 {
					t.Errorf("%s: answered %d, then %d (%s)", eventType, first.status, again.status, first.failed)
				}
				if queued {
					continue
				}
				if n := b.Events.Processed(genuine.uid); n != 1 && genuine.uid != knownUser {
					t.Errorf("%s: processed %d times", eventType, n)
				}
			}
			spelt := b.unsigned()
			spelt.body = strings.ReplaceAll(spelt.body, ",", " ,\n\t") + "\n"
			if got := b.patiently(b.sign(spelt)); got.status != 200 {
				t.Errorf("spelt otherwise: answered %d %s", got.status, got.failed)
			}
			if queued {
				if err := b.Close(); err != nil { // waits for the queue
					t.Error(err)
				}
				if n := b.Events.Total(); n != len(sandbox.EventTypes)+1 {
					t.Errorf("processed %d events, want %d", n, len(sandbox.EventTypes)+1)
				}
			}
		})
	}
}

// patiently sends again what was answered with 429, or 503, at once: how long to wait is told to those who must not hurry.
func (b *bench) patiently(s sent) seen {
	b.t.Helper()
	got := b.do(s)
	if got.status == 429 || got.status == 503 || got.status == 0 { // or met a connection that was just being closed
		got = b.do(s)
	}
	return got
}

// TestDisguisedFlawsShow plants flaws behind right receivers whose answers vary: the flaws stay what they are.
func TestDisguisedFlawsShow(t *testing.T) {
	t.Parallel()
	if len(Disguises()) != len(disguises) {
		t.Errorf("%d of %d disguises are right receivers", len(Disguises()), len(disguises))
	}
	for _, disguise := range Disguises() {
		t.Run(disguise.Name, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"unsigned-accepted", "first-sixteen-digits", "reserialised", "other-environments-key", "json-only-gate"} {
				flaw, err := Named(name)
				if err != nil {
					t.Fatal(err)
				}
				b := newBench(t, disguise, flaw)
				request := shows[name].send(b)
				if got := b.patiently(request); got.status != 200 || b.Events.Processed(request.uid) == 0 {
					t.Errorf("%s: %d %s", name, got.status, got.failed)
				}
			}
		})
	}
}

func TestNamesAreUniqueAndFound(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, behavior := range append(Rights(), Flaws()...) {
		if names[behavior.Name] || behavior.Description == "" || behavior.Plant == nil {
			t.Errorf("%q: a name twice, or a row that is not complete", behavior.Name)
		}
		names[behavior.Name] = true
		if found, err := Named(behavior.Name); err != nil || found.Description != behavior.Description {
			t.Errorf("%q is not found", behavior.Name)
		}
	}
	if _, err := Named("nothing-of-the-kind"); err == nil {
		t.Error("an unknown name is found")
	}
}
