package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/report"
)

// factsFormat is the one output that is no format of a report: the facts behind it.
const factsFormat = "facts"

// destination is one --output.
type destination struct {
	format, path string // path "" is standard output
}

func outputFlag(cmd *cobra.Command, outputs *[]string) {
	var formats strings.Builder
	for _, format := range report.Formats {
		fmt.Fprintf(&formats, "\n  %-13s %s", format.Name, format.Help)
	}
	fmt.Fprintf(&formats, "\n  %-13s %s", factsFormat, "the facts behind the report, for prelaunch judge")
	cmd.Flags().StringArrayVarP(outputs, "output", "o", nil, "write `FORMAT[=PATH]`, repeatable (default table):"+formats.String()+"\n")
	must(cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return append(report.Names(), factsFormat), cobra.ShellCompDirectiveNoSpace
	}))
}

// parseOutputs reads the --output flags before anything is run.
func parseOutputs(outputs []string) ([]destination, error) {
	if len(outputs) == 0 {
		outputs = []string{"table"}
	}
	var destinations []destination
	onStdout := ""
	files := map[string]string{}
	for _, output := range outputs {
		format, path, named := strings.Cut(output, "=")
		if format != factsFormat {
			if _, err := report.Find(format); err != nil {
				return nil, fmt.Errorf("%w; and %s", err, factsFormat)
			}
		}
		if named && path == "" {
			return nil, fmt.Errorf("--output %s: the path after = is missing", output)
		}
		if path == "-" || path == "/dev/stdout" {
			path = ""
		}
		if path == "" {
			if onStdout != "" {
				return nil, fmt.Errorf("both %s and %s would go to standard output: give one a path, such as -o %s=report.%s", onStdout, format, format, format)
			}
			onStdout = format
		} else {
			if other, twice := files[filepath.Clean(path)]; twice && path != os.DevNull {
				return nil, fmt.Errorf("both %s and %s would go to %s: give one another path", other, format, path)
			}
			files[filepath.Clean(path)] = format
			if err := report.Writable(path); err != nil { // told before anything is sent
				return nil, err
			}
		}
		destinations = append(destinations, destination{format, path})
	}
	return destinations, nil
}

// write puts the report where it was asked for: every file is tried, and the first fault is returned.
func (a *app) write(r *audit.Report, document *audit.Document, destinations []destination) error {
	return a.writeReport(r, document, destinations, report.Options{})
}

func (a *app) writeReport(r *audit.Report, document *audit.Document, destinations []destination, options report.Options) error {
	options = a.options(options)
	var faults []error
	for _, to := range destinations {
		switch {
		case to.format == factsFormat && to.path == "":
			faults = append(faults, a.writeFacts(a.Out, document))
		case to.format == factsFormat:
			var facts bytes.Buffer
			if err := a.writeFacts(&facts, document); err != nil {
				faults = append(faults, err)
				continue
			}
			faults = append(faults, report.Save(to.path, facts.Bytes()))
		case to.path == "":
			shown := options
			shown.Width = a.columns()
			shown.Color = a.colored(a.Out)
			faults = append(faults, report.Write(a.Out, to.format, r, shown))
		default:
			faults = append(faults, report.WriteFile(to.path, to.format, r, options))
		}
	}
	return errors.Join(faults...)
}

// columns is how wide the table is: as the user says (COLUMNS), else as the terminal is; 0: not known.
func (a *app) columns() int {
	if value, set := a.LookupEnv("COLUMNS"); set {
		if n, err := strconv.Atoi(value); err == nil && n > 0 {
			return n
		}
	}
	width, _ := terminal(a.Out)
	return width
}

func (a *app) writeFacts(w io.Writer, document *audit.Document) error {
	raw, err := document.Encode()
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", " "); err != nil {
		return fmt.Errorf("write the facts: %w", err)
	}
	indented.WriteByte('\n')
	if _, err := w.Write(a.redactor.Redact(indented.Bytes())); err != nil {
		return fmt.Errorf("write the facts: %w", err)
	}
	return nil
}

// pageWidth is the width of what is read as prose, at most 100 columns.
func (a *app) pageWidth() int {
	if width := a.columns(); width > 0 {
		return min(width, 100)
	}
	return 100
}

// print writes text that is safe to show.
func (a *app) print(text string) error {
	_, err := fmt.Fprint(a.Out, plainLines(text))
	return err
}
