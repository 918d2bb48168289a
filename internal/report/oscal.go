package report

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// OSCAL 1.1.2 assessment results: an observation for each finding, and a finding for each check
// that was decided. A target of OSCAL is satisfied or not and nothing else, so a check that is
// inconclusive or not applicable has observations and no finding; each observation and finding
// names its outcome. What somebody attests was examined, not tested. UUIDs are derived, so that the
// same report has the same ones.

const (
	oscalVersion   = "1.1.2"
	oscalNamespace = "https://github.com/prelaunch-audit/prelaunch/ns/oscal"
)

type oscalDocument struct {
	Results oscalResults `json:"assessment-results"`
}

type oscalResults struct {
	UUID     string        `json:"uuid"`
	Metadata oscalMetadata `json:"metadata"`
	ImportAP oscalLink     `json:"import-ap"`
	Results  []oscalResult `json:"results"`
}

type oscalMetadata struct {
	Title        string      `json:"title"`
	LastModified string      `json:"last-modified"`
	Version      string      `json:"version"`
	OSCALVersion string      `json:"oscal-version"`
	Props        []oscalProp `json:"props"`
	Remarks      string      `json:"remarks,omitempty"`
}

type oscalLink struct {
	Href string `json:"href"`
}

type oscalProp struct {
	Name  string `json:"name"`
	NS    string `json:"ns"`
	Value string `json:"value"`
}

type oscalResult struct {
	UUID         string             `json:"uuid"`
	Title        string             `json:"title"`
	Description  string             `json:"description"`
	Start        string             `json:"start"`
	End          string             `json:"end"`
	Controls     oscalControls      `json:"reviewed-controls"`
	Observations []oscalObservation `json:"observations,omitempty"`
	Findings     []oscalFinding     `json:"findings,omitempty"`
}

type oscalControls struct {
	Selections []oscalSelection `json:"control-selections"`
}

type oscalSelection struct {
	Include []oscalControl `json:"include-controls,omitempty"`
	All     *struct{}      `json:"include-all,omitempty"`
}

type oscalControl struct {
	ID string `json:"control-id"`
}

