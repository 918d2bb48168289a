package shape

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// Rules of this file: the document is held against the table, and what fits becomes a tree of values. What does not fit is
// reported once, here, and is absent from the tree, so the reader of the tree need not look again.

// walker holds a document against the table.
type walker struct {
	found     *Problems
	root      *Shape
	document  string // what the document is, as messages name it
	positions map[string]audit.Position
}

// Read is the document of text, held against a table, nil when nothing of it can be read; what is wrong goes to found. document
// names it, as in "the configuration". The positions are by path, such as "environments.test" or "waivers[0].check".
func (s *Shape) Read(text []byte, document, whenEmpty string, found *Problems) (*Value, map[string]audit.Position) {
	node, mistakes := yamldoc.Strict(text)
	for _, mistake := range mistakes {
		found.Add(audit.Position(mistake.At), mistake.Message, mistake.Next)
	}
	if node == nil {
		if len(mistakes) == 0 {
			found.Add(audit.Position{}, "is empty", whenEmpty)
		}
		return nil, nil
	}
	w := &walker{found: found, root: s, document: document, positions: map[string]audit.Position{}}
	return w.walk(node, s, ""), w.positions
}

func (w *walker) walk(node *yamldoc.Value, s *Shape, path string) *Value {
	at := audit.Position(node.Position)
	if node.Refused {
		return nil // reported when it was parsed
	}
	v := &Value{Path: path, At: at, Kind: s.Kind}
	fits := false
	switch s.Kind {
	case Object:
		fits = w.walkObject(node, s, v)
	case Mapping:
		fits = w.walkMapping(node, s, v)
	case List:
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
func (w *walker) named(path string) string {
	if path == "" {
		return w.document
	}
	return path
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (w *walker) walkObject(node *yamldoc.Value, s *Shape, v *Value) bool {
	if s.IsKey && node.Kind == yamldoc.Scalar && !isNull(node) {
		w.found.Add(v.At, v.Path+" is a literal key", "replace it with a reference such as {env: PRELAUNCH_TEST_API_KEY}, and rotate the key if anybody else has seen this file")
		return false
	}
	v.Fields = map[string]*Value{}
	if s.Short != "" && node.Kind == yamldoc.Scalar && !isNull(node) {
		at := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == s.Short })
		child := w.walk(node, s.Fields[at].Shape, v.Path)
		v.Fields[s.Short] = child
		return child != nil
	}
	if node.Kind != yamldoc.Mapping {
		w.wrongKind(node, v, "a mapping with "+strings.Join(s.names(), ", "))
		return false
	}
	misspelt := map[string]bool{}
	v.Misspelt = misspelt
	seen := w.keys(node, func(name string, key, content *yamldoc.Value) bool {
		for _, f := range s.Fields {
			if f.Name == name || (f.Alias == name && name != "") {
				path := below(v.Path, name)
				w.positions[path] = audit.Position(key.Position)
				if name == f.Alias {
					w.positions[below(v.Path, f.Name)] = audit.Position(key.Position)
					if node.Has(f.Name) {
						w.found.Add(audit.Position(key.Position), fmt.Sprintf("%s has %q and %q, which are the same setting", w.named(v.Path), f.Name, name), "remove one of them")
						return true
					}
				}
				if child := w.walk(content, f.in(node), path); child != nil {
					v.Fields[f.Name] = child
				}
				return true
			}
		}
		next := Suggest(name, "known key", s.names())
		meant, near := nearestTo(name, s.names())
		elsewhere := w.root.find(name, "")
		switch {
		case near:
			misspelt[meant] = true
		case name == "<<":
			next = "merge keys are not supported: write the keys out"
		case elsewhere != "":
			next = fmt.Sprintf("did you mean %q? check the indentation", elsewhere)
		}
		w.found.Add(audit.Position(key.Position), "unknown key "+shownName(name), next)
		return true
	})
	for _, f := range s.Fields {
		if f.Required && !seen[f.Name] && !misspelt[f.Name] && !(f.Alias != "" && (seen[f.Alias] || misspelt[f.Alias])) {
			w.found.Add(v.At, fmt.Sprintf("%s has no %q", w.named(v.Path), f.Name), "add it: "+f.About)
		}
		if other, paired := s.Together[f.Name]; paired && seen[f.Name] && !seen[other] {
			w.found.Add(v.At, fmt.Sprintf("%s has %q without %q", w.named(v.Path), f.Name, other), "add it, or remove both")
		}
	}
	if len(s.ExactlyOne) > 0 {
		count := 0
		for _, f := range s.Fields {
			if slices.Contains(s.ExactlyOne, f.Name) && seen[f.Name] && !seen[f.With] {
				count++
			}
		}
		if count != 1 {
			corrected := slices.ContainsFunc(s.ExactlyOne, func(name string) bool { return misspelt[name] })
			if count > 1 || !corrected {
				how := map[bool]string{true: "none", false: "several"}[count == 0]
				w.found.Add(v.At, v.Path+" has "+how+" of "+strings.Join(s.ExactlyOne, ", "), "write exactly one of them")
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
				w.found.Add(at, "a key that is "+kindName(key)+" stands here", "write the name of a setting, or put the key in quotes")
			}
			continue
		}
		if earlier, twice := first[key.Text]; twice {
			w.found.Add(at, duplicate(key.Text, earlier), "remove one of them")
			continue
		}
		first[key.Text] = at
		if visit(key.Text, key, content) {
			seen[key.Text] = true
		}
	}
	return seen
}

func (w *walker) walkMapping(node *yamldoc.Value, s *Shape, v *Value) bool {
	if node.Kind != yamldoc.Mapping {
		w.wrongKind(node, v, "a mapping")
		return false
	}
	if len(node.Members) > s.limit() {
		w.found.Add(v.At, fmt.Sprintf("%s has %d entries", w.named(v.Path), len(node.Members)), fmt.Sprintf("write at most %d", s.limit()))
		return false
	}
	v.Fields = map[string]*Value{}
	w.keys(node, func(name string, key, content *yamldoc.Value) bool {
		if !s.Keys.Takes(name) {
			w.found.Add(audit.Position(key.Position), "a key of "+v.Path+" is not "+s.Keys.Is, s.Keys.Next)
			return false
		}
		path := v.Path
		if s.Named {
			path = below(path, name)
			w.positions[path] = audit.Position(key.Position)
		}
		if child := w.walk(content, s.Item, path); child != nil {
			child.At = audit.Position(key.Position)
			v.Fields[name] = child
			v.Names = append(v.Names, name)
		}
		return true
	})
	return true
}

func (w *walker) walkList(node *yamldoc.Value, s *Shape, v *Value) bool {
	if s.OrNone != nil && node.Kind == yamldoc.Mapping && node.Has("none") {
		return w.walkObject(node, s.OrNone, v)
	}
	contents := node.Items
	if node.Kind != yamldoc.Sequence {
		kind := yamldoc.Scalar
		if s.Item.Kind == Object {
			kind = yamldoc.Mapping
		}
		if !s.OrOne || node.Kind != kind || isNull(node) {
			w.wrongKind(node, v, "a list")
			return false
		}
		contents = []*yamldoc.Value{node}
	}
	if len(contents) < s.Fewest {
		w.found.Add(v.At, v.Path+" is an empty list", "write at least one item, or remove the key")
		return false
	}
	if len(contents) > s.limit() {
		w.found.Add(v.At, fmt.Sprintf("%s has %d items", v.Path, len(contents)), fmt.Sprintf("write at most %d", s.limit()))
		return false
	}
	v.Items = []*Value{}
	seen := map[string]bool{}
	for i, content := range contents {
		path := v.Path
		if node.Kind == yamldoc.Sequence {
			path += "[" + strconv.Itoa(i) + "]"
		}
		w.positions[path] = audit.Position(content.Position)
		item := w.walk(content, s.Item, path)
		if item == nil {
			continue
		}
		if s.Distinct && seen[item.Text] {
			w.found.Add(item.At, path+" is in the list twice", "remove one of them")
		}
		seen[item.Text] = true
		v.Items = append(v.Items, item)
	}
	return true
}

// wrongKind reports a value of another kind than the expected one.
func (w *walker) wrongKind(node *yamldoc.Value, v *Value, due string) {
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
		w.found.Add(v.At, w.named(v.Path)+" has no value", next)
		return
	}
	w.found.Add(v.At, w.named(v.Path)+" is "+kindName(node)+", expected "+due, next)
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
