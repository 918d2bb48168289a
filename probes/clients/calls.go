package clients

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/content"
	"github.com/prelaunch-audit/prelaunch/internal/keyscan/match"
	"github.com/prelaunch-audit/prelaunch/internal/provider"
)

// Rules of this file: client code calls the session API when its path and the API's host are found in one file; a path alone may be a
// backend's own that has the same name. The key header counts as a text of its own, in quotes or as compiled programs keep texts,
// and only next to the API's host: other services have a header of that name too.

const (
	sessionAPI = "session_api"
	keyHeader  = "key_header"
	apiHost    = "host"
)

// calls is the search for the use of the provider's API.
type calls struct {
	set   *match.Set
	kinds []string                   // by literal ID
	named map[string]map[string]bool // what each content names, by its path in an archive
}

func newCalls(integration *audit.Integration, profile provider.Profile) (*calls, error) {
	c := &calls{named: map[string]map[string]bool{}}
	var literals []match.Literal
	add := func(kind, text string) {
		literals = append(literals, match.Literal{ID: len(c.kinds), Bytes: []byte(text)})
		c.kinds = append(c.kinds, kind)
	}
	hosts := []string{profile.API.Host()}
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
	if header := profile.API.KeyHeader; header != "" {
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

// fresh is the same search, for another goroutine.
func (c *calls) fresh() *calls {
	return &calls{set: c.set, kinds: c.kinds, named: map[string]map[string]bool{}}
}

// begin forgets what the last file named.
func (c *calls) begin() { clear(c.named) }

// text notes what a text names, for the file or the entry of an archive that it belongs to.
func (c *calls) text(t *content.Text) {
	if t.Name {
		return
	}
	c.set.Find(t.Bytes, func(id, _ int) bool {
		if c.named[t.Entry] == nil {
			c.named[t.Entry] = map[string]bool{}
		}
		c.named[t.Entry][c.kinds[id]] = true
		return true
	})
}

// each tells what each content named; what is empty where that is the API's host alone.
func (c *calls) each(tell func(entry, what string, withHost bool)) {
	for _, entry := range slices.Sorted(maps.Keys(c.named)) {
		named := c.named[entry]
		host := named[apiHost]
		told := false
		for _, what := range []string{sessionAPI, keyHeader} {
			if named[what] && (host || what == sessionAPI) {
				told = true
				tell(entry, what, host)
			}
		}
		if host && !told {
			tell(entry, "", true)
		}
	}
}
