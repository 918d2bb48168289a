package response

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Internal detail in answers. A tell-tale is a row of the table; what it matched never leaves this file, only its family does.

// Families of what an answer should not hold. How bad each is, is the policies' business.
const (
	LeakKey       = "key"                // a key of the integration
	leakSignature = "expected_signature" // the correct signature of the body that was sent incorrectly signed, or a large part of it
	leakVersion   = "version"            // Server or X-Powered-By with a version number
)

// telltale is one pattern. Words that are found in the text are looked for first, since that is much quicker than a pattern.
type telltale struct {
	family  string
	words   []string // one of them is in any text that the pattern matches; none: always try
	pattern func() *regexp.Regexp
	// weak ones may be found in an answer for good reasons: they do not count when the response to a valid event holds the same.
	weak bool
}

func tell(family, expression string, words ...string) telltale {
	return telltale{family: family, words: words, pattern: pattern(expression)}
}

func hintOf(family, pattern string, words ...string) telltale {
	t := tell(family, pattern, words...)
	t.weak = true
	return t
}

var telltales = []telltale{
	tell("python", `Traceback \(most recent call last\)`, "Traceback"),
	tell("python", `File "[^"\n]{1,300}\.pyc?", line \d+`, `", line `),
	tell("python", `Werkzeug Debugger|The debugger caught an exception in your WSGI`, "ebugger"),
	tell("python", `because you have <?(?:code)?>?DEBUG ?= ?True|DisallowedHost at /|Request Method:\s*\w+\s+Request URL:|Django Version:`, "DEBUG", "Disallowed", "Request Method:", "Django Version"),
	tell("python", `\b(?:json\.decoder\.JSONDecodeError|pydantic(?:_core)?\.[\w.]*ValidationError|werkzeug\.exceptions\.\w+|KeyError: '\w|TypeError: \w+\(\) )`, "JSONDecodeError", "ValidationError", "werkzeug.", "KeyError: ", "TypeError: "),
	tell("node", `\bat (?:async )?(?:[\w.$<>\[\] ]{1,100} \()?(?:file://|node:|[A-Za-z]:\\|/)[^\s():]{1,300}:\d+:\d+\)?`, "at "),
	tell("node", `[/\\]node_modules[/\\]`, "node_modules"),
	tell("java", `\bat [\w.$]+(?:/[\w.$]+)?\.[\w$<>]+\((?:\w+\.(?:java|kt|scala|groovy):\d+|Native Method|Unknown Source)\)`, ".java:", ".kt:", ".scala:", ".groovy:", "Native Method", "Unknown Source"),
	tell("java", `\b(?:java|javax|jakarta|kotlin|scala|org|com|io|net)\.(?:[\w$]+\.)+[\w$]*(?:Exception|Error)\b`, "Exception", "Error"),
	tell("java", `Whitelabel Error Page`, "Whitelabel"),
	tell("dotnet", `\b(?:System|Microsoft|Newtonsoft)\.(?:[\w]+\.)*\w*Exception\b`, "Exception"),
	tell("dotnet", `\bin \S{1,300}\.(?:cs|vb|fs):line \d+`, ":line "),
	tell("dotnet", `Server Error in '[^'\n]*' Application`, "Server Error in"),
	tell("dotnet", `(?m)^\s*at [\w.<>`+"`"+`]+\.[\w<>`+"`"+`\[\]]+\((?:[\w.]+(?:\[\])? \w+(?:, )?)+\)`, "at "),
	tell("php", `(?:Fatal error|Parse error|Warning|Notice|Deprecated):?\s.{1,500}? in \S{1,300}\.php(?:\(\d+\))?(?: on line |:)\d+`, ".php"),
	tell("php", `"file":\s*"[^"]{1,300}\.php"`, ".php"),
	tell("php", `#\d+ \S{1,300}\.php\(\d+\)`, ".php("),
	tell("php", `Stack trace:\s+#0 `, "Stack trace:"),
	tell("ruby", `[\w./-]{1,300}\.rb:\d+:in [`+"`"+`']`, ".rb:"),
	tell("ruby", `Rails\.root: |Application Trace|Full Trace`, "Rails.root", "Application Trace", "Full Trace"),
	tell("ruby", `\b(?:NoMethodError|JSON::ParserError|ActionController::\w+|ActiveRecord::\w+)\b`, "NoMethodError", "JSON::", "ActionController", "ActiveRecord"),
	tell("go", `\bgoroutine \d+ \[`, "goroutine "),
	tell("go", `\b[\w-]+\.go:\d+\b`, ".go:"),
	tell("go", `runtime error: (?:invalid memory address|index out of range|slice bounds)`, "runtime error"),
	tell("go_decoder", `json: cannot unmarshal \S+ into Go `, "json: cannot unmarshal"),
	tell("rust", `thread '[^'\n]{1,100}' panicked at`, "panicked at"),
	tell("sql", `SQLSTATE\b`, "SQLSTATE"),
	tell("sql", `\bORA-\d{5}\b`, "ORA-"),
	tell("sql", `syntax error at or near|error in your SQL syntax|near "[^"\n]{0,100}": syntax error`, "syntax"),
	tell("sql", `\bPG::\w+`, "PG::"),
	tell("sql", `\bpsycopg[23]?\.(?:errors\.)?\w+|\bsqlalchemy\.exc\.\w+|\bsqlite3\.\w*Error\b|\bpymysql\.err\.\w+`, "psycopg", "sqlalchemy", "sqlite3", "pymysql"),
	tell("sql", `violates (?:not-null|unique|foreign key|check|exclusion) constraint`, "violates "),
	tell("sql", `\bE11000\b|\bER_(?:DUP_ENTRY|NO_SUCH_TABLE|BAD_FIELD_ERROR|PARSE_ERROR)\b|\bSQLITE_(?:ERROR|CONSTRAINT|BUSY)\b|UNIQUE constraint failed:`, "E11000", "ER_", "SQLITE_", "UNIQUE constraint"),
	tell("sql", `(?i)\b(?:insert into|select .{1,200} from|update \S{1,80} set|delete from) .{1,200}\b(?:values|where|returning)\b`, "INSERT", "SELECT", "UPDATE", "DELETE", "insert", "select", "update", "delete"),
	tell("credentials", `\b[a-z][a-z0-9+.-]{1,30}://[^\s/:@"'<>]{1,100}:[^\s/@"'<>]{1,200}@[\w.-]`, "://"),
	tell("private_key", `-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----`, "PRIVATE KEY"),
	tell("network", `\bECONNREFUSED\b|\bENOTFOUND\b|\bdial (?:tcp|udp|unix) `, "ECONNREFUSED", "ENOTFOUND", "dial "),
	hintOf("path", `(?:^|[\s"'(=:>\[,])(?:/home/[\w.-]+/|/Users/[\w.-]+/|/var/(?:www|lib|task|app|log|run|opt)/|/usr/(?:src|local|lib|share)/|/opt/[\w.-]+/|/srv/[\w.-]+/|/etc/[\w.-]+|/root/|/proc/self)[\w./@+-]*`, "/home/", "/Users/", "/var/", "/usr/", "/opt/", "/srv/", "/etc/", "/root/", "/proc/"),
	hintOf("path", `(?:^|[\s"'(=:>\[,])/(?:[\w.@+-]+/){1,12}[\w.@+-]+\.(?:py|js|mjs|cjs|ts|rb|php|go|java|kt|cs|rs|ex|exs|jar|so|env)\b`, ".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".php", ".go", ".java", ".kt", ".cs", ".rs", ".ex", ".jar", ".so", ".env"),
	hintOf("path", `\b[A-Za-z]:\\(?:[\w .$@+-]+\\){1,12}[\w .$@+-]+`, `:\`),
}

// debugHeaders are response headers that only a debugging framework sends.
var debugHeaders = []string{"X-Debug-Exception", "X-Debug-Exception-File", "X-Debug-Token", "X-Debug-Token-Link"}

var versioned = pattern(`[A-Za-z][\w.-]*[/ ]v?\d+\.\d`)

// Scanner looks for internal detail in one receiver's answers. It is not safe for concurrent use.
type Scanner struct {
	keys    []string // encodings of every key that is held
	unheld  []secret.Key
	genuine string // views of responses to valid events
	host    string
	cache   map[string][]match
}

type match struct {
	family string
	text   string
	weak   bool
}

func NewScanner(host string, keys []secret.Key) *Scanner {
	s := &Scanner{host: host, cache: map[string][]match{}}
	for _, key := range keys {
		if key.Len() < secret.MinSearchable {
			continue
		}
		if !key.Held() {
			s.unheld = append(s.unheld, key)
			continue
		}
		for _, spelling := range secret.Spellings(key.Expose()) {
			s.keys = append(s.keys, string(spelling.Bytes))
		}
	}
	return s
}

// Learn notes a response to a valid event.
func (s *Scanner) Learn(a *Response) {
	if len(s.genuine) < 4*MaxBody {
		s.genuine += strings.Join(views(a), "\n")
	}
}

// Scan returns the families found in an answer, sorted. own is the request: what is found in it is no leak. expected are the right
// signatures of its body, and of what a receiver may have made of that, as bytes; none where the request held it.
func (s *Scanner) Scan(a *Response, own string, expected [][]byte) []string {
	found := map[string]bool{}
	texts := views(a)
	for _, m := range s.matches(withoutScripts(texts)) {
		if own != "" && strings.Contains(own, m.text) || s.host != "" && m.text == s.host {
			continue
		}
		if m.weak && strings.Contains(s.genuine, m.text) {
			continue
		}
		found[m.family] = true
	}
	for _, view := range texts {
		for _, key := range s.keys {
			if strings.Contains(view, key) && !strings.Contains(own, key) {
				found[LeakKey] = true
			}
		}
		if s.showsUnheld(a, view, own) {
			found[LeakKey] = true
		}
		if len(view) >= 32 && prints(view, own, expected) {
			found[leakSignature] = true
		}
	}
	for _, name := range debugHeaders {
		if a.Header.Get(name) != "" {
			found["php"] = true
		}
	}
	for _, name := range []string{"Server", "X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version"} {
		if v := a.Header.Get(name); versioned().MatchString(v) || strings.HasPrefix(name, "X-AspNet") && v != "" {
			found[leakVersion] = true
		}
	}
	families := make([]string, 0, len(found))
	for family := range found {
		families = append(families, family)
	}
	slices.Sort(families)
	return families
}

// maxWindows is how many pieces of a text are compared with the fingerprints of keys, a few milliseconds' work: enough for any usual
// answer. Of a longer one it is told that it was not checked in full.
const maxWindows = 32 << 10

var unbroken = pattern(`[^\s"'<>(){}\[\],;]+`)

// showsUnheld reports whether a key that is known by its fingerprint only stands, as it is, in text, which is a view of a.
func (s *Scanner) showsUnheld(a *Response, text, own string) bool {
	windows := 0
	for _, key := range s.unheld {
		for _, run := range unbroken().FindAllString(text, -1) {
			for i := 0; i+key.Len() <= len(run); i++ {
				if windows++; windows > maxWindows {
					a.Cut = true
					return false
				}
				if piece := run[i : i+key.Len()]; sha256.Sum256([]byte(piece)) == key.SHA256() && !strings.Contains(own, piece) {
					return true
				}
			}
		}
	}
	return false
}

// prints reports whether text shows the beginning or the end of one of the signatures, 32 hex digits or as many bits in base64.
func prints(text, own string, expected [][]byte) bool {
	lower := strings.ToLower(text)
	for _, raw := range expected {
		digits := hex.EncodeToString(raw)
		for _, part := range []string{digits[:32], digits[len(digits)-32:]} {
			if strings.Contains(lower, part) && !strings.Contains(own, part) {
				return true
			}
		}
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if part := encoding.EncodeToString(raw)[:21]; strings.Contains(text, part) && !strings.Contains(own, part) {
				return true
			}
		}
	}
	return false
}

var (
	scriptPath = pattern(`(?i)<script\b[^>]{0,300}?\bsrc=["']?(/[\w.@+-]+/(?:[\w.@+-]+/)*)[\w.@+-]+\.m?js\b`)
	scriptFile = pattern(`^[\w.@+-]{1,200}\.m?js\b`)
)

// withoutScripts is texts without the scripts of the directories that a page loads its own from: those are URLs, and no paths of the server.
func withoutScripts(texts []string) []string {
	directories := map[string]bool{}
	for _, text := range texts {
		for _, found := range scriptPath().FindAllStringSubmatch(text, 100) {
			directories[found[1]] = true
		}
	}
	if len(directories) == 0 {
		return texts
	}
	out := make([]string, len(texts))
	for i, text := range texts {
		for directory := range directories {
			parts := strings.Split(text, directory)
			for j := range parts[1:] {
				rest := scriptFile().ReplaceAllString(parts[j+1], "")
				if len(rest) == len(parts[j+1]) {
					rest = directory + rest
				}
				parts[j+1] = rest
			}
			text = strings.Join(parts, "")
		}
		out[i] = text
	}
	return out
}

// matches runs the table over the views of an answer. Receivers repeat themselves, and patterns are slow on long texts.
func (s *Scanner) matches(texts []string) []match {
	var out []match
	for _, text := range texts {
		key := shortDigest(text)
		known, ok := s.cache[key]
		if !ok {
			known = telltalesIn(text)
			s.cache[key] = known
		}
		out = append(out, known...)
	}
	return out
}

func telltalesIn(text string) []match {
	var out []match
	for _, t := range telltales {
		if len(t.words) > 0 && !slices.ContainsFunc(t.words, func(w string) bool { return strings.Contains(text, w) }) {
			continue
		}
		for _, m := range t.pattern().FindAllString(text, 8) {
			out = append(out, match{family: t.family, text: strings.Trim(m, " \t\r\n\"'(=:>[,"), weak: t.weak})
		}
	}
	return out
}

var (
	lineBreaks = pattern(`(?i)<(?:br|/p|/div|/li|/tr|/pre|/h\d)\b[^>]{0,200}>`)
	tags       = pattern(`<[A-Za-z/!][^>]{0,500}>`)
)

// views are the texts of an answer in which a tell-tale may stand: as sent, as a browser shows it, with JSON strings unescaped, and
// the values of its headers.
func views(a *Response) []string {
	raw := strings.ToValidUTF8(string(a.Body), "\uFFFD")
	out := []string{raw}
	if strings.ContainsAny(raw, "<&") {
		out = append(out, html.UnescapeString(tags().ReplaceAllString(lineBreaks().ReplaceAllString(raw, "\n"), "")))
	}
	if strings.Contains(raw, `\`) {
		out = append(out, Unescape(raw), html.UnescapeString(tags().ReplaceAllString(Unescape(raw), "")))
	}
	if len(a.Stray) > 0 {
		out = append(out, strings.ToValidUTF8(string(a.Stray), "\uFFFD"))
	}
	if headers := headerText(a.Header); headers != "" {
		out = append(out, headers)
	}
	return out
}

func headerText(h http.Header) string {
	var b strings.Builder
	for _, values := range h {
		for _, v := range values {
			b.WriteString(v)
			b.WriteByte('\n')
		}
	}
	lines := strings.Split(b.String(), "\n")
	slices.Sort(lines)
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// Unescape undoes JSON's escapes wherever they stand, also in what is no valid JSON.
func Unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case '"', '\\', '/':
			b.WriteByte(s[i])
		case 'u':
			code, err := strconv.ParseUint(s[i+1:min(i+5, len(s))], 16, 32)
			if err != nil || i+4 >= len(s) {
				b.WriteString(`\u`)
				continue
			}
			b.WriteRune(rune(code))
			i += 4
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// firewallMarks are words of the pages with which firewalls and bot filters answer instead of the receiver, lower case.
var firewallMarks = []string{
	"attention required! | cloudflare", "cf-error-details", "cloudflare ray id", "performance & security by cloudflare", "sorry, you have been blocked",
	"incapsula incident id", "_incapsula_resource", "request unsuccessful. incapsula", "the requested url was rejected. please consult with your administrator",
	"your support id is", "akamai reference", "errors.edgesuite.net", "access denied</title>", "you don't have permission to access", "sucuri website firewall",
	"mod_security", "modsecurity", "not acceptable!", "this error was generated by mod_security", "web application firewall", "request blocked",
	"request has been blocked", "blocked by", "barracuda", "fortiweb", "wordfence", "imperva", "perimeterx", "datadome", "captcha-delivery.com", "<title>403 forbidden</title>\r\n</head>\r\n<body>\r\n<center><h1>403 forbidden</h1></center>\r\n<hr><center>microsoft-azure-application-gateway", "generated by cloudfront",
}

// firewallHeaders are response headers that firewalls send with their own rejections only, and not with those of the receiver behind them.
var firewallHeaders = []string{"Cf-Mitigated", "X-Sucuri-Block", "X-Amzn-Waf-Action"}

// RateLimited reports whether an answer is the page with which nginx puts off what is over its limits (limit_req, limit_conn): its
// default is a 503 that does not say for how long.
func (a *Response) RateLimited() bool {
	const page = "<center><h1>503 service temporarily unavailable</h1></center>\r\n<hr><center>"
	return a.Status == http.StatusServiceUnavailable && strings.Contains(strings.ToLower(string(a.Body[:min(len(a.Body), 4<<10)])), page)
}

// noServer are words of the pages with which gateways respond with 503 where nothing behind them accepts
// a connection, lower case: HAProxy, Envoy, Traefik.
var noServer = []string{"no server is available to handle this request", "upstream connect error", "no healthy upstream", "no available server"}

// Gateway reports whether a gateway responded, to which the receiver gave no response.
func (a *Response) Gateway() bool {
	if a.Status != http.StatusServiceUnavailable {
		return a.Status == http.StatusBadGateway || a.Status == http.StatusGatewayTimeout
	}
	page := strings.ToLower(string(a.Body[:min(len(a.Body), 4<<10)]))
	return slices.ContainsFunc(noServer, func(words string) bool { return strings.Contains(page, words) })
}

// Firewall reports whether an answer looks like a firewall's page.
func (a *Response) Firewall() bool {
	if a.Status < 400 {
		return false
	}
	for _, name := range firewallHeaders {
		if a.Header.Get(name) != "" {
			return true
		}
	}
	page := strings.ToLower(string(a.Body[:min(len(a.Body), 32<<10)]))
	return slices.ContainsFunc(firewallMarks, func(mark string) bool { return strings.Contains(page, mark) })
}
