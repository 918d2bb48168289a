package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

func TestWhatCameSince(t *testing.T) {
	t.Parallel()
	genuine, sig := string(body()), signature(body())
	for name, test := range map[string]struct {
		line string
		want []string
	}{
		"nothing":                {"POST /hook 200", nil},
		"user agent":             {"POST /hook 200 prelaunch/1 run/abcdefgh1234", nil},
		"type and outer fields":  {`{"uid":"[redacted]","integration_id":"1234567890987654321","event":{"type":"psychometric_score.complete"}}`, nil},
		"digest of the body":     {"sha512=" + sums(body()), nil},
		"digits to correlate":    {"sig=" + sig[:16], nil},
		"uid":                    {"user " + uid + " scored", []string{"since uid plain"}},
		"uid in a longer word":   {"user X" + uid + "Y", []string{"since uid plain"}},
		"uid in hex":             {hex.EncodeToString([]byte(uid)), []string{"since uid hex"}},
		"signature":              {"bad signature " + sig, []string{"since signature plain"}},
		"signature, upper case":  {strings.ToUpper(sig), []string{"since signature plain"}},
		"signature, cut off":     {sig[:64] + "…", []string{"since signature plain"}},
		"signature in base64":    {base64Of(sig), []string{"since signature base64"}},
		"payload":                {genuine, []string{"since payload plain", "since uid plain"}},
		"payload, escaped":       {`{"body":` + quoted(genuine) + `}`, []string{"since payload json-escaped", "since uid plain"}},
		"payload, URL-escaped":   {url.QueryEscape(genuine), []string{"since payload percent-encoded", "since uid plain"}},
		"payload in base64":      {base64.StdEncoding.EncodeToString([]byte(genuine)), []string{"since payload base64", "since uid base64"}},
		"payload as Python's":    {`{'application_started_at': 1, 'application_completed_at': 2, 'scored_at': 3, 'platform': 'WEB', 'calculated': {'score': 0, 'risk_band': 'E', 'score_confidence': '0.00', 'traits': [{`, []string{"since payload plain"}},
		"payload without uid":    {strings.ReplaceAll(genuine, uid, "***"), []string{"since payload plain"}},
		"key":                    {"using " + testKey, []string{"since key plain test current"}},
		"key by its fingerprint": {"using " + retiredKey, []string{"since key plain production retired"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, audit.LogSource{Path: "app*.log", Environment: audit.Test})
			b.write("app.log", "started\n"+uid+" of an earlier run\n")
			b.first()
			b.send()
			b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: "PRELAUNCHanother1234", Signature: sums(body()), Correct: signature(body()), Body: body()})
			b.append("app.log", test.line+"\n")
			b.follow()
			if diff := cmp.Diff(test.want, whats(b.out)); diff != "" {
				t.Error(diff)
			}
			follow := audittest.Of[Follow](b.out)[0]
			if follow.Sent != 2 || follow.Signed != 1 || follow.Activity == "none" || len(follow.Gaps) != 0 || follow.Added != int64(len(test.line)+1) {
				t.Errorf("%+v", follow)
			}
		})
	}
}

func base64Of(hexText string) string {
	raw, _ := hex.DecodeString(hexText)
	return base64.StdEncoding.EncodeToString(raw)
}

// TestExpectedSignature: a receiver that logs what it would have accepted, against a server that logs the query of one request.
func TestExpectedSignature(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 6} {
		b := newBench(t, audit.LogSource{Path: "app.log", Environment: audit.Test})
		b.write("app.log", "")
		b.first()
		b.run.Ledger.Begin(time.Now())
		for i := range count {
			forged := append(body(), byte('0'+i))
			b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, Signature: "nonsense", Correct: signature(forged), Body: forged})
			b.append("app.log", "expected "+signature(forged)+"\n")
		}
		b.follow()
		if got := len(whats(b.out)) > 0; got != (count == 6) {
			t.Errorf("%d of them: %v", count, whats(b.out))
		}
	}
}

