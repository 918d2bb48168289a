package web

import (
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/signoff"
)

// materials are the files that a decision about a run is about.
func (s *server) materials(q *request) (m signoff.Materials, err error) {
	if m.Report, err = s.document(q.Context(), q.run.Report); err != nil {
		if errors.Is(err, database.ErrNotFound) {
			return m, &problem{http.StatusConflict, "This run has no report to decide on."}
		}
		return m, err
	}
	m.Facts, err = s.document(q.Context(), q.run.Facts)
	if errors.Is(err, database.ErrNotFound) {
		return m, nil
	}
	return m, err
}

// takeStatement verifies what a reviewer signed on a machine of their own.
func (s *server) takeStatement(q *request, envelope []byte) error {
	m, err := s.materials(q)
	if err != nil {
		return err
	}
	reviewers := s.reviewers(q)
	keys := make([]ed25519.PublicKey, len(reviewers))
	for i, reviewer := range reviewers {
		keys[i] = reviewer.Key
	}
	verified, err := signoff.Verify(envelope, keys, m, signoff.Against{PolicyDigest: s.PolicyDigest, Now: s.DB.Now()})
	switch {
	case err != nil:
		return bad("The statement was not accepted: %s", report.Plain(err.Error()))
	case verified.Expired != "":
		return bad("The statement was not accepted: %s", verified.Expired)
	}
	signer := ""
	for _, reviewer := range reviewers {
		if id, err := signoff.KeyID(reviewer.Key); err == nil && id == verified.KeyID {
			signer = reviewer.Name
		}
	}
	// Whoever sees a statement could hand it in again, after its reviewer has changed their mind.
	kept, err := s.DB.Decisions(q.Context(), q.integration.Name)
	if err != nil {
		return err
	}
	for _, d := range kept {
		if d.Run != q.run.ID || d.Kind != kindSigned {
			continue
		}
		earlier, err := signoff.Verify(d.Statement, keys, m, signoff.Against{})
		if err == nil && earlier.KeyID == verified.KeyID && !verified.Statement.Predicate.Decision.On.After(earlier.Statement.Predicate.Decision.On) {
			return &problem{http.StatusConflict, "The statement is no newer than one of the same reviewer that was handed in."}
		}
	}
	return s.keep(q, database.Decision{Kind: kindSigned, Verdict: verified.Statement.Predicate.Decision.Outcome, Signer: signer, Statement: envelope})
}

// Kinds of decisions in the database.
const (
	kindSigned = "signed"   // with a reviewer's key
	kindLogin  = "approval" // by a click, signed by the server
)

// decideByClick signs for somebody who is logged in, with the server's own key.
func (s *server) decideByClick(q *request, outcome string, risks []string) error {
	if !s.may(q).Click {
		return &problem{http.StatusForbidden, "Decisions by click need somebody who is logged in and a signing key of this server. Sign with prelaunch sign instead."}
	}
	m, err := s.materials(q)
	if err != nil {
		return err
	}
	statement, err := signoff.SignForLogin(s.Signer, m, signoff.Decision{Outcome: outcome, By: actor(q.who.Login, q.who.Via), On: s.DB.Now(), ResidualRisks: risks})
	if err != nil {
		return bad("The decision was not accepted: %s", report.Plain(err.Error()))
	}
	return s.keep(q, database.Decision{Kind: kindLogin, Verdict: outcome, Signer: "server", Statement: statement})
}

func (s *server) keep(q *request, d database.Decision) error {
	d.Integration, d.Run, d.Report, d.Login, d.ExpiresAt = q.integration.Name, q.run.ID, q.run.Report, actor(q.who.Login, q.who.Via), q.run.ValidUntil
	return s.change(q, "decide", q.integration.Name, d.Kind+" "+d.Verdict+", run "+d.Run, func(tx *database.Tx) error {
		if _, err := tx.AddDecision(q.Context(), d); err != nil {
			return err
		}
		var expires []database.Expiry
		if d.Verdict == signoff.Approved {
			expires = append(expires, database.Expiry{Kind: database.ExpirySignOff, Subject: "run " + d.Run, Person: d.Login, ExpiresAt: d.ExpiresAt})
		}
		return tx.SetExpiries(q.Context(), d.Integration, database.OfDecision, expires)
	})
}

func (s *server) postDecision(q *request) error {
	if err := q.ParseMultipartForm(maxBody); err != nil {
		return bad("The form could not be read.")
	}
	var err error
	switch how := q.PostFormValue("how"); how {
	case "statement":
		statement := []byte(q.PostFormValue("statement"))
		if file, _, missing := q.FormFile("file"); missing == nil {
			uploaded, err := io.ReadAll(file)
			if err != nil {
				return bad("The file could not be read.")
			}
			if len(uploaded) > 0 {
				statement = uploaded
			}
		}
		err = s.takeStatement(q, statement)
	case "click":
		var risks []string
		for line := range strings.Lines(q.PostFormValue("risks")) {
			if line = strings.TrimSpace(line); line != "" {
				risks = append(risks, line)
			}
		}
		err = s.decideByClick(q, q.PostFormValue("outcome"), risks)
	default:
		err = bad("The form names no way to decide.")
	}
	if err != nil {
		return err
	}
	return back(q, "/runs/"+url.PathEscape(q.run.ID), "decide")
}

// decision is the statement of a decision, to be verified elsewhere.
func (s *server) decisionStatement(q *request) error {
	decisions, err := s.DB.Decisions(q.Context(), q.integration.Name)
	if err != nil {
		return err
	}
	for _, decision := range decisions {
		if decision.Run == q.run.ID && strconv.FormatInt(decision.ID, 10) == q.PathValue("decision") {
			q.w.Header().Set("Content-Type", "application/json")
			q.w.Header().Set("Content-Disposition", `attachment; filename="report.sig.json"`)
			_, err := q.w.Write(decision.Statement)
			return err
		}
	}
	return missing
}
