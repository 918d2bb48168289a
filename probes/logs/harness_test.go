package logs

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/audit/audittest"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

const (
	testKey       = "tk_4f9Qw82LmZx71VbNc03Re6Ty"
	productionKey = "pk_8Jd72KsPq0Zm41XvBn95Wc3L"
	retiredKey    = "rk_1Ha63GuYt9Eo28CiDl57Fj4N"
	uid           = "PRELAUNCHq7Wm2x9Rk4"
)

// whats are the hits in short.
func whats(s *audittest.Sink) []string {
	var list []string
	for _, hit := range audittest.Of[Hit](s) {
		list = append(list, strings.TrimSpace(hit.Phase+" "+hit.What+" "+hit.Spelling+" "+hit.KeyEnvironment+" "+hit.Role))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func newIntegration(directory string, sources ...audit.LogSource) *audit.Integration {
	known := audittest.Fingerprinted(retiredKey)
	return &audit.Integration{
		Provider: "begini", Directory: directory, Logs: sources,
		Environments: []audit.Environment{
			{Name: audit.Test, Key: audit.KeyReference{Key: secret.New([]byte(testKey))}},
			{Name: audit.Production, Key: audit.KeyReference{Key: secret.New([]byte(productionKey))}},
		},
		RetiredKeys: []audit.RetiredKey{{Environment: audit.Production, KeyReference: audit.KeyReference{Key: known}}},
	}
}

// bench is a log between the two phases.
type bench struct {
	t     *testing.T
	dir   string
	probe *probe
	run   *audit.Run
	out   *audittest.Sink
}

func newBench(t *testing.T, sources ...audit.LogSource) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), out: &audittest.Sink{}}
	b.probe = New().(*probe)
	b.probe.timing = timing{search: time.Minute, wait: 200 * time.Millisecond, quiet: time.Millisecond, poll: time.Millisecond, rerun: time.Millisecond}
	b.run = &audit.Run{Integration: newIntegration(b.dir, sources...), ID: "abcdefgh1234", Ledger: &audit.Ledger{}, Sink: b.out}
	return b
}

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		b.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) first() {
	b.t.Helper()
	if err := b.probe.Run(b.t.Context(), b.run); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) follow() {
	b.t.Helper()
	if err := b.probe.Follow(b.t.Context(), b.run); err != nil {
		b.t.Fatal(err)
	}
	raw, err := json.Marshal([]any{b.out.All(), b.out.Scoped()})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, text := range []string{testKey, productionKey, retiredKey, uid, signature(body())} {
		for _, spelling := range secret.Spellings([]byte(text)) {
			if bytes.Contains(raw, spelling.Bytes) {
				b.t.Errorf("a fact holds a secret (%s): %s", spelling.Name, raw)
			}
		}
	}
}

func body() []byte {
	event, _ := provider.Must(provider.Default).Event("psychometric_score.complete")
	return event.Render(provider.Values{UID: uid, IntegrationID: "1234567890987654321"})
}

func signature(body []byte) string {
	mac := hmac.New(sha512.New, []byte(testKey))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// send notes a genuine event as sent.
func (b *bench) send() {
	b.run.Ledger.Begin(time.Now())
	b.run.Ledger.Add(audit.LedgerEvent{Environment: audit.Test, UID: uid, Signature: signature(body()), Valid: true, Body: body(), At: time.Now()})
}

func quoted(text string) string {
	raw, _ := json.Marshal(text)
	return string(raw)
}

// sums is SHA-512 of a body, as right receivers log it and as one forgery is signed.
func sums(body []byte) string {
	sum := sha512.Sum512(body)
	return hex.EncodeToString(sum[:])
}
