// Package signoff binds a reviewer's decision to a report with an ed25519 signature, so that an auditor can check later that report,
// facts, configuration and policies belong together and were not edited since.
//
// What is signed is an in-toto statement (v1) in a DSSE envelope, so other tools can check the signature too. Its subjects are the files
// by their SHA-256: the report always, the facts and the configuration where they were given. Its predicate repeats what the
// decision is about, and the decision. The time in it is the signer's own word.
package signoff

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// Identifiers of what is signed.
const (
	PayloadType   = "application/vnd.in-toto+json"
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://github.com/prelaunch-audit/prelaunch/sign-off/v1"
	// LoginPredicateType is that of a decision which a server signed for somebody who had logged in. It shows what the server was told,
	// not what a reviewer signed with a key of their own, so it is never taken for a sign-off.
	LoginPredicateType = "https://github.com/prelaunch-audit/prelaunch/decision-by-login/v1"
)

// Outcomes of a review.
const (
	Approved = "approved"
	Rejected = "rejected"
)

// Names of the subjects of a statement.
const (
	reportSubject = "report"
	factsSubject  = "facts"
	configSubject = "configuration"
)

// Statement is what is signed.
type Statement struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     Predicate `json:"predicate"`
}

// Subject is a file that the signature covers.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // "sha256" → hex
}

// Predicate says what was decided, and about what.
type Predicate struct {
	Decision     Decision   `json:"decision"`
	Integration  string     `json:"integration"`
	Provider     string     `json:"provider"`
	Tool         audit.Tool `json:"tool"`
	FinishedAt   time.Time  `json:"finished_at"`
	ValidUntil   audit.Date `json:"valid_until"`
	Status       string     `json:"status"`
	ExitCode     int        `json:"exit_code"`
	PolicyDigest string     `json:"policy_digest"`
	FactsDigest  string     `json:"facts_digest"`
	ConfigDigest string     `json:"config_digest"`
}

// Decision is a reviewer's.
type Decision struct {
	Outcome       string    `json:"outcome"` // Approved or Rejected
	By            string    `json:"by"`      // who decided
	On            time.Time `json:"on"`
	ResidualRisks []string  `json:"residual_risks"` // what remains, in words
}

// Materials are the files, as they are. Report is required.
type Materials struct {
	Report []byte // what `-o json` wrote
	Facts  []byte // what `prelaunch probe` or `-o facts` wrote
	Config []byte // prelaunch.yaml
}

// Bounds of a decision, in characters and in number.
const (
	mostWord  = 200
	mostText  = 4000
	mostRisks = 100
)

// Sign decides on a report and returns the signed envelope as JSON. It rejects what a reviewer could not mean: a report, facts or a
// configuration that do not belong together, the approval of a report that has expired or was cut short, and the approval of one that is not
// ready, or ready only by waivers, without naming the residual risks.
func Sign(key ed25519.PrivateKey, m Materials, decision Decision) ([]byte, error) {
	return sign(PredicateType, key, m, decision)
}

// SignForLogin is Sign with a server's key, for a decision of somebody who had logged in, whom decision.By names. What it makes is of
// LoginPredicateType.
func SignForLogin(key ed25519.PrivateKey, m Materials, decision Decision) ([]byte, error) {
	return sign(LoginPredicateType, key, m, decision)
}

func sign(predicateType string, key ed25519.PrivateKey, m Materials, decision Decision) ([]byte, error) {
	r, err := report.ReadExactly(m.Report)
	if err != nil {
		return nil, err
	}
	if err := belong(r, m); err != nil {
		return nil, err
	}
	if err := decision.check(r); err != nil {
		return nil, err
	}
	if decision.ResidualRisks == nil {
		decision.ResidualRisks = []string{}
	}
	decision.On = decision.On.UTC().Truncate(time.Second)
	statement := Statement{Type: StatementType, PredicateType: predicateType, Subject: subjects(m), Predicate: predicate(r, decision)}
	payload, err := json.Marshal(statement)
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	signer, err := dsse.NewEnvelopeSigner(signingKey{key})
	if err != nil {
		return nil, fmt.Errorf("sign the report: %w", err)
	}
	envelope, err := signer.SignPayload(context.Background(), PayloadType, payload)
	if err != nil {
		return nil, fmt.Errorf("sign the report: %w", err)
	}
	raw, err := json.MarshalIndent(envelope, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the envelope: %w", err)
	}
	return append(raw, '\n'), nil
}