type oscalObservation struct {
	UUID        string      `json:"uuid"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Props       []oscalProp `json:"props"`
	Methods     []string    `json:"methods"`
	Collected   string      `json:"collected"`
	Expires     string      `json:"expires,omitempty"`
	Remarks     string      `json:"remarks,omitempty"`
}

type oscalFinding struct {
	UUID        string             `json:"uuid"`
	Title       string             `json:"title"`
	Description string             `json:"description"`
	Props       []oscalProp        `json:"props"`
	Target      oscalTarget        `json:"target"`
	Related     []oscalObservedRef `json:"related-observations"`
	Remarks     string             `json:"remarks,omitempty"`
}

type oscalTarget struct {
	Type   string      `json:"type"`
	ID     string      `json:"target-id"`
	Title  string      `json:"title"`
	Status oscalStatus `json:"status"`
}

type oscalStatus struct {
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

type oscalObservedRef struct {
	UUID string `json:"observation-uuid"`
}

func renderOSCAL(w io.Writer, v *view) error {
	finished := v.FinishedAt.UTC().Format(time.RFC3339)
	run := v.FactsDigest + v.PolicyDigest + finished
	result := oscalResult{
		UUID: uuid("result", v.Integration, run), Title: Plain(v.verdict() + ": " + v.Integration), Start: v.StartedAt.UTC().Format(time.RFC3339), End: finished,
		Description: Plain(fmt.Sprintf("%s. Checks: %s. Valid until %s.", v.subtitle(), v.counts(), v.ValidUntil)),
	}
	var reviewed []oscalControl
	for _, check := range v.Checks {
		reviewed = append(reviewed, oscalControl{token(check.ID)})
		observed := []oscalObservedRef{}
		for _, finding := range check.Findings {
			observation := v.oscalObservation(check, finding, finished, run)
			result.Observations = append(result.Observations, observation)
			observed = append(observed, oscalObservedRef{observation.UUID})
		}
		if check.Outcome == audit.Inconclusive || check.Outcome == audit.NotApplicable {
			continue
		}
		finding := oscalFinding{
			UUID: uuid("finding", v.Integration, check.ID, run), Title: Plain(orElse(check.Title, check.ID)), Description: oscalText(check),
			Props:   oscalProps("outcome", check.Outcome.String(), "severity", check.Severity, "level", check.Level, "section", check.Section),
			Target:  oscalTarget{Type: "objective-id", ID: token(check.ID), Title: Plain(orElse(check.Title, check.ID)), Status: oscalStatus{State: "satisfied", Reason: "pass"}},
			Related: observed,
		}
		switch check.Outcome {
		case audit.Fail:
			finding.Target.Status = oscalStatus{"not-satisfied", "fail"}
			finding.Remarks = remedy(check, audit.Finding{Outcome: audit.Fail})
		case audit.Warn, audit.Waived: // the state is what was found; that it is accepted is a reason
			finding.Target.Status = oscalStatus{"not-satisfied", "other"}
			finding.Remarks = finding.Description
		}
		result.Findings = append(result.Findings, finding)
	}
	selection := oscalSelection{Include: reviewed}
	if len(reviewed) == 0 {
		selection.All = &struct{}{}
	}
	result.Controls = oscalControls{[]oscalSelection{selection}}
	return writeJSON(w, oscalDocument{oscalResults{
		UUID: uuid("assessment-results", v.Integration, run),
		Metadata: oscalMetadata{Title: Plain("Pre-launch audit of " + v.Integration), LastModified: finished, Version: orElse(Plain(v.Tool.Version), "unknown"), OSCALVersion: oscalVersion,
			Props:   oscalProps("verdict", v.verdict(), "provider", v.Provider, "valid-until", v.ValidUntil.String(), "policy-digest", v.PolicyDigest, "facts-digest", v.FactsDigest),
			Remarks: Plain(v.incomplete())},
		ImportAP: oscalLink{"https://github.com/prelaunch-audit/prelaunch"},
		Results:  []oscalResult{result},
	}})
}

func (v *view) oscalObservation(check audit.Check, finding audit.Finding, collected, run string) oscalObservation {
	one := groups([]audit.Finding{finding})[0]
	observation := oscalObservation{
		UUID: uuid("observation", v.Integration, finding.ID, run), Title: Plain(check.ID), Description: Plain(headline(one)), Methods: []string{"TEST"}, Collected: collected,
		Props: oscalProps("outcome", finding.Outcome.String(), "basis", finding.Basis, "environment", finding.Environment, "finding-id", finding.ID, "check", check.ID),
	}
	if finding.Basis == audit.Attested {
		observation.Methods = []string{"INTERVIEW"}
		if _, evidence := finding.Evidence["evidence_sha256"]; evidence {
			observation.Methods = []string{"EXAMINE"}
		}
	}
	if !finding.ValidUntil.IsZero() {
		observation.Expires = finding.ValidUntil.AddDays(1).Time().Format(time.RFC3339)
	}
	observation.Remarks = remedy(check, finding)
	return observation
}

// oscalText is what a check found, in one paragraph.
func oscalText(check audit.Check) string {
	var said []string
	for _, line := range findingLines(check, relevant(check)) {
		said = append(said, Plain(line.text))
	}
	return orElse(strings.Join(said, ". "), Plain(check.Title))
}

// oscalProps are properties; names and values come in pairs, and those without a value are left
// out.
func oscalProps(pairs ...string) []oscalProp {
	props := []oscalProp{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if value := strings.TrimSpace(Plain(pairs[i+1])); value != "" {
			props = append(props, oscalProp{pairs[i], oscalNamespace, value})
		}
	}
	return props
}

// token is an id as OSCAL has them: letters, digits, ".", "-" and "_", a letter or "_" first.
func token(id string) string {
	id = strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r) {
			return r
		}
		return '_'
	}, id)
	if id == "" || strings.ContainsRune("0123456789.-", rune(id[0])) {
		return "_" + id
	}
	return id
}

// uuid is a UUID of version 5 that depends on the parts and nothing else.
func uuid(parts ...string) string {
	sum := sha1.Sum([]byte(oscalNamespace + "\x00" + strings.Join(parts, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	digits := hex.EncodeToString(sum[:16])
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}
