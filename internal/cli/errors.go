package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/report"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// errorSchema names the document that stands for an error when JSON was asked for.
const errorSchema = "prelaunch.error/v1"

// errorDocument is why a command could not be run. File, line and column are those of the first problem of a configuration.
type errorDocument struct {
	Schema   string         `json:"schema"`
	Code     int            `json:"code"` // the exit status
	Message  string         `json:"message"`
	File     string         `json:"file,omitempty"`
	Line     int            `json:"line,omitempty"`   // from 1
	Column   int            `json:"column,omitempty"` // from 1, in characters
	Hint     string         `json:"hint,omitempty"`   // what to do about it
	Problems []errorProblem `json:"problems,omitempty"`
}

// errorProblem is one of several problems of a configuration.
type errorProblem struct {
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// fail reports on standard error why a command could not be run.
func (a *app) fail(ctx context.Context, args []string, err error) int {
	var mistakes *shape.Error
	interrupted := errors.Is(err, context.Canceled) && ctx.Err() != nil
	if fromVariable, _ := a.LookupEnv("PRELAUNCH_OUTPUT"); wantsJSON(append(slices.Clone(args), "--output="+fromVariable)) {
		document := errorDocument{Schema: errorSchema, Code: exitFailure, Message: plainLines(a.redactor.RedactString(strings.TrimSpace(err.Error())))}
		switch {
		case errors.As(err, &mistakes):
			for _, problem := range mistakes.Problems {
				document.Problems = append(document.Problems, errorProblem{Message: a.redactor.RedactString(problem.Message),
					File: problem.File, Line: problem.Line, Column: problem.Column, Hint: a.redactor.RedactString(problem.Next)})
			}
			first := document.Problems[0]
			document.Message, document.File, document.Line, document.Column, document.Hint = first.Message, first.File, first.Line, first.Column, first.Hint
			if len(document.Problems) == 1 {
				document.Problems = nil
			}
		case interrupted:
			document.Message = interruption
		}
		encoder := json.NewEncoder(a.Err)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(document) // nobody is left to be told
		return exitFailure
	}
	switch {
	case errors.As(err, &mistakes): // each line begins with file:line:column, which editors and CI understand
		fmt.Fprintln(a.Err, plainLines(a.redactor.RedactString(mistakes.Error())))
	case interrupted:
		fmt.Fprintln(a.Err, "prelaunch: "+interruption)
	default:
		fmt.Fprintf(a.Err, "prelaunch: %s\n", plainLines(a.redactor.RedactString(strings.TrimSpace(err.Error()))))
	}
	return exitFailure
}

// plainLines escapes, in each line, what acts on a terminal or cannot be seen: an error may quote a policy or a path. Spaces
// stay, since columns are made of them.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		words := strings.Split(line, " ")
		for j, word := range words {
			words[j] = report.Plain(word)
		}
		lines[i] = strings.Join(words, " ")
	}
	return strings.Join(lines, "\n")
}

// notice says on standard error what is no error and --quiet silences.
func (a *app) notice(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.Err, format+"\n", args...)
	}
}

const interruption = "interrupted before there was anything to report"

// wantsJSON reports whether the command line asks for JSON on standard output. It is read as it was written: it may be what is
// wrong.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		if arg == "--" {
			return false
		}
		value := ""
		switch {
		case (arg == "-o" || arg == "--output") && i+1 < len(args):
			value = args[i+1]
		case strings.HasPrefix(arg, "--output="):
			value = strings.TrimPrefix(arg, "--output=")
		case strings.HasPrefix(arg, "-o"):
			value = strings.TrimPrefix(strings.TrimPrefix(arg, "-o"), "=")
		}
		if slices.Contains([]string{"json", "json=-", "json=/dev/stdout"}, value) {
			return true
		}
	}
	return false
}
