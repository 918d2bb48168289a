package clients

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/net/html"
)

// Rules of this file: what a page or a script names. Scripts name their chunks as texts, or compute the names from a table of digests
// as webpack's runtime does; the table is read. Names are tried from the script's own address, the page's, and the top of the site.

// maxNames bounds the names that are taken from one script.
const maxNames = 1000

// namedByPage queues what a page loads.
func (f *fetcher) namedByPage(page fetched) {
	f.namedByHeader(page)
	base := page.url
	scripts, own := 0, 0
	tokens := html.NewTokenizer(bytes.NewReader(page.body))
	tokens.SetMaxBuf(len(page.body) + 1)
	inline := false
	for {
		switch kind := tokens.Next(); kind {
		case html.ErrorToken:
			if scripts > 0 && own == 0 {
				f.gap(shownURL(page.url.String()), "all its scripts come from other sites, which are not fetched; declare the bundle it is made of as a path")
			}
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := tokens.TagName()
			attributes := attributesOf(tokens)
			inline = false
			switch string(name) {
			case "base":
				if u, err := page.url.Parse(attributes["href"]); err == nil && attributes["href"] != "" {
					base = u
				}
			case "script":
				if src := attributes["src"]; src != "" {
					scripts++
					if u, err := base.Parse(src); err == nil && siteOf(u.Hostname()) == f.site {
						own++
					}
					f.want(loaded, []*url.URL{base}, src)
				} else {
					own++
					inline = true
				}
			case "iframe", "frame":
				if src := attributes["src"]; src != "" {
					f.want(framed, []*url.URL{base}, src)
				}
				if inner := attributes["srcdoc"]; inner != "" && !page.inner {
					f.namedByPage(fetched{url: base, body: []byte(inner), inner: true})
				}
			case "link":
				if loads(attributes) {
					f.want(loaded, []*url.URL{base}, attributes["href"])
				}
			}
		case html.EndTagToken:
			inline = false
		case html.TextToken:
			if inline {
				f.names(tokens.Text(), []*url.URL{base, top(base)})
			}
		}
	}
}

func attributesOf(tokens *html.Tokenizer) map[string]string {
	attributes := map[string]string{}
	for {
		key, value, more := tokens.TagAttr()
		if _, double := attributes[string(key)]; len(key) > 0 && !double {
			attributes[string(key)] = string(value)
		}
		if !more {
			return attributes
		}
	}
}

// loads reports whether a link leads to code or settings that the page loads.
func loads(attributes map[string]string) bool {
	for _, relation := range strings.Fields(strings.ToLower(attributes["rel"])) {
		switch relation {
		case "modulepreload", "manifest", "stylesheet":
			return true
		case "preload", "prefetch":
			as := strings.ToLower(attributes["as"])
			return as == "" || as == "script" || as == "fetch" || as == "worker"
		}
	}
	return false
}

