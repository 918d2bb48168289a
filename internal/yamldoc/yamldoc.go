// Package yamldoc is where YAML becomes plain trees: Read takes what others wrote, manifests say; Strict takes configurations.
//
// Read's rules (Strict has stricter ones of its own): every document of a stream is read; anchors, aliases and merge keys are
// followed, within bounds that a bomb of aliases meets early; tags are ignored and every scalar is its text. Texts of the YAML
// library never reach an error, since some of them quote the file.
package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Bounds of one stream.
const (
	MaxBytes     = 1 << 20 // of text
	MaxNodes     = 100_000 // of all documents together, aliases followed
	MaxDepth     = 100     // of nesting
	MaxDocuments = 1000
)

// Errors of Read. What was read before is returned with them.
var (
	ErrNotYAML  = errors.New("no valid YAML")
	ErrTooLarge = fmt.Errorf("larger than what is read of a file (%d bytes, %d values, %d levels, %d documents)", MaxBytes, MaxNodes, MaxDepth, MaxDocuments)
)

// Kind tells the three kinds of nodes apart.
type Kind int

// The kinds.
const (
	Scalar Kind = iota
	Mapping
	Sequence
)

// Node is a value. Line is where it stands, from 1; for what an alias names, where the alias's target stands.
type Node struct {
	Kind    Kind
	Value   string  // of a Scalar, its text; empty for null
	Null    bool    // the Scalar is null or left out
	Entries []Entry // of a Mapping, in their order
	Items   []*Node // of a Sequence
	Line    int
}

// Entry is one member of a mapping.
type Entry struct {
	Key   string // "" when the key is no scalar
	Line  int    // of the key
	Value *Node
}

// Get returns the value of the first member of that name, an empty scalar when there is none or n is no mapping.
func (n *Node) Get(key string) *Node {
	if n != nil {
		for _, entry := range n.Entries {
			if entry.Key == key {
				return entry.Value
			}
		}
	}
	return &Node{Null: true}
}

// Read reads every document of text; JSON is YAML too.
func Read(text []byte) (documents []*Node, err error) {
	if len(text) > MaxBytes {
		return nil, ErrTooLarge
	}
	defer func() {
		if recover() != nil { // the library panics on its own inconsistencies
			err = ErrNotYAML
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	reading := &reader{}
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return documents, nil
		case err != nil:
			return documents, ErrNotYAML
		case len(documents) == MaxDocuments:
			return documents, ErrTooLarge
		case len(document.Content) == 0:
			continue
		}
		node, err := reading.node(document.Content[0], 0)
		if err != nil {
			return documents, err
		}
		documents = append(documents, node)
	}
}

type reader struct{ nodes int }

func (r *reader) node(from *yaml.Node, depth int) (*Node, error) {
	r.nodes++
	if r.nodes > MaxNodes || depth > MaxDepth { // an alias of what holds it meets the second
		return nil, ErrTooLarge
	}
	switch from.Kind {
	case yaml.AliasNode:
		return r.node(from.Alias, depth+1)
	case yaml.MappingNode:
		return r.mapping(from, depth)
	case yaml.SequenceNode:
		node := &Node{Kind: Sequence, Line: from.Line}
		for _, item := range from.Content {
			read, err := r.node(item, depth+1)
			if err != nil {
				return nil, err
			}
			node.Items = append(node.Items, read)
		}
		return node, nil
	}
	if from.ShortTag() == "!!null" {
		return &Node{Null: true, Line: from.Line}, nil
	}
	return &Node{Value: from.Value, Line: from.Line}, nil
}

func (r *reader) mapping(from *yaml.Node, depth int) (*Node, error) {
	node := &Node{Kind: Mapping, Line: from.Line}
	var merged []Entry
	own := map[string]bool{}
	for i := 0; i+1 < len(from.Content); i += 2 {
		key := from.Content[i]
		value, err := r.node(from.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, value.Entries...)
			for _, item := range value.Items {
				merged = append(merged, item.Entries...)
			}
			continue
		}
		node.Entries = append(node.Entries, Entry{Key: key.Value, Line: key.Line, Value: value})
		own[key.Value] = true
	}
	for _, entry := range merged { // its own members win over merged ones
		if r.nodes++; r.nodes > MaxNodes {
			return nil, ErrTooLarge
		}
		if !own[entry.Key] {
			own[entry.Key] = true
			node.Entries = append(node.Entries, entry)
		}
	}
	return node, nil
}
