package clients

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Rules of this file: client code calls the session API when its path and the API's host stand in one file; a path alone may be a
// backend's own that has the same name. The key header counts as a text of its own, in quotes or as compiled programs keep texts,
// and only beside the API's host: other services have a header of that name too.

const (
	sessionAPI = "session_api"
	keyHeader  = "key_header"
	apiHost    = "host"
)

// calls is the search for the use of the provider's API.
type calls struct {
	set   *match.Set
	kinds []string // by literal ID
}

func newCalls(integration *audit.Integration, profile provider.Profile) (*calls, error) {
	c := &calls{}
	var literals []match.Literal
	add := func(kind, text string) {
		literals = append(literals, match.Literal{ID: len(c.kinds), Bytes: []byte(text)})
		c.kinds = append(c.kinds, kind)
	}
	hosts := []string{profile.API.Host}
	for _, environment := range integration.Environments {
		if u, err := url.Parse(environment.APIBaseURL); err == nil && net.ParseIP(u.Hostname()) == nil && u.Hostname() != "localhost" {
			hosts = append(hosts, strings.ToLower(u.Hostname()))
		}
	}
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		if host != "" {
			add(apiHost, host)
		}
	}
	if path := profile.API.Tokens; path != "" {
		add(sessionAPI, path)
		add(sessionAPI, strings.ReplaceAll(path, "/", `\/`))
	}
	if header := profile.KeyHeader; header != "" {
		for _, spelled := range []string{header, strings.ToUpper(header), titled(header)} {
			for _, quote := range []string{`"`, `'`, "`"} {
				add(keyHeader, quote+spelled+quote)
				add(keyHeader, quote+spelled+`\`+quote) // inside a text of a source map
			}
			add(keyHeader, "\x00"+spelled+"\x00")
			add(keyHeader, string(rune(len(spelled)))+spelled+"\x00") // a text of an Android program, after its length
		}
	}
	var err error
	if c.set, err = match.New(literals); err != nil {
		return nil, fmt.Errorf("prepare the search for API calls: %w", err)
	}
	return c, nil
}

// titled is a header's name as HTTP/1.1 writes it: Api-Key.
func titled(header string) string {
	parts := strings.Split(header, "-")
	for i, part := range parts {
		if part != "" {
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "-")
}

// tap searches one content and tells at its end what it names.
func (c *calls) tap(done func(what map[string]bool, withHost bool)) io.WriteCloser {
	found := map[string]bool{}
	stream := c.set.Stream(func(id int, _, _ int64) { found[c.kinds[id]] = true })
	return &callTap{stream, func() {
		host := found[apiHost]
		delete(found, apiHost)
		if !host {
			delete(found, keyHeader)
		}
		if host || len(found) > 0 {
			done(found, host)
		}
	}}
}

type callTap struct {
	*match.Stream
	done func()
}

func (t *callTap) Close() error {
	err := t.Stream.Close()
	t.done()
	return err
}
