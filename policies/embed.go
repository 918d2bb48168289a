// Package policies holds the Rego that judges facts: one file per check with its test beside it, shared rules in lib, and the JSON
// Schema of the facts, which is generated from the probes' types (go test ./probes -update).
package policies

import "embed"

// FS holds every module and the schema.
//
//go:embed */*.rego schema/facts.json
var FS embed.FS
