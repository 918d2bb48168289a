package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// exchanged are reports of every kind, also ones that prove nothing.
func exchanged(t testing.TB) map[string]*audit.Report {
	all := reports(t)
	all["unreachable"] = unreachable(t)
	all["ready"] = reportOf(t, map[string][]audit.Verdict{"a.b-c": {{Outcome: audit.Pass, Environment: audit.Test, Subject: "x", Message: "seen"}}},
		info("a.b-c", "A", "A", "high", "Fix A.", 1, 2, 3, 4, 5, 6, 7))
	for name, r := range all { // as they are after JSON, which has no invalid UTF-8
		copied, err := duplicate(r)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = copied
	}
	return all
}

func object(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// shape is what the schema of a JSON object asks: the fields that it knows, those it requires, and
// what their values may be.
type shape struct {
	known    string            // names, separated by spaces
	required string            // of those
	enums    map[string][]any  // what a field may be
	objects  map[string]*shape // fields that are objects, or arrays of them
	kinds    map[string]string // fields that are of a kind: string, number, bool, strings
}

// faults are where a value differs from its shape.
func (s *shape) faults(path string, value any) (faults []string) {
	fields, ok := value.(map[string]any)
	if !ok {
		return []string{path + " is not an object"}
	}
	known := strings.Fields(s.known)
	for name := range fields {
		if !slices.Contains(known, name) {
			faults = append(faults, path+"."+name+" is not known")
		}
	}
	for _, name := range strings.Fields(s.required) {
		if inner, there := fields[name]; !there || inner == nil || inner == "" {
			faults = append(faults, path+"."+name+" is missing")
		}
	}
	for name, inner := range fields {
		at := path + "." + name
		if allowed, limited := s.enums[name]; limited && !slices.Contains(allowed, inner) {
			faults = append(faults, fmt.Sprintf("%s is %v", at, inner))
		}
		if nested := s.objects[name]; nested != nil {
			list, isList := inner.([]any)
			if !isList {
				list = []any{inner}
			}
			for _, one := range list {
				faults = append(faults, nested.faults(at, one)...)
			}
		}
		switch s.kinds[name] {
		case "string":
			_, ok = inner.(string)
		case "number":
			_, ok = inner.(float64)
		case "bool":
			_, ok = inner.(bool)
		case "strings":
			list, isList := inner.([]any)
			ok = isList && !slices.ContainsFunc(list, func(one any) bool { _, isText := one.(string); return !isText })
		default:
			ok = true
		}
		if !ok {
			faults = append(faults, fmt.Sprintf("%s is %v, not %s", at, inner, s.kinds[name]))
		}
	}
	return faults
}

// TestOCSFFollowsItsClass holds events to class 2003 as the dictionary, the class and the objects of OCSF 1.5.0 define it.
func TestOCSFFollowsItsClass(t *testing.T) {
	t.Parallel()
	schema := published(t, "ocsf-compliance-finding-1.5.0.json")
	for name, r := range exchanged(t) {
		var events []map[string]any
		if err := json.Unmarshal(render(t, "ocsf", r, Options{}), &events); err != nil {
			t.Fatal(err)
		}
		found := map[string]map[string]any{}
		for _, event := range events {
			if err := schema.Validate(event); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			found[event["finding_info"].(map[string]any)["uid"].(string)] = event
		}
		if len(events) == 0 {
			t.Errorf("%s: no event at all looks as if all were well", name)
		}
		for _, check := range r.Checks {
			for _, finding := range check.Findings {
				event := found[finding.ID]
				if event == nil {
					t.Errorf("%s: finding %s is lost", name, finding.ID)
					continue
				}
				judged := finding.Outcome
				if finding.RawOutcome != nil {
					judged = *finding.RawOutcome
				}
				want := map[audit.Outcome]float64{audit.Pass: 1, audit.Inconclusive: 2, audit.Fail: 3, audit.Warn: 99, audit.NotApplicable: 99}[judged]
				if got := event["compliance"].(map[string]any)["status_id"]; got != want {
					t.Errorf("%s: a finding that is %s has the status %v", name, finding.Outcome, got)
				}
				if suppressed := event["status_id"] == 3.0; suppressed != (finding.Outcome == audit.Waived) {
					t.Errorf("%s: a finding that is %s is suppressed: %t", name, finding.Outcome, suppressed)
				}
			}
		}
	}
	for _, fault := range []string{`"class_uid": 2004`, `"typo": 1`, `"time": "now"`, `"compliance": {"status_id": 4}`, `"metadata": {"version": "1.5.0"}`} {
		var events []map[string]any
		if err := json.Unmarshal(render(t, "ocsf", reports(t)["sample"], Options{}), &events); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte("{"+fault+"}"), &events[0]); err != nil || schema.Validate(events[0]) == nil {
			t.Errorf("the schema accepts %s: it checks nothing (%v)", fault, err)
		}
	}
}

