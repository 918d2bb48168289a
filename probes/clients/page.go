package clients

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"golang.org/x/net/publicsuffix"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// Rules of this file: a page and what it names are fetched by GET, one at a time, without proxies, cookies or keys, from the page's own
// site only (the same registrable domain), redirects followed by hand within it. What a page certainly loads and cannot be had is a
// gap; a name that was guessed from a script is none.

// pageBounds bound one live page.
type pageBounds struct {
	files    int   // that are searched
	requests int   // that are sent, names that turn out to be nothing included
	bytes    int64 // of all answers, unpacked
	total    time.Duration
	request  time.Duration // unless network.timeout says otherwise
}

var defaultBounds = pageBounds{files: 200, requests: 500, bytes: 50 << 20, total: 2 * time.Minute, request: 10 * time.Second}

const maxRedirects = 5

// fetcher fetches what belongs to one page.
type fetcher struct {
	*searcher
	bounds    pageBounds
	transport *http.Transport
	timeout   time.Duration
	page      *url.URL // where the page was in the end
	site      string
	left      int64
	sent      int
	queue     []wanted
	queued    map[string]bool
}

// wanted is one thing to fetch, at the first of several addresses where it is.
type wanted struct {
	at    []*url.URL
	cause cause
}

// cause is why something is fetched, and so what it means that it cannot be.
type cause int

const (
	guessed cause = iota // a text that looks like a name: nothing
	loaded               // the page loads it: a gap, unless nothing is there
	framed               // the page shows it as a page inside it: the same
	chunk                // the page may load it: a gap in any case, since a name was computed wrongly or the chunks lie elsewhere
)

func (p *probe) page(ctx context.Context, s *searcher) {
	start, err := url.Parse(s.client.URL)
	if err != nil || start.Hostname() == "" || start.Scheme != "https" && start.Scheme != "http" {
		s.status.State = "unreachable"
		s.gap(s.client.URL, "it is no http or https URL")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.bounds.total)
	defer cancel()
	transport := newTransport(s.run)
	defer transport.CloseIdleConnections()
	f := &fetcher{
		searcher: s, bounds: p.bounds, timeout: p.bounds.request, left: p.bounds.bytes, queued: map[string]bool{},
		transport: transport,
	}
	if timeout := s.run.Integration.Network.Timeout; timeout > 0 {
		f.timeout = timeout
	}
	f.site = siteOf(start.Hostname())
	answer, problem := f.get(ctx, start)
	if problem != "" {
		s.status.State = "unreachable"
		s.gap(shownURL(start.String()), problem)
		return
	}
	if len(bytes.TrimSpace(answer.body)) == 0 {
		s.status.State = "empty"
		return
	}
	f.page = answer.url
	f.queued[address(answer.url)] = true
	f.search(ctx, answer)
	f.namedByPage(answer)
	f.drain(ctx)
}

func newTransport(run *audit.Run) *http.Transport {
	t := netprobe.NewTransport(run.Network.DialContext, &tls.Config{RootCAs: run.Roots.All, MinVersion: tls.VersionTLS12})
	t.DisableCompression, t.MaxResponseHeaderBytes, t.MaxIdleConnsPerHost = false, 256<<10, 2
	return t
}

// siteOf is the registrable domain of a host, or the host itself where it has none.
func siteOf(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if site, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil && net.ParseIP(host) == nil {
		return site
	}
	return host
}

// address is what two URLs of the same content share.
func address(u *url.URL) string {
	plain := *u
	plain.Fragment, plain.User = "", nil
	return plain.String()
}

type fetched struct {
	url       *url.URL
	body      []byte
	html      bool
	inner     bool     // a page that stands in an attribute of another
	sourceMap string   // a header's
	links     []string // headers
}

// absent: there is nothing at an address; browsers get nothing from there either.
const absent = "nothing is there"

// get fetches one address and follows its redirects within the site. problem is for a reader.
func (f *fetcher) get(ctx context.Context, at *url.URL) (answer fetched, problem string) {
	for range maxRedirects {
		if f.sent == f.bounds.requests || f.left <= 0 {
			return fetched{}, "the page names more than is fetched; declare the bundle it is made of as a path"
		}
		f.sent++
		answer, next, problem := f.once(ctx, at)
		if problem != "" || next == nil {
			return answer, problem
		}
		if siteOf(next.Hostname()) != f.site {
			return fetched{}, fmt.Sprintf("it redirects to another site (%s)", next.Hostname())
		}
		at = next
	}
	return fetched{}, "it redirects without end"
}

