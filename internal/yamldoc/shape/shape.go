// Package shape reads a YAML document against a table of the settings there are. Unknown keys, missing
// ones, types, positions and the JSON Schema come from one table; a new setting is a line of it.
package shape

import (
	"regexp"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// Rules of this file: what a value may look like, apart from the table that says where it stands. The reader and the JSON Schema
// are made from the same shapes; what only the reader checks is found in Form.Check.

// Kind is the kind of a value.
type Kind int

// The kinds.
const (
	Object  Kind = iota // named fields
	Mapping             // keys of the user's own
	List
	Text
	Date
	Boolean
	Integer
	Number
)

// Shape is what a value must look like.
type Shape struct {
	Kind Kind

	Fields     []Field           // Object
	ExactlyOne []string          // Object: exactly one of these fields is there, apart from those that are used with another
	Together   map[string]string // Object: the field that must be there when another is
	Short      string            // Object: the field whose text may take its place
	IsKey      bool              // Object: refers to a key, so a text in its place would be the key itself

	Keys     Form   // Mapping
	Named    bool   // Mapping: its keys are part of the paths below
	Item     *Shape // List, and each value of a Mapping
	OrOne    bool   // List: a single item may take its place
	OrNone   *Shape // List: what declares, in its place, that there is nothing
	Fewest   int    // List
	Most     int    // List and Mapping; 0: maxItems
	Distinct bool   // List: no item twice

	Words  []string // Text: the only ones
	OrForm bool     // Text: what has the form will do as well
	Form   Form     // Text
	Digits bool     // Text: a number without quotes will do

	Low, High float64 // Integer, Number
}

// Field is one key of an Object.
type Field struct {
	Name     string
	Alias    string // another name of the same setting
	Required bool
	Shape    *Shape
	With     string // next to the field of this name
	WithIt   *Shape // it has this shape
	About    string // for the JSON Schema, and for whoever left a required one out
}

// maxItems bounds a list: more than anybody wrote by hand.
const maxItems = 1000

func (s *Shape) limit() int {
	if s.Most > 0 {
		return s.Most
	}
	return maxItems
}

// find is the path of the first setting of that name below s, "" when there is none.
func (s *Shape) find(name, path string) string {
	if s == nil {
		return ""
	}
	for _, f := range s.Fields {
		if f.Name == name || (f.Alias == name && name != "") {
			return below(path, name)
		}
	}
	for _, f := range s.Fields {
		if found := f.Shape.find(name, below(path, f.Name)); found != "" {
			return found
		}
	}
	if s.Named {
		return s.Item.find(name, below(path, "NAME"))
	}
	return s.Item.find(name, path+"[]")
}

func (s *Shape) names() []string {
	names := make([]string, 0, len(s.Fields))
	for _, f := range s.Fields {
		names = append(names, f.Name)
		if f.Alias != "" {
			names = append(names, f.Alias)
		}
	}
	return names
}

// Form is what a Text must look like.
type Form struct {
	Is      string // "… is not IS"
	Next    string
	Pattern func() *regexp.Regexp // anchored; in the syntax that Go and ECMA share
	Longest int                   // in characters; 0: maxText
	Format  string                // of the JSON Schema
	Check   func(string) bool
}

// maxText bounds a text, in characters: a page of prose.
const maxText = 4096

func (f Form) limit() int {
	if f.Longest > 0 {
		return f.Longest
	}
	return maxText
}

// Takes reports whether a text has the form.
func (f Form) Takes(s string) bool {
	if len([]rune(s)) > f.limit() || (f.Pattern != nil && !f.Pattern().MatchString(s)) {
		return false
	}
	return f.Check == nil || f.Check(s)
}

// in is the shape of the field in an object that has the other one or not.
func (f Field) in(node *yamldoc.Value) *Shape {
	if f.With != "" && node.Has(f.With) {
		return f.WithIt
	}
	return f.Shape
}

// Texts is a text of that form.
func Texts(f Form) *Shape { return &Shape{Kind: Text, Form: f} }

// OneOf is one of the words.
func OneOf(words ...string) *Shape { return &Shape{Kind: Text, Words: words} }

// ListOf is a list of such items.
func ListOf(item *Shape) *Shape { return &Shape{Kind: List, Item: item} }

// Between is an Integer or a Number from low to high.
func Between(k Kind, low, high float64) *Shape { return &Shape{Kind: k, Low: low, High: high} }

// Prose is at least one word.
var Prose = Form{Is: "a text", Next: "write at least one word, without control characters", Pattern: lazy.Regexp(`\S`), Check: Printable}

// Printable reports whether a text has no control characters but newlines and tabs.
func Printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0)
	})
}

var dateForm = lazy.Regexp(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$`)

func parseDate(s string) (audit.Date, bool) {
	day, err := audit.ParseDate(s)
	return day, err == nil && !day.IsZero()
}
