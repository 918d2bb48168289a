package cases

import (
	"fmt"
	"net/url"
	"strings"
)

// A form is read into an object of texts, so that it is changed in the same way as JSON.

// formStyle writes an object as a form.
var formStyle = style{form: true}

// style is that in which the provider serializes events.
func (s Scheme) style() style {
	if s.body == "form" {
		return formStyle
	}
	return Compact
}

// parseBody reads an event.
func parseBody(s Scheme, body []byte) (*Node, error) {
	if s.body != "form" {
		return Parse(body)
	}
	form := &Node{Kind: '{'}
	for part := range strings.SplitSeq(string(body), "&") {
		name, value, _ := strings.Cut(part, "=")
		plainName, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fmt.Errorf("read the event: %w", err)
		}
		plain, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("read the event: %w", err)
		}
		form.names = append(form.names, plainName)
		form.members = append(form.members, text(plain))
	}
	return form, nil
}

// asForm is an object as a form; what is no text is written as it stands.
func (n *Node) asForm() []byte {
	parts := make([]string, len(n.members))
	for i, member := range n.members {
		parts[i] = url.QueryEscape(n.nameOf(i)) + "=" + url.QueryEscape(member.Text)
	}
	return []byte(strings.Join(parts, "&"))
}
