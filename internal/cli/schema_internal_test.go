package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// TestSchemasHoldTheirExamples reads every published schema as another program would.
func TestSchemasHoldTheirExamples(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, document := range publicDocuments() {
		raw, err := document.encode()
		if err != nil {
			t.Fatal(err)
		}
		var schema jsonschema.Schema
		if err := json.Unmarshal(raw, &schema); err != nil {
			t.Fatalf("%s: %v", document.name, err)
		}
		if !strings.HasPrefix(schema.ID, "urn:prelaunch:schema:"+document.name+":v") || ids[schema.ID] {
			t.Errorf("%s: $id %q", document.name, schema.ID)
		}
		ids[schema.ID] = true
		if len(schema.Examples) == 0 {
			t.Errorf("%s has no example", document.name)
		}
		examples := schema.Examples
		schema.ID = "" // it is resolved by itself
		resolved, err := schema.Resolve(nil)
		if err != nil {
			t.Fatalf("%s: %v", document.name, err)
		}
		for _, example := range examples {
			if err := resolved.Validate(example); err != nil {
				t.Errorf("the example of %s: %v", document.name, err)
			}
		}
	}
}
