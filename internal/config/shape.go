package config

import (
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc"
)

// Rules of this file: what a value may look like, apart from the table that says where it stands. The reader and the JSON Schema
// are made from the same shapes; what only the reader checks stands in form.check.

// kind is the kind of a value.
type kind int

const (
	object  kind = iota // named fields
	mapping             // keys of the user's own
	list
	text
	date
	boolean
	integer
	number
)

// shape is what a value must look like.
type shape struct {
	kind kind

	fields     []field           // object
	exactlyOne []string          // object: exactly one of these fields is there, apart from those that are used with another
	together   map[string]string // object: the field that must be there when another is
	isKey      bool              // object: refers to a key, so a text in its place is taken for the key itself

	keys     form   // mapping
	item     *shape // list, and each value of a mapping
	orOne    bool   // list: a single item may stand in its place
	orNone   *shape // list: what declares, in its place, that there is nothing
	fewest   int    // list
	most     int    // list; 0: mostItems
	distinct bool   // list: no item twice

	words []string // text: the only ones
	form  form     // text

	low, high float64 // integer, number
}

// field is one key of an object.
type field struct {
	name     string
	required bool
	shape    *shape
	with     string // next to the field of this name
	withIt   *shape // it has this shape
	about    string // for the JSON Schema, and for whoever left a required one out
}

// mostItems bounds a list: more than anybody wrote by hand.
const mostItems = 1000

func (s *shape) limit() int {
	if s.most > 0 {
		return s.most
	}
	return mostItems
}

// find is the path of the first setting of that name below s, "" when there is none.
func (s *shape) find(name, path string) string {
	if s == nil {
		return ""
	}
	for _, f := range s.fields {
		if f.name == name {
			return below(path, name)
		}
	}
	for _, f := range s.fields {
		if found := f.shape.find(name, below(path, f.name)); found != "" {
			return found
		}
	}
	return s.item.find(name, path+"[]")
}

func (s *shape) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

// form is what a text must look like.
type form struct {
	is      string // "… is not IS"
	next    string
	pattern func() *regexp.Regexp // anchored; in the syntax that Go and ECMA share
	longest int                   // in characters; 0: longestText
	format  string                // of the JSON Schema
	check   func(string) bool
}

// longestText bounds a text, in characters: a page of prose.
const longestText = 4096

func (f form) limit() int {
	if f.longest > 0 {
		return f.longest
	}
	return longestText
}

func (f form) takes(s string) bool {
	if len([]rune(s)) > f.limit() || (f.pattern != nil && !f.pattern().MatchString(s)) {
		return false
	}
	return f.check == nil || f.check(s)
}

// in is the shape of the field in an object that has the other one or not.
func (f field) in(node *yamldoc.Value) *shape {
	if f.with != "" && node.Has(f.with) {
		return f.withIt
	}
	return f.shape
}

func texts(f form) *shape                   { return &shape{kind: text, form: f} }
func oneOf(words ...string) *shape          { return &shape{kind: text, words: words} }
func listOf(item *shape) *shape             { return &shape{kind: list, item: item} }
func between(k kind, lo, hi float64) *shape { return &shape{kind: k, low: lo, high: hi} }

