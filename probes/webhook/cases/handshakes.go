package cases

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

const variantOpen = "open"

// handshakes are requests by which a provider checks that an endpoint is its owner's, as they come from
// anybody: unsigned, and without the token that both know. What matters is what the response holds.
func handshakes(profile *provider.Profile) []Case {
	var list []Case
	for i, h := range profile.Handshakes {
		suffix := ""
		if i > 0 {
			suffix = fmt.Sprintf("-%d", i+1)
		}
		add := func(name, what, variant string, change func(*Request)) {
			list = append(list, Case{Family: FamilyHandshake, Name: name + suffix, What: what, Variant: variant, Change: change})
		}
		variant := ""
		switch {
		case h.Needs != "":
			for _, c := range []struct {
				name, token string
				absent      bool
			}{{name: "wrong-token", token: "prelaunch"}, {name: "empty-token"}, {name: "no-token", absent: true}} {
				add(c.name, "a handshake with "+strings.ReplaceAll(c.name, "-", " "), "", func(f *Request) {
					f.handshake(h, plainChallenge())
					f.withToken(h, c.token, c.absent)
				})
			}
		case h.Signed:
			add("unsigned-challenge", "a handshake without a signature", "", func(f *Request) { f.handshake(h, plainChallenge()) })
		default:
			variant = variantOpen
			add("challenge", "a handshake", variant, func(f *Request) { f.handshake(h, plainChallenge()) })
		}
		add("markup", "a handshake whose challenge is markup", variant, func(f *Request) {
			f.handshake(h, "<i>"+plainChallenge()+"</i>")
			f.withToken(h, "prelaunch", h.Needs == "")
		})
		if h.Oracle != "" {
			add("oracle", "an unsigned handshake whose challenge is what would be signed of an event", "", func(f *Request) {
				text := string(f.signed(f.Body))
				f.handshake(h, text)
			})
		}
	}
	return list
}

func plainChallenge() string { return "prelaunch" + RandomHex(16) }

// handshake turns the request into a handshake without a signature.
func (f *Request) handshake(h provider.Handshake, challenge string) {
	f.Challenge, f.Unsigned = challenge, true
	if h.When.Method != "" {
		f.Method = h.When.Method
	}
	values := f.values()
	values.Challenge = "{{challenge}}"
	query := url.Values{}
	for name, value := range h.When.Query {
		if value != "*" {
			query.Set(name, value)
		}
	}
	for name, template := range h.Query {
		query.Set(name, strings.ReplaceAll(values.Fill(template), "{{challenge}}", challenge))
	}
	for _, name := range answerNames(h, "query") {
		if !query.Has(name) {
			query.Set(name, challenge)
		}
	}
	if len(query) > 0 {
		f.Query = strings.TrimPrefix(f.Query+"&"+query.Encode(), "&")
	}
	for _, headers := range []map[string]string{h.When.Header, h.Header} {
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			f.setHeader(name, values.Fill(headers[name]))
		}
	}
	f.Doc, f.Body = f.handshakeBody(h, values, challenge), nil
	if len(f.Doc.members) > 0 {
		f.Body = f.style.Write(f.Doc)
	}
}

var answerName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{(?:mac\()?(body|query):([^{}()]+)\)?\}`) })

// answerNames are the parts of the request, of a kind, that the answer repeats.
func answerNames(h provider.Handshake, kind string) []string {
	var names []string
	for _, template := range append(slices.Sorted(maps.Values(h.Answer.JSON)), h.Answer.Text) {
		for _, match := range answerName().FindAllStringSubmatch(template, -1) {
			if match[1] == kind {
				names = append(names, match[2])
			}
		}
	}
	return compact(names...)
}

// handshakeBody is the body of a handshake, without members where it has none.
func (f *Request) handshakeBody(h provider.Handshake, values provider.Values, challenge string) *Node {
	doc := &Node{Kind: '{'}
	if h.Body != "" {
		parsed, err := parseBody(f.Scheme, []byte(values.Fill(h.Body)))
		if err != nil {
			f.Refuse(NotSentNotPossible)
			return doc
		}
		doc = parsed
	}
	for path, value := range h.When.Body {
		if holder, i := doc.at(path); i < 0 || holder.members[i].Kind != '"' {
			doc.set(path, text(value))
		}
	}
	if h.Body == "" {
		for _, path := range answerNames(h, "body") {
			doc.set(path, text(challenge))
		}
	}
	doc.Each(func(_ string, n *Node) {
		if n.Kind == '"' {
			n.Text = strings.ReplaceAll(n.Text, "{{challenge}}", challenge)
		}
	})
	return doc
}

// withToken puts a token where a handshake needs one.
func (f *Request) withToken(h provider.Handshake, token string, absent bool) {
	if h.Needs == "" || absent {
		return
	}
	f.Query += "&" + url.QueryEscape(tokenName(h)) + "=" + url.QueryEscape(token)
}

// tokenName is the parameter that holds the token: it has the prefix that the others have.
func tokenName(h provider.Handshake) string {
	for name := range h.When.Query {
		if prefix, _, dotted := strings.Cut(name, "."); dotted {
			return prefix + "." + h.Needs
		}
	}
	return h.Needs
}
