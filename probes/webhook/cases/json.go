package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Node is a JSON value that remembers the order of its members, so that an event can be changed in one thing and written down in
// the encoding that is wanted. encoding/json's maps would reorder it.
type Node struct {
	Kind    byte   // '{', '[', '"', or 'v' for a number, a literal, or anything to be written as it stands
	Text    string // of '"': the string; of 'v': what is written
	names   []string
	members []*Node // of '{': as many as names; of '[': the items
}

func text(s string) *Node    { return &Node{Kind: '"', Text: s} }
func literal(s string) *Node { return &Node{Kind: 'v', Text: s} }

// Parse reads one JSON value. It is meant for the profile's own templates.
func Parse(raw []byte) (*Node, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return parseNext(decoder)
}

func parseNext(decoder *json.Decoder) (*Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	switch value := token.(type) {
	case string:
		return text(value), nil
	case json.Number:
		return literal(value.String()), nil
	case nil:
		return literal("null"), nil
	case bool:
		return literal(fmt.Sprint(value)), nil
	case json.Delim:
		n := &Node{Kind: byte(value)}
		for decoder.More() {
			if n.Kind == '{' {
				name, err := decoder.Token()
				if err != nil {
					return nil, fmt.Errorf("read the event: %w", err)
				}
				n.names = append(n.names, name.(string))
			}
			member, err := parseNext(decoder)
			if err != nil {
				return nil, err
			}
			n.members = append(n.members, member)
		}
		if _, err := decoder.Token(); err != nil {
			return nil, fmt.Errorf("read the event: %w", err)
		}
		return n, nil
	}
	return nil, fmt.Errorf("read the event: unexpected %v", token)
}

func (n *Node) clone() *Node {
	c := *n
	c.names = append([]string(nil), n.names...)
	c.members = make([]*Node, len(n.members))
	for i, member := range n.members {
		c.members[i] = member.clone()
	}
	return &c
}

// at returns the object that holds the last name of path, and its position there; -1 when it does not.
func (n *Node) at(path string) (*Node, int) {
	first, rest, deeper := strings.Cut(path, ".")
	for i := range n.members {
		if n.nameOf(i) != first {
			continue
		}
		if deeper {
			return n.members[i].at(rest)
		}
		return n, i
	}
	return n, -1
}

// nameOf is the name of a member, or its position in a list.
func (n *Node) nameOf(i int) string {
	if n.Kind == '{' {
		return n.names[i]
	}
	return strconv.Itoa(i)
}

// walk calls visit for everything below n, with its path.
func (n *Node) walk(path string, visit func(path string, value *Node)) {
	for i, member := range n.members {
		at := join(path, n.nameOf(i))
		visit(at, member)
		member.walk(at, visit)
	}
}

// set replaces or appends the member at path.
func (n *Node) set(path string, value *Node) {
	holder, i := n.at(path)
	if i < 0 {
		if holder.Kind != '{' {
			return
		}
		holder.names = append(holder.names, path[strings.LastIndex(path, ".")+1:])
		holder.members = append(holder.members, value)
		return
	}
	holder.members[i] = value
}

func (n *Node) remove(path string) {
	holder, i := n.at(path)
	if i >= 0 && holder.Kind == '{' {
		holder.names = append(holder.names[:i], holder.names[i+1:]...)
		holder.members = append(holder.members[:i], holder.members[i+1:]...)
	}
}

// Each calls change for n and everything below it.
func (n *Node) Each(change func(name string, value *Node)) {
	for i, member := range n.members {
		name := ""
		if n.Kind == '{' {
			name = n.names[i]
		}
		change(name, member)
		member.Each(change)
	}
}

// reversed returns a copy whose objects have their members the other way round.
func (n *Node) reversed() *Node {
	c := n.clone()
	c.reverse()
	return c
}

func (n *Node) reverse() {
	last := len(n.members) - 1
	for i, member := range n.members {
		member.reverse()
		if n.Kind == '{' && i < last-i {
			n.names[i], n.names[last-i] = n.names[last-i], n.names[i]
		}
	}
	if n.Kind == '{' {
		for i := 0; i < last-i; i++ {
			n.members[i], n.members[last-i] = n.members[last-i], n.members[i]
		}
	}
}

// sorted returns a copy whose objects have their members in the order of their names.
func (n *Node) sorted() *Node {
	c := *n
	c.members = make([]*Node, len(n.members))
	order := make([]int, len(n.members))
	for i := range order {
		order[i] = i
	}
	if n.Kind == '{' {
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(n.names[a], n.names[b]) })
		c.names = make([]string, len(n.names))
	}
	for to, from := range order {
		c.members[to] = n.members[from].sorted()
		if n.Kind == '{' {
			c.names[to] = n.names[from]
		}
	}
	return &c
}

// style is a way to write JSON down.
type style struct {
	comma, colon string
	indent       string // of each level; "": all in one line
	escape       func(r rune) bool
	slash        string // how "/" is written in strings
	form         bool   // as a form
}

var (
	Compact = style{comma: ",", colon: ":"}
	Python  = style{comma: ", ", colon: ": ", escape: func(r rune) bool { return r > 0x7e }}
	pretty  = style{comma: ",", colon: ": ", indent: "  "}
	tabbed  = style{comma: ",", colon: "\t:\t", indent: "\t"}
	spread  = style{comma: ",", colon: ":", indent: "  "}
	escaped = style{comma: ",", colon: ":", escape: func(r rune) bool { return r > 0x7e || r == 'e' || r == 'P' }}
	ascii   = style{comma: ",", colon: ":", escape: func(r rune) bool { return r > 0x7e }}
	slashed = style{comma: ",", colon: ":", slash: `\/`}
)

// Write spells n.
func (s style) Write(n *Node) []byte {
	if s.form {
		return n.asForm()
	}
	var b bytes.Buffer
	b.Grow(n.size()) // which is not far off, and it may be a megabyte
	s.append(&b, n, 0)
	return b.Bytes()
}

// size is about how many bytes n takes when it is written.
func (n *Node) size() int {
	size := len(n.Text) + 4
	for _, name := range n.names {
		size += len(name) + 4
	}
	for _, member := range n.members {
		size += member.size()
	}
	return size
}

func (s style) append(b *bytes.Buffer, n *Node, depth int) {
	switch n.Kind {
	case 'v':
		b.WriteString(n.Text)
	case '"':
		s.quote(b, n.Text)
	default:
		b.WriteByte(n.Kind)
		for i, member := range n.members {
			if i > 0 {
				b.WriteString(s.comma)
			}
			s.newline(b, depth+1)
			if n.Kind == '{' {
				s.quote(b, n.names[i])
				b.WriteString(s.colon)
			}
			s.append(b, member, depth+1)
		}
		if len(n.members) > 0 {
			s.newline(b, depth)
		}
		b.WriteByte(n.Kind + 2) // '}' follows '{' by two, and so does ']' '['
	}
}

func (s style) newline(b *bytes.Buffer, depth int) {
	if s.indent != "" {
		b.WriteString("\n" + strings.Repeat(s.indent, depth))
	}
}

func (s style) quote(b *bytes.Buffer, t string) {
	b.WriteByte('"')
	for _, r := range t {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '/' && s.slash != "":
			b.WriteString(s.slash)
		case r < 0x20 || s.escape != nil && s.escape(r):
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(b, `\u%04X`, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
