package signoff

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/strictjson"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// Verification is what a verified envelope says.
type Verification struct {
	Statement Statement
	Report    *audit.Report
	KeyID     string   // of the key that signed
	Checked   []string // what was shown, in sentences
	Unchecked []string // what could not be shown, and what it takes
	Expired   string   // a sentence when the report has expired by now; the signature holds all the same
}

// Against is what else an auditor has to check with; what is left out is not checked and said so.
type Against struct {
	PolicyDigest string                                       // of the policies at hand
	Judge        func(*audit.Document) (*audit.Report, error) // judges the facts again, with the policies at hand
	Now          time.Time
	Login        bool // the decision is one of SignForLogin, and the keys are those of servers
}

// mostEnvelope bounds an envelope, in bytes.
const mostEnvelope = 4 << 20

// Verify checks that the envelope is signed by one of the keys, and that the files are those that were signed and belong together. Any
// fault is an error that names all of them.
func Verify(envelope []byte, keys []ed25519.PublicKey, m Materials, against Against) (*Verification, error) {
	v := &Verification{}
	statement, err := v.open(envelope, keys, against.Login)
	if err != nil {
		return nil, err
	}
	v.Statement = *statement
	var faults []error
	signed := map[string]string{}
	for _, subject := range statement.Subject {
		if _, double := signed[subject.Name]; double {
			faults = append(faults, fmt.Errorf("the statement names %.40q twice", subject.Name))
		}
		signed[subject.Name] = "sha256:" + subject.Digest["sha256"]
	}
	for _, file := range m.files() {
		digest, covered := signed[file.name]
		switch {
		case file.name == reportSubject && !covered:
			faults = append(faults, errors.New("the statement covers no report"))
		case file.content == nil && covered:
			v.Unchecked = append(v.Unchecked, fmt.Sprintf("%s: covered by the signature, but not given", file.name))
		case file.content == nil:
			v.Unchecked = append(v.Unchecked, fmt.Sprintf("%s: not given", file.name))
		case covered && digest != audit.Digest(file.content):
			faults = append(faults, fmt.Errorf("%s: not the file that was signed: its digest is %s, signed was %s", file.name, audit.Digest(file.content), digest))
		case covered:
			v.Checked = append(v.Checked, fmt.Sprintf("%s: byte for byte the file that was signed", file.name))
		}
	}
	r, err := report.ReadExactly(m.Report)
	if err != nil {
		return nil, errors.Join(append(faults, err)...)
	}
	v.Report = r
	said, err := json.Marshal(statement.Predicate)
	if err != nil {
		return nil, fmt.Errorf("compare the statement with the report: %w", err)
	}
	expected, err := json.Marshal(predicate(r, statement.Predicate.Decision))
	if err != nil {
		return nil, fmt.Errorf("compare the statement with the report: %w", err)
	}
	if !bytes.Equal(said, expected) {
		faults = append(faults, errors.New("what the statement says of the report is not what the report says"))
	}
	if err := belong(r, m); err != nil {
		faults = append(faults, err)
	} else {
		if m.Facts != nil {
			v.Checked = append(v.Checked, "the report names these facts as those it was judged from")
		}
		if m.Config != nil {
			v.Checked = append(v.Checked, "the report names this configuration as the audited one")
		}
	}
	faults = append(faults, v.checkPolicies(r, m, against)...)
	if !against.Now.IsZero() && verdict.Expired(r, against.Now) {
		v.Expired = fmt.Sprintf("The report was valid until %s: audit again before relying on it.", r.ValidUntil)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return v, nil
}

// open checks the signature and reads what it covers.
func (v *Verification) open(raw []byte, keys []ed25519.PublicKey, login bool) (*Statement, error) {
	if len(raw) > mostEnvelope {
		return nil, fmt.Errorf("the envelope is larger than %d MB", mostEnvelope>>20)
	}
	var envelope dsse.Envelope
	if err := strictjson.Decode(raw, &envelope); err != nil {
		return nil, fmt.Errorf("this is no signed envelope, or it is truncated: %w", err)
	}
	if envelope.PayloadType != PayloadType {
		return nil, fmt.Errorf("the envelope holds %.80q, not an in-toto statement (%s)", envelope.PayloadType, PayloadType)
	}
	if len(keys) == 0 {
		return nil, errors.New("no public key was given to check the signature with")
	}
	var payload []byte
	for _, key := range keys {
		verifier, err := dsse.NewEnvelopeVerifier(verifyingKey{key})
		if err != nil {
			return nil, fmt.Errorf("check the signature: %w", err)
		}
		accepted, body, err := verifier.VerifyAndDecode(context.Background(), &envelope)
		if err == nil && len(accepted) > 0 {
			payload, v.KeyID = body, accepted[0].KeyID
			break
		}
	}
	if payload == nil {
		return nil, errors.New("the signature is of none of the given keys, or the envelope was edited: compare the key with the reviewer")
	}
	var statement Statement
	if err := strictjson.Decode(payload, &statement); err != nil {
		return nil, fmt.Errorf("read the signed statement: %w", err)
	}
	expected := PredicateType
	if login {
		expected = LoginPredicateType
	}
	if statement.Type != StatementType || statement.PredicateType != expected {
		return nil, fmt.Errorf("the statement is of another kind (%.80q), or of another version of prelaunch", statement.PredicateType)
	}
	if outcome := statement.Predicate.Decision.Outcome; outcome != Approved && outcome != Rejected {
		return nil, fmt.Errorf("the statement holds no decision but %.40q", outcome)
	}
	v.Checked = append(v.Checked, "the decision is signed by the key "+v.KeyID)
	return &statement, nil
}

// Rejudge judges the facts again, where they are given, and returns an error where they do not come to the report.
func Rejudge(r *audit.Report, m Materials, against Against) error {
	return errors.Join((&Verification{}).checkPolicies(r, m, against)...)
}

// checkPolicies checks that the policies at hand are those of the report, and that they make the same report of the facts.
func (v *Verification) checkPolicies(r *audit.Report, m Materials, against Against) (faults []error) {
	switch against.PolicyDigest {
	case "":
		v.Unchecked = append(v.Unchecked, "the policies were not given")
	case r.PolicyDigest:
		v.Checked = append(v.Checked, "the policies at hand are those the report was judged by")
	default:
		faults = append(faults, fmt.Errorf("the policies at hand are not those of the report: their digest is %s, the report names %s; take version %.40q of prelaunch and the audit's own checks, if it had any",
			against.PolicyDigest, r.PolicyDigest, r.Tool.Version))
		return faults
	}
	if against.Judge == nil || m.Facts == nil {
		v.Unchecked = append(v.Unchecked, "the facts were not judged again: give them, to see whether they come to this report")
		return faults
	}
	doc, err := audit.DecodeDocument(m.Facts)
	if err != nil {
		return append(faults, fmt.Errorf("the facts: %w", err))
	}
	again, err := against.Judge(doc)
	if err != nil {
		return append(faults, fmt.Errorf("judge the facts again: %w", err))
	}
	same, err := equal(r, again)
	if err != nil {
		return append(faults, err)
	}
	if !same {
		return append(faults, fmt.Errorf("the facts, judged again, do not come to this report: %s", difference(r, again)))
	}
	v.Checked = append(v.Checked, "the facts, judged again, come to exactly this report")
	return faults
}

// equal reports whether both reports are the same when written down.
func equal(a, b *audit.Report) (bool, error) {
	var written [2]bytes.Buffer
	for i, r := range []*audit.Report{a, b} {
		if err := report.Write(&written[i], "json", r, report.Options{}); err != nil {
			return false, err
		}
	}
	return bytes.Equal(written[0].Bytes(), written[1].Bytes()), nil
}

// difference names the checks that came to something else.
func difference(signed, again *audit.Report) string {
	d, err := history.Compare(signed, again, history.DiffOptions{})
	if err != nil {
		return err.Error()
	}
	var changes []string
	for _, check := range d.Checks[:min(len(d.Checks), 5)] {
		if check.OldOutcome == check.NewOutcome {
			changes = append(changes, check.ID+" says something else when judged again")
			continue
		}
		changes = append(changes, fmt.Sprintf("%s is %s in the report and %s when judged again", check.ID, orNothing(check.OldOutcome), orNothing(check.NewOutcome)))
	}
	if len(changes) == 0 {
		return "its wording, its scope or its times differ"
	}
	return strings.Join(changes, "; ")
}

func orNothing(outcome string) string {
	if outcome == "" {
		return "not there"
	}
	return outcome
}
