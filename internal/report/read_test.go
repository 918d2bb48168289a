package report

import (
	"regexp"
	"strings"
	"testing"
)

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	good := string(render(t, "json", sampleReport(t), Options{}))
	if _, err := Read([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, raw, says string
	}{
		{"empty", "", "is empty"},
		{"blank", " \n", "is empty"},
		{"truncated", good[:len(good)/2], "truncated"},
		{"truncated by a brace", strings.TrimRight(good, "}\n"), "truncated"},
		{"no JSON", "integration: acme\n", "not valid JSON"},
		{"an array", "[]", "not one JSON object"},
		{"a number", "12", "not one JSON object"},
		{"two documents", good + good, "more data follows"},
		{"trailing text", good + "x", "more data follows"},
		{"another version", strings.Replace(good, "prelaunch.report/v1", "prelaunch.report/v2", 1), `"prelaunch.report/v2"`},
		{"facts", strings.Replace(good, "prelaunch.report/v1", "prelaunch.facts/v1", 1), "prelaunch judge"},
		{"no schema", "{}", "no \"schema\""},
		{"misspelt field", strings.Replace(good, `"ready"`, `"Ready": true, "ready"`, 1), `the format spells "ready"`},
		{"misspelt field of a finding", strings.Replace(good, `"basis"`, `"OUTCOME": "pass", "basis"`, 1), `the format spells "outcome"`},
		{"missing field", strings.Replace(good, `"ready": false,`, "", 1), "ready"},
		{"wrong type", strings.Replace(good, `"ready": false`, `"ready": "no"`, 1), "ready"},
		{"unknown outcome", strings.Replace(good, `"outcome": "pass"`, `"outcome": "fine"`, 1), "outcome"},
		{"doubled field", strings.Replace(good, `"ready": false`, `"ready": true, "ready": false`, 1), "occurs twice"},
		{"null", strings.Replace(good, `"notes": [`, `"notes": null, "x": [`, 1), "schema"},
		{"says it is ready", strings.Replace(good, `"ready": false`, `"ready": true`, 1), "contradicts itself"},
		{"edited count", strings.Replace(good, `"fail": 2`, `"fail": 1`, 1), "contradicts itself"},
		{"edited outcome", strings.Replace(good, `"outcome": "pass"`, `"outcome": "fail"`, 1), "contradicts itself"},
		{"settled and open", regexp.MustCompile(`("outcome": "pass",)(\s+"(environment|basis)")`).ReplaceAllString(good, `$1 "next_step": "Audit again.",$2`), "contradicts itself"},
		{"valid for years", regexp.MustCompile(`"valid_until": "[^"]*"`).ReplaceAllString(good, `"valid_until": "2099-01-01"`), "contradicts itself"},
		{"too deep", strings.Replace(good, `"evidence": {}`, `"evidence": {"a": `+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`}`, 1), "deeper"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.raw == good {
				t.Fatal("the test changes nothing")
			}
			_, err := Read([]byte(test.raw))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error is %v, should say %q", err, test.says)
			}
		})
	}
}

// TestReadIsAdditive: a field that a later version added is no obstacle, but nobody signs what they
// cannot see.
func TestReadIsAdditive(t *testing.T) {
	t.Parallel()
	good := string(render(t, "json", sampleReport(t), Options{}))
	for _, field := range []string{`"ready"`, `"outcome"`, `"basis"`} {
		later := []byte(strings.Replace(good, field, `"happy": true, `+field, 1))
		if _, err := Read(later); err != nil {
			t.Errorf("beside %s: %v", field, err)
		}
		if _, err := ReadExactly(later); err == nil || !strings.Contains(err.Error(), "happy") {
			t.Errorf("beside %s: it is read exactly, %v", field, err)
		}
	}
	if _, err := ReadExactly([]byte(good)); err != nil {
		t.Error(err)
	}
}

func TestSchemaGolden(t *testing.T) {
	t.Parallel()
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.schema.json", schema)
}