// dojoShape is what DefectDojo's parser takes (dojo/tools/generic/json_parser.py): any other key is
// an error there.
var dojoShape = &shape{
	known: "name type version description static_tool dynamic_tool soc findings", required: "name type version",
	kinds: map[string]string{"dynamic_tool": "bool"},
	objects: map[string]*shape{"findings": {
		known: "title severity description endpoints files tags vulnerability_ids date cwe cve epss_score epss_percentile cvssv3 cvssv3_score mitigation impact steps_to_reproduce " +
			"severity_justification references active verified false_p out_of_scope risk_accepted under_review is_mitigated thread_id mitigated numerical_severity param payload line " +
			"file_path component_name component_version static_finding dynamic_finding scanner_confidence unique_id_from_tool vuln_id_from_tool nb_occurences publish_date service " +
			"planned_remediation_date planned_remediation_version effort_for_fixing",
		required: "title severity description date", enums: map[string][]any{"severity": {"Critical", "High", "Medium", "Low", "Info"}},
		kinds: map[string]string{"title": "string", "description": "string", "cwe": "number", "line": "number", "active": "bool", "verified": "bool", "risk_accepted": "bool",
			"endpoints": "strings", "tags": "strings", "unique_id_from_tool": "string"}}},
}

func TestDefectDojoTakesIt(t *testing.T) {
	t.Parallel()
	for name, r := range exchanged(t) {
		document := object(t, render(t, "defectdojo", r, Options{}))
		for _, fault := range dojoShape.faults(name, document) {
			t.Error(fault)
		}
		found := map[any]map[string]any{}
		for _, one := range document["findings"].([]any) {
			finding := one.(map[string]any)
			if _, err := time.Parse(time.DateOnly, finding["date"].(string)); err != nil || found[finding["unique_id_from_tool"]] != nil {
				t.Errorf("%s: %v, or an id occurs twice", name, err)
			}
			found[finding["unique_id_from_tool"]] = finding
		}
		for _, check := range r.Checks {
			for _, finding := range check.Findings {
				got := found[finding.ID]
				if shown := finding.Outcome != audit.Pass && finding.Outcome != audit.NotApplicable; shown != (got != nil) {
					t.Errorf("%s: a finding that is %s is there: %t", name, finding.Outcome, got != nil)
				}
				if finding.Outcome == audit.Inconclusive && (got["severity"] != "Info" || got["active"] != true || !strings.HasPrefix(got["title"].(string), "Not proven: ")) {
					t.Errorf("%s: what is not proven is told as %v", name, got)
				}
				if finding.Outcome == audit.Waived && (got["risk_accepted"] != true || got["active"] != false) {
					t.Errorf("%s: what is waived is told as %v", name, got)
				}
			}
		}
	}
}

