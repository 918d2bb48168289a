package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
)

// Rules of this file: YAML becomes a tree of nodes here and nowhere else. What makes YAML mean something else than it looks like
// (further documents, anchors and aliases, tags) is refused; texts of the YAML library never reach a message, since some of them
// quote the file.

// parse reads the one document of text. On a mistake it returns nil and has told found.
func parse(text []byte, found *problems) (root *yaml.Node) {
	defer func() {
		if recover() != nil { // the library panics on its own inconsistencies
			found.add(audit.Position{}, "is no valid YAML", "check quotes, brackets and indentation")
			root = nil
		}
	}()
	if !utf8.Valid(text) {
		found.add(audit.Position{}, "is no UTF-8 text", "save it in UTF-8")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) || (err == nil && isEmpty(&document)) {
		found.add(audit.Position{}, "is empty", "`prelaunch init` writes one to start from")
		return nil
	}
	if err != nil {
		reportSyntax(text, err, found)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		found.add(audit.Position{Line: second.Line, Column: second.Column}, "a second document starts here", "a configuration is one document: remove the line ---")
		return nil
	} else if !errors.Is(err, io.EOF) {
		reportSyntax(text, err, found)
		return nil
	}
	root = document.Content[0]
	refuseTricks(root, found)
	return root
}

func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || (document.Content[0].Kind == yaml.ScalarNode && document.Content[0].Tag == "!!null")
}

// refuseTricks reports anchors, aliases and tags wherever they stand. It does not follow aliases, so it ends.
func refuseTricks(node *yaml.Node, found *problems) {
	at := audit.Position{Line: node.Line, Column: node.Column}
	switch {
	case node.Kind == yaml.AliasNode:
		found.add(at, "an alias (*name) stands here", "write the value itself")
	case node.Anchor != "":
		found.add(at, "an anchor (&name) stands here", "remove it, and write the value wherever it is needed")
	case node.Style&yaml.TaggedStyle != 0:
		found.add(at, "a tag (!name) stands here", "remove it, and put a text in quotes")
	}
	for _, child := range node.Content {
		refuseTricks(child, found)
	}
}

// syntaxHelp turns what the YAML library complains about into what to do.
var syntaxHelp = []struct{ complaint, message, next string }{
	{"unknown anchor", "an alias (*name) stands here", "write the value itself; a text that starts with * needs quotes"},
	{"mapping values are not allowed", "a second \"key: value\" stands where a value is due", "check the indentation, and put a text with \": \" in it in quotes"},
	{"mapping keys are not allowed", "a key stands where none is due", "check the indentation"},
	{"block sequence entries are not allowed", "a list item (- …) stands where none is due", "start the list on a line of its own"},
	{"cannot start any token", "a tab, or one of ` @ %, starts something here", "indent with spaces, and put such a text in quotes"},
	{"tab character", "a tab stands where spaces are due", "indent with spaces"},
	{"could not find expected ':'", "a key without \": \" and a value stands here or just above", "write key: value"},
	{"',' or ']'", "a list in [ ] that starts here is not closed", "separate items with commas and close the bracket"},
	{"',' or '}'", "a mapping in { } that starts here is not closed", "separate entries with commas and close the brace"},
	{"unexpected end of stream", "a quote that opens here or above is not closed", "close it"},
	{"unknown escape", "a \\ in a text in double quotes is followed by something unknown", "use single quotes, or write \\\\"},
	{"expected key", "this does not continue the block above it", "indent every key of a block alike, and close the quotes above"},
	{"'-' indicator", "this does not continue the list above it", "indent every item of a list alike, and close the quotes above"},
	{"alphabetic or numeric character", "a lone & or * stands here", "put a text that starts with it in quotes"},
	{"document start", "something stands here after the end of the configuration", "check the indentation and the brackets above"},
	{"node content", "a value is missing here", "check commas, brackets and indentation"},
	{"control characters", "a control character stands in the file", "remove it"},
	{"exceeded max depth", "values are nested too deeply", "check brackets and indentation"},
}

var syntaxLine = regexp.MustCompile(`^yaml: line ([0-9]+): `)

var fromParser = regexp.MustCompile(`did not find expected (key|node content|<document start>|'-' indicator|',' or)`)

var unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)

func reportSyntax(text []byte, err error, found *problems) {
	complaint := err.Error()
	line := 1
	if match := syntaxLine.FindStringSubmatch(complaint); match != nil {
		line, _ = strconv.Atoi(match[1])
		if fromParser.MatchString(complaint) {
			line++ // the library counts the lines of these from 0
		}
	}
	if strings.Contains(complaint, "expected key") || strings.Contains(complaint, "'-' indicator") {
		line = firstLineWith(text, complaint) // the library names the line where the block starts
	}
	at := firstCharacter(text, line)
	if offset := bytes.IndexFunc(text, isControl); offset >= 0 && strings.Contains(complaint, "control characters") {
		at = positionOf(text, offset)
	}
	for _, help := range syntaxHelp {
		if strings.Contains(complaint, help.complaint) {
			if match := unknownAnchor.FindStringSubmatch(complaint); match != nil {
				at = positionOf(text, max(0, bytes.Index(text, []byte("*"+match[1])))) // the library does not say where
			}
			found.add(at, help.message, help.next)
			return
		}
	}
	found.add(at, "is no valid YAML", "check quotes, brackets and indentation")
}

func isControl(c rune) bool {
	return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f || (c >= 0x80 && c < 0xa0 && c != 0x85)
}

// firstLineWith is the line up to which text must be read for the library to complain like that.
func firstLineWith(text []byte, complaint string) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		var document yaml.Node
		err := yaml.Unmarshal(bytes.Join(lines[:i+1], nil), &document)
		return err != nil && err.Error() == complaint
	})
}

// firstCharacter is the position of the first character of a line that is no space.
func firstCharacter(text []byte, line int) audit.Position {
	lines := bytes.Split(text, []byte("\n"))
	if line > len(lines) {
		line = len(lines)
	}
	content := lines[line-1]
	return audit.Position{Line: line, Column: len(content) - len(bytes.TrimLeft(content, " ")) + 1}
}

// scalars lists every text of the document, keys and values, with its position.
func scalars(node *yaml.Node, visit func(text string, at audit.Position)) {
	if node.Kind == yaml.ScalarNode {
		visit(node.Value, audit.Position{Line: node.Line, Column: node.Column})
	}
	for _, child := range node.Content {
		scalars(child, visit)
	}
}

// kindName is what a node is, in the words of messages.
func kindName(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch node.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "a text"
}

func duplicate(name string, first audit.Position) string {
	return fmt.Sprintf("duplicate key %s, given first in line %d", shownName(name), first.Line)
}
