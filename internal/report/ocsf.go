package report

import (
	"cmp"
	"io"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// OCSF 1.5, class 2003 (Compliance Finding): an array with an event for each finding.
//
//	pass          compliance status 1, Pass
//	inconclusive  2, Warning: "did not yield a result due to missing information"
//	fail          3, Fail
//	warn, n/a     99, Other, with the outcome as its status
//	waived        as what it would have been, the finding itself suppressed
//
// What the audit as a whole lacks (cut short, partial, expired) is an event of its own with the
// status 2.

const (
	ocsfVersion  = "1.5.0"
	ocsfCategory = 2 // Findings
	ocsfClass    = 2003
	ocsfCreate   = 1 // activity
)

type ocsfEvent struct {
	ActivityID   int              `json:"activity_id"`
	ActivityName string           `json:"activity_name"`
	CategoryUID  int              `json:"category_uid"`
	CategoryName string           `json:"category_name"`
	ClassUID     int              `json:"class_uid"`
	ClassName    string           `json:"class_name"`
	TypeUID      int              `json:"type_uid"`
	TypeName     string           `json:"type_name"`
	Time         int64            `json:"time"` // milliseconds since 1970
	StartTime    int64            `json:"start_time"`
	SeverityID   int              `json:"severity_id"`
	Severity     string           `json:"severity"`
	StatusID     int              `json:"status_id"`
	Status       string           `json:"status"`
	Message      string           `json:"message"`
	Metadata     ocsfMetadata     `json:"metadata"`
	FindingInfo  ocsfFindingInfo  `json:"finding_info"`
	Compliance   ocsfCompliance   `json:"compliance"`
	Resources    []ocsfResource   `json:"resources,omitempty"`
	Remediation  *ocsfRemediation `json:"remediation,omitempty"`
	Unmapped     map[string]any   `json:"unmapped"`
}

type ocsfMetadata struct {
	Version   string      `json:"version"`
	Product   ocsfProduct `json:"product"`
	EventCode string      `json:"event_code,omitempty"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version"`
}

type ocsfFindingInfo struct {
	UID      string        `json:"uid"`
	Title    string        `json:"title"`
	Desc     string        `json:"desc,omitempty"`
	Analytic *ocsfAnalytic `json:"analytic,omitempty"`
	Types    []string      `json:"types,omitempty"` // weaknesses, such as CWE-347
}

type ocsfAnalytic struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	Category string `json:"category,omitempty"`
	TypeID   int    `json:"type_id"` // 1: rule
	Type     string `json:"type"`
}

type ocsfCompliance struct {
	Control      string      `json:"control"`
	Standards    []string    `json:"standards"`
	Requirements []string    `json:"requirements,omitempty"`
	StatusID     int         `json:"status_id"`
	Status       string      `json:"status"`
	Details      []string    `json:"status_details,omitempty"`
	Checks       []ocsfCheck `json:"checks,omitempty"`
}

type ocsfCheck struct {
	UID        string   `json:"uid"`
	Name       string   `json:"name"`
	Standards  []string `json:"standards,omitempty"`
	SeverityID int      `json:"severity_id"`
	Severity   string   `json:"severity"`
	StatusID   int      `json:"status_id"`
	Status     string   `json:"status"`
}

type ocsfResource struct {
	UID  string `json:"uid,omitempty"`
	Name string `json:"name"`
	Type string `json:"type"`
}

type ocsfRemediation struct {
	Desc       string   `json:"desc"`
	References []string `json:"references,omitempty"`
}

var ocsfSeverities = map[string]int{"low": 2, "medium": 3, "high": 4, "critical": 5}

const ocsfInformational = 1

func renderOCSF(w io.Writer, v *view) error {
	events := []ocsfEvent{}
	if lacks := v.incomplete(); lacks != "" {
		event := v.ocsfEvent(v.wholeID(), lacks, audit.Inconclusive, ocsfInformational, "Informational")
		event.Compliance.Control = "prelaunch"
		events = append(events, event)
	}
	for _, check := range v.Checks {
		for _, finding := range check.Findings {
			events = append(events, v.ocsfFinding(check, finding))
		}
	}
	return writeJSON(w, events)
}

// ocsfEvent is what all events have.
func (v *view) ocsfEvent(uid, title string, outcome audit.Outcome, severity int, severityName string) ocsfEvent {
	status, name := ocsfStatus(outcome)
	return ocsfEvent{
		ActivityID: ocsfCreate, ActivityName: "Create", CategoryUID: ocsfCategory, CategoryName: "Findings", ClassUID: ocsfClass,
		ClassName: "Compliance Finding", TypeUID: ocsfClass*100 + ocsfCreate, TypeName: "Compliance Finding: Create",
		Time: v.FinishedAt.UnixMilli(), StartTime: v.StartedAt.UnixMilli(), SeverityID: severity, Severity: severityName, StatusID: 1, Status: "New",
		Message:     title,
		Metadata:    ocsfMetadata{ocsfVersion, ocsfProduct{"prelaunch", "prelaunch", Plain(v.Tool.Version)}, ""},
		FindingInfo: ocsfFindingInfo{UID: Plain(uid), Title: title},
		Compliance:  ocsfCompliance{Standards: []string{Plain(v.Provider) + " pre-launch checklist"}, StatusID: status, Status: name},
		Unmapped: map[string]any{"integration": v.Integration, "verdict": v.verdict(), "outcome": outcome, "valid_until": v.ValidUntil,
			"policy_digest": v.PolicyDigest, "facts_digest": v.FactsDigest},
	}
}

