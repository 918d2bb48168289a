package shape

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Rules of this file: a message names settings, enumerations, numbers and dates; it never repeats any other value of the
// document, since a key may stand where something else was due.

// maxProblems bounds how many problems are listed; what is beyond is counted only.
const maxProblems = 100

// Problem is one mistake in a document.
type Problem struct {
	File    string
	Line    int // from 1; 0: the mistake is about the file as a whole
	Column  int // from 1, in characters
	Message string
	Next    string // what to do about it
}

// String is "file:line:column: message: next step".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": " + p.Message)
	if p.Next != "" {
		b.WriteString(": " + p.Next)
	}
	return b.String()
}

// Error is everything that is wrong with a document, in the order of the file.
type Error struct {
	Problems []Problem
}

// Error lists one problem on a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Problems gathers what is wrong with one file.
type Problems struct {
	file string
	list []Problem
	more int
}

// NewProblems gathers what is wrong with the file of that name.
func NewProblems(file string) *Problems { return &Problems{file: file} }

// Rewrite replaces every message so far.
func (p *Problems) Rewrite(message func(string) string) {
	for i := range p.list {
		p.list[i].Message = message(p.list[i].Message)
	}
}

// Add notes a problem. Beyond a bound they are only counted.
func (p *Problems) Add(at audit.Position, message, next string) {
	if len(p.list) >= maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, Problem{File: p.file, Line: at.Line, Column: at.Column, Message: message, Next: next})
}

// File is the file as the user named it.
func (p *Problems) File() string { return p.file }

// Include adds what is wrong with another file.
func (p *Problems) Include(other *Error) { p.list = append(p.list, other.Problems...) }

// AddWhole notes a problem with the file as a whole.
func (p *Problems) AddWhole(message, next string) { p.Add(audit.Position{}, message, next) }

// Err is nil when nothing is wrong.
func (p *Problems) Err() error {
	if len(p.list) == 0 {
		return nil
	}
	list := slices.Clone(p.list)
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if p.more > 0 {
		list = append(list, Problem{File: p.file, Message: fmt.Sprintf("%d more mistakes are not listed", p.more), Next: "correct these first"})
	}
	return &Error{Problems: list}
}

// maxEchoedName is the longest unknown key, in bytes, that a message repeats; the longest known one has 23.
const maxEchoedName = 30

// shownName is an unknown key as a message shows it: quoted, or withheld when it might be a secret.
func shownName(name string) string {
	if len(name) > maxEchoedName || strings.ContainsAny(name, "\"\\ ") || !secret.PlainWords(name) {
		return "(not repeated, in case it is a secret)"
	}
	return `"` + name + `"`
}

// Suggest is the next step after a word that is none of known: the nearest of them, and all of them when none is near.
func Suggest(word, noun string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	best, near := nearestTo(word, known)
	if near {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return fmt.Sprintf("the nearest %s is %q; known here are %s", noun, best, strings.Join(known, ", "))
}

// nearestTo is the word of known with the smallest edit distance to word, the first of several, and whether half of it or more is right.
func nearestTo(word string, known []string) (best string, near bool) {
	if len(word) > 3*maxEchoedName {
		word = word[:3*maxEchoedName]
	}
	word = strings.ToLower(word)
	distance := -1
	for _, candidate := range known {
		if d := levenshtein.ComputeDistance(word, strings.ToLower(candidate)); distance < 0 || d < distance {
			best, distance = candidate, d
		}
	}
	return best, distance >= 0 && distance*2 <= len(best)+1
}

// Nearest is the known word that a misspelt one was probably meant to be, "" if none is near.
func Nearest(word string, known []string) string {
	if best, near := nearestTo(word, known); near {
		return best
	}
	return ""
}
