package provider

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/prelaunch-audit/prelaunch/internal/lazy"
	"github.com/prelaunch-audit/prelaunch/internal/yamldoc/shape"
)

// Rules of this file: one table says which settings a profile has. What one setting alone can tell is
// checked here, what concerns several in check.go.

// Schema is the JSON Schema of a profile.
func Schema() *jsonschema.Schema { return table().Schema("Profile of a webhook provider") }

// Bounds of a profile: each is several times what the largest built-in one has.
const (
	maxBody     = 16384 // characters of an event's template
	maxTemplate = 500
	maxPattern  = 500
	maxEvents   = 100
	maxVectors  = 100
	maxEntries  = 100 // of other lists and mappings
)

// maxInstructions bounds what a pattern is compiled to: repeats of repeats grow beyond any text.
const maxInstructions = 3000

func line(is, next, pattern string, longest int) shape.Form {
	return shape.Form{Is: is, Next: next, Pattern: lazy.Regexp(pattern), Longest: longest, Check: shape.Printable}
}

var (
	profileName = line("the name of a provider", "write small letters, digits and hyphens", `^[a-z0-9]+(-[a-z0-9]+)*$`, 40)
	oneLine     = line("a text on one line", "write at least one word", `^\S(.*\S)?$`, 300)
	words       = line("a text on one line", "write at least one word", `^.*$`, 300)
	webURL      = line("a URL", "write it like https://docs.acme.example/webhooks", `^https?://[^\s]+$`, 500)
	baseURL     = line("an https URL with a host alone or a path", "write it like https://api.acme.example", `^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?$`, 300)
	apiPath     = line("a path", "write it like /v1/webhooks/test", `^/[^\s?#]*$`, 300)
	wordName    = line("the name of a word", "write small letters and underscores", `^[a-z][a-z_]*$`, 30)
	lowerWord   = line("part of the name of a variable", "write small letters, digits and underscores", `^[a-z0-9]+(_[a-z0-9]+)*$`, 60)
	headerName  = line("the name of a header", "write it like X-Acme-Signature", `^[A-Za-z0-9!#$%&'*+.^_|~-]+$`, 100)
	paramName   = line("the name of a parameter", "write letters, digits, dots, underscores and hyphens", `^[A-Za-z0-9_.-]+$`, 100)
	fieldPath   = line("the path of a field", "write names and indices with dots between, such as data.items.0.id", `^[^\s.{}"\\]+(\.[^\s.{}"\\]+)*$`, 300)
	place       = line("a place", "write signature, header:NAME, body:PATH, param:NAME or query:NAME", `^(signature|(header|body|param|query):[^\s{}"]+)$`, 300)
	template    = line("a template on one line", "write text and pieces in braces", `^[^\r]*$`, maxTemplate)
	headerValue = line("the value of a header", "write printable ASCII on one line", `^[ -~]*$`, maxTemplate)
	body        = shape.Form{Is: "a body", Next: fmtBound("write at most %d characters", maxBody), Longest: maxBody, Check: isBody}
	anyText     = shape.Form{Is: "a text", Next: "write text without control characters", Longest: maxBody, Check: isBody}
	short       = shape.Form{Is: "a text", Next: "write text without control characters", Longest: maxTemplate, Check: shape.Printable}
	status      = shape.Form{Is: "a status or a range of statuses", Next: "write it like 200 or 200-299", Pattern: lazy.Regexp(`^[1-5][0-9]{2}(-[1-5][0-9]{2})?$`), Longest: 7, Check: isStatus}
	duration    = shape.Form{Is: "a time of at most 24 hours", Next: "write it like 300s", Pattern: lazy.Regexp(`^([0-9]+(ms|s|m|h))+$`), Longest: 20, Check: isDuration}
	pattern     = shape.Form{Is: "a regular expression that is small and matches something", Next: "write one in RE2 syntax with small repeats, such as ^whsec_[A-Za-z0-9]{16,}$",
		Pattern: lazy.Regexp(`\S`), Longest: maxPattern, Check: isPattern}
	noPattern   = shape.Form{Is: pattern.Is, Next: pattern.Next, Longest: maxPattern, Check: func(s string) bool { return s == "" || isPattern(s) }}
	uidRule     = shape.Form{Is: "a rule for UIDs", Next: "write it as [A-Za-z0-9]{5,60}, with a bound of 9 at least", Pattern: lazy.Regexp(`^\[A-Za-z0-9\]\{[0-9]{1,3},[0-9]{1,3}\}$`), Check: isUIDRule}
	environment = line("the name of an environment", "write it like test", `^[a-z0-9]+([_-][a-z0-9]+)*$`, 40)
	glob        = line("the id of a check, or a pattern of ids", "write it like webhook.rejects-unsigned or webhook.*", `^[a-z0-9.*_-]+$`, 100)
	digitsText  = line("a text", "write it in quotes", `^.*$`, maxTemplate)
)

