package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
)

// Rules of this file: a name is found where a field says that it is one, or by its form (URL, mail address, IP address). Every
// occurrence anywhere is replaced then, by the same stand-in in all documents.

// Kinds of names, which are the stems of their stand-ins.
const (
	aHost         = "host"
	aPerson       = "person"
	aPath         = "path"
	anID          = "id"
	anIntegration = "integration"
)

// nameFields are the fields whose texts, or lists of texts, are names.
var nameFields = map[string]string{
	"integration": anIntegration,
	"host":        aHost, "hosts": aHost, "server_name": aHost, "issuer": aHost, "names": aHost,
	"by": aPerson, "owner": aPerson, "approved_by": aPerson, "email": aPerson, "reviewer": aPerson, "person": aPerson,
	"path": aPath, "paths": aPath, "file": aPath, "files": aPath, "roster": aPath, "ca_file": aPath, "client_certificate": aPath,
	"config_file": aPath, "repository": aPath, "places": aPath, "commit": anID, "object": anID, "head": anID,
	"integration_id": anID, "uid": anID, "uids": anID, "probe_uids": anID,
}

// writtenByPeople are fields that hold what somebody wrote, in an object that names who.
var writtenByPeople = []string{"statement", "reason", "reference", "evidence"}

var (
	urlForm  = lazy.Regexp(`(?i)\bhttps?://[^\s"'<>()]+`)
	mailForm = lazy.Regexp(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)
	ipForm   = lazy.Regexp(`\[?[0-9A-Fa-f]*[:.][0-9A-Fa-f:.]*[0-9A-Fa-f]\]?`)
)

// standIns are the replacements, by name.
type standIns struct {
	of     map[string]string
	count  map[string]int
	fields map[string]bool // a name that is also a field stays: the documents would be unreadable
}

// withoutNames encodes the documents, indented, with stand-ins in place of names.
func withoutNames(documents []any) ([][]byte, error) {
	names := standIns{of: map[string]string{}, count: map[string]int{}, fields: map[string]bool{"test": true, "production": true}}
	trees := make([]any, len(documents))
	for i, document := range documents {
		raw, err := json.Marshal(document)
		if err != nil {
			return nil, fmt.Errorf("encode a document of the bundle: %w", err)
		}
		if err := json.Unmarshal(raw, &trees[i]); err != nil {
			return nil, fmt.Errorf("read a document of the bundle: %w", err)
		}
		trees[i] = removeProse(trees[i])
		names.reserve(trees[i])
	}
	for i := range trees {
		if integration, is := child(trees[i], "integration").(map[string]any); is { // of facts
			names.add(anIntegration, integration["name"])
		}
		names.collect("", trees[i])
	}
	replace := names.replacer()
	encoded := make([][]byte, len(trees))
	for i, tree := range trees {
		raw, err := json.MarshalIndent(rewrite(tree, replace), "", "  ")
		if err != nil {
			return nil, fmt.Errorf("encode a document of the bundle: %w", err)
		}
		encoded[i] = append(raw, '\n')
	}
	return encoded, nil
}

func child(tree any, name string) any {
	object, _ := tree.(map[string]any)
	return object[name]
}

// removeProse empties what people wrote, and the commands of a configuration.
func removeProse(tree any) any {
	switch t := tree.(type) {
	case map[string]any:
		_, by := t["by"]
		_, owner := t["owner"]
		for name, value := range t {
			text, isText := value.(string)
			switch {
			case (by || owner) && isText && text != "" && slices.Contains(writtenByPeople, name):
				t[name] = "removed"
			case name == "command" || name == "args" || name == "effects":
				t[name] = nil
			default:
				t[name] = removeProse(value)
			}
		}
	case []any:
		for i := range t {
			t[i] = removeProse(t[i])
		}
	}
	return tree
}

// reserve notes the fields of a tree. What has other than lower-case letters in it is the key of a mapping, such as a host.
func (s *standIns) reserve(tree any) {
	switch t := tree.(type) {
	case map[string]any:
		for name, value := range t {
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == "" {
				s.fields[name] = true
			}
			s.reserve(value)
		}
	case []any:
		for _, item := range t {
			s.reserve(item)
		}
	}
}

