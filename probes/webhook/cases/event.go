package cases

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Where in an event what is found that cases change. Paths have dots between names.

// typePath leads to the type of the event; "" where the body does not hold it.
func (f *Request) typePath() string {
	return f.pathOf(func(n *Node) bool { return n.Kind == '"' && n.Text == f.Event.Type })
}

// identityPath leads to the identity of the integration.
func (f *Request) identityPath() string {
	return f.pathOf(func(n *Node) bool { return n.Kind == '"' && n.Text == f.IntegrationID && n.Text != "" })
}

// pathOf is the path to the first value that is one of those.
func (f *Request) pathOf(is func(*Node) bool) string {
	var path string
	f.Doc.walk("", func(at string, n *Node) {
		if path == "" && is(n) {
			path = at
		}
	})
	return path
}

// payloadPath leads to the object that holds what the event is about: two levels down at most.
func (f *Request) payloadPath() string {
	path, n := "", f.Doc
	for range 2 {
		deeper := false
		for i, member := range n.members {
			if member.Kind == '{' {
				path, n, deeper = join(path, n.nameOf(i)), member, true
				break
			}
		}
		if !deeper {
			break
		}
	}
	return path
}

// extraPath is that of a new member, which no event has.
func (f *Request) extraPath() string { return join(f.payloadPath(), "prelaunch") }

// sibling is the path of a member next to another.
func sibling(path, name string) string {
	i := strings.LastIndexByte(path, '.')
	return join(path[:max(i, 0)], name)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// repeatMember appends a member of the event a second time, with another value: most parsers take the
// last, so a receiver that re-serializes the body before it verifies sees a changed value.
func (f *Request) repeatMember() {
	if f.Doc.Kind != '{' || f.payloadPath() == "" {
		f.Refuse(NotSentNotPossible)
		return
	}
	name, _, _ := strings.Cut(f.payloadPath(), ".")
	_, i := f.Doc.at(name)
	plain := f.Body
	f.Body = f.style.Write(f.Doc.members[i])
	f.shift(86400)
	again := f.Body
	f.Body = append(append(append(bytes.Clone(plain[:len(plain)-1]), `,"`+name+`":`...), again...), '}')
}

var timeField = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`("[a-z_]+_at":)(\d+)`) })

// vary changes a value of the event that is no identifier: its times, if it has any, by n seconds.
func (f *Request) vary(n int) {
	if (f.Scheme.coversBytes() || !f.Scheme.coversAny()) && f.shift(n) {
		return
	}
	path := f.numberPath(f.counts)
	if path == "" {
		if path = f.wordPath(); path == "" {
			f.set(f.extraPath(), text(strconv.Itoa(n)))
			return
		}
		holder, i := f.Doc.at(path)
		f.set(path, text(holder.members[i].Text+strconv.Itoa(n)))
		return
	}
	holder, i := f.Doc.at(path)
	old, _ := strconv.Atoi(holder.members[i].Text)
	f.set(path, literal(strconv.Itoa(old+n)))
}

// counts reports whether a change of the value at a path is a change of what is signed. Where nothing of the
// event is, everything counts alike.
func (f *Request) counts(path string) bool { return !f.Scheme.coversAny() || f.Scheme.CoversPath(path) }

// wordPath leads to the first text of the event that is neither its type nor an identifier.
func (f *Request) wordPath() string {
	var path string
	f.Doc.walk("", func(at string, n *Node) {
		used := n.Text == f.Event.Type || f.UID != "" && strings.Contains(n.Text, f.UID) || n.Text == f.IntegrationID
		for _, put := range f.Scheme.Put {
			used = used || at == put.Body || at == put.Param
		}
		_, time, _ := strings.Cut(f.Scheme.Timestamp.In, ":")
		_, id, _ := strings.Cut(f.Scheme.ID.In, ":")
		if path == "" && n.Kind == '"' && !used && at != time && at != id && f.counts(at) {
			path = at
		}
	})
	return path
}

// retype gives the event a type that nobody knows, in its body or in the header that holds it.
func (f *Request) retype() {
	if path := f.typePath(); path != "" {
		f.set(path, text("prelaunch.unknown"))
		return
	}
	for i, pair := range f.Header {
		if pair[1] == f.Event.Type {
			f.Header[i][1] = "prelaunch.unknown"
			return
		}
	}
	f.Refuse(NotSentNotPossible)
}

// shift moves every time of the body by the same number of seconds, so that events with the same UID
// differ. It reports whether there is any.
func (f *Request) shift(seconds int) bool {
	found := false
	f.Body = timeField().ReplaceAllFunc(f.Body, func(match []byte) []byte {
		parts := timeField().FindSubmatch(match)
		at, err := strconv.Atoi(string(parts[2]))
		if err != nil {
			return match
		}
		found = true
		return append(bytes.Clone(parts[1]), strconv.Itoa(at+seconds)...)
	})
	return found
}

// numberPath leads to the first number of the event at one of those paths.
func (f *Request) numberPath(is func(path string) bool) string {
	_, time, _ := strings.Cut(f.Scheme.Timestamp.In, ":")
	var path string
	f.Doc.walk("", func(at string, n *Node) {
		if path == "" && at != time && is(at) && n.Kind == 'v' && n.Text != "" && strings.Trim(n.Text, "0123456789") == "" {
			path = at
		}
	})
	return path
}

// setNumber writes something else in place of the first number, whatever it is.
func (f *Request) setNumber(value string) {
	f.set(f.numberPath(func(string) bool { return true }), literal(value))
}

// withoutNumbers writes NaN in place of every time of the event or, where it has none, of a number.
func (f *Request) withoutNumbers() {
	if !timeField().Match(f.Body) {
		f.setNumber("NaN")
		return
	}
	f.Body = timeField().ReplaceAll(f.Body, []byte("${1}NaN"))
}
