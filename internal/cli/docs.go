package cli

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/auditor"
	"github.com/prelaunch-audit/prelaunch/internal/config"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
)

// Rules of this file: a page of the reference is made from the data that the program itself works with. Prose that no data holds
// is found in limits.md.

//go:embed limits.md
var limitsPage string

// fleetPage describes the server, whose packages this program must not import. A test writes its tables from the server's own data.
//
//go:embed fleet.md
var fleetPage string

// page is a file of the reference.
type page struct{ path, title, text string }

func (a *app) docsCommand() *cobra.Command {
	var man bool
	cmd := &cobra.Command{
		Use: "docs DIR", Short: "Write the whole reference into a directory, as Markdown or man pages", Args: cobra.ExactArgs(1),
		Long: `Writes the reference of this version: every command, setting, check, test case, provider, format, schema and exit code, costs
and limits. The pages come from the same data as the program; files of the same names are replaced.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the directory of the reference: %w", err)
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			var pages []page
			var err error
			if man {
				pages, err = manPages(root)
			} else {
				pages, err = referencePages(root)
			}
			if err != nil {
				return err
			}
			for _, p := range pages {
				path := filepath.Join(args[0], filepath.FromSlash(p.path))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return fmt.Errorf("make a directory of the reference: %w", err)
				}
				if err := os.WriteFile(path, []byte(p.text), 0o644); err != nil {
					return fmt.Errorf("write the reference: %w", err)
				}
			}
			a.notice("%d pages in %s", len(pages), report.Plain(args[0]))
			return nil
		},
	}
	cmd.Flags().BoolVar(&man, "man", false, "man pages of the commands instead")
	return cmd
}

// manPages are those of section 1. They hold no date, so that two builds are the same.
func manPages(root *cobra.Command) ([]page, error) {
	var pages []page
	for _, cmd := range everyCommand(root) {
		epoch := time.Unix(0, 0).UTC()
		var text bytes.Buffer
		if err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Source: "prelaunch " + tool().Version, Manual: "prelaunch", Date: &epoch}, &text); err != nil {
			return nil, fmt.Errorf("write the man page of %s: %w", cmd.CommandPath(), err)
		}
		pages = append(pages, page{path: strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1", text: text.String()})
	}
	return pages, nil
}

// everyCommand is the command and all below it that are shown.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() || child.Name() == "completion" {
			list = append(list, everyCommand(child)...)
		}
	}
	return list
}

func referencePages(root *cobra.Command) ([]page, error) {
	library, err := auditor.Policies(nil)
	if err != nil {
		return nil, err
	}
	schemas, err := schemaPages()
	if err != nil {
		return nil, err
	}
	commands, err := commandPages(root)
	if err != nil {
		return nil, err
	}
	pages := slices.Concat([]page{
		{"configuration.md", "Configuration: every setting of prelaunch.yaml", configurationPage()},
		checksPage(library.Checks()),
		{"cases.md", "Test cases: what a receiver is sent", casesPage()},
		{"providers.md", "Providers", providersPage()},
		{"formats.md", "Formats of a report, and schemas", formatsPage()},
		{"exit-codes.md", "Exit codes", exitCodesPage},
		{"fleet.md", "The fleet: prelaunch-server, its settings and its API", fleetPage},
		{"limits.md", "Costs, limits and what is out of scope", limitsPage},
	}, commands, schemas)
	var index strings.Builder
	fmt.Fprintf(&index, "# prelaunch %s: reference\n\n", tool().Version)
	for _, p := range pages {
		if p.title != "" {
			fmt.Fprintf(&index, "- [%s](%s)\n", p.title, p.path)
		}
	}
	return append([]page{{path: "README.md", text: index.String()}}, pages...), nil
}

func commandPages(root *cobra.Command) ([]page, error) {
	var pages []page
	for _, cmd := range everyCommand(root) {
		var text bytes.Buffer
		if err := doc.GenMarkdownCustom(cmd, &text, func(name string) string { return name }); err != nil {
			return nil, fmt.Errorf("write the page of %s: %w", cmd.CommandPath(), err)
		}
		p := page{path: "commands/" + strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md", text: text.String()}
		if cmd == root {
			p.title = "Commands"
		}
		pages = append(pages, p)
	}
	return pages, nil
}

func schemaPages() ([]page, error) {
	var pages []page
	for _, document := range publicDocuments() {
		schema, err := document.encode()
		if err != nil {
			return nil, err
		}
		pages = append(pages, page{path: "schema/" + document.name + ".json", text: string(schema)})
	}
	return pages, nil
}

// cell is a text as it is found in a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "{{", "&#123;&#123;").Replace(text)
}

func configurationPage() string {
	var text strings.Builder
	text.WriteString("# Configuration\n\n`prelaunch init` writes a commented configuration; `prelaunch validate` checks one. " +
		"Unknown settings are errors that name file, line and column. Relative paths start at the file's directory.\n\n" +
		"| setting | | value | what it says |\n| --- | --- | --- | --- |\n")
	describeSettings(&text, map[string]string{}, "", config.Schema())
	return text.String()
}

// describeSettings writes a row for each setting, those of an object in a list as name[].setting, and
// those of objects that the user names as name.NAME.setting. What was described before is
// named; described holds, by the description of an object, where that was.
func describeSettings(text *strings.Builder, described map[string]string, path string, schema *jsonschema.Schema) {
	for _, name := range schema.PropertyOrder {
		property := schema.Properties[name]
		required := ""
		if slices.Contains(schema.Required, name) {
			required = "required"
		}
		below, suffix := property, "."
		if len(below.AnyOf) > 0 && below.AnyOf[0].Items != nil {
			below = below.AnyOf[0]
		}
		switch {
		case below.Items != nil:
			below, suffix = below.Items, "[]."
		case below.PropertyNames != nil && len(below.AdditionalProperties.PropertyOrder) > 0:
			below, suffix = below.AdditionalProperties, ".NAME."
		case len(below.AnyOf) > 0 && below.AnyOf[len(below.AnyOf)-1].Type == "object": // a text may take its place
			below = below.AnyOf[len(below.AnyOf)-1]
		}
		value := cell(valueOf(property))
		var settings bytes.Buffer
		for _, setting := range below.PropertyOrder {
			fmt.Fprintf(&settings, "%s %v\n", setting, below.Properties[setting])
		}
		before, known := described[settings.String()]
		if known {
			value = "as `" + before + "`"
		}
		fmt.Fprintf(text, "| `%s%s` | %s | %s | %s |\n", path, name, required, value, cell(property.Description))
		if known || len(below.PropertyOrder) == 0 {
			continue
		}
		described[settings.String()] = path + name
		describeSettings(text, described, path+name+suffix, below)
	}
}

// valueOf says in a phrase what a setting takes.
func valueOf(schema *jsonschema.Schema) string {
	switch {
	case len(schema.Enum) > 0:
		var words []string
		for _, word := range schema.Enum {
			words = append(words, fmt.Sprintf("`%v`", word))
		}
		return strings.Join(words, ", ")
	case len(schema.AnyOf) > 0:
		var either []string
		for _, one := range schema.AnyOf {
			either = append(either, valueOf(one))
		}
		return strings.Join(slices.Compact(either), " or ")
	case schema.Type == "array":
		return "list of " + valueOf(schema.Items)
	case schema.Minimum != nil && schema.Maximum != nil:
		return fmt.Sprintf("%s from %g to %g", schema.Type, *schema.Minimum, *schema.Maximum)
	case schema.Format != "":
		return schema.Format
	case schema.Const != nil:
		return fmt.Sprintf("`%v`", *schema.Const)
	case schema.Type == "object":
		return "mapping"
	}
	return schema.Type
}

func checksPage(checks []audit.CheckInfo) page {
	var text strings.Builder
	text.WriteString("# Checks\n\n" + catalogueMarkdown(checks))
	for _, check := range checks {
		fmt.Fprintf(&text, "\n## %s\n\n%s\n\n", check.ID, check.Title)
		for _, row := range [][2]string{
			{"Section", check.Section}, {"Level", check.Level}, {"Severity", check.Severity},
			{"Weaknesses", strings.Join(check.CWE, ", ")}, {"OWASP ASVS", strings.Join(check.OWASPASVS, ", ")},
			{"Facts", strings.Join(check.Facts, ", ")},
		} {
			if row[1] != "" {
				fmt.Fprintf(&text, "- %s: %s\n", row[0], row[1])
			}
		}
		shown := pageOf(provider.Must(provider.Default), check)
		for _, paragraph := range [][2]string{
			{"What it looks at", check.Description}, {"What passes", shown.Passes}, {"What fails", shown.Fails}, {"What to do", check.Remediation},
			{"Source", bulleted(check.Sources)},
		} {
			if paragraph[1] != "" {
				fmt.Fprintf(&text, "\n**%s**\n\n%s\n", paragraph[0], strings.TrimSpace(paragraph[1]))
			}
		}
	}
	return page{"checks.md", fmt.Sprintf("Checks: the %d of them, what each requires and how to fix what fails", len(checks)), text.String()}
}

func casesPage() string {
	var text strings.Builder
	text.WriteString("# Test cases\n\nEach forged request differs from an accepted valid event in one thing. A finding names its cases as FAMILY/CASE.\n")
	listed := map[string]bool{}
	for _, name := range provider.Names() {
		profile := provider.Must(name)
		var rows strings.Builder
		for _, c := range cases.All(profile) {
			if !listed[c.Label()] {
				listed[c.Label()] = true
				fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", c.Label(), cell(c.What), strings.Join(c.Checks(), ", "))
			}
		}
		if rows.Len() > 0 {
			fmt.Fprintf(&text, "\n## %s\n\n| case | what is sent | checks |\n| --- | --- | --- |\n%s", profile.Name, &rows)
		}
	}
	return text.String()
}

func providersPage() string {
	var text strings.Builder
	text.WriteString("# Providers\n\n" + providersMarkdown())
	return text.String()
}

func formatsPage() string {
	var text strings.Builder
	text.WriteString("# Formats\n\n`-o FORMAT[=PATH]`, repeatable. A file has mode 0600.\n\n| format | what it is for | media type |\n| --- | --- | --- |\n")
	for _, format := range report.Formats {
		fmt.Fprintf(&text, "| `%s` | %s | `%s` |\n", format.Name, cell(format.Help), format.MediaType)
	}
	fmt.Fprintf(&text, "| `%s` | the facts behind the report, for `prelaunch judge` | `application/json` |\n", factsFormat)
	text.WriteString("\nWhat is not proven is in every one of them, and passes in none. The documents with a published schema:\n\n")
	for _, document := range publicDocuments() {
		fmt.Fprintf(&text, "- [%s](schema/%s.json), `%s`\n", document.name, document.name, document.id)
	}
	return text.String()
}

const exitCodesPage = `# Exit codes

| code | meaning |
| --- | --- |
| 0 | every selected required check passes, is waived or not applicable |
| 1 | a required check fails |
| 2 | the audit could not be run, or was interrupted |
| 3 | nothing fails, but something is not proven; of ` + "`report`" + `: the report has expired |

The same for every format. ` + "`--fail-on fail`" + ` turns 3 into 0 and still prints NOT PROVEN; ` + "`--fail-on warn`" + ` turns a warning into 1.
With ` + "`-o json`" + ` an error is one JSON object on standard error ([its schema](schema/error.json)), and standard output is empty.
` + "`dev`" + ` exits with 0 where no required check fails or is inconclusive, else with 1. ` + "`verify`" + ` exits with 1 for a decision that was
rejected or has expired.
`