// TestPrometheusReadsIt reads it with Prometheus's own parser, which refuses what a scrape would.
func TestPrometheusReadsIt(t *testing.T) {
	t.Parallel()
	for name, r := range exchanged(t) {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(render(t, "prometheus", r, Options{Now: sampleTime})))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ready := families["prelaunch_ready"].Metric[0]
		if (ready.Gauge.GetValue() == 1) != r.Ready || *ready.Label[0].Value != clip(Plain(r.Integration), maxTitle) {
			t.Errorf("%s: says %v", name, ready)
		}
		got := map[string]string{}
		for _, metric := range families["prelaunch_check_outcome"].GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.Label {
				labels[label.GetName()] = label.GetValue()
			}
			if metric.Gauge.GetValue() == 1 {
				got[labels["check"]] += labels["outcome"]
			}
		}
		want := map[string]string{}
		for _, check := range r.Checks {
			want[clip(Plain(check.ID), maxTitle)] = check.Outcome.String()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	expired := string(render(t, "prometheus", exchanged(t)["ready"], Options{Now: sampleTime.AddDate(1, 0, 0)}))
	if !strings.Contains(expired, `prelaunch_ready{integration="acme-personal-loans"} 0`) || !strings.Contains(expired, `prelaunch_expired{integration="acme-personal-loans"} 1`) {
		t.Error("an expired report is ready")
	}
}

// TestStatements holds both in-toto predicates to their specifications (in-toto/attestation,
// spec/predicates), and reads them with in-toto's own types. Those of SVR are of version 0.1.
func TestStatements(t *testing.T) {
	t.Parallel()
	resource := &shape{known: "name digest annotations", required: "digest"}
	for name, r := range exchanged(t) {
		for format, predicate := range map[string]*shape{
			"test-result": {known: "result configuration passedTests warnedTests failedTests", required: "result configuration",
				enums: map[string][]any{"result": {"PASSED", "WARNED", "FAILED"}}, objects: map[string]*shape{"configuration": resource},
				kinds: map[string]string{"passedTests": "strings", "warnedTests": "strings", "failedTests": "strings"}},
			"svr": {known: "verifier timeCreated properties", required: "verifier timeCreated properties", kinds: map[string]string{"properties": "strings"},
				objects: map[string]*shape{"verifier": {known: "id policies", required: "id policies", objects: map[string]*shape{"policies": resource}}}},
		} {
			raw := render(t, format, r, Options{})
			read, result := &intoto.Statement{}, &testresult.TestResult{}
			if err := errors.Join(protojson.Unmarshal(raw, read), read.Validate()); err != nil {
				t.Errorf("%s as %s: in-toto's own reader: %v", name, format, err)
			}
			if predicate, err := protojson.Marshal(read.GetPredicate()); err != nil || format == "test-result" && protojson.Unmarshal(predicate, result) != nil {
				t.Errorf("%s as %s: in-toto's own reader takes no %s: %v", name, format, predicate, err)
			}
			out := object(t, raw)
			envelope := &shape{known: "_type subject predicateType predicate", required: "_type subject predicateType predicate",
				enums: map[string][]any{"_type": {"https://in-toto.io/Statement/v1"}}, objects: map[string]*shape{"subject": resource, "predicate": predicate}}
			for _, fault := range envelope.faults(name+" as "+format, out) {
				t.Error(fault)
			}
			digest := out["subject"].([]any)[0].(map[string]any)["digest"].(map[string]any)["sha256"]
			if want := audit.Digest(render(t, "json", r, Options{})); "sha256:"+fmt.Sprint(digest) != want {
				t.Errorf("%s as %s: the subject is %v, not the report (%s)", name, format, digest, want)
			}
			stated := out["predicate"].(map[string]any)
			for _, check := range r.Checks {
				var shown []any
				if format == "svr" {
					shown = stated["properties"].([]any)
				} else {
					shown = stated["passedTests"].([]any)
				}
				id := map[string]string{"svr": property(check.ID), "test-result": Plain(check.ID)}[format]
				if slices.Contains(shown, any(id)) != (check.Outcome == audit.Pass) {
					t.Errorf("%s as %s: %s is %s", name, format, check.ID, check.Outcome)
				}
				if format == "test-result" && check.Outcome == audit.Inconclusive && !slices.Contains(stated["warnedTests"].([]any), any(id)) {
					t.Errorf("%s: %s is not proven and lost", name, check.ID)
				}
			}
			if format == "test-result" && (result.GetResult() != stated["result"] || len(result.GetWarnedTests()) != len(stated["warnedTests"].([]any))) {
				t.Errorf("%s: in-toto's own reader reads %v", name, result)
			}
			if format == "test-result" && (stated["result"] == "FAILED") != (verdict.ExitCode(r) != 0 || !r.Ready) {
				t.Errorf("%s: %s is told as %v", name, verdict.Status(r), stated["result"])
			}
			if format == "svr" && slices.Contains(stated["properties"].([]any), any("PRELAUNCH_READY")) != r.Ready {
				t.Errorf("%s: %s has the properties %v", name, verdict.Status(r), stated["properties"])
			}
		}
	}
	for format, never := range map[string]string{"svr": "PRELAUNCH_", "test-result": `"PASSED"`} {
		if old := string(render(t, format, exchanged(t)["ready"], Options{Now: sampleTime.AddDate(1, 0, 0)})); strings.Contains(old, never) {
			t.Errorf("%s of an expired report says %s", format, never)
		}
	}
}