func ocsfStatus(outcome audit.Outcome) (id int, name string) {
	switch outcome {
	case audit.Pass:
		return 1, "Pass"
	case audit.Inconclusive:
		return 2, "Warning"
	case audit.Fail:
		return 3, "Fail"
	}
	return 99, capital(label(outcome))
}

func (v *view) ocsfFinding(check audit.Check, finding audit.Finding) ocsfEvent {
	judged := finding.Judged()
	severity, severityName := ocsfSeverities[check.Severity], capital(Plain(check.Severity))
	id, name := cmp.Or(severity, ocsfInformational), severityName
	if judged == audit.Pass || judged == audit.NotApplicable {
		id = ocsfInformational
	}
	if id == ocsfInformational {
		name = "Informational"
	}
	one := group{Outcome: finding.Outcome, Basis: finding.Basis, Message: finding.Message, Waiver: finding.Waiver,
		Environments: addNew(nil, finding.Environment), Findings: []audit.Finding{finding}}
	event := v.ocsfEvent(finding.ID, Plain(headline(one)), judged, id, name)
	event.Unmapped["outcome"] = finding.Outcome
	event.Unmapped["environment"], event.Unmapped["basis"], event.Unmapped["evidence"] = finding.Environment, finding.Basis, finding.Evidence
	event.Metadata.EventCode = Plain(check.ID)
	event.FindingInfo.Desc = Plain(check.Title)
	event.FindingInfo.Types = check.CWE
	event.FindingInfo.Analytic = &ocsfAnalytic{UID: Plain(check.ID), Name: Plain(check.Title), Category: Plain(check.Section), TypeID: 1, Type: "Rule"}
	compliance := &event.Compliance
	compliance.Control = Plain(check.ID)
	for _, item := range v.Checklist {
		for _, number := range check.Items {
			if number == item.Item {
				compliance.Requirements = append(compliance.Requirements, Plain(item.Title))
			}
		}
	}
	if len(check.OWASPASVS) > 0 {
		compliance.Standards = append(compliance.Standards, "OWASP ASVS 5.0")
		compliance.Requirements = append(compliance.Requirements, check.OWASPASVS...)
	}
	compliance.Checks = []ocsfCheck{{Plain(check.ID), Plain(check.Title), compliance.Standards, severity, severityName, compliance.StatusID, compliance.Status}}
	if w := finding.Waiver; w != nil {
		event.StatusID, event.Status = 3, "Suppressed"
		compliance.Details = []string{Plain(waiverText(one))}
		event.Unmapped["waiver"] = w
	}
	if remedy := remedy(check, finding); remedy != "" {
		event.Remediation = &ocsfRemediation{Desc: remedy, References: []string{v.helpURI(check)}}
	}
	for _, p := range placesOf(finding.Evidence) {
		if file, ok := v.file(p); ok {
			event.Resources = append(event.Resources, ocsfResource{Name: Plain(file), Type: "File"})
		} else if p.URL != "" {
			event.Resources = append(event.Resources, ocsfResource{Name: Plain(p.URL), Type: "URL"})
		}
	}
	if len(event.Resources) == 0 {
		name := strings.TrimSuffix(v.Integration+"/"+finding.Environment, "/")
		event.Resources = []ocsfResource{{UID: Plain(finding.Scope), Name: Plain(name), Type: "Integration"}}
	}
	return event
}

// incomplete says why the report as a whole proves nothing, or less than it seems to, whatever its
// checks say; "" when nothing does.
func (v *view) incomplete() string {
	if caveats := v.caveats(); len(caveats) > 0 {
		return v.verdict() + ": " + strings.Join(caveats, " ")
	}
	if len(v.Checks) == 0 {
		return v.verdict() + ": no check was judged."
	}
	return ""
}

// wholeID is the id of what is said of the audit as a whole; it is the same for every audit of the
// integration.
func (v *view) wholeID() string { return audit.Digest([]byte("audit\x00" + v.Integration))[7:23] }

// remedy is how to fix a failure, or what settles what is inconclusive, in plain text; "" for
// anything else.
func remedy(check audit.Check, finding audit.Finding) string {
	judged := finding.Judged()
	text := ""
	switch judged {
	case audit.Fail, audit.Warn:
		text = check.Remediation
	case audit.Inconclusive:
		check.Findings = []audit.Finding{{NextStep: finding.NextStep}} // of the outcome inconclusive, as the zero value is
		text = nextStep(check)
	}
	return strings.Join(layOut(Blocks(text), maxMessage, ""), "\n")
}
