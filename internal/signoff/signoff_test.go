package signoff

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/crypto/ssh"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

var auditedAt = time.Date(2026, 11, 5, 10, 0, 0, 0, time.UTC)

const configuration = "version: 1\n"

// judge is a stand-in for the policies: it turns one fact into one verdict.
func judge(outcome audit.Outcome) func(*audit.Document) (*audit.Report, error) {
	return func(doc *audit.Document) (*audit.Report, error) {
		raw, err := doc.Encode()
		if err != nil {
			return nil, err
		}
		return verdict.Assemble(doc, audit.Digest(raw), verdict.Judgment{
			Checks:   []audit.CheckInfo{{ID: "web.check", Title: "Forgeries are refused", Level: audit.Required, Severity: "high", Items: []int{2}}},
			Verdicts: map[string][]audit.Verdict{"web.check": {{Outcome: outcome, Subject: "x", Message: "seen", Evidence: map[string]any{"status": 401}}}}, PolicyDigest: audit.Digest([]byte("policies")),
		}, []string{"Keys", "Signatures"}), nil
	}
}

// materials are the files of an audit that comes to this outcome.
func materials(t *testing.T, outcome audit.Outcome) Materials {
	t.Helper()
	doc := &audit.Document{
		Schema: audit.FactsSchema, Tool: audit.Tool{Name: "prelaunch", Version: "0.1.0"}, StartedAt: auditedAt, FinishedAt: auditedAt, ConfigDigest: audit.Digest([]byte(configuration)),
		Integration: audit.Integration{Name: "acme", Provider: "begini"}, Facts: map[string][]json.RawMessage{"webhook.exchange": {json.RawMessage(`{"status":401}`)}},
	}
	facts, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer // as `prelaunch probe` prints them
	if err := json.Indent(&indented, facts, "", " "); err != nil {
		t.Fatal(err)
	}
	r, err := judge(outcome)(doc)
	if err != nil {
		t.Fatal(err)
	}
	return Materials{Report: written(t, r), Facts: indented.Bytes(), Config: []byte(configuration)}
}

