package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// MaxSize bounds a report that is read, in bytes: four times the largest facts that can be judged.
const MaxSize = 4 * audit.MaxDocument

// Read reads a report that Write made as json. It refuses a truncated file, another schema or version, doubled fields, data after the
// report, and a report that contradicts itself, such as one with a failing check that says it is ready. Fields that a later version
// added are left out.
func Read(raw []byte) (*audit.Report, error) {
	if len(raw) > MaxSize {
		return nil, fmt.Errorf("the report is larger than %d MB", MaxSize>>20)
	}
	if err := wellFormed(raw); err != nil {
		return nil, err
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("this is no report: %w", err)
	}
	switch head.Schema {
	case audit.ReportSchema:
	case audit.FactsSchema:
		return nil, errors.New("these are facts, not a report: make the report with `prelaunch judge FACTS -o json=REPORT`")
	case "":
		return nil, fmt.Errorf("this is no report: it has no \"schema\": %q", audit.ReportSchema)
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
	if err := misspelt(value, schema.Schema()); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	var r audit.Report
	if err := decode(raw, &r, false); err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if err := consistent(&r); err != nil {
		return nil, fmt.Errorf("the report contradicts itself, so it was edited or damaged: %w", err)
	}
	return &r, nil
}

// ReadExactly reads a report as Read does and refuses fields that it does not know: whoever vouches for a report must see all of it.
func ReadExactly(raw []byte) (*audit.Report, error) {
	r, err := Read(raw)
	if err != nil {
		return nil, err
	}
	if err := decode(raw, &audit.Report{}, true); err != nil {
		return nil, fmt.Errorf("the report holds more than this version of prelaunch knows (take the version that made it): %w", err)
	}
	return r, nil
}

// misspelt refuses a field whose name differs from a known one in the case of its letters only: the decoder would take it for that one.
func misspelt(value any, schema *jsonschema.Schema) error {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if schema.Items == nil {
				return nil
			}
			if err := misspelt(item, schema.Items); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, inner := range value {
			if property, known := schema.Properties[name]; known {
				if err := misspelt(inner, property); err != nil {
					return err
				}
				continue
			}
			for known := range schema.Properties {
				if strings.EqualFold(known, name) {
					return fmt.Errorf("there is a field %.60q, and one of the format is called %q", name, known)
				}
			}
		}
	}
	return nil
}

func decode(raw []byte, into *audit.Report, exactly bool) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if exactly {
		decoder.DisallowUnknownFields()
	}
	return decoder.Decode(into)
}

// wellFormed refuses what is no single JSON object, and fields that occur twice, of which readers would take one or the other.
func wellFormed(raw []byte) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return errors.New("the report is empty")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	type level struct {
		names   map[string]bool // of an object; nil: an array
		expects bool            // a name comes next
	}
	var stack []level
	read := false // at least one token
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && len(stack) == 0:
			return nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("the report is truncated: it ends in the middle, after %d bytes", len(raw))
		case err != nil:
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				if read && len(stack) == 0 {
					return errors.New("something follows the report in the file")
				}
				return fmt.Errorf("the report is no valid JSON at byte %d: %w", syntax.Offset, err)
			}
			return fmt.Errorf("the report is no valid JSON: %w", err)
		}
		if len(stack) == 0 && read {
			return errors.New("something follows the report in the file")
		}
		read = true
		if len(stack) == 0 && token != json.Delim('{') {
			return errors.New("this is no report: it is not one JSON object")
		}
		if len(stack) > 0 {
			top := &stack[len(stack)-1]
			if name, ok := token.(string); ok && top.names != nil && top.expects {
				if top.names[name] {
					return fmt.Errorf("the field %.60q occurs twice in one object, at byte %d", name, decoder.InputOffset())
				}
				top.names[name], top.expects = true, false
				continue
			}
			top.expects = true
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{names: map[string]bool{}, expects: true})
		case json.Delim('['):
			stack = append(stack, level{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
		if len(stack) > maxDepth {
			return fmt.Errorf("the report nests deeper than %d levels", maxDepth)
		}
	}
}

// maxDepth is how deep a report may nest: the format itself needs six levels, evidence a few more.
const maxDepth = 64

// consistent reports where the sums of a report are not those of its findings.
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
			if check.Level != audit.Required && finding.Outcome == audit.Fail {
				return fmt.Errorf("recommended check %.80q fails", check.ID)
			}
		}
		if worst := audit.Worst(found...); worst != check.Outcome {
			return fmt.Errorf("check %.80q is said to be %s, its findings come to %s", check.ID, check.Outcome, worst)
		}
	}
	if summary != r.Summary {
		return errors.New("the summary does not count the checks that are there")
	}
	for _, item := range r.Checklist {
		var found []audit.Outcome
		for _, id := range item.Checks {
			outcome, known := outcomes[id]
			if !known {
				return fmt.Errorf("checklist item %d names the check %.80q, which is not there", item.Item, id)
			}
			found = append(found, outcome)
		}
		if worst := audit.Worst(found...); worst != item.Outcome {
			return fmt.Errorf("checklist item %d is said to be %s, its checks come to %s", item.Item, item.Outcome, worst)
		}
	}
	if r.CutShort && !r.Partial {
		return errors.New("it was cut short but is not partial")
	}
	if ready := !r.Partial && required && verdict.ExitCode(r) == 0; ready != r.Ready {
		return fmt.Errorf("it says ready: %t, its checks say %t", r.Ready, ready)
	}
	if slices.ContainsFunc(r.Checks, func(c audit.Check) bool { return c.ID == "" }) {
		return errors.New("a check has no id")
	}
	return nil
}
