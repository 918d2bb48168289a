package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/history"
	"github.com/prelaunch-audit/prelaunch/internal/policy"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/policies"
	"github.com/prelaunch-audit/prelaunch/probes"
)

// publicDocument is a document that other programs write or read. Its schema is the public interface.
type publicDocument struct {
	name, id string // id is the schema's $id, which names it and leads nowhere
	schema   func() ([]byte, error)
	example  any
}

func publicDocuments() []publicDocument {
	environment := func(id, key, url string) map[string]any {
		return map[string]any{"integration_id": id, "api_key": map[string]any{"env": key}, "webhook_url": url}
	}
	environments := map[string]any{
		"test":       environment("1234567890987654321", "PRELAUNCH_TEST_API_KEY", "https://hooks-test.acme.example/webhook"),
		"production": environment("9876543210123456789", "PRELAUNCH_PRODUCTION_API_KEY", "https://hooks.acme.example/webhook"),
	}
	return []publicDocument{
		{"config", "urn:prelaunch:schema:config:v1", func() ([]byte, error) { return json.MarshalIndent(config.Schema(), "", "  ") },
			map[string]any{"version": 1, "integration": "acme-personal-loans", "provider": provider.Default, "environments": environments}},
		{"facts", "urn:prelaunch:schema:facts:v1", func() ([]byte, error) { return policies.FS.ReadFile(policy.SchemaFile) }, exampleFacts()},
		{"report", "urn:prelaunch:schema:report:v1", report.Schema, exampleReport()},
		{"provider", "urn:prelaunch:schema:provider:v1", func() ([]byte, error) { return json.MarshalIndent(provider.Schema(), "", "  ") }, exampleProfile()},
		{"diff", "urn:prelaunch:schema:diff:v1", schemaOf[history.Diff]("What changed between two reports", history.DiffSchema), exampleDiff()},
		{"ticket", "urn:prelaunch:schema:ticket:v1", schemaOf[history.Ticket]("A ticket to open, update or close: a line of prelaunch tickets", ""), exampleTicket()},
		{"replay", "urn:prelaunch:schema:replay:v1", schemaOf[replayDocument]("What prelaunch replay sent, and the responses", replaySchema),
			replayDocument{replaySchema, audit.Test, "https://hooks-test.acme.example/webhook", []shownExchange{}}},
		{"vectors", "urn:prelaunch:schema:vectors:v1", schemaOf[vectorsDocument]("Test vectors of a provider's signatures", vectorsSchema),
			vectorsDocument{Schema: vectorsSchema, Provider: provider.Default, Key: "a public test key", Vectors: []shownVector{}}},
		{"error", "urn:prelaunch:schema:error:v1", schemaOf[errorDocument]("Why a command of prelaunch could not be run", errorSchema), errorDocument{Schema: errorSchema, Code: exitFailure,
			Message: "provider is none of " + provider.Default, File: "prelaunch.yaml", Line: 3, Column: 11, Hint: "write " + provider.Default}},
	}
}

// schemaOf makes the schema of the documents that a type encodes, whose field "schema" is name unless
// that is empty.
func schemaOf[Document any](title, name string) func() ([]byte, error) {
	return func() ([]byte, error) {
		schema, err := jsonschema.For[Document](nil)
		if err != nil {
			return nil, fmt.Errorf("make a schema: %s: %w", title, err)
		}
		schema.Schema, schema.Title = "https://json-schema.org/draft/2020-12/schema", title
		if name != "" {
			schema.Properties["schema"].Const = jsonschema.Ptr[any](name)
		}
		return json.MarshalIndent(schema, "", "  ")
	}
}

func exampleDiff() history.Diff {
	day := time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)
	return history.Diff{
		Schema: history.DiffSchema, Integration: "acme-personal-loans", Context: []history.Value{},
		Old: history.Run{FinishedAt: day, Status: "READY"}, New: history.Run{FinishedAt: day.AddDate(0, 0, 1), Status: "NOT READY", ExitCode: 1},
		Checks: []history.CheckChange{{ID: "webhook.rejects-unsigned", Title: "Unsigned events must be rejected", Change: history.Changed,
			OldOutcome: "pass", NewOutcome: "fail", Why: []string{"the receiver changed"}, Findings: []history.FindingChange{}}},
	}
}

func exampleTicket() history.Ticket {
	return history.Ticket{
		Action: history.Open, Key: "1d5f0c3ab2e49687", Scope: "7a3b9c1de0f28465", Check: "webhook.rejects-unsigned", Environment: audit.Production, Outcome: "fail",
		Title: "Production receiver accepted unsigned events", Body: "What to do, in Markdown.", Severity: "critical", Labels: []string{"prelaunch"}, Reason: "it is new",
	}
}

