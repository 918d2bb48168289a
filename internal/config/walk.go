package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// Rules of this file: the document is held against the table, and what fits becomes a tree of values. What does not fit is
// reported once, here, and is absent from the tree, so the reader of the tree need not look again.

// value is a part of the configuration that fits its shape. A nil *value is one that is absent or was reported.
type value struct {
	path   string
	at     audit.Position
	fields map[string]*value // of an object or mapping
	names  []string          // of a mapping, in the order of the file
	items  []*value          // of a list
	text   string            // of a text or date
	number float64
	flag   bool
}

func (v *value) field(name string) *value {
	if v == nil {
		return nil
	}
	return v.fields[name]
}

func (v *value) list() []*value {
	if v == nil {
		return nil
	}
	return v.items
}

// string is the text, "" when there is none.
func (v *value) string() string {
	if v == nil {
		return ""
	}
	return v.text
}

// strings are the texts of a list, never nil.
func (v *value) strings() []string {
	out := []string{}
	for _, item := range v.list() {
		out = append(out, item.text)
	}
	return out
}

func (v *value) or(fallback string) string {
	if v == nil {
		return fallback
	}
	return v.text
}

func (v *value) numberOr(fallback float64) float64 {
	if v == nil {
		return fallback
	}
	return v.number
}

func (v *value) isTrue() bool { return v != nil && v.flag }

func (v *value) date() audit.Date {
	day, _ := isDate(v.string())
	return day
}

// walker holds a document against the table.
type walker struct {
	found     *problems
	positions map[string]audit.Position
}

func (w *walker) walk(node *yamldoc.Value, s *shape, path string) *value {
	at := audit.Position(node.Position)
	if node.Refused {
		return nil // reported when it was parsed
	}
	v := &value{path: path, at: at}
	fits := false
	switch s.kind {
	case object:
		fits = w.walkObject(node, s, v)
	case mapping:
		fits = w.walkMapping(node, s, v)
	case list:
		fits = w.walkList(node, s, v)
	default:
		fits = w.walkScalar(node, s, v)
	}
	if !fits {
		return nil
	}
	return v
}