func (d Decision) check(r *audit.Report) error {
	if d.Outcome != Approved && d.Outcome != Rejected {
		return fmt.Errorf("the decision is %.40q: it must be %q or %q", d.Outcome, Approved, Rejected)
	}
	if strings.TrimSpace(d.By) == "" {
		return errors.New("the decision must name who decided")
	}
	if d.On.IsZero() {
		return errors.New("the decision must have a time")
	}
	if len(d.By) > mostWord || len(d.ResidualRisks) > mostRisks {
		return fmt.Errorf("the decision is too long: a name may have %d bytes, and there may be %d residual risks", mostWord, mostRisks)
	}
	for _, risk := range d.ResidualRisks {
		if strings.TrimSpace(risk) == "" || len(risk) > mostText {
			return fmt.Errorf("a residual risk must be told in words, in at most %d bytes", mostText)
		}
	}
	if d.Outcome != Approved {
		return nil
	}
	switch {
	case r.CutShort:
		return errors.New("a report that was cut short cannot be approved: audit again, or reject it")
	case verdict.Expired(r, d.On):
		return fmt.Errorf("the report was valid until %s and cannot be approved any more: audit again, or reject it", r.ValidUntil)
	case d.On.Before(r.FinishedAt):
		return errors.New("the decision is older than the report: check this machine's clock")
	case (!r.Ready || verdict.Waivers(r) > 0) && len(d.ResidualRisks) == 0:
		return fmt.Errorf("the report says %s: to approve it, name the residual risks that are accepted, in words", verdict.Status(r))
	}
	return nil
}

func predicate(r *audit.Report, decision Decision) Predicate {
	return Predicate{
		Decision: decision, Integration: r.Integration, Provider: r.Provider, Tool: r.Tool, FinishedAt: r.FinishedAt, ValidUntil: r.ValidUntil,
		Status: verdict.Status(r), ExitCode: verdict.ExitCode(r), PolicyDigest: r.PolicyDigest, FactsDigest: r.FactsDigest, ConfigDigest: r.ConfigDigest,
	}
}

// subjects are the files that were given.
func subjects(m Materials) []Subject {
	var all []Subject
	for _, file := range m.files() {
		if file.content != nil {
			all = append(all, Subject{file.name, map[string]string{"sha256": strings.TrimPrefix(audit.Digest(file.content), "sha256:")}})
		}
	}
	return all
}

type file struct {
	name    string
	content []byte
}

func (m Materials) files() []file {
	return []file{{reportSubject, m.Report}, {factsSubject, m.Facts}, {configSubject, m.Config}}
}

// belong reports whether the facts and the configuration, where given, are those of the report.
func belong(r *audit.Report, m Materials) error {
	var faults []error
	if m.Facts != nil {
		doc, err := audit.DecodeDocument(m.Facts)
		if err != nil {
			return fmt.Errorf("the facts: %w", err)
		}
		raw, err := doc.Encode()
		if err != nil {
			return err
		}
		if digest := audit.Digest(raw); digest != r.FactsDigest {
			faults = append(faults, fmt.Errorf("the facts are not those of the report: their digest is %s, the report names %s", digest, r.FactsDigest))
		}
		if doc.ConfigDigest != r.ConfigDigest {
			faults = append(faults, fmt.Errorf("facts and report name different configurations, %s and %s", doc.ConfigDigest, r.ConfigDigest))
		}
	}
	if m.Config != nil {
		if digest := audit.Digest(m.Config); digest != r.ConfigDigest {
			faults = append(faults, fmt.Errorf("the configuration is not that of the report: its digest is %s, the report names %s", digest, r.ConfigDigest))
		}
	}
	return errors.Join(faults...)
}
