package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/strictjson"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// MaxSize bounds a report that is read, in bytes: four times the largest facts that can be judged.
const MaxSize = 4 * audit.MaxDocument

// Read reads a report that Write made as json. It rejects a truncated file, another schema or
// version, doubled fields, data after the report, and a report that contradicts itself, such as one
// with a failing check that says it is ready. Fields that a later version added are left out.
func Read(raw []byte) (*audit.Report, error) {
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("the report is larger than %d MB", MaxSize>>20)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := strictjson.DecodeKnown(raw, &head); err != nil {
		return nil, fmt.Errorf("this is not a report: %w", err)
	}
	switch head.Schema {
	case audit.ReportSchema:
	case audit.FactsSchema:
		return nil, errors.New("these are facts, not a report: make the report with `prelaunch judge FACTS -o json=REPORT`")
	case "":
		return nil, fmt.Errorf("this is not a report: it has no \"schema\": %q", audit.ReportSchema)
	default:
		return nil, fmt.Errorf("schema is %.60q, this version reads %q: read it with the version of prelaunch that made it, or audit again", head.Schema, audit.ReportSchema)
	}
	schema, err := resolvedSchema()
	if err != nil {
		return nil, fmt.Errorf("make the schema of a report: %w", err)
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if err := schema.Validate(value); err != nil {
		return nil, fmt.Errorf("the report does not follow its schema (see `prelaunch schema report`): %w", err)
	}
	var r audit.Report
	if err := strictjson.DecodeKnown(raw, &r); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if err := consistent(&r); err != nil {
		return nil, fmt.Errorf("the report contradicts itself: it was edited or damaged: %w", err)
	}
	return &r, nil
}

// ReadExactly reads a report as Read does and rejects unknown fields: whoever vouches for a report
// must see all of it.
func ReadExactly(raw []byte) (*audit.Report, error) {
	r, err := Read(raw)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Decode(raw, &audit.Report{}); err != nil {
		return nil, fmt.Errorf("the report holds more than this version of prelaunch knows (take the version that made it): %w", err)
	}
	return r, nil
}

// consistent reports where the totals of a report are not those of its findings.
func consistent(r *audit.Report) error {
	var summary audit.Summary
	counts := map[audit.Outcome]*int{
		audit.Pass: &summary.Pass, audit.Fail: &summary.Fail, audit.Warn: &summary.Warn, audit.Inconclusive: &summary.Inconclusive,
		audit.NotApplicable: &summary.NotApplicable, audit.Waived: &summary.Waived,
	}
	outcomes := map[string]audit.Outcome{}
	required := false
	for _, check := range r.Checks {
		if _, double := outcomes[check.ID]; double {
			return fmt.Errorf("check %.80q occurs twice", check.ID)
		}
		outcomes[check.ID] = check.Outcome
		required = required || check.Level == audit.Required
		*counts[check.Outcome]++
		var found []audit.Outcome
		for _, finding := range check.Findings {
			found = append(found, finding.Outcome)
			if (finding.Outcome == audit.Waived) != (finding.Waiver != nil && finding.RawOutcome != nil) {
				return fmt.Errorf("finding %.40q of %.80q is waived without a waiver, or has one and is not waived", finding.ID, check.ID)
			}
			if settled := finding.Outcome == audit.Pass || finding.Outcome == audit.NotApplicable; settled && (finding.NextStep != "" || finding.Cause != "") {
				return fmt.Errorf("finding %.40q of %.80q says %s, and what has to be done about it", finding.ID, check.ID, finding.Outcome)
			}
			if check.Level != audit.Required && finding.Outcome == audit.Fail {
				return fmt.Errorf("recommended check %.80q fails", check.ID)
			}
		}
		if worst := audit.Worst(found...); worst != check.Outcome {
			return fmt.Errorf("check %.80q says %s, its findings amount to %s", check.ID, check.Outcome, worst)
		}
	}
	if summary != r.Summary {
		return errors.New("the summary does not match the checks")
	}
	for _, item := range r.Checklist {
		var found []audit.Outcome
		for _, id := range item.Checks {
			outcome, known := outcomes[id]
			if !known {
				return fmt.Errorf("checklist item %d names the check %.80q, which the report does not have", item.Item, id)
			}
			found = append(found, outcome)
		}
		if worst := audit.Worst(found...); worst != item.Outcome {
			return fmt.Errorf("checklist item %d says %s, its checks amount to %s", item.Item, item.Outcome, worst)
		}
	}
	if latest := audit.NewDate(r.FinishedAt).AddDays(audit.MaxValidity); latest.Before(r.ValidUntil) {
		return fmt.Errorf("it is valid until %s, and no report is for longer than %d days", r.ValidUntil, audit.MaxValidity)
	}
	if r.CutShort && !r.Partial {
		return errors.New("it was cut short but is not partial")
	}
	if r.LeftOpen != nil && !r.Partial {
		return errors.New("it leaves environments out but is not partial")
	}
	if ready := !r.Partial && required && verdict.ExitCode(r) == 0; ready != r.Ready {
		return fmt.Errorf("it says ready: %t, its checks say %t", r.Ready, ready)
	}
	if slices.ContainsFunc(r.Checks, func(c audit.Check) bool { return c.ID == "" }) {
		return errors.New("a check has no id")
	}
	return nil
}