// exampleProfile is a short profile.
func exampleProfile() map[string]any {
	return map[string]any{
		"schema": provider.SchemaName, "name": "acme", "title": "Acme Payments", "sources": []any{"https://docs.acme.example/webhooks"},
		"secret": map[string]any{"names": []any{"acme"}, "reach": provider.ReachEndpoint},
		"signature": map[string]any{"kind": provider.HMAC, "hash": "sha256", "over": "{timestamp}.{body}", "encode": "hex",
			"put":       map[string]any{"header": "X-Acme-Signature", "value": "t={timestamp},v1={signature}"},
			"timestamp": map[string]any{"in": "signature", "unit": "s", "tolerance": "300s"}},
		"events": []any{map[string]any{"type": "payment.failed", "body": `{"id":"evt_{{uid}}","type":"payment.failed"}`}},
	}
}

// exampleReport is the shortest report there can be: of an audit that judged one check.
func exampleReport() *audit.Report {
	outcome := audit.Pass
	finding := audit.Finding{ID: "1d5f0c3ab2e49687", Scope: "7a3b9c1de0f28465", Outcome: outcome, Environment: audit.Production, Basis: audit.Observed,
		Message: "the Production receiver rejected every unsigned event", Evidence: map[string]any{"sent": 9}}
	return &audit.Report{
		Schema: audit.ReportSchema, Tool: audit.Tool{Name: "prelaunch", Version: "1.0.0"}, Integration: "acme-personal-loans", Provider: provider.Default,
		Partial: true, Summary: audit.Summary{Pass: 1}, Checklist: []audit.ChecklistItem{}, Notes: []string{},
		Checks: []audit.Check{{ID: "webhook.rejects-unsigned", Title: "Unsigned events must be rejected", Section: "Verify every webhook", Items: []int{2},
			Level: audit.Required, Severity: "critical", Outcome: outcome, Remediation: "Reject every request without a valid signature.",
			CWE: []string{}, OWASPASVS: []string{}, Findings: []audit.Finding{finding}}},
		Scope: exampleScope(),
	}
}

// exampleFacts are those of an audit that was interrupted before it saw anything.
func exampleFacts() *audit.Document {
	facts := map[string][]json.RawMessage{}
	for _, probe := range probes.All() {
		for _, kind := range probe.Kinds() {
			facts[kind.Name] = []json.RawMessage{}
		}
	}
	return &audit.Document{
		Schema: audit.FactsSchema, Tool: audit.Tool{Name: "prelaunch", Version: "1.0.0"}, RunID: "k3q7x2m5a9bd", CutShort: true,
		Integration: audit.Integration{Name: "acme-personal-loans", Provider: provider.Default, EventTypes: []string{}, Declared: []string{},
			DeclaredEmpty: []audit.EmptySection{}, Environments: []audit.Environment{}, RetiredKeys: []audit.RetiredKey{},
			Repositories: []audit.Repository{}, Workloads: []audit.Workload{}, Clients: []audit.Client{}, Logs: []audit.LogSource{},
			Access: audit.Access{AllowedDomains: []string{}}, Attestations: []audit.Attestation{}, Waivers: []audit.Waiver{},
			Network: audit.NetworkOptions{RequestsPerSec: map[string]float64{}}},
		Probes: []audit.ProbeStatus{}, Facts: facts, Scope: exampleScope(),
	}
}

func exampleScope() audit.Scope {
	return audit.Scope{Probing: map[string]string{}, Overrides: []audit.Override{}, DeclaredEmpty: []audit.EmptySection{}, Skipped: []audit.Skipped{},
		Addresses: []audit.Address{}, Repositories: []audit.RepositoryScope{}, Keys: []audit.KeyScope{}, Requests: map[string]int{},
		Sent: []audit.SentEvent{}, Unmarked: []audit.UnmarkedRequest{}, Digests: map[string]string{}}
}

// encode is the schema with its identity and, where there is one, an example.
func (d publicDocument) encode() ([]byte, error) {
	schema, err := d.schema()
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(schema))
	text = "{\n  \"$id\": \"" + d.id + "\"," + strings.TrimPrefix(text, "{")
	if d.example != nil {
		example, err := json.MarshalIndent([]any{d.example}, "  ", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode the example of the schema %s: %w", d.name, err)
		}
		text = strings.TrimSuffix(text, "\n}") + ",\n  \"examples\": " + string(example) + "\n}"
	}
	return []byte(text + "\n"), nil
}

func (a *app) schemaCommand() *cobra.Command {
	var names []string
	for _, document := range publicDocuments() {
		names = append(names, document.name)
	}
	return &cobra.Command{
		Use: "schema " + strings.Join(names, "|"), Short: "Print the JSON Schema of a document", Args: cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			documents := publicDocuments()
			at := slices.IndexFunc(documents, func(d publicDocument) bool { return d.name == args[0] })
			if at < 0 {
				return fmt.Errorf("there is no schema %.20q: choose one of %s", args[0], strings.Join(names, ", "))
			}
			schema, err := documents[at].encode()
			if err != nil {
				return err
			}
			_, err = a.Out.Write(schema)
			return err
		},
	}
}
