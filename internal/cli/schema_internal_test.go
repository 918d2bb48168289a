package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/probes/webhook"
)

// TestSchemasHoldTheirExamples reads every published schema as another program would.
func TestSchemasHoldTheirExamples(t *testing.T) {
	t.Parallel()
	ids, documents := map[string]bool{}, realDocuments(t)
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
		examples := append(schema.Examples, documents[document.name]...)
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

// realDocuments are what commands print, by the name of their schema, decoded.
func realDocuments(t *testing.T) map[string][]any {
	t.Helper()
	failed := exampleReport()
	failed.Checks[0].Outcome, failed.Checks[0].Findings = audit.Fail, slices.Clone(failed.Checks[0].Findings)
	failed.Checks[0].Findings[0].Outcome = audit.Fail
	failed.Summary, failed.FinishedAt = audit.Summary{Fail: 1}, failed.FinishedAt.Add(time.Hour)
	tickets, err := history.Tickets(nil, failed)
	if err != nil || len(tickets) == 0 {
		t.Fatal(tickets, err)
	}
	diff, err := history.Compare(exampleReport(), failed, history.DiffOptions{})
	if err != nil || len(diff.Checks) == 0 {
		t.Fatal(diff, err)
	}
	var vectors, said bytes.Buffer
	if code := Main(t.Context(), []string{"vectors", "-o", "json"}, Streams{Out: &vectors, Err: &said, LookupEnv: os.LookupEnv}); code != 0 {
		t.Fatalf("vectors: exit %d: %s", code, said.String())
	}
	replayed := replayDocument{replaySchema, audit.Test, "https://hooks.acme.example/", []shownExchange{
		showExchange(webhook.Exchanged{Method: "POST", URL: "https://hooks.acme.example/", Sent: webhook.Message{Header: [][2]string{{"X-Signature", "0a"}}, Body: []byte("{}")}, Status: 200}),
	}}
	real := map[string][]any{"diff": {diff}, "ticket": {tickets[0]}, "vectors": {json.RawMessage(vectors.Bytes())}, "replay": {replayed}}
	for name, documents := range real {
		for i, document := range documents {
			raw, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			var decoded any
			if err := json.Unmarshal(raw, &decoded); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			documents[i] = decoded
		}
	}
	return real
}
