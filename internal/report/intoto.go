package report

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/verdict"
)

// Two in-toto statements (v1), unsigned, for other tools to sign and to decide by: a test result
// (v0.1) and a simple verification result (v0.2). Their subjects are the report, as `-o json`
// writes it, and the configuration, by digest.

type statement struct {
	Type          string       `json:"_type"`
	Subject       []descriptor `json:"subject"`
	PredicateType string       `json:"predicateType"`
	Predicate     any          `json:"predicate"`
}

// descriptor is in-toto's ResourceDescriptor.
type descriptor struct {
	Name        string            `json:"name"`
	Digest      map[string]string `json:"digest"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

type testResult struct {
	Result        string       `json:"result"` // PASSED, WARNED or FAILED
	Configuration []descriptor `json:"configuration"`
	Passed        []string     `json:"passedTests"`
	Warned        []string     `json:"warnedTests"`
	Failed        []string     `json:"failedTests"`
}

type verificationResult struct {
	Verifier struct {
		ID       string       `json:"id"`
		Policies []descriptor `json:"policies"`
	} `json:"verifier"`
	TimeCreated string   `json:"timeCreated"`
	Properties  []string `json:"properties"`
}

// digests are descriptors of those names whose digest is known; names and digests come in pairs.
func digests(pairs ...string) []descriptor {
	out := []descriptor{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if hex, ok := strings.CutPrefix(pairs[i+1], "sha256:"); ok {
			out = append(out, descriptor{Name: pairs[i], Digest: map[string]string{"sha256": hex}})
		}
	}
	return out
}

func (v *view) writeStatement(w io.Writer, predicateType string, predicate any) error {
	var raw bytes.Buffer
	if err := renderJSON(&raw, v); err != nil {
		return err
	}
	subject := digests("report.json", audit.Digest(raw.Bytes()), "configuration", v.ConfigDigest)
	subject[0].Annotations = map[string]any{"integration": v.Integration, "provider": v.Provider, "verdict": v.verdict(), "valid_until": v.ValidUntil,
		"summary": v.Summary, "caveats": append([]string{}, v.caveats()...)}
	return writeJSON(w, statement{"https://in-toto.io/Statement/v1", subject, predicateType, predicate})
}

// renderTestResult: what is not proven makes the whole FAILED and stands among the warned tests,
// never among the passed ones; what is not applicable was no test.
func renderTestResult(w io.Writer, v *view) error {
	result := testResult{Result: "PASSED", Passed: []string{}, Warned: []string{}, Failed: []string{},
		Configuration: digests("configuration", v.ConfigDigest, "policies", v.PolicyDigest, "facts", v.FactsDigest)}
	for _, check := range v.Checks {
		switch id := Plain(check.ID); check.Outcome {
		case audit.Pass:
			result.Passed = append(result.Passed, id)
		case audit.Fail:
			result.Failed = append(result.Failed, id)
		case audit.NotApplicable:
		default:
			result.Warned = append(result.Warned, id)
		}
	}
	switch {
	case !v.Ready || v.expired() != "" || verdict.ExitCode(v.Report) != 0:
		result.Result = "FAILED"
	case len(result.Warned) > 0:
		result.Result = "WARNED"
	}
	return v.writeStatement(w, "https://in-toto.io/attestation/test-result/v0.1", result)
}

// renderSVR names what is proven only: PRELAUNCH_READY, and a property for each check that passes.
// An expired report proves nothing.
func renderSVR(w io.Writer, v *view) error {
	result := verificationResult{TimeCreated: v.FinishedAt.UTC().Format(time.RFC3339), Properties: []string{}}
	result.Verifier.ID = "https://github.com/prelaunch-audit/prelaunch/v/" + strings.ReplaceAll(Plain(v.Tool.Version), " ", "-")
	result.Verifier.Policies = digests("policies", v.PolicyDigest)
	if v.expired() == "" {
		if v.Ready {
			result.Properties = append(result.Properties, "PRELAUNCH_READY")
		}
		for _, check := range v.Checks {
			if check.Outcome == audit.Pass {
				result.Properties = append(result.Properties, property(check.ID))
			}
		}
	}
	return v.writeStatement(w, "https://in-toto.io/attestation/svr/v0.2", result)
}

// property is the name of what a passed check shows, such as PRELAUNCH_API_KEY_NOT_IN_CODE.
func property(id string) string {
	return "PRELAUNCH_" + strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '.' || r == '-' {
			return '_'
		}
		return r
	}, Plain(id)))
}