var (
	prose = form{is: "a text", next: "write at least one word, without control characters", pattern: lazy.Regexp(`\S`), check: printable}

	integrationName = form{is: "a name", next: "write a name of at most 100 characters on one line", pattern: lazy.Regexp(`^\S(.*\S)?$`), longest: 100, check: printable}

	// identifier goes into the bodies of events as it stands, so it needs no escaping there.
	identifier = form{is: "an integration ID", next: "copy it from the Deployment Centre, in quotes: letters, digits, hyphens and underscores",
		pattern: lazy.Regexp(`^[A-Za-z0-9_-]{1,64}$`)}

	webURL = form{is: "an absolute http or https URL with a host and without user name or fragment", next: "write it like https://hooks.acme.example/begini",
		pattern: lazy.Regexp(`^[Hh][Tt][Tt][Pp][Ss]?://[^\s#]+$`), format: "uri", check: isWebURL}

	baseURL = form{is: "an absolute http or https URL with a host and without user name, query or fragment", next: "write it like https://api.begini.co",
		pattern: lazy.Regexp(`^[Hh][Tt][Tt][Pp][Ss]?://[^\s#?]+$`), format: "uri", check: isWebURL}

	variableName = form{is: "the name of an environment variable", next: "write the variable's name, such as BEGINI_TEST_API_KEY (what stands here is not repeated, in case it is the key)",
		pattern: lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_]*$`), longest: 128, check: secret.PlainWords}

	filePath = form{is: "a path", next: "write a path relative to this file, on one line", pattern: lazy.Regexp(`^\S(.*\S)?$`), check: printable}

	logGlob = form{is: "a path or pattern of log files", next: "write it like ./logs/*.log, relative to this file", pattern: lazy.Regexp(`^\S(.*\S)?$`), check: isGlob}

	argument = form{is: "an argument", next: "write a text without NUL characters", check: func(s string) bool { return !strings.Contains(s, "\x00") }}

	sha256Hex = form{is: "a SHA-256", next: "write the 64 hexadecimal digits that `printf %s \"$KEY\" | sha256sum` prints", pattern: lazy.Regexp(`^[0-9a-fA-F]{64}$`)}

	policyDigest = form{is: "a digest of policies", next: "copy policy_digest from a report, or from `prelaunch version -o json`", pattern: lazy.Regexp(`^sha256:[0-9a-f]{64}$`)}

	reference = form{is: "a reference", next: "write where it is written down in at most 200 characters on one line", pattern: lazy.Regexp(`^\S(.*\S)?$`), longest: 200, check: printable}

	logMarker = form{is: "a regular expression", next: "write one in RE2 syntax, such as probe-[0-9]+", pattern: lazy.Regexp(`\S`), longest: 1000, check: isPattern}

	domain = form{is: "a domain", next: "write it like acme.example", pattern: lazy.Regexp(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`), longest: 253}

	hostAndPort = form{is: "a name and port", next: "write it like \"hooks.acme.example:443\"", pattern: lazy.Regexp(`^\S+:[0-9]{1,5}$`), longest: 262, check: isHostAndPort}

	address = form{is: "an IP address with a port", next: "write it like \"127.0.0.1:8443\" or \"[::1]:8443\"", pattern: lazy.Regexp(`^[0-9A-Fa-f.:\[\]]+$`), check: isAddress}

	requestTimeout = form{is: "a time between 100ms and 2m", next: "write it like 10s", pattern: lazy.Regexp(`^([0-9]+(\.[0-9]+)?(ms|s|m))+$`), longest: 20, check: isTimeout}

	findingID = form{is: "the id of a finding", next: "copy the 16 hexadecimal digits from a report (-o json), in quotes", pattern: lazy.Regexp(`^[0-9a-f]{16}$`)}

	// checkID covers the built-in checks and those of the user's own policies.
	checkID = form{is: "the id of a check", next: "`prelaunch checks` lists them", pattern: lazy.Regexp(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`), longest: 100}
)

// uidForm is a user's identifier: letters, digits and, as the provider's examples have them, hyphens.
func uidForm(shortest, longest int) form {
	return form{
		is:      "a UID of " + strconv.Itoa(shortest) + " to " + strconv.Itoa(longest) + " letters, digits and hyphens",
		next:    "list UIDs of synthetic users that the receiver knows",
		pattern: lazy.Regexp(`^[A-Za-z0-9-]{` + strconv.Itoa(shortest) + `,` + strconv.Itoa(longest) + `}$`),
	}
}

func printable(s string) bool {
	for _, c := range s {
		if (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) {
			return false
		}
	}
	return true
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Opaque != "" || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
		return false
	}
	_, spellable := asciiHost(u.Hostname())
	return spellable && printable(s) && isPort(u.Port(), true) && !strings.HasSuffix(u.Host, ":")
}

func isPort(s string, optional bool) bool {
	if s == "" {
		return optional
	}
	port, err := strconv.Atoi(s)
	return err == nil && port >= 1 && port <= 65535
}

func isGlob(s string) bool {
	_, err := path.Match(s, "")
	return err == nil && printable(s)
}

func isPattern(s string) bool {
	_, err := regexp.Compile(s)
	return err == nil
}

func isHostAndPort(s string) bool {
	host, port, ok := cutPort(s)
	_, spellable := asciiHost(host)
	return ok && spellable && isPort(port, false) && !strings.ContainsAny(host, "/@ \t") && strings.Trim(host, ".") != ""
}

// cutPort splits at the last colon and takes the brackets off an IPv6 address.
func cutPort(s string) (host, port string, ok bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return "", "", false
	}
	host, port = s[:colon], s[colon+1:]
	if inner, found := strings.CutPrefix(host, "["); found {
		host, found = strings.CutSuffix(inner, "]")
		return host, port, found
	}
	return host, port, !strings.Contains(host, ":")
}

// isAddress takes "address:port", and an address alone.
func isAddress(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	withPort, err := netip.ParseAddrPort(s)
	return err == nil && withPort.Port() != 0 && withPort.Addr().Zone() == ""
}

func isTimeout(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d >= 100*time.Millisecond && d <= 2*time.Minute
}

var dateForm = lazy.Regexp(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$`)

func isDate(s string) (audit.Date, bool) {
	day, err := audit.ParseDate(s)
	return day, err == nil && !day.IsZero()
}