func fmtBound(format string, bound int) string {
	return strings.Replace(format, "%d", strconv.Itoa(bound), 1)
}

// isBody takes the line ends of forms and of signed texts too.
func isBody(s string) bool { return shape.Printable(strings.ReplaceAll(s, "\r", "")) }

func isStatus(s string) bool {
	from, to, isRange := strings.Cut(s, "-")
	return !isRange || from <= to
}

func isDuration(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d > 0 && d <= 24*time.Hour
}

// isPattern bounds what matching costs and rejects one that matches nothing at all, which finds a key
// everywhere.
func isPattern(s string) bool {
	parsed, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return false
	}
	compiled, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(compiled.Inst) > maxInstructions {
		return false
	}
	re, err := regexp.Compile(s)
	return err == nil && !re.MatchString("")
}

func isUIDRule(s string) bool {
	rule := UIDRule{Pattern: s}
	return rule.Min() <= rule.Max() && rule.Max() >= 9 && rule.Max() <= 200
}

var table = sync.OnceValue(profileShape)

// SignatureShape is what a configuration may say of a signature that it completes: no setting is required,
// and key says how the key of the MAC is made.
func SignatureShape() *shape.Shape {
	for _, f := range profileShape().Fields {
		if f.Name == "signature" {
			for i := range f.Shape.Fields {
				f.Shape.Fields[i].Required = false
			}
			f.Shape.Fields = append(f.Shape.Fields, shape.Field{Name: "key", Shape: keyShape(), About: "how the key of the MAC is made from the secret"})
			return f.Shape
		}
	}
	return nil
}

func keyShape() *shape.Shape {
	return &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		{Name: "strip", Shape: shape.Texts(words), About: "prefix that is cut"},
		{Name: "decode", Shape: shape.OneOf("raw", "base64", "base64url", "hex"), About: "default: raw"},
		{Name: "digest", Shape: shape.OneOf(append([]string{"none"}, Hashes()...)...), About: "default: none"},
	}}
}

