package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

type module struct {
	file   string
	text   string
	parsed *ast.Module
	user   bool
}

type check struct {
	module
	info       audit.CheckInfo // with placeholders, of a built-in one
	order      int
	needs      []string // features that a profile must have
	families   []string // of test cases that it judges alone: without them it is not applicable
	ofEndpoint string   // severity where a key opens one endpoint alone; empty: the same
	because    string   // why it is not applicable to the library's profile; empty: it is
}

// custom is what METADATA of a check holds under custom.
type custom struct {
	ID             string   `json:"id"`
	Order          int      `json:"order"` // place in the catalogue; a user's checks come last
	Section        string   `json:"section"`
	Items          []int    `json:"items"`    // of a user's check; those of built-in ones come from the profile
	Needs          []string `json:"needs"`    // features without which a provider does not have this check
	Families       []string `json:"families"` // of test cases; where a scheme makes all of them meaningless, the check is not applicable
	Level          string   `json:"level"`
	Severity       string   `json:"severity"`
	OfEndpoint     string   `json:"severity_of_endpoint"` // severity where the provider's key opens one endpoint and nothing else; default: severity
	Attestable     bool     `json:"attestable"`
	Passes         string   `json:"passes"` // what passes and what fails, for readers
	Fails          string   `json:"fails"`
	Remediation    string   `json:"remediation"`
	Sources        []string `json:"sources"`
	Facts          []string `json:"facts"`
	CWE            []string `json:"cwe"`
	OWASPASVS      []string `json:"owasp_asvs"`
	PerEnvironment bool     `json:"per_environment"`
	Compares       bool     `json:"compares_environments"`
	Environment    string   `json:"environment"`
}

var severities = []string{"critical", "high", "medium", "low"}

func newCheck(m module, annotation *ast.Annotations) (check, error) {
	raw, err := json.Marshal(annotation.Custom)
	if err != nil {
		return check{}, fmt.Errorf("custom: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var c custom
	if err := decoder.Decode(&c); err != nil {
		return check{}, fmt.Errorf("custom: %w", err)
	}
	missing := func(what string) (check, error) {
		return check{}, fmt.Errorf("%s is missing or wrong", what)
	}
	switch {
	case c.ID == "" || strings.ContainsAny(c.ID, " *?[]/"):
		return missing("custom.id")
	case annotation.Title == "":
		return missing("title")
	case c.Section == "":
		return missing("custom.section")
	case c.Level != audit.Required && c.Level != audit.Recommended:
		return missing("custom.level (required or recommended)")
	case !slices.Contains(severities, c.Severity):
		return missing("custom.severity (critical, high, medium or low)")
	case c.OfEndpoint != "" && !slices.Contains(severities, c.OfEndpoint):
		return missing("custom.severity_of_endpoint (critical, high, medium or low)")
	case c.Remediation == "":
		return missing("custom.remediation")
	}
	return check{module: m, order: c.Order, ofEndpoint: c.OfEndpoint, needs: c.Needs, families: c.Families, info: audit.CheckInfo{
		ID: c.ID, Title: annotation.Title, Description: reflow(annotation.Description), Section: c.Section, Items: c.Items,
		Level: c.Level, Severity: c.Severity, Attestable: c.Attestable, Passes: reflow(c.Passes), Fails: reflow(c.Fails), Remediation: reflow(c.Remediation), Sources: c.Sources,
		Facts: c.Facts, PerEnvironment: c.PerEnvironment, Compares: c.Compares, Environment: c.Environment, CWE: c.CWE, OWASPASVS: c.OWASPASVS,
	}}, nil
}

// reflow joins the lines of a paragraph, which break where the source file is full; blank lines, lists and indented lines stay.
func reflow(text string) string {
	var out strings.Builder
	previous := ""
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimRight(line, " \r\n")
		keeps := line == "" || previous == "" || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "- ")
		switch {
		case out.Len() == 0:
		case keeps:
			out.WriteByte('\n')
		default:
			out.WriteByte(' ')
		}
		out.WriteString(line)
		previous = line
	}
	return out.String()
}