func TestRotations(t *testing.T) {
	t.Parallel()
	packed := func(text string) string {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		fmt.Fprint(w, text)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	leak := "user " + uid + "\n"
	for name, test := range map[string]struct {
		rotate func(b *bench)
		gaps   int
	}{
		"renamed, then written to": {func(b *bench) {
			rename(b, "app.log", "app.log.1")
			b.append("app.log.1", leak)
			b.write("app.log", "ok\n")
		}, 0},
		"renamed out of the pattern": {func(b *bench) {
			b.append("app.log", leak)
			rename(b, "app.log", "old")
			b.write("app.log", "ok\n")
		}, 0},
		"renamed, packed and deleted": {func(b *bench) {
			b.append("app.log", leak)
			text, _ := os.ReadFile(filepath.Join(b.dir, "app.log"))
			rename(b, "app.log", "gone")
			b.write("app.log.1.gz", packed(string(text)))
			_ = os.Remove(filepath.Join(b.dir, "gone"))
			b.write("app.log", "ok\n")
		}, 0},
		"written to the new file": {func(b *bench) {
			rename(b, "app.log", "app.log.1")
			b.write("app.log", leak)
		}, 0},
		"copied and emptied": {func(b *bench) {
			b.append("app.log", leak)
			text, _ := os.ReadFile(filepath.Join(b.dir, "app.log"))
			b.write("app.log.1", string(text))
			if err := os.Truncate(filepath.Join(b.dir, "app.log"), 0); err != nil {
				b.t.Fatal(err)
			}
			b.append("app.log", "ok\n")
		}, 0},
		"from journalctl, which leaves out": {func(b *bench) {
			b.append("app.log", leak+"Nov 24 10:00:00 host receiver[1]: [87B blob data]\n")
		}, 1},
		"from journalctl as JSON": {func(b *bench) {
			b.append("app.log", leak+`{"__CURSOR":"s=1","MESSAGE":null}`+"\n")
		}, 1},
		"emptied without a copy": {func(b *bench) {
			if err := os.Truncate(filepath.Join(b.dir, "app.log"), 0); err != nil {
				b.t.Fatal(err)
			}
			b.append("app.log", leak)
		}, 1},
		"emptied and grown beyond": {func(b *bench) {
			if err := os.Truncate(filepath.Join(b.dir, "app.log"), 0); err != nil {
				b.t.Fatal(err)
			}
			b.append("app.log", leak+strings.Repeat("filler of the new log\n", 100))
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, audit.LogSource{Path: "app.log*", Environment: audit.Test})
			b.write("app.log", strings.Repeat("a line from before\n", 50))
			b.write("app.log.2.gz", packed("an older line\n"))
			b.first()
			b.send()
			test.rotate(b)
			b.follow()
			if diff := cmp.Diff([]string{"since uid plain"}, whats(b.out)); diff != "" {
				t.Error(diff)
			}
			if follow := audittest.Of[Follow](b.out)[0]; len(follow.Gaps) != test.gaps || follow.Activity != "growth" {
				t.Errorf("%+v", follow)
			}
		})
	}
}

func rename(b *bench, from, to string) {
	b.t.Helper()
	if err := os.Rename(filepath.Join(b.dir, from), filepath.Join(b.dir, to)); err != nil {
		b.t.Fatal(err)
	}
}

// TestOldPayloadsOfACopyAreNoAlarm: a rotation by copying repeats what an earlier audit left there.
func TestOldPayloadsOfACopyAreNoAlarm(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "app.log*", Environment: audit.Test})
	b.write("app.log", string(body())+"\n")
	b.first()
	b.send()
	b.write("app.log.1", string(body())+"\nPOST 200\n")
	if err := os.Truncate(filepath.Join(b.dir, "app.log"), 0); err != nil {
		t.Fatal(err)
	}
	b.follow()
	if got := whats(b.out); len(got) != 0 {
		t.Error(got)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	calls := 0
	b := newBench(t, audit.LogSource{Command: audit.Command{Args: []string{"journalctl", "-u", "acme"}}, Program: "journalctl", Environment: audit.Test, Marker: "request-[0-9]+"})
	b.probe.timing.wait = time.Minute // the marker ends the wait
	b.run.Exec = func(context.Context, audit.Command) ([]byte, int, error) {
		calls++
		switch {
		case calls == 1:
			return []byte("before " + string(body()) + "\n"), 0, nil
		case calls < 4:
			return []byte("before " + string(body()) + "\nuser " + uid + "\n"), 0, nil
		}
		return []byte("before " + string(body()) + "\nuser " + uid + "\nrequest-1\n"), 0, nil
	}
	b.first()
	b.send()
	b.follow()
	if diff := cmp.Diff([]string{"since uid plain"}, whats(b.out)); diff != "" {
		t.Error(diff)
	}
	if follow := audittest.Of[Follow](b.out)[0]; follow.Activity != "marker" || len(follow.Gaps) != 0 {
		t.Errorf("%+v", follow)
	}
}

func TestNoActivity(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "app.log", Environment: audit.Test}, audit.LogSource{Path: "m.log", Marker: "request-[0-9]+"})
	b.write("app.log", "x\n")
	b.write("m.log", "request-1\n")
	b.first()
	b.send()
	b.append("m.log", "something else\n")
	b.follow()
	for _, follow := range audittest.Of[Follow](b.out) {
		if follow.Activity == "marker" || follow.Index == 0 && follow.Activity != "none" {
			t.Errorf("%+v", follow)
		}
	}
}