func profileShape() *shape.Shape {
	object := func(fields ...shape.Field) *shape.Shape { return &shape.Shape{Kind: shape.Object, Fields: fields} }
	list := func(item *shape.Shape, most int) *shape.Shape {
		return &shape.Shape{Kind: shape.List, Item: item, Most: most}
	}
	some := func(item *shape.Shape, most int) *shape.Shape {
		s := list(item, most)
		s.Fewest = 1
		return s
	}
	texts := func(f shape.Form) *shape.Shape { return list(shape.Texts(f), maxEntries) }
	mapping := func(keys, values shape.Form) *shape.Shape {
		return &shape.Shape{Kind: shape.Mapping, Keys: keys, Item: shape.Texts(values), Most: maxEntries}
	}
	optional := func(name string, s *shape.Shape, about string) shape.Field {
		return shape.Field{Name: name, Shape: s, About: about}
	}
	required := func(name string, s *shape.Shape, about string) shape.Field {
		return shape.Field{Name: name, Required: true, Shape: s, About: about}
	}
	flag := &shape.Shape{Kind: shape.Boolean}
	hash := shape.OneOf(Hashes()...)
	encoding := shape.OneOf("hex", "HEX", "base64", "base64url")
	byEnvironment := mapping(environment, noPattern)
	oneOf := func(names []string, fields ...shape.Field) *shape.Shape {
		s := object(fields...)
		s.ExactlyOne = names
		return s
	}
	put := oneOf([]string{"header", "body", "param", "query"},
		optional("header", shape.Texts(headerName), "header that carries the signature"),
		optional("body", shape.Texts(fieldPath), "path of the field of the body that carries it"),
		optional("param", shape.Texts(paramName), "parameter of the form that carries it"),
		optional("query", shape.Texts(paramName), "parameter of the URL that carries it"),
		optional("value", shape.Texts(template), "template with {signature}, {timestamp} and {id}; default: the signature alone"))
	puts := some(put, 5)
	puts.OrOne = true

	signature := object(
		required("kind", shape.OneOf(HMAC, Token, JWT, PublicKey), "hmac, token (the secret itself), jwt-hs256 (a token of claims, signed with the secret) or public-key"),
		optional("hash", hash, "hash of the HMAC"),
		optional("over", shape.Texts(template), "the string to sign, in pieces such as {timestamp}.{body}"),
		optional("fields", object(
			optional("root", shape.Texts(fieldPath), "path below which the fields are"),
			optional("list", texts(fieldPath), "paths of the fields, in their order"),
			optional("join", shape.Texts(digitsText), "text between the values"),
			optional("missing", shape.Texts(digitsText), "what stands for a field that is not there"),
			optional("escape", shape.OneOf("none", "backslash"), "how the joint is escaped in values")), "what {fields} is made of"),
		optional("encode", encoding, "how the signature is written; default: hex"),
		required("put", puts, "where the signature stands"),
		optional("timestamp", object(
			required("in", shape.Texts(place), "where the time stands: signature, header:NAME, body:PATH, param:NAME or query:NAME"),
			optional("unit", shape.OneOf("s", "ms", "rfc3339"), "default: s"),
			optional("layout", shape.Texts(oneLine), "of rfc3339, as Go writes layouts"),
			optional("tolerance", shape.Texts(duration), "how old it may be; absent: the provider documents none"),
			optional("future", shape.OneOf("checked", "unchecked"), "whether receivers on the provider's SDK reject future times")), "the time of signing"),
		optional("id", object(
			required("in", shape.Texts(place), "where the id stands: header:NAME, body:PATH, param:NAME or query:NAME"),
			optional("value", shape.Texts(headerValue), "template of an id; default: {{uuid}}")), "the id of a delivery, where it is signed"),
		optional("digest", oneOf([]string{"header", "query"},
			optional("header", shape.Texts(headerName), "header with the digest"),
			optional("query", shape.Texts(paramName), "parameter of the URL with the digest"),
			required("value", shape.Texts(template), "template such as {sha256(body)}")), "a digest of the body that is sent with it"),
		optional("list", object(
			required("style", shape.OneOf("repeat", "headers", "lines", "none"), "repeat: items in one value; headers: NAME-1, NAME-2 …; lines: several headers of one name"),
			optional("item", shape.Texts(template), "one item of the value, or the name of a header with {n}"),
			optional("separator", shape.Texts(digitsText), "text between items")), "how several signatures are sent"),
		optional("other", list(object(
			required("label", shape.Texts(oneLine), "what the scheme is called"),
			optional("kind", shape.OneOf(HMAC, Unkeyed, Token), "default: as the signature; digest: a hash over {secret} and more"),
			optional("hash", hash, "default: as the signature"),
			optional("over", shape.Texts(template), "default: as the signature"),
			optional("encode", encoding, "default: as the signature"),
			optional("header", shape.Texts(headerName), "default: as the signature"),
			optional("value", shape.Texts(template), "default: as the signature"),
			required("accepted", shape.OneOf("never", "legacy"), "never, or legacy: with the correct key it only warns")), 20), "schemes that the provider has or had as well"),
		optional("strict", list(shape.OneOf("decoded-text"), 1), "families of test cases that only some providers' receivers have to withstand"),
		optional("lenient", texts(oneLine), "leniencies that are never alarmed on: upper-hex, decoded-text (text that invalid UTF-8 decodes to is verified), non-ascii (a 5xx to a signature that is not ASCII); default: all"),
		optional("algorithm", shape.OneOf(algorithms...), "of a public key"),
		optional("key_from", shape.OneOf("configured", "jwks", "certificate-url", "jku"), "where receivers get the public key"),
		optional("claims", mapping(paramName, template), "claims of a JWS"))

	return object(
		required("schema", shape.OneOf(SchemaName), "version of this format: "+SchemaName),
		required("name", shape.Texts(profileName), "name of the provider"),
		optional("title", shape.Texts(oneLine), "name of the provider, as it is written; default: the name"),
		optional("grade", shape.OneOf(Verified, Unverified), "verified: an official vector or SDK confirms the recipe; default: unverified"),
		optional("reviewed", &shape.Shape{Kind: shape.Date}, "day on which a person last compared it with its sources"),
		required("sources", some(shape.Texts(oneLine), maxEntries), "where the provider documents its webhooks"),
		optional("confirmed_by", list(oneOf([]string{"vector", "sdk", "source"},
			optional("vector", shape.Texts(oneLine), "where a known answer is published"),
			optional("sdk", shape.Texts(oneLine), "official SDK that agrees"),
			optional("source", shape.Texts(oneLine), "second source that says the same")), 20), "what confirms the recipe"),
		optional("words", mapping(wordName, words), "the provider's words, for texts"),
		optional("secret", object(
			optional("names", texts(lowerWord), "words in the names of variables that hold it"),
			optional("pattern", shape.Texts(pattern), "what it looks like"),
			optional("environments", byEnvironment, "patterns by environment, where the value shows it"),
			optional("key", keyShape(), "how the key of the MAC is made"),
			optional("reach", shape.OneOf(ReachEndpoint, ReachApp, ReachAccount, ReachAPI), "what an exposed one opens; default: endpoint"),
			optional("related", list(object(
				required("what", shape.Texts(oneLine), "what it is"),
				required("pattern", shape.Texts(pattern), "what it looks like"),
				optional("environments", byEnvironment, "patterns by environment, where the value shows it")), 30), "further keys that are searched for")), "what the provider signs with"),
		optional("delivery", object(
			optional("method", shape.OneOf("POST", "PUT", "GET"), "default: POST"),
			optional("body", shape.OneOf("json", "json-array", "form", "xml", "any"), "default: json"),
			optional("headers", mapping(headerName, headerValue), "further headers, with placeholders in values"),
			optional("success", object(required("status", some(statusShape(), 20), "statuses and ranges of them")), "what the provider takes for a delivery; default: 200-299"),
			optional("within", shape.Texts(duration), "the provider's deadline for a response"),
			optional("id", placeShape(oneOf, optional), "by which duplicates are recognized"),
			optional("retries", shape.Texts(oneLine), "in words")), "the request that carries an event"),
		required("signature", signature, "how the provider signs"),
		optional("handshakes", list(object(
			required("when", object(
				optional("method", shape.OneOf("GET", "HEAD", "POST", "OPTIONS"), "default: POST"),
				optional("query", mapping(paramName, short), "parameters of the URL"),
				optional("headers", mapping(headerName, headerValue), "headers"),
				optional("body", mapping(fieldPath, short), "fields of the body, by path")), "what tells it from an event"),
			optional("needs", shape.Texts(lowerWord), "a further value that the receiver knows"),
			optional("signed", flag, "the provider signs it like an event"),
			optional("body", shape.Texts(body), "template with {{challenge}}"),
			optional("query", mapping(paramName, short), "templates with {{challenge}}"),
			optional("headers", mapping(headerName, headerValue), "templates with {{challenge}}"),
			optional("answer", object(
				optional("text", shape.Texts(short), "template of {body:PATH}, {query:NAME}, {header:NAME} and {mac(…)}"),
				optional("json", mapping(fieldPath, short), "templates by field"),
				optional("content_type", shape.Texts(oneLine), "content type of the response")), "the response"),
			optional("oracle", shape.Texts(fieldPath), "the place of text of the caller's whose MAC the response holds")), 10), "how the provider checks an endpoint"),
		required("events", some(EventShape(), maxEvents), "types of events"),
		optional("required", texts(fieldPath), "fields that are documented as always there and needed"),
		optional("uid", object(
			optional("pattern", shape.Texts(uidRule), "default: [A-Za-z0-9]{5,60}"),
			optional("path", shape.Texts(fieldPath), "where in the body the UID is")), "what marks synthetic events"),
		optional("environments", object(
			optional("identity", shape.OneOf("integration_id", "account", "none"), "what must differ between environments"),
			optional("number", shape.Between(shape.Integer, 1, 10), "exactly so many; default: one or several")), "the provider's environments"),
		optional("features", object(
			optional("redirects", flag, "users are redirected to URLs of the integration"),
			optional("registration", flag, "endpoints and redirect URLs are registered in the provider's dashboard"),
			optional("dashboard", flag, "people have accounts in a dashboard"),
			optional("test_delivery", shape.Texts(oneLine), "how the provider is made to deliver a test event; or none"),
			optional("api", shape.Texts(oneLine), "none, or a word on it"),
			optional("addresses", shape.Texts(oneLine), "where the list of its addresses is to be had")), "what the provider has"),
		optional("api", object(
			required("base_url", shape.Texts(baseURL), "base URL of the API"),
			optional("key_header", shape.Texts(headerName), "request header that carries the key"),
			optional("tokens", shape.Texts(apiPath), "path that responds to a key and an integration ID without a lasting effect"),
			optional("test", shape.Texts(apiPath), "path that makes the provider deliver a test webhook")), "the provider's API"),
		optional("checklist", list(object(
			required("title", shape.Texts(oneLine), "title of the item"),
			optional("source", shape.Texts(oneLine), "where the provider publishes it"),
			required("checks", some(shape.Texts(glob), maxEntries), "ids of the checks that prove it, and patterns of ids")), maxEntries), "the provider's own list"),
		optional("vectors", list(object(
			required("secret", shape.Texts(short), "the secret"),
			optional("method", shape.Texts(oneLine), "default: POST"),
			optional("url", shape.Texts(webURL), "the URL as registered"),
			optional("timestamp", shape.Texts(short), "the time as it is written"),
			optional("id", shape.Texts(short), "the id"),
			optional("account", shape.Texts(short), "the identity of the environment"),
			required("body", shape.Texts(anyText), "the body"),
			required("signature", shape.Texts(anyText), "the text in the place of the signature"),
			optional("source", shape.Texts(oneLine), "where it is published")), maxVectors), "known answers"),
		optional("not", list(object(
			required("family", shape.OneOf(families...), "family of test cases"),
			required("because", shape.Texts(oneLine), "why it means nothing here")), 40), "families of test cases that mean nothing here"))
}