func TestCSVHoldsNoFormula(t *testing.T) {
	t.Parallel()
	for name, r := range exchanged(t) {
		rows, err := csv.NewReader(bytes.NewReader(render(t, "csv", r, Options{}))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id, outcome := slices.Index(rows[0], "finding"), slices.Index(rows[0], "outcome")
		got, want := map[string]string{}, map[string]string{}
		for _, row := range rows[1:] {
			got[row[id]] = row[outcome]
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r|%") {
					t.Errorf("%s: a spreadsheet takes %q for a formula", name, cell)
				}
			}
		}
		for _, check := range r.Checks {
			for _, finding := range check.Findings {
				want[finding.ID] = finding.Outcome.String()
			}
		}
		if len(want) == 0 {
			want[""] = "inconclusive"
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s:\n%s", name, cmp.Diff(want, got))
		}
	}
	for _, text := range []string{`=HYPERLINK("https://evil.example")`, "+1", "-1", "@SUM(1)", " =1", "\t=1", "\r\n=1", "|x", "%0a", "＝1"} {
		if cell := Cell(text); !strings.HasPrefix(cell, "'") {
			t.Errorf("%q became %q", text, cell)
		}
	}
}

// TestOSCALFollowsItsModel holds it to NIST's schema.
func TestOSCALFollowsItsModel(t *testing.T) {
	t.Parallel()
	schema := published(t, "oscal-assessment-results-1.1.2.json")
	for name, r := range exchanged(t) {
		raw := render(t, "oscal", r, Options{})
		document := object(t, raw)
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		delete(document["assessment-results"].(map[string]any), "import-ap")
		if schema.Validate(document) == nil {
			t.Error("the schema accepts results without a plan: it checks nothing")
		}
		if bytes.Contains(raw, []byte(": []")) {
			t.Errorf("%s: an empty array, where OSCAL wants at least one", name)
		}
		var read oscalDocument
		if err := json.Unmarshal(raw, &read); err != nil {
			t.Fatal(err)
		}
		result := read.Results.Results[0]
		states := map[string]string{}
		for _, finding := range result.Findings {
			states[finding.Target.ID] = finding.Target.Status.State
		}
		observed := 0
		for _, check := range r.Checks {
			observed += len(check.Findings)
			want := map[audit.Outcome]string{audit.Pass: "satisfied", audit.Fail: "not-satisfied", audit.Warn: "not-satisfied", audit.Waived: "not-satisfied"}[check.Outcome]
			if states[token(check.ID)] != want {
				t.Errorf("%s: %s is %s and became %q", name, check.ID, check.Outcome, states[token(check.ID)])
			}
		}
		if len(result.Observations) != observed {
			t.Errorf("%s: %d observations of %d findings", name, len(result.Observations), observed)
		}
		ids := map[string]bool{}
		for _, observation := range result.Observations {
			if len(observation.UUID) != 36 || observation.UUID[14] != '5' || ids[observation.UUID] {
				t.Errorf("%s: the UUID %s is malformed or occurs twice", name, observation.UUID)
			}
			ids[observation.UUID] = true
		}
		if again := render(t, "oscal", r, Options{}); !bytes.Equal(raw, again) {
			t.Errorf("%s: differs from one time to the next", name)
		}
	}
}
