package report

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Schema is the JSON Schema (2020-12) of a report, indented.
func Schema() ([]byte, error) {
	schema, err := newSchema()
	if err != nil {
		return nil, fmt.Errorf("make the schema of a report: %w", err)
	}
	raw, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("print the schema of a report: %w", err)
	}
	return append(raw, '\n'), nil
}

// resolvedSchema is the schema, ready to validate.
var resolvedSchema = sync.OnceValues(func() (*jsonschema.Resolved, error) {
	schema, err := newSchema()
	if err != nil {
		return nil, err
	}
	return schema.Resolve(nil)
})

func newSchema() (*jsonschema.Schema, error) {
	outcomes := []any{"pass", "fail", "warn", "inconclusive", "not_applicable", "waived"}
	schema, err := jsonschema.For[audit.Report](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[audit.Outcome](): {Type: "string", Enum: outcomes},
		reflect.TypeFor[audit.Date]():    {Type: "string", Pattern: `^([0-9]{4}-[0-9]{2}-[0-9]{2})?$`},
		reflect.TypeFor[time.Time]():     {Type: "string", Format: "date-time", Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$`},
	}})
	if err != nil {
		return nil, err
	}
	neverNull(schema)
	additive(schema)
	schema.Schema = "https://json-schema.org/draft/2020-12/schema"
	schema.Title = "The report of an audit by prelaunch"
	var version any = audit.ReportSchema
	schema.Properties["schema"].Const = &version
	at(schema, "checklist", "item").Minimum = jsonschema.Ptr(1.0)
	at(schema, "checks").MinItems = nil
	at(schema, "checks", "level").Enum = []any{audit.Required, audit.Recommended}
	at(schema, "checks", "severity").Enum = []any{"critical", "high", "medium", "low"}
	at(schema, "checks", "findings").MinItems = jsonschema.Ptr(1)
	at(schema, "checks", "findings", "basis").Enum = []any{audit.Observed, audit.Attested, audit.Declared}
	at(schema, "checks", "findings", "raw_outcome").Enum = []any{"fail", "inconclusive"}
	for _, count := range schema.Properties["summary"].Properties {
		count.Minimum = jsonschema.Ptr(0.0)
	}
	for _, digest := range []string{"policy_digest", "facts_digest", "config_digest"} {
		schema.Properties[digest].Pattern = `^(sha256:[0-9a-f]{64})?$`
	}
	describe(schema)
	return schema, nil
}

// at follows property names down, through the items of arrays.
func at(schema *jsonschema.Schema, names ...string) *jsonschema.Schema {
	for _, name := range names {
		if schema.Items != nil {
			schema = schema.Items
		}
		schema = schema.Properties[name]
	}
	return schema
}

// neverNull removes "null" from what a Go slice, map or pointer may be: a report is written without
// nulls.
func neverNull(schema *jsonschema.Schema) {
	if schema == nil {
		return
	}
	if rest := slices.DeleteFunc(slices.Clone(schema.Types), func(t string) bool { return t == "null" }); len(rest) == 1 {
		schema.Type, schema.Types = rest[0], nil
	}
	schema.Enum = slices.DeleteFunc(schema.Enum, func(v any) bool { return v == nil })
	neverNull(schema.Items)
	neverNull(schema.AdditionalProperties)
	for _, property := range schema.Properties {
		neverNull(property)
	}
}

// additive lets every object have more fields than those of this version: a later one may add some,
// and today's readers must still read those reports.
func additive(schema *jsonschema.Schema) {
	if schema == nil {
		return
	}
	if schema.Properties != nil {
		schema.AdditionalProperties = nil
	}
	additive(schema.Items)
	additive(schema.AdditionalProperties)
	for _, property := range schema.Properties {
		additive(property)
	}
}

// describe says what the fields mean.
func describe(schema *jsonschema.Schema) {
	for _, field := range []struct {
		path []string
		text string
	}{
		{[]string{"valid_until"}, "the first day on which a waiver, attestation, review or certificate that the report rests on expires, at most 90 days after it"},
		{[]string{"expired"}, "the report was shown after valid_until: audit again before relying on it"},
		{[]string{"ready"}, "true only when every required check was judged and passes, is waived or is not applicable"},
		{[]string{"partial"}, "required checks were left out, or the audit was cut short"},
		{[]string{"cut_short"}, "the audit was interrupted before it was done"},
		{[]string{"summary"}, "how many checks have each outcome"},
		{[]string{"checklist"}, "the provider's pre-launch list; an item's outcome is the worst of its required checks"},
		{[]string{"checks", "outcome"}, "the worst of its findings: fail, inconclusive, warn, waived, pass, not_applicable"},
		{[]string{"checks", "findings", "id"}, "the same in every run for the same problem in the same place"},
		{[]string{"checks", "findings", "scope"}, "the same in every run for the check, the environment and the target; a ticket closes when its scope passes"},
		{[]string{"checks", "findings", "raw_outcome"}, "of a waived finding: what it would have been"},
		{[]string{"checks", "findings", "basis"}, "whether it was observed, is attested, or is declared by the configuration"},
		{[]string{"checks", "findings", "evidence"}, "what and where; path, line, object, commit and url name places, config_line a line of the configuration"},
		{[]string{"checks", "cwe"}, "weaknesses of the Common Weakness Enumeration, such as CWE-347"},
		{[]string{"checks", "owasp_asvs"}, "requirements of the OWASP Application Security Verification Standard 5.0"},
		{[]string{"checks", "findings", "next_step"}, "what settles an inconclusive finding"},
		{[]string{"checks", "findings", "cause"}, "shared by findings that depend on one cause; the finding that is the cause has is_cause: true in its evidence"},
		{[]string{"notes"}, "worth knowing; changes no outcome"},
		{[]string{"scope"}, "what was covered, so that a reader knows what a pass is worth"},
		{[]string{"scope", "authorized"}, "who allowed the audit, as the configuration says"},
		{[]string{"scope", "overrides"}, "settings that make the audit see something other than what the public sees"},
		{[]string{"scope", "declared_empty"}, "sections that the configuration declares to have nothing in them; by, on, reason and expires are empty for a bare []"},
		{[]string{"scope", "sent"}, "synthetic events that a receiver accepted, to be purged"},
		{[]string{"facts_digest"}, "digest of the facts document that was judged"},
	} {
		at(schema, field.path...).Description = field.text
	}
}