// named is the path as messages name it; the document itself has no path.
func named(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (w *walker) walkObject(node *yamldoc.Value, s *shape, v *value) bool {
	if s.isKey && node.Kind == yamldoc.Scalar && !isNull(node) {
		w.found.add(v.at, v.path+" is a literal key", "replace it with a reference such as {env: BEGINI_TEST_API_KEY}, and rotate the key if anybody else has seen this file")
		return false
	}
	if node.Kind != yamldoc.Mapping {
		w.wrongKind(node, v, "a mapping with "+strings.Join(s.names(), ", "))
		return false
	}
	v.fields = map[string]*value{}
	misspelt := map[string]bool{}
	seen := w.keys(node, func(name string, key, content *yamldoc.Value) bool {
		for _, f := range s.fields {
			if f.name == name {
				path := below(v.path, name)
				w.positions[path] = audit.Position(key.Position)
				if child := w.walk(content, f.in(node), path); child != nil {
					v.fields[name] = child
				}
				return true
			}
		}
		next := suggest(name, "known key", s.names())
		meant, near := nearest(name, s.names())
		elsewhere := root().find(name, "")
		switch {
		case near:
			misspelt[meant] = true
		case name == "<<":
			next = "merge keys are not taken: write the keys out"
		case elsewhere != "":
			next = fmt.Sprintf("did you mean %q? check the indentation", elsewhere)
		}
		w.found.add(audit.Position(key.Position), "unknown key "+shownName(name), next)
		return true
	})
	for _, f := range s.fields {
		if f.required && !seen[f.name] && !misspelt[f.name] {
			w.found.add(v.at, fmt.Sprintf("%s has no %q", named(v.path), f.name), "add it: "+f.about)
		}
		if other, paired := s.together[f.name]; paired && seen[f.name] && !seen[other] {
			w.found.add(v.at, fmt.Sprintf("%s has %q without %q", named(v.path), f.name, other), "add it, or remove both")
		}
	}
	if len(s.exactlyOne) > 0 {
		count := 0
		for _, f := range s.fields {
			if slices.Contains(s.exactlyOne, f.name) && seen[f.name] && !seen[f.with] {
				count++
			}
		}
		if count != 1 {
			corrected := slices.ContainsFunc(s.exactlyOne, func(name string) bool { return misspelt[name] })
			if count > 1 || !corrected {
				how := map[bool]string{true: "none", false: "several"}[count == 0]
				w.found.add(v.at, v.path+" has "+how+" of "+strings.Join(s.exactlyOne, ", "), "write exactly one of them")
			}
			return false
		}
	}
	return true
}

// keys visits the entries of a mapping, and reports keys that are no text or stand there twice. It returns the names it visited.
func (w *walker) keys(node *yamldoc.Value, visit func(name string, key, content *yamldoc.Value) bool) map[string]bool {
	first := map[string]audit.Position{}
	seen := map[string]bool{}
	for _, member := range node.Members {
		key, content := member.Name, member.Value
		at := audit.Position(key.Position)
		if key.Kind != yamldoc.Scalar || (key.Type != yamldoc.Text && key.Type != yamldoc.Merge) {
			if !key.Refused {
				w.found.add(at, "a key that is "+kindName(key)+" stands here", "write the name of a setting, or put the key in quotes")
			}
			continue
		}
		if earlier, twice := first[key.Text]; twice {
			w.found.add(at, duplicate(key.Text, earlier), "remove one of them")
			continue
		}
		first[key.Text] = at
		if visit(key.Text, key, content) {
			seen[key.Text] = true
		}
	}
	return seen
}

func (w *walker) walkMapping(node *yamldoc.Value, s *shape, v *value) bool {
	if node.Kind != yamldoc.Mapping {
		w.wrongKind(node, v, "a mapping")
		return false
	}
	v.fields = map[string]*value{}
	w.keys(node, func(name string, key, content *yamldoc.Value) bool {
		if !s.keys.takes(name) {
			w.found.add(audit.Position(key.Position), "a key of "+v.path+" is not "+s.keys.is, s.keys.next)
			return false
		}
		if child := w.walk(content, s.item, v.path); child != nil {
			child.at = audit.Position(key.Position)
			v.fields[name] = child
			v.names = append(v.names, name)
		}
		return true
	})
	return true
}

func (w *walker) walkList(node *yamldoc.Value, s *shape, v *value) bool {
	if s.orNone != nil && node.Kind == yamldoc.Mapping && node.Has("none") {
		return w.walkObject(node, s.orNone, v)
	}
	contents := node.Items
	if node.Kind != yamldoc.Sequence {
		if !s.orOne || node.Kind != yamldoc.Scalar || isNull(node) {
			w.wrongKind(node, v, "a list")
			return false
		}
		contents = []*yamldoc.Value{node}
	}
	if len(contents) < s.fewest {
		w.found.add(v.at, v.path+" is an empty list", "write at least one item, or remove the key")
		return false
	}
	if len(contents) > s.limit() {
		w.found.add(v.at, fmt.Sprintf("%s has %d items", v.path, len(contents)), fmt.Sprintf("write at most %d", s.limit()))
		return false
	}
	v.items = []*value{}
	seen := map[string]bool{}
	for i, content := range contents {
		path := v.path
		if node.Kind == yamldoc.Sequence {
			path += "[" + strconv.Itoa(i) + "]"
		}
		w.positions[path] = audit.Position(content.Position)
		item := w.walk(content, s.item, path)
		if item == nil {
			continue
		}
		if s.distinct && seen[item.text] {
			w.found.add(item.at, path+" is in the list twice", "remove one of them")
		}
		seen[item.text] = true
		v.items = append(v.items, item)
	}
	return true
}

// lookalike is plain text that other readers of YAML take for true or false.
var lookalike = lazy.Regexp(`^(?i:y|yes|n|no|on|off)$`)

// maxEchoedNumber is the longest number, in characters, that a message repeats: longer ones may be keys.
const maxEchoedNumber = 6

var (
	wholeNumber   = lazy.Regexp(`^-?(0|[1-9][0-9]{0,8})$`)
	decimalNumber = lazy.Regexp(`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$`)
)

func (w *walker) walkScalar(node *yamldoc.Value, s *shape, v *value) bool {
	due := map[kind]string{text: "a text", date: "a date like 2026-11-01", boolean: "true or false", integer: "a whole number", number: "a number"}[s.kind]
	if node.Kind != yamldoc.Scalar || isNull(node) {
		w.wrongKind(node, v, due)
		return false
	}
	v.text = node.Text
	switch s.kind {
	case text:
		return w.walkText(node, s, v)
	case date:
		return w.walkDate(v)
	case boolean:
		if !node.Plain || (v.text != "true" && v.text != "false") {
			w.found.add(v.at, v.path+" is neither true nor false", "write true or false, without quotes")
			return false
		}
		if len(s.words) > 0 && !slices.Contains(s.words, v.text) {
			w.found.add(v.at, v.path+" is "+v.text, "write "+strings.Join(s.words, " or ")+", or remove what it belongs to")
			return false
		}
		v.flag = v.text == "true"
		return true
	}
	pattern := decimalNumber
	if s.kind == integer {
		pattern = wholeNumber
	}
	if !node.Plain || !pattern().MatchString(v.text) {
		w.found.add(v.at, v.path+" is not "+due, "write decimal digits without quotes and without leading zeros")
		return false
	}
	v.number, _ = strconv.ParseFloat(v.text, 64)
	if v.number < s.low || v.number > s.high {
		next := fmt.Sprintf("write one from %v to %v", s.low, s.high)
		if s.low == s.high {
			next = fmt.Sprintf("this program reads %v", s.low)
		}
		shown := v.text
		if len(shown) > maxEchoedNumber {
			shown = "out of range"
		}
		w.found.add(v.at, v.path+" is "+shown, next)
		return false
	}
	return true
}

func (w *walker) walkText(node *yamldoc.Value, s *shape, v *value) bool {
	switch {
	case len(s.words) > 0:
		for _, word := range s.words {
			if word == v.text {
				return true
			}
		}
		next := "write one of them"
		if meant, near := nearest(v.text, s.words); near {
			next = fmt.Sprintf("did you mean %q?", meant)
		}
		w.found.add(v.at, v.path+" is none of "+strings.Join(s.words, ", "), next)
		return false
	case node.Type != yamldoc.Text:
		next := "put it in quotes: \"…\""
		if s.form.pattern != nil && !s.form.takes(v.text) {
			next = s.form.next
		}
		w.found.add(v.at, v.path+" is "+kindName(node)+", expected a string", next)
		return false
	case node.Plain && lookalike().MatchString(v.text):
		w.found.add(v.at, v.path+" is a word that some readers of YAML take for true or false", "put it in quotes: \"…\"")
		return false
	case !s.form.takes(v.text):
		w.found.add(v.at, v.path+" is not "+s.form.is, s.form.next)
		return false
	}
	return true
}

func (w *walker) walkDate(v *value) bool {
	if _, ok := isDate(v.text); ok {
		return true
	}
	shown := "is not a date"
	if dateForm().MatchString(v.text) {
		shown = "is " + v.text + ", which is no day of the calendar"
	}
	w.found.add(v.at, v.path+" "+shown, "write it like 2026-11-01")
	return false
}

// wrongKind reports a value of another kind than the one that is due.
func (w *walker) wrongKind(node *yamldoc.Value, v *value, due string) {
	nothing := isNull(node)
	next := "write " + due
	switch {
	case due == "a list" && nothing:
		next = "write [] if there is nothing, or remove the key"
	case due == "a list":
		next = "write it as [first, second], or one item a line, each after a hyphen"
	case strings.HasPrefix(due, "a mapping") && !nothing:
		next = "write one key a line, indented, each with its value"
	}
	if nothing {
		w.found.add(v.at, named(v.path)+" has no value", next)
		return
	}
	w.found.add(v.at, named(v.path)+" is "+kindName(node)+", but "+due+" is due", next)
}

func isNull(node *yamldoc.Value) bool {
	return node.Kind == yamldoc.Scalar && node.Type == yamldoc.Null
}

// kindName is what a value is, in the words of messages.
func kindName(node *yamldoc.Value) string {
	switch node.Kind {
	case yamldoc.Mapping:
		return "a mapping"
	case yamldoc.Sequence:
		return "a list"
	}
	switch node.Type {
	case yamldoc.Null:
		return "nothing"
	case yamldoc.Boolean:
		return "true or false"
	case yamldoc.Number:
		return "a number"
	case yamldoc.Day:
		return "a date"
	}
	return "a text"
}

func duplicate(name string, first audit.Position) string {
	return fmt.Sprintf("duplicate key %s, given first in line %d", shownName(name), first.Line)
}