func written(t *testing.T, r *audit.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(&out, "json", r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func newKey(t *testing.T) (ed25519.PrivateKey, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func approval() Decision {
	return Decision{Outcome: Approved, By: "jane@acme.example", On: auditedAt.Add(time.Hour)}
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	_, other := newKey(t)
	m := materials(t, audit.Pass)
	envelope, err := Sign(private, m, approval())
	if err != nil {
		t.Fatal(err)
	}
	against := Against{PolicyDigest: audit.Digest([]byte("policies")), Judge: judge(audit.Pass), Now: auditedAt.AddDate(0, 0, 7)}
	v, err := Verify(envelope, []ed25519.PublicKey{other, public}, m, against)
	if err != nil {
		t.Fatal(err)
	}
	if d := v.Statement.Predicate.Decision; d.Outcome != Approved || d.By != "jane@acme.example" || v.Report.Integration != "acme" || v.Expired != "" {
		t.Errorf("verified %+v", v)
	}
	if len(v.Unchecked) != 0 || len(v.Checked) != 8 {
		t.Errorf("checked %q, not checked %q", v.Checked, v.Unchecked)
	}
	late, err := Verify(envelope, []ed25519.PublicKey{public}, Materials{Report: m.Report}, Against{Now: auditedAt.AddDate(1, 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(late.Expired, "valid until 2027-02-03") || len(late.Unchecked) != 4 {
		t.Errorf("a year later: %q, not checked %q", late.Expired, late.Unchecked)
	}
}

// TestDecisionsByLoginAreNoSignOff: what a server signed for a login is verified as that, and never as a reviewer's own.
func TestDecisionsByLoginAreNoSignOff(t *testing.T) {
	t.Parallel()
	m := materials(t, audit.Pass)
	private, public := newKey(t)
	byLogin, err := SignForLogin(private, m, approval())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Sign(private, m, approval())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		envelope []byte
		login    bool
		valid    bool
	}{
		{"by login, as that", byLogin, true, true}, {"by login, as a reviewer's", byLogin, false, false},
		{"a reviewer's, as that", signed, false, true}, {"a reviewer's, as by login", signed, true, false},
	} {
		v, err := Verify(test.envelope, []ed25519.PublicKey{public}, m, Against{Login: test.login})
		if (err == nil) != test.valid {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.valid && v.Statement.Predicate.Decision.By != "jane@acme.example" {
			t.Errorf("%s: decided by %q", test.name, v.Statement.Predicate.Decision.By)
		}
	}
	if _, err := SignForLogin(private, materials(t, audit.Fail), approval()); err == nil || !strings.Contains(err.Error(), "residual risks") {
		t.Errorf("the approval of a failed report without risks: %v", err)
	}
}

func TestVerifyNoticesEveryEdit(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	_, other := newKey(t)
	m := materials(t, audit.Pass)
	envelope, err := Sign(private, m, approval())
	if err != nil {
		t.Fatal(err)
	}
	edit := func(change func(*dsse.Envelope)) []byte {
		var e dsse.Envelope
		if err := json.Unmarshal(envelope, &e); err != nil {
			t.Fatal(err)
		}
		change(&e)
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	payload := func(old, now string) []byte {
		return edit(func(e *dsse.Envelope) {
			raw, err := base64.StdEncoding.DecodeString(e.Payload)
			if err != nil || !strings.Contains(string(raw), old) {
				t.Fatalf("%v: %s is not in %s", err, old, raw)
			}
			e.Payload = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(raw), old, now, 1)))
		})
	}
	replaced := func(in []byte, old, now string) []byte {
		if !bytes.Contains(in, []byte(old)) {
			t.Fatalf("%s is not in %s", old, in)
		}
		return bytes.Replace(in, []byte(old), []byte(now), 1)
	}
	full := Against{PolicyDigest: audit.Digest([]byte("policies")), Judge: judge(audit.Pass)}
	for _, test := range []struct {
		name     string
		envelope []byte
		keys     []ed25519.PublicKey
		m        Materials
		against  Against
		says     string
	}{
		{"another key", envelope, []ed25519.PublicKey{other}, m, full, "none of the given keys"},
		{"no key", envelope, nil, m, full, "no public key"},
		{"a truncated envelope", envelope[:len(envelope)/2], nil, m, full, "truncated"},
		{"something after the envelope", append(slices.Clone(envelope), '{'), nil, m, full, "truncated"},
		{"no envelope", []byte("hello"), nil, m, full, "no signed envelope"},
		{"another kind of payload", edit(func(e *dsse.Envelope) { e.PayloadType = "text/plain" }), nil, m, full, "text/plain"},
		{"no signature", edit(func(e *dsse.Envelope) { e.Signatures = nil }), nil, m, full, "none of the given keys"},
		{"a cut signature", edit(func(e *dsse.Envelope) { e.Signatures[0].Sig = e.Signatures[0].Sig[:20] }), nil, m, full, "none of the given keys"},
		{"another decision", payload(`"approved"`, `"rejected"`), nil, m, full, "none of the given keys"},
		{"another reviewer", payload("jane@", "john@"), nil, m, full, "none of the given keys"},
		{"a report of which white space was edited", envelope, nil, Materials{Report: append(slices.Clone(m.Report), '\n')}, full, "report: not the file that was signed"},
		{"an edited report", envelope, nil, Materials{Report: replaced(m.Report, `"seen"`, `"unseen"`)}, full, "report: not the file that was signed"},
		{"a truncated report", envelope, nil, Materials{Report: m.Report[:100]}, full, "truncated"},
		{"edited facts", envelope, nil, Materials{Report: m.Report, Facts: replaced(m.Facts, "401", "403")}, full, "the facts are not those of the report"},
		{"an edited configuration", envelope, nil, Materials{Report: m.Report, Config: []byte("version: 2\n")}, full, "the configuration is not that of the report"},
		{"other policies", envelope, nil, m, Against{PolicyDigest: "sha256:other"}, "the policies at hand are not those"},
		{"a report that the facts do not come to", envelope, nil, m, Against{PolicyDigest: full.PolicyDigest, Judge: judge(audit.Fail)}, "web.check is pass in the report and fail when judged again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			keys := test.keys
			if keys == nil && test.name != "no key" {
				keys = []ed25519.PublicKey{public}
			}
			v, err := Verify(test.envelope, keys, test.m, test.against)
			if err == nil || v != nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error is %v, should say %q", err, test.says)
			}
		})
	}
}

// TestVerifyHoldsTheStatementToTheReport signs statements that lie, as somebody with the key could.
func TestVerifyHoldsTheStatementToTheReport(t *testing.T) {
	t.Parallel()
	private, public := newKey(t)
	m := materials(t, audit.Fail)
	r, err := report.Read(m.Report)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Statement)
		says   string
	}{
		"another status":      {func(s *Statement) { s.Predicate.Status = "READY" }, "not what the report says"},
		"another exit code":   {func(s *Statement) { s.Predicate.ExitCode = 0 }, "not what the report says"},
		"no report":           {func(s *Statement) { s.Subject = s.Subject[1:] }, "covers no report"},
		"a report twice":      {func(s *Statement) { s.Subject = append(s.Subject, s.Subject[0]) }, "twice"},
		"no decision":         {func(s *Statement) { s.Predicate.Decision.Outcome = "maybe" }, "no decision"},
		"another kind":        {func(s *Statement) { s.PredicateType = "https://slsa.dev/provenance/v1" }, "of another kind"},
		"another statement":   {func(s *Statement) { s.Type = "https://in-toto.io/Statement/v0.1" }, "of another kind"},
		"another digest kind": {func(s *Statement) { s.Subject[0].Digest = map[string]string{"sha1": "00"} }, "not the file that was signed"},
	} {
		statement := Statement{Type: StatementType, PredicateType: PredicateType, Subject: subjects(m), Predicate: predicate(r, approval())}
		test.change(&statement)
		payload, err := json.Marshal(statement)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := dsse.NewEnvelopeSigner(signingKey{private})
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := signer.SignPayload(context.Background(), PayloadType, payload)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(envelope)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(raw, []ed25519.PublicKey{public}, m, Against{}); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error is %v, should say %q", name, err, test.says)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	private, _ := newKey(t)
	ready, failing := materials(t, audit.Pass), materials(t, audit.Fail)
	other := materials(t, audit.Pass)
	other.Config = []byte("another: 1\n")
	edited := materials(t, audit.Pass)
	edited.Facts = bytes.Replace(edited.Facts, []byte("401"), []byte("403"), 1)
	with := func(change func(*Decision)) Decision {
		d := approval()
		change(&d)
		return d
	}
	for _, test := range []struct {
		name     string
		m        Materials
		decision Decision
		says     string // "": is signed
	}{
		{"a ready report", ready, approval(), ""},
		{"a failing report with its risks", failing, with(func(d *Decision) {
			d.ResidualRisks = []string{"Forgeries get through until Friday; the endpoint is not public."}
		}), ""},
		{"a rejection", failing, with(func(d *Decision) { d.Outcome = Rejected }), ""},
		{"a failing report without risks", failing, approval(), "says NOT READY: to approve it, name the residual risks"},
		{"no decision", ready, with(func(d *Decision) { d.Outcome = "ok" }), `it must be "approved" or "rejected"`},
		{"nobody", ready, with(func(d *Decision) { d.By = " " }), "who decided"},
		{"no time", ready, with(func(d *Decision) { d.On = time.Time{} }), "must have a time"},
		{"before the audit", ready, with(func(d *Decision) { d.On = auditedAt.Add(-time.Hour) }), "older than the report"},
		{"an old report", ready, with(func(d *Decision) { d.On = auditedAt.AddDate(0, 4, 0) }), "was valid until"},
		{"a wordless risk", ready, with(func(d *Decision) { d.ResidualRisks = []string{""} }), "in words"},
		{"an endless risk", ready, with(func(d *Decision) { d.ResidualRisks = []string{strings.Repeat("x", 5000)} }), "in words"},
		{"another configuration", other, approval(), "the configuration is not that of the report"},
		{"other facts", edited, approval(), "the facts are not those of the report"},
		{"no report", Materials{Report: []byte("{}")}, approval(), "not a report"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Sign(private, test.m, test.decision)
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("error is %v, should say %q", err, test.says)
			}
		})
	}
}

