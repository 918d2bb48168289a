package audit

import (
	"time"
)

// ReportSchema names the version of Report.
const ReportSchema = "prelaunch.report/v1"

// MaxValidity is how long a report can be relied on at most, in days: the checklist is to be followed again at every change, and
// reviews and attestations expire after the same time.
const MaxValidity = 90

// Report is the outcome of an audit. It is what every format shows.
type Report struct {
	Schema       string          `json:"schema"`
	Tool         Tool            `json:"tool"`
	Integration  string          `json:"integration"`
	Provider     string          `json:"provider"`
	Profile      *Profile        `json:"profile,omitempty"`   // of a provider whose profile is not built in as it is
	ProbedBy     *ProbedBy       `json:"probed_by,omitempty"` // whose word what is observed is
	StartedAt    time.Time       `json:"started_at"`
	FinishedAt   time.Time       `json:"finished_at"`
	Expired      bool            `json:"expired,omitempty"` // it was shown when something it rests on no longer held
	ValidUntil   Date            `json:"valid_until"`       // the first day on which something it rests on expires
	Ready        bool            `json:"ready"`
	Partial      bool            `json:"partial"` // required checks were left out, or it was cut short
	LeftOpen     *LeftOpen       `json:"left_open,omitempty"`
	CutShort     bool            `json:"cut_short"` // interrupted before it was done
	Summary      Summary         `json:"summary"`
	Checklist    []ChecklistItem `json:"checklist"`
	Checks       []Check         `json:"checks"`
	Notes        []string        `json:"notes"` // worth knowing, changes no outcome
	Scope        Scope           `json:"scope"`
	PolicyDigest string          `json:"policy_digest"`
	FactsDigest  string          `json:"facts_digest"`
	ConfigDigest string          `json:"config_digest"`
}

// LeftOpen is what an audit of one environment leaves open.
type LeftOpen struct {
	Environments []string `json:"environments"` // those that were not audited
	Checks       []string `json:"checks"`       // those that need them
}

// Summary counts checks by outcome.
type Summary struct {
	Pass          int `json:"pass"`
	Fail          int `json:"fail"`
	Warn          int `json:"warn"`
	Inconclusive  int `json:"inconclusive"`
	NotApplicable int `json:"not_applicable"`
	Waived        int `json:"waived"`
}

// ChecklistItem is one line of the provider's pre-launch list.
type ChecklistItem struct {
	Item    int      `json:"item"`
	Title   string   `json:"title"`
	Outcome Outcome  `json:"outcome"`
	Checks  []string `json:"checks"` // ids of its required checks that were judged or, where it has none, of the recommended ones
}

// Levels of a check.
const (
	Required    = "required"
	Recommended = "recommended"
)

// CheckInfo is what a policy's metadata says of its check.
type CheckInfo struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Section     string   `json:"section"`
	Items       []int    `json:"items"`
	Level       string   `json:"level"`    // Required or Recommended
	Severity    string   `json:"severity"` // critical, high, medium or low
	Attestable  bool     `json:"attestable"`
	Passes      string   `json:"passes,omitempty"` // what passes and what fails, for readers
	Fails       string   `json:"fails,omitempty"`
	Remediation string   `json:"remediation"`
	Sources     []string `json:"sources,omitempty"`   // where the requirement and its thresholds come from
	Facts       []string `json:"facts"`               // kinds it reads
	CWE         []string `json:"cwe,omitzero"`        // such as "CWE-347"
	OWASPASVS   []string `json:"owasp_asvs,omitzero"` // requirements of ASVS 5.0, such as "v5.0.0-11.2.3"
	// PerEnvironment: each environment needs a finding of its own, or the check is inconclusive for it.
	PerEnvironment bool `json:"per_environment"`
	// Compares: it compares environments, and Environment is the only one that it is about. An audit that leaves out what such a check
	// is about leaves it open.
	Compares    bool   `json:"compares_environments,omitempty"`
	Environment string `json:"environment,omitempty"`
}

// Check is a check with its outcome.
type Check struct {
	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Section     string    `json:"section"`
	Items       []int     `json:"items"`
	Level       string    `json:"level"`
	Severity    string    `json:"severity"`
	Outcome     Outcome   `json:"outcome"`
	Remediation string    `json:"remediation"`
	CWE         []string  `json:"cwe,omitzero"`
	OWASPASVS   []string  `json:"owasp_asvs,omitzero"`
	Findings    []Finding `json:"findings"`
}

// Bases of a finding.
const (
	Observed = "observed"
	Attested = "attested"
	Declared = "declared"
)

// Finding is one thing that a check says.
type Finding struct {
	ID          string         `json:"id"`    // the same in every run for the same problem in the same place
	Scope       string         `json:"scope"` // fingerprint of check, environment and target
	Outcome     Outcome        `json:"outcome"`
	RawOutcome  *Outcome       `json:"raw_outcome,omitempty"` // of a waived finding: what it would have been
	Environment string         `json:"environment,omitempty"`
	Basis       string         `json:"basis"`
	Message     string         `json:"message"`
	Evidence    map[string]any `json:"evidence"`
	Waiver      *Waiver        `json:"waiver,omitempty"`
	// NextStep is the one thing that settles an inconclusive finding; it may hold YAML to paste.
	NextStep string `json:"next_step,omitempty"`
	// Cause is shared by the findings that depend on one cause, such as "webhook.unreachable/test". The finding that is the cause has
	// it too, and is_cause: true in its evidence.
	Cause string `json:"cause,omitempty"`
	// ValidUntil is the last day on which this finding can be relied on, where it rests on something that expires.
	ValidUntil Date `json:"valid_until,omitzero"`
}

// Judged is the outcome of a finding, waived or not.
func (f Finding) Judged() Outcome {
	if f.RawOutcome != nil {
		return *f.RawOutcome
	}
	return f.Outcome
}

// Verdict is what a policy says, before ids, waivers and levels are applied.
type Verdict struct {
	Outcome     Outcome        `json:"outcome"`
	Environment string         `json:"environment"`
	Subject     string         `json:"subject"` // what tells this finding from others of the check: a forgery family, a path, a URL
	Target      string         `json:"target"`  // what was checked as a whole: a URL, a repository; the subject is a place in it
	Basis       string         `json:"basis"`
	Message     string         `json:"message"`
	Evidence    map[string]any `json:"evidence"`
	ValidUntil  Date           `json:"valid_until"`
	NextStep    string         `json:"next_step,omitempty"` // as Finding's
	Cause       string         `json:"cause,omitempty"`     // as Finding's
}
