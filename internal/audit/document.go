package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/strictjson"
)

// FactsSchema names the version of Document.
const FactsSchema = "prelaunch.facts/v1"

// Document is everything that judging needs: what was declared, what was observed and when. It holds no key, no signature, no
// body of an answer; the synthetic UIDs that were sent are in Scope.Sent only, so that they can be purged.
type Document struct {
	Schema       string      `json:"schema"`
	Tool         Tool        `json:"tool"`
	RunID        string      `json:"run_id"`
	ProbedBy     *ProbedBy   `json:"probed_by,omitempty"` // whose word the observations are
	Integration  Integration `json:"integration"`
	Profile      Profile     `json:"profile,omitzero"` // of Integration.Provider
	ConfigDigest string      `json:"config_digest"`
	StartedAt    time.Time   `json:"started_at"`
	FinishedAt   time.Time   `json:"finished_at"`
	CutShort     bool        `json:"cut_short"` // interrupted: what is missing was not checked
	Choice       Choice      `json:"choice,omitzero"`
	// Probes tells how far each probe got.
	Probes []ProbeStatus `json:"probes"`
	// Facts maps a kind such as "webhook.exchange" to its facts, each of the type that its probe declares for the kind. Every
	// known kind is present, also where it is empty.
	Facts map[string][]json.RawMessage `json:"facts"`
	Scope Scope                        `json:"scope"`
}

// Choice is which checks an audit was for, as globs; with none it was for all. Only what they read was
// gathered.
type Choice struct {
	Only []string `json:"only,omitempty"`
	Skip []string `json:"skip,omitempty"`
}

// IsZero reports whether the audit was for all checks.
func (c Choice) IsZero() bool { return len(c.Only)+len(c.Skip) == 0 }

// Tool is the program that made a document.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// ProbedBy says who ran the probes, as their machine knows them. Nothing proves it: whoever judges facts of others compares the digest
// with the one that they were told by another way.
type ProbedBy struct {
	By   string `json:"by"`   // name of the user
	Host string `json:"host"` // name of the machine
}

// States of a probe.
const (
	ProbeComplete = "complete"  // it checked everything it was asked to
	ProbeFailed   = "failed"    // it could not go on
	ProbeCutShort = "cut_short" // interrupted, out of time, or out of room for facts
	ProbeSkipped  = "skipped"   // no selected check needs it
)

// ProbeStatus tells how far a probe got. Anything but ProbeComplete means that the absence of a fact proves nothing.
type ProbeStatus struct {
	Name   string   `json:"name"`
	Kinds  []string `json:"kinds"`
	State  string   `json:"state"`
	Reason string   `json:"reason,omitempty"` // why it is not complete, for the reader of a report
}

// Encode is the document's one serialisation, of which Digest is the digest.
func (d *Document) Encode() ([]byte, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode the facts: %w", err)
	}
	return raw, nil
}

// Digest is "sha256:" and the hex SHA-256 of b.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// MaxDocument bounds a facts document that is read, in bytes: four times the cap on what a run may gather.
const MaxDocument = 16 << 20

// DecodeDocument reads a document that Encode or an indented print of it made, and rejects another schema and
// whatever two readers could take for two documents.
func DecodeDocument(raw []byte) (*Document, error) {
	if len(raw) > MaxDocument {
		return nil, fmt.Errorf("the facts are larger than %d MB", MaxDocument>>20)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := strictjson.DecodeKnown(raw, &head); err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	if head.Schema != FactsSchema {
		return nil, fmt.Errorf("schema is %.60q, this version judges %q: make the facts again with `prelaunch probe`",
			head.Schema, FactsSchema)
	}
	var d Document
	if err := strictjson.Decode(raw, &d); err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	return &d, nil
}

// Scope tells what an audit covered, so that a reader knows what a pass is worth.
type Scope struct {
	Authorized    *Authorization    `json:"authorized,omitempty"`    // who allowed the audit, where the configuration says so
	Probing       map[string]string `json:"probing"`                 // environment → full, careful or passive
	Overrides     []Override        `json:"overrides"`               // settings that make the audit see something else than the public does
	DeclaredEmpty []EmptySection    `json:"declared_empty,omitzero"` // sections that are declared to have nothing in them
	Skipped       []Skipped         `json:"skipped"`                 // what was not checked, and why
	Addresses     []Address         `json:"addresses"`
	Repositories  []RepositoryScope `json:"repositories"`
	Keys          []KeyScope        `json:"keys"`
	Requests      map[string]int    `json:"requests"` // environment → requests sent to its receiver
	// Rates are, by environment, how many requests a second its receiver was sent.
	Rates map[string]float64 `json:"rates,omitempty"`
	Sent  []SentEvent        `json:"sent"` // synthetic events that were accepted, to be purged
	// Unmarked are the requests that did not name the auditor in their User-Agent.
	Unmarked []UnmarkedRequest `json:"unmarked,omitzero"`
	Digests  map[string]string `json:"digests"` // what else was checked, such as "roster" → "sha256:…"
	// ConfigFile is the configuration as the user named it, and ConfigLines the lines of the settings that findings may point at.
	ConfigFile  string         `json:"config_file,omitempty"`
	ConfigLines map[string]int `json:"config_lines,omitzero"`
	// Exposures are keys that earlier audits found where they must not be. A key does not become secret again.
	Exposures []Exposure `json:"exposures,omitzero"`
}

// UnmarkedRequest is a request that did not name the auditor, for those who find it in their logs.
type UnmarkedRequest struct {
	Environment string    `json:"environment"`
	Case        string    `json:"case"` // such as "unsigned/null"
	At          time.Time `json:"at"`
}

// Exposure is a key that was found in code, history, a client or a log.
type Exposure struct {
	Fingerprint    string    `json:"fingerprint"`
	KeyEnvironment string    `json:"key_environment"` // as the configuration has the key now; empty: it is not in use
	Role           string    `json:"role"`            // current, retired or, of a key that is not in use, empty
	FirstSeen      time.Time `json:"first_seen"`
	LastSeen       time.Time `json:"last_seen"`
	Places         []string  `json:"places"` // such as "client dist: app.js"; some of them
}

// Override is a setting that makes the audit see something else than the public does.
type Override struct {
	Setting string `json:"setting"`
	Value   string `json:"value"`
}

// Skipped is something that was not checked.
type Skipped struct {
	What        string `json:"what"`
	Environment string `json:"environment,omitempty"`
	Reason      string `json:"reason"`
}

// Address is one address of a name that was contacted.
type Address struct {
	Environment string `json:"environment,omitempty"`
	Host        string `json:"host"`
	Address     string `json:"address"` // address:port
}

// RepositoryScope tells which state of a repository was searched.
type RepositoryScope struct {
	Path       string `json:"path"`
	Head       string `json:"head,omitempty"`        // object id
	RefsDigest string `json:"refs_digest,omitempty"` // "sha256:…" over every ref and its object id
	Objects    int    `json:"objects"`
	Bytes      int64  `json:"bytes"` // unpacked
}

// KeyScope names a key that was used or searched for.
type KeyScope struct {
	Environment string `json:"environment"`
	Role        string `json:"role"` // current or retired
	Fingerprint string `json:"fingerprint"`
	Source      string `json:"source"`
}

// SentEvent is a synthetic event that a receiver took.
type SentEvent struct {
	Environment string    `json:"environment"`
	UID         string    `json:"uid"`
	EventType   string    `json:"event_type"`
	At          time.Time `json:"at"`
}
