package yamldoc

import (
	"bytes"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
)

// Rules of this file: what the YAML library complains about becomes a place, what is wrong and what to do. Its own words are
// matched and never repeated.

const (
	noYAML     = "is no valid YAML"
	checkThese = "check quotes, brackets and indentation"
)

// syntaxHelp turns what the YAML library complains about into what to do.
var syntaxHelp = []struct{ complaint, message, next string }{
	{"unknown anchor", "an alias (*name) stands here", "write the value itself; a text that starts with * needs quotes"},
	{"mapping values are not allowed", "a second \"key: value\" stands where a value is expected", "check the indentation, and put a text with \": \" in it in quotes"},
	{"mapping keys are not allowed", "a key stands where none is expected", "check the indentation"},
	{"block sequence entries are not allowed", "a list item (- …) stands where none is expected", "start the list on a line of its own"},
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
	{"document start", "something stands here after the end of the document", "check the indentation and the brackets above"},
	{"node content", "a value is missing here", "check commas, brackets and indentation"},
	{"control characters", "the file contains a control character", "remove it"},
	{"exceeded max depth", "values are nested too deeply", "check brackets and indentation"},
}

var syntaxLine = lazy.Regexp(`^yaml: line ([0-9]+): `)

var fromParser = lazy.Regexp(`did not find expected (key|node content|<document start>|'-' indicator|',' or)`)

var unknownAnchor = lazy.Regexp(`unknown anchor '(.*)' referenced`)

// syntaxMistake says where and how text is no YAML, and what to do, in words of its own: the library's may quote the file.
func syntaxMistake(text []byte, err error) Mistake {
	complaint := err.Error()
	line := 1
	if match := syntaxLine().FindStringSubmatch(complaint); match != nil {
		line, _ = strconv.Atoi(match[1])
		if fromParser().MatchString(complaint) {
			line++ // the library counts the lines of these from 0
		}
	}
	if strings.Contains(complaint, "expected key") || strings.Contains(complaint, "'-' indicator") {
		line = firstLineWith(text, complaint) // the library names the line where the block starts
	}
	at := firstCharacter(text, line)
	if offset := bytes.IndexFunc(text, isControl); offset >= 0 && strings.Contains(complaint, "control characters") {
		at = Offset(text, offset)
	}
	for _, help := range syntaxHelp {
		if strings.Contains(complaint, help.complaint) {
			if match := unknownAnchor().FindStringSubmatch(complaint); match != nil {
				at = Offset(text, max(0, bytes.Index(text, []byte("*"+match[1])))) // the library does not say where
			}
			return Mistake{at, help.message, help.next}
		}
	}
	return Mistake{at, noYAML, checkThese}
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
func firstCharacter(text []byte, line int) Position {
	lines := bytes.Split(text, []byte("\n"))
	if line > len(lines) {
		line = len(lines)
	}
	content := lines[line-1]
	return Position{Line: line, Column: len(content) - len(bytes.TrimLeft(content, " ")) + 1}
}
