package probes

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

var update = flag.Bool("update", false, "write the generated files")

const schemaFile = "../policies/schema/facts.json"

// TestSchemaOfFacts holds the schema, against which the policies are type-checked, to the probes' own types.
func TestSchemaOfFacts(t *testing.T) {
	t.Parallel()
	got := generateSchema(t)
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not current; run `go test ./probes -update`:\n%s", schemaFile, diff)
	}
}

func generateSchema(t *testing.T) []byte {
	t.Helper()
	options := &jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[audit.Date]():      {Type: "string", Description: "a day such as 2026-11-01, or empty"},
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[json.RawMessage](): {Type: "object"},
	}}
	generate := func(of reflect.Type) *jsonschema.Schema {
		schema, err := jsonschema.ForType(of, options)
		if err != nil {
			t.Fatalf("%s: %v", of, err)
		}
		withoutNull(schema)
		return schema
	}
	document := generate(reflect.TypeFor[audit.Document]())
	document.Schema = "https://json-schema.org/draft/2020-12/schema"
	document.Title = "prelaunch facts"
	facts := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for _, probe := range All() {
		for _, kind := range probe.Kinds() {
			facts.Properties[kind.Name] = &jsonschema.Schema{Type: "array", Items: generate(kind.Type)}
			facts.PropertyOrder = append(facts.PropertyOrder, kind.Name)
		}
	}
	document.Properties["facts"] = facts
	raw, err := json.MarshalIndent(document, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.TrimSpace(raw), '\n')
}

// TestSchemaNamesEveryMember: what a fact is written with stands in its schema. An embedded type of the same name as one of its
// members would hide that member from the schema, and stored facts would be refused.
func TestSchemaNamesEveryMember(t *testing.T) {
	t.Parallel()
	for _, probe := range All() {
		for _, kind := range probe.Kinds() {
			schema, err := jsonschema.ForType(kind.Type, nil)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(reflect.New(kind.Type).Interface())
			if err != nil {
				t.Fatal(err)
			}
			var written any
			if err := json.Unmarshal(raw, &written); err != nil {
				t.Fatal(err)
			}
			named(t, kind.Name, schema, written)
		}
	}
}

// named holds the members of a value, and of those in it, to a schema.
func named(t *testing.T, where string, schema *jsonschema.Schema, value any) {
	t.Helper()
	members, isObject := value.(map[string]any)
	if !isObject || schema == nil || len(schema.Properties) == 0 {
		return
	}
	for name, member := range members {
		of, known := schema.Properties[name]
		if !known {
			t.Errorf("%s is written with the member %q, which the schema does not have", where, name)
		}
		named(t, where+"."+name, of, member)
	}
}

// withoutNull drops null from every type: facts hold empty lists and left-out members, never null, and OPA's type checker knows one
// type for each place.
func withoutNull(schema *jsonschema.Schema) {
	if schema == nil {
		return
	}
	if types := slices.DeleteFunc(slices.Clone(schema.Types), func(name string) bool { return name == "null" }); len(types) == 1 {
		schema.Type, schema.Types = types[0], nil
	}
	for _, child := range schema.Properties {
		withoutNull(child)
	}
	withoutNull(schema.Items)
	withoutNull(schema.AdditionalProperties)
}

// TestProbesAreTold holds each probe to having a name, a title and kinds of its own.
func TestProbesAreTold(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, probe := range All() {
		if probe.Name() == "" || probe.Title() == "" || len(probe.Kinds()) == 0 {
			t.Errorf("a probe lacks its name, title or kinds: %q", probe.Name())
		}
		for _, kind := range probe.Kinds() {
			if other, double := seen[kind.Name]; double {
				t.Errorf("both %s and %s emit %s", other, probe.Name(), kind.Name)
			}
			seen[kind.Name] = probe.Name()
		}
	}
}