// collect finds the names of a tree; field is what the tree is the value of.
func (s *standIns) collect(field string, tree any) {
	switch t := tree.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(t)) {
			s.collect(name, t[name])
			s.collectText(name) // such as a host that is the key of a mapping
		}
	case []any:
		for _, item := range t {
			s.collect(field, item)
		}
	case string:
		if kind, is := nameFields[field]; is {
			s.add(kind, t)
		}
		s.collectText(t)
	}
}

// collectText finds names by their form.
func (s *standIns) collectText(text string) {
	for _, found := range urlForm().FindAllString(text, -1) {
		parsed, err := url.Parse(strings.TrimRight(found, ".,;"))
		if err != nil {
			continue
		}
		s.add(aHost, parsed.Hostname())
		if parsed.Path != "/" {
			s.add(aPath, parsed.Path)
		}
		if parsed.RawQuery != "" {
			s.add(anID, parsed.RawQuery)
		}
	}
	for _, found := range mailForm().FindAllString(text, -1) {
		s.add(aPerson, found)
		_, domain, _ := strings.Cut(found, "@")
		s.add(aHost, domain)
	}
	for _, found := range ipForm().FindAllString(text, -1) {
		if host, _, err := net.SplitHostPort(found); err == nil {
			found = host
		}
		if address, err := netip.ParseAddr(strings.Trim(found, "[]")); err == nil {
			s.add(aHost, address.String())
		}
	}
	if host, port, err := net.SplitHostPort(text); err == nil && host != "" && isPort(port) {
		s.add(aHost, host)
	}
}

// isPort reports whether text is a port, which the digits of a digest (sha256:93012711) are not.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil && len(text) <= 5
}

func (s *standIns) add(kind string, value any) {
	name, _ := value.(string)
	if strings.Trim(name, "./ ") == "" || len(name) < 2 || s.of[name] != "" || s.fields[name] {
		return
	}
	s.count[kind]++
	standIn := fmt.Sprintf("%s-%d", kind, s.count[kind])
	switch kind {
	case aHost:
		standIn += ".invalid"
	case aPerson:
		standIn += "@host.invalid"
	case aPath:
		if extension := path.Ext(name); len(extension) <= 8 && !strings.Contains(extension, "/") {
			standIn += extension
		}
		if strings.HasPrefix(name, "/") {
			standIn = "/" + standIn
		}
	}
	s.of[name] = standIn
}

// replacer puts stand-ins in place of whole names, the longest first.
func (s *standIns) replacer() func(string) string {
	names := slices.SortedFunc(maps.Keys(s.of), func(a, b string) int { return len(b) - len(a) })
	if len(names) == 0 {
		return func(text string) string { return text }
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	any := regexp.MustCompile(strings.Join(quoted, "|"))
	return func(text string) string {
		var out strings.Builder
		at := 0
		for _, found := range any.FindAllStringIndex(text, -1) {
			if isWord(text, found[0]-1, found[0]) || isWord(text, found[1]-1, found[1]) {
				continue // a part of a longer word is another word
			}
			out.WriteString(text[at:found[0]])
			out.WriteString(s.of[text[found[0]:found[1]]])
			at = found[1]
		}
		return out.String() + text[at:]
	}
}

// isWord reports whether two neighboring bytes are of one word.
func isWord(text string, i, j int) bool {
	return i >= 0 && j < len(text) && letterOrDigit(text[i]) && letterOrDigit(text[j])
}

func letterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

func rewrite(tree any, replace func(string) string) any {
	switch t := tree.(type) {
	case map[string]any:
		renamed := make(map[string]any, len(t))
		for name, value := range t {
			renamed[replace(name)] = rewrite(value, replace)
		}
		return renamed
	case []any:
		for i := range t {
			t[i] = rewrite(t[i], replace)
		}
		return t
	case string:
		return replace(t)
	}
	return tree
}
