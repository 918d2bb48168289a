// Package policies holds the Rego that judges facts: one file per check with its test next to it, shared rules in lib, and the JSON
// Schema of the facts, which is generated from the probes' types (go test ./probes -update), and the
// words for families of test cases (go test ./probes/webhook/cases -update).
package policies

import "embed"

// FS holds every module and the schema.
//
//go:embed */*.rego schema/*.json
var FS embed.FS