// statusShape takes 200 without quotes too.
func statusShape() *shape.Shape {
	s := shape.Texts(status)
	s.Digits = true
	return s
}

func placeShape(oneOf func([]string, ...shape.Field) *shape.Shape, optional func(string, *shape.Shape, string) shape.Field) *shape.Shape {
	return oneOf([]string{"header", "body", "param", "query"},
		optional("header", shape.Texts(headerName), "header"),
		optional("body", shape.Texts(fieldPath), "path in the body"),
		optional("param", shape.Texts(paramName), "parameter of the form"),
		optional("query", shape.Texts(paramName), "parameter of the URL"))
}

// EventShape is what an event looks like in a profile, and in a configuration that adds one.
func EventShape() *shape.Shape {
	return &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		{Name: "type", Required: true, Shape: shape.Texts(EventType), About: "type of the event"},
		{Name: "harmless", Shape: &shape.Shape{Kind: shape.Boolean}, About: "true: it tells about a course and carries no result"},
		{Name: "body", Required: true, Shape: shape.Texts(body), About: "template of the body"},
	}}
}

// EventType is what the type of an event looks like.
var EventType = line("the type of an event", "write it like payment.failed", `^[A-Za-z0-9]([A-Za-z0-9 ._:/#-]*[A-Za-z0-9])?$`, 100)