func TestEverySpellingOfEveryKey(t *testing.T) {
	t.Parallel()
	for _, key := range []struct{ material, whose string }{{testKey, "test current"}, {productionKey, "production current"}} {
		for _, spelling := range secret.Spellings([]byte(key.material)) {
			if strings.Contains(spelling.Name, " of ") {
				continue // those decode only with what stands around them
			}
			for _, packed := range []bool{false, true} {
				b := newBench(t, audit.LogSource{Path: "app.log*", Environment: audit.Production})
				text := "line\nkey=" + string(spelling.Bytes) + "\n"
				if packed {
					var out bytes.Buffer
					w := gzip.NewWriter(&out)
					fmt.Fprint(w, text)
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
					text = out.String()
				}
				b.write("app.log.1", text)
				b.write("app.log", "clean\n")
				b.first()
				if diff := cmp.Diff([]string{"before key " + spelling.Name + " " + key.whose}, whats(b.out)); diff != "" {
					t.Errorf("packed %v:\n%s", packed, diff)
				}
				if hit := audittest.Of[Hit](b.out)[0]; hit.File != "app.log.1" || hit.Line < 2 {
					t.Errorf("%+v", hit)
				}
				b.follow()
			}
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "absent.log"}, audit.LogSource{Path: "folder"}, audit.LogSource{Command: audit.Command{Args: []string{"x"}}, Program: "x"}, audit.LogSource{Path: "damaged.gz"})
	if err := os.Mkdir(filepath.Join(b.dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write("damaged.gz", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 no gzip")
	b.run.Exec = func(context.Context, audit.Command) ([]byte, int, error) { return nil, -1, audit.ErrCommandsNotAllowed }
	b.first()
	b.follow()
	var states []string
	for _, source := range audittest.Of[Source](b.out) {
		states = append(states, fmt.Sprint(source.State, len(source.Gaps)))
	}
	if diff := cmp.Diff([]string{"missing0", "unreadable1", "not_allowed0", "read1"}, states); diff != "" {
		t.Error(diff)
	}
	if len(audittest.Of[Follow](b.out)) != 4 {
		t.Errorf("%+v", audittest.Of[Follow](b.out))
	}
}

// TestNotedLate: the probing began before the log was noted, so what was there counts as well, if only this run has sent it.
func TestNotedLate(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "app.log", Environment: audit.Test})
	b.send()
	b.write("app.log", string(body())+"\n")
	b.first()
	b.follow()
	if diff := cmp.Diff([]string{"since uid plain"}, whats(b.out)); diff != "" {
		t.Error(diff)
	}
}

// TestUIDWithoutDigits: a made-up UID may happen to have none, and is searched for all the same.
func TestUIDWithoutDigits(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "app.log", Environment: audit.Test})
	b.write("app.log", "")
	b.first()
	b.run.Ledger.Begin(time.Now())
	b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: "PRELAUNCHQGXDCLSRRSAKE", Body: []byte("{}")})
	b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: "odd", Body: []byte("{}")})
	b.append("app.log", "user PRELAUNCHQGXDCLSRRSAKE is odd\n")
	b.follow()
	if diff := cmp.Diff([]string{"since uid plain"}, whats(b.out)); diff != "" || audittest.Of[Follow](b.out)[0].Unsought != 0 {
		t.Errorf("%s %+v", diff, audittest.Of[Follow](b.out)[0])
	}
}

// TestReusedUIDs: configured UIDs may be short, so they count as words only, and ones that no word is told from are said to be.
func TestReusedUIDs(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"user KNOWN0001 x": true, `{"uid":"KNOWN0001"}`: true, "uid%22%3A%22KNOWN0001%22": true, `\nKNOWN0001`: true,
		"user KNOWN00012": false, "user XKNOWN0001": false,
	} {
		b := newBench(t, audit.LogSource{Path: "app.log", Environment: audit.Test})
		b.run.Integration.Environments[0].ProbeUIDs = []string{"KNOWN0001", "users"}
		b.write("app.log", "KNOWN0001 of an earlier run\n")
		b.first()
		b.run.Ledger.Begin(time.Now())
		b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: "KNOWN0001", Body: []byte("{}")})
		b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: "users", Body: []byte("{}")})
		b.append("app.log", line+" of all users\n")
		b.follow()
		if got := len(audittest.Of[Hit](b.out)) > 0; got != want || audittest.Of[Follow](b.out)[0].Unsought != 1 {
			t.Errorf("%s: %v, %+v", line, whats(b.out), audittest.Of[Follow](b.out)[0])
		}
	}
}

// TestSignatureInTheQuery: servers log the query of a request, and no provider puts a signature there.
func TestSignatureInTheQuery(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "access.log", Environment: audit.Test})
	b.write("access.log", "")
	b.first()
	at := time.Now()
	b.run.Ledger.Begin(at)
	for range 2 { // once for each of the request's two signatures
		b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: uid, Signature: strings.Repeat("0123456789abcdef", 8), Correct: signature(body()), Body: body(), At: at})
		b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: uid, Signature: signature(body()), Valid: true, Body: body(), At: at})
	}
	b.append("access.log", "POST /hook?signature="+signature(body())+" 401\n")
	b.follow()
	if got := whats(b.out); len(got) != 0 {
		t.Error(got)
	}
}

func TestLogThatMayBeEncrypted(t *testing.T) {
	t.Parallel()
	b := newBench(t, audit.LogSource{Path: "*.log", Environment: audit.Production})
	b.write("app.log", audittest.Noise())
	b.first()
	if s := audittest.Of[Source](b.out)[0]; s.NotDecoded != 1 || len(s.Gaps) != 0 {
		t.Errorf("%+v", s)
	}
}