func (f *fetcher) once(ctx context.Context, at *url.URL) (answer fetched, next *url.URL, problem string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return fetched{}, nil, "it is no URL that can be fetched"
	}
	request.Header.Set("User-Agent", f.run.UserAgent)
	request.Header.Set("Accept", "text/html,application/javascript,*/*")
	response, err := netprobe.Exchange(ctx, f.transport, request, netprobe.Limits{Timeout: f.timeout, Body: f.left})
	if err != nil {
		return fetched{}, nil, whyUnreachable(netprobe.Classify(ctx, err))
	}
	f.left -= int64(len(response.Body))
	f.headers(at, response.Header)
	if location := response.Header.Get("Location"); response.Status/100 == 3 && location != "" {
		next, err := at.Parse(location)
		if err != nil || next.Scheme != "https" && next.Scheme != "http" {
			return fetched{}, nil, "it redirects to something that is no URL"
		}
		return fetched{}, next, ""
	}
	switch {
	case response.Status == http.StatusNotFound || response.Status == http.StatusGone:
		return fetched{}, nil, absent
	case response.Status != http.StatusOK:
		return fetched{}, nil, fmt.Sprintf("it answers with status %d", response.Status)
	}
	if response.Broken != "" {
		return fetched{}, nil, "its response broke off"
	}
	body, whole, err := decoded(response, f.left)
	if err != nil {
		return fetched{}, nil, err.Error()
	}
	if !whole || response.Truncated {
		f.left = 0
		return fetched{}, nil, "the page is larger than what is fetched; declare the bundle it is made of as a path"
	}
	sourceMap := response.Header.Get("SourceMap")
	if sourceMap == "" {
		sourceMap = response.Header.Get("X-SourceMap")
	}
	return fetched{
		url: at, body: body, html: strings.Contains(response.Header.Get("Content-Type"), "html"),
		sourceMap: sourceMap, links: response.Header.Values("Link"),
	}, nil, ""
}

// decoded undoes a content encoding, up to so many bytes; whole reports whether that was all. gzip alone is asked for, which the
// transport undoes; some servers send others all the same.
func decoded(response *netprobe.Response, most int64) (body []byte, whole bool, err error) {
	switch encoding := strings.ToLower(strings.TrimSpace(response.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return response.Body, true, nil
	case "br":
		body, err = io.ReadAll(io.LimitReader(brotli.NewReader(bytes.NewReader(response.Body)), most+1))
		if err != nil {
			return nil, false, errors.New("its response cannot be decompressed")
		}
		return body, int64(len(body)) <= most, nil
	default:
		return nil, false, errors.New("its response is encoded in a way that is not read, although gzip alone was asked for")
	}
}

// headers searches the headers of an answer, which browsers get too.
func (f *fetcher) headers(at *url.URL, header http.Header) {
	found := f.workers[0].scanner.Hits()
	var text bytes.Buffer
	err := header.Write(&text)
	if err == nil {
		_, err = found.Read(context.Background(), "", bytes.NewReader(text.Bytes()))
	}
	if err != nil {
		f.gap(shownURL(at.String()), "its headers cannot be searched")
	}
	f.tell(found, shownURL(at.String()))
}

func whyUnreachable(class string) string {
	switch class {
	case netprobe.Certificate:
		return "its certificate does not verify"
	case netprobe.Timeout:
		return "it did not respond in time"
	case netprobe.Blocked:
		return "its address is loopback, private, link-local or cloud metadata, which only --allow-address permits for it"
	}
	return "it cannot be reached"
}

// search searches an answer for keys.
func (f *fetcher) search(ctx context.Context, answer fetched) {
	held := f.workers[0].content(ctx, shownURL(answer.url.String()), bytes.NewReader(answer.body))
	if ctx.Err() != nil {
		held.gap = ""
	}
	f.add(held)
}

// want queues a reference that a page or script makes.
func (f *fetcher) want(because cause, bases []*url.URL, reference string) {
	var at []*url.URL
	for _, base := range bases {
		u, err := base.Parse(strings.TrimSpace(reference))
		if err != nil || u.Scheme != "https" && u.Scheme != "http" {
			return
		}
		if siteOf(u.Hostname()) != f.site {
			if host := u.Hostname(); (because == loaded || because == framed) && !slices.Contains(f.status.OtherSites, host) && len(f.status.OtherSites) < maxOthers {
				f.status.OtherSites = append(f.status.OtherSites, f.keys.Shown(host))
			}
			return
		}
		if key := address(u); !f.queued[key] {
			f.queued[key] = true
			at = append(at, u)
		}
	}
	if len(at) > 0 {
		f.queue = append(f.queue, wanted{at: at, cause: because})
	}
}

// drain fetches what is queued, and what that names.
func (f *fetcher) drain(ctx context.Context) {
	for len(f.queue) > 0 {
		if ctx.Err() != nil {
			f.gap(shownURL(f.page.String()), "there was no time to fetch all that the page names")
			return
		}
		next := f.queue[0]
		f.queue = f.queue[1:]
		if f.status.Files >= f.bounds.files || f.sent >= f.bounds.requests || f.left <= 0 {
			f.gap(shownURL(next.at[0].String()), "the page names more than is fetched; declare the bundle it is made of as a path")
			return
		}
		f.fetch(ctx, next)
	}
}

func (f *fetcher) fetch(ctx context.Context, next wanted) {
	for _, at := range next.at {
		answer, problem := f.get(ctx, at)
		switch {
		case problem == absent:
			continue
		case problem != "":
			if next.cause != guessed {
				f.gap(shownURL(at.String()), problem)
			}
			continue
		case answer.html && next.cause != loaded && next.cause != framed: // what single-page applications answer to any name
			continue
		}
		f.search(ctx, answer)
		if answer.html && next.cause == framed {
			f.namedByPage(answer)
		}
		f.namedByScript(answer)
		return
	}
	if next.cause == chunk {
		f.gap(shownURL(next.at[0].String()), "the scripts name this chunk and it was not found; declare the bundle it is made of as a path")
	}
}