func top(u *url.URL) *url.URL { return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"} }

// namedByScript queues what a script names.
func (f *fetcher) namedByScript(script fetched) {
	if script.sourceMap != "" {
		f.want(loaded, []*url.URL{script.url}, script.sourceMap)
	}
	f.names(script.body, []*url.URL{script.url, f.page, top(f.page)})
}

// pattern compiles a regular expression when it is first needed: most runs search no page.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

var (
	sourceMapping = pattern(`[#@][ \t]*sourceMappingURL=([^\s'"*<>\\]{1,500})`)
	// named is a text that ends like the name of code.
	named = pattern("[\"'`]([A-Za-z0-9_@$!~./:%+-]{1,300}\\.(?:js|mjs|cjs|wasm|js\\.map))(?:\\?[^\"'`\\s]{0,100})?[\"'`]")
	// fetching is the call of a function that gets data, with its address.
	fetching = pattern("(?:fetch|axios|ajax|open|[gG]et\\w*|load\\w*|import|URL|request)\\s*\\(\\s*(?:[\"'`]GET[\"'`]\\s*,\\s*)?[\"'`]([^\"'`\\s<>\\\\${}]{1,300})[\"'`]")
	// settings is a text that ends like the name of a file of data and reads like that of settings.
	settings = pattern("[\"'`]([^\"'`\\s<>\\\\${}]{0,250}(?i:config|settings?|env|environment|runtime|credentials?|secrets?|keys?|firebase|init)[^\"'`\\s<>\\\\${}/]{0,40}\\.(?:json|ya?ml|xml|txt|env|properties|ini|toml))(?:\\?[^\"'`\\s]{0,100})?[\"'`]")
	data     = pattern(`(?i)(?:\.(?:json|ya?ml|xml|txt|env|properties|ini|toml)|/(?:[\w.-]*config[\w.-]*|settings|env))(?:\?|$)`)
	// table is webpack's: "static/js/"+({1:"name"}[e]||e)+"."+{1:"digest"}[e]+".chunk.js"
	table = pattern(`(?:"([^"\\]{0,200})"\s*\+\s*)?(?:\(?\s*(\{[^{}]*\})\[\w+\]\s*\|\|\s*\w+\s*\)?|\w+)\s*\+\s*"([.\-~_/])"\s*\+\s*\(?(\{[^{}]+\})\[\w+\](?:\s*\|\|\s*\w+\s*\))?\s*\+\s*"([^"\\]{0,60}\.m?js)"`)
	pairs = pattern(`["']?([A-Za-z0-9_~./-]+)["']?\s*:\s*["']([A-Za-z0-9_~./-]+)["']`)
	// runtime computes the names of chunks.
	runtime = pattern(`webpackChunk|__webpack_require__`)
	compute = pattern(`\.u\s*=\s*(?:function|\(?\w+\)?\s*=>)`)
)

func (f *fetcher) names(text []byte, bases []*url.URL) {
	for _, match := range sourceMapping().FindAllSubmatch(text, 10) {
		f.want(loaded, bases[:1], string(match[1]))
	}
	for _, match := range named().FindAllSubmatch(text, maxNames) {
		name := string(match[1])
		if strings.HasPrefix(name, ".") || strings.Contains(name, "://") || strings.HasPrefix(name, "//") {
			f.want(guessed, bases[:1], name) // it says where it starts from
		} else {
			f.want(guessed, basesOf(name, bases), name)
		}
	}
	for _, match := range fetching().FindAllSubmatch(text, maxNames) {
		if data().Match(match[1]) {
			f.want(guessed, withPage(bases), string(match[1]))
		}
	}
	for _, match := range settings().FindAllSubmatch(text, maxNames) {
		f.want(guessed, withPage(bases), string(match[1]))
	}
	tables := table().FindAllSubmatch(text, 10)
	for _, match := range tables {
		names := map[string]string{}
		for _, pair := range pairs().FindAllSubmatch(match[2], maxNames) {
			names[string(pair[1])] = string(pair[2])
		}
		for _, pair := range pairs().FindAllSubmatch(match[4], maxNames) {
			name := string(pair[1])
			if own := names[name]; own != "" {
				name = own
			}
			name = string(match[1]) + name + string(match[3]) + string(pair[2]) + string(match[5])
			f.want(chunk, basesOf(name, bases), name)
		}
	}
	if len(tables) == 0 && runtime().Match(text) && compute().Match(text) {
		f.gap(shownURL(bases[0].String()), "it computes the names of its chunks in a way that is not read; declare the bundle it is made of as a path")
	}
}

// withPage puts the page's address first: that is what a script's requests start from.
func withPage(bases []*url.URL) []*url.URL {
	if len(bases) < 3 { // a script in the page itself
		return bases
	}
	return append([]*url.URL{bases[1]}, bases...)
}

// basesOf puts first where a name most likely starts from: above the directory that it begins with, when the script itself lies below a
// directory of that name, as static/chunks/1.js does for /_next/static/chunks/webpack.js.
func basesOf(name string, bases []*url.URL) []*url.URL {
	folder, _, nested := strings.Cut(name, "/")
	if !nested || folder == "" {
		return bases
	}
	above, _, below := strings.Cut(bases[0].Path, "/"+folder+"/")
	if !below {
		return bases
	}
	first := *bases[0]
	first.Path, first.RawPath, first.RawQuery = above+"/", "", ""
	return append([]*url.URL{&first}, bases...)
}

// linked is one link of a Link header: an address and its parameters.
var linked = pattern(`<([^>]{1,1000})>((?:\s*;[^,<]{0,200})*)`)

var parameter = pattern(`;\s*([A-Za-z]+)\s*=\s*"?([^";]*)"?`)

// namedByHeader queues what a page's Link headers have the browser load.
func (f *fetcher) namedByHeader(page fetched) {
	for _, header := range page.links {
		for _, link := range linked().FindAllStringSubmatch(header, maxNames) {
			attributes := map[string]string{}
			for _, pair := range parameter().FindAllStringSubmatch(link[2], 20) {
				attributes[strings.ToLower(pair[1])] = pair[2]
			}
			if loads(attributes) {
				f.want(loaded, []*url.URL{page.url}, link[1])
			}
		}
	}
}