func TestReadKeys(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put := func(name string, mode os.FileMode, content []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	privatePEM, publicPEM, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	private, err := ReadPrivateKey(put("key.pem", 0o600, privatePEM))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ReadPublicKey(put("key.pub", 0o644, publicPEM))
	if err != nil || !public.Equal(private.Public()) {
		t.Errorf("the halves of a new key do not belong together: %v", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "jane")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "jane", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	sshPublic, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ReadPrivateKey(put("id", 0o600, pem.EncodeToMemory(block))); err != nil || !again.Equal(private) {
		t.Errorf("as OpenSSH writes it: %v", err)
	}
	if again, err := ReadPublicKey(put("id.pub", 0o644, ssh.MarshalAuthorizedKey(sshPublic))); err != nil || !again.Equal(public) {
		t.Errorf("as OpenSSH writes it: %v", err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(elliptical)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(elliptical.Public())
	if err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		filepath.Join(folder, "none"):                                                     "no such file",
		put("open", 0o644, privatePEM):                                                    "chmod 600",
		put("locked", 0o600, pem.EncodeToMemory(locked)):                                  "passphrase",
		put("text", 0o600, []byte("hello")):                                               "no private key",
		put("half", 0o600, privatePEM[:60]):                                               "no private key",
		put("huge", 0o600, bytes.Repeat([]byte("x"), 100_000)):                            "no key file",
		put("ec", 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})): "another kind than ed25519",
	} {
		if _, err := ReadPrivateKey(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error is %v, should say %q", filepath.Base(path), err, says)
		}
	}
	for path, says := range map[string]string{
		filepath.Join(folder, "none"): "no such file",
		put("x", 0o600, privatePEM):   "give the public half",
		put("y", 0o600, []byte("hi")): "no public key",
		put("ec.pub", 0o600, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})):                     "another kind than ed25519",
		put("bad", 0o600, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("no")})):                     "read the public key",
		put("rsa.pub", 0o600, []byte("ecdsa-sha2-nistp256 "+base64.StdEncoding.EncodeToString([]byte("nonsense"))+"")): "no public key",
	} {
		if _, err := ReadPublicKey(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error is %v, should say %q", filepath.Base(path), err, says)
		}
	}
}
