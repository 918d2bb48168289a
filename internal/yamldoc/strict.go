package yamldoc

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Rules of this file: it reads YAML that must mean what it looks like, a configuration say. Further documents, anchors, aliases and
// tags are mistakes, and every value says what its plain text would stand for.

// Position is a place in a text, from 1; the zero Position is the text as a whole. Columns are characters.
type Position struct{ Line, Column int }

// Offset is the position of a byte of text.
func Offset(text []byte, offset int) Position {
	before := text[:offset]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Position{Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(line) + 1}
}

// Mistake is why a text is rejected. It quotes nothing of the text.
type Mistake struct {
	At      Position
	Message string
	Next    string // what to do about it
}

// Type is what a scalar stands for. Quoted ones are always Text.
type Type int

// The types.
const (
	Text Type = iota
	Null
	Boolean
	Number
	Day   // a date or a time
	Merge // the key <<
)

// Value is a value of a strictly read text.
type Value struct {
	Position
	Kind    Kind
	Refused bool // an anchor, an alias or a tag stands here, which is among the mistakes
	Type    Type // of a Scalar
	Plain   bool // of a Scalar: it stands without quotes
	Text    string
	Members []Member // of a Mapping, in their order, names that stand there twice included
	Items   []*Value // of a Sequence
}

// Member is one entry of a mapping.
type Member struct{ Name, Value *Value }

// Has reports whether a mapping has a member of that name.
func (v *Value) Has(name string) bool {
	return slices.ContainsFunc(v.Members, func(m Member) bool { return m.Name.Kind == Scalar && m.Name.Text == name })
}

// Member is the value of the member of that name, an empty one without a place where there is none.
func (v *Value) Member(name string) *Value {
	if v != nil {
		for _, member := range v.Members {
			if member.Name.Kind == Scalar && member.Name.Text == name {
				return member.Value
			}
		}
	}
	return &Value{}
}

// Scalars visits every scalar below v, names of members included.
func (v *Value) Scalars(visit func(*Value)) {
	if v.Kind == Scalar {
		visit(v)
	}
	for _, member := range v.Members {
		member.Name.Scalars(visit)
		member.Value.Scalars(visit)
	}
	for _, item := range v.Items {
		item.Scalars(visit)
	}
}

// Strict reads the one document of text. There is no value where text is no YAML, and none and no mistake either where it is empty.
func Strict(text []byte) (value *Value, mistakes []Mistake) {
	refuse := func(at Position, message, next string) (*Value, []Mistake) {
		return nil, []Mistake{{at, message, next}}
	}
	defer func() {
		if recover() != nil { // the library panics on its own inconsistencies
			value, mistakes = refuse(Position{}, noYAML, checkThese)
		}
	}()
	if !utf8.Valid(text) {
		return refuse(Position{}, "is not valid UTF-8", "save it in UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) || (err == nil && isEmpty(&document)) {
		return nil, nil
	}
	if err != nil {
		return nil, []Mistake{syntaxMistake(text, err)}
	}
	if err := decoder.Decode(&second); err == nil {
		return refuse(Position{second.Line, second.Column}, "a second document starts here", "write one document: remove the line ---")
	} else if !errors.Is(err, io.EOF) {
		return nil, []Mistake{syntaxMistake(text, err)}
	}
	value = strictly(document.Content[0], &mistakes)
	return value, mistakes
}

func isEmpty(document *yaml.Node) bool {
	if len(document.Content) == 0 {
		return true
	}
	content := document.Content[0]
	return content.Kind == yaml.ScalarNode && content.ShortTag() == "!!null" && content.Anchor == "" && content.Style&yaml.TaggedStyle == 0
}

// types are those that the library finds in plain text; whatever else there is is Text.
var types = map[string]Type{"!!null": Null, "!!bool": Boolean, "!!int": Number, "!!float": Number, "!!timestamp": Day, "!!merge": Merge}

// strictly does not follow aliases, so it ends.
func strictly(node *yaml.Node, mistakes *[]Mistake) *Value {
	value := &Value{Position: Position{node.Line, node.Column}, Kind: Scalar}
	refuse := func(message, next string) {
		value.Refused = true
		*mistakes = append(*mistakes, Mistake{value.Position, message, next})
	}
	switch {
	case node.Kind == yaml.AliasNode:
		refuse("an alias (*name) stands here", "write the value itself")
		return value
	case node.Anchor != "":
		refuse("an anchor (&name) stands here", "remove it, and write the value wherever it is needed")
	case node.Style&yaml.TaggedStyle != 0:
		refuse("a tag (!name) stands here", "remove it, and put a text in quotes")
	}
	switch node.Kind {
	case yaml.MappingNode:
		value.Kind = Mapping
		for i := 0; i+1 < len(node.Content); i += 2 {
			value.Members = append(value.Members, Member{strictly(node.Content[i], mistakes), strictly(node.Content[i+1], mistakes)})
		}
	case yaml.SequenceNode:
		value.Kind = Sequence
		for _, content := range node.Content {
			value.Items = append(value.Items, strictly(content, mistakes))
		}
	default:
		value.Text = node.Value
		value.Plain = node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
		if value.Plain && !value.Refused {
			value.Type = types[node.ShortTag()]
		}
	}
	return value
}
