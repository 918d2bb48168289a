package provider

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// SchemaName is what a profile has as its schema.
const SchemaName = "prelaunch.provider/v1"

// Grades of a profile.
const (
	Verified   = "verified"   // an official vector or SDK confirms the recipe
	Unverified = "unverified" // never more than NOT PROVEN until a real delivery is verified by the recipe
)

// Profile is one provider. Its JSON is a profile too, with the defaults filled in.
type Profile struct {
	Schema       string            `json:"schema"`
	Name         string            `json:"name"`
	Title        string            `json:"title"`
	Grade        string            `json:"grade"`
	Reviewed     string            `json:"reviewed,omitempty"` // day on which a person last compared it with its sources
	Sources      []string          `json:"sources"`
	ConfirmedBy  []Confirmation    `json:"confirmed_by,omitempty"`
	Words        map[string]string `json:"words,omitempty"` // the provider's own, for texts: "dashboard", "key", "rotate" …
	Secret       Secret            `json:"secret,omitzero"`
	Delivery     Delivery          `json:"delivery,omitzero"`
	Signature    Recipe            `json:"signature"`
	Handshakes   []Handshake       `json:"handshakes,omitempty"`
	Events       []Event           `json:"events"`
	Required     []string          `json:"required,omitempty"` // paths of the fields that every event must have, dots between names
	UID          UIDRule           `json:"uid,omitzero"`
	Environments Environments      `json:"environments,omitzero"`
	Features     Features          `json:"features,omitzero"`
	API          API               `json:"api,omitzero"`
	Checklist    []ChecklistItem   `json:"checklist,omitempty"`
	Vectors      []Vector          `json:"vectors,omitempty"`
	Not          []NotApplicable   `json:"not,omitempty"`

	// BuiltIn is false for a user's own profile: its words open no variables and no key goes to its API
	// without a word of the reviewer's.
	BuiltIn bool `json:"-"`
	// Source is the text of a profile that is not built in as it is, by which Of finds it again.
	Source string `json:"-"`
}

// Confirmation is what confirms the recipe; one of its fields is set.
type Confirmation struct {
	Vector string `json:"vector,omitempty"` // a published known answer, which is among the vectors
	SDK    string `json:"sdk,omitempty"`    // an official SDK that accepts what the recipe signs and the reverse
	Source string `json:"source,omitempty"` // a second source that says the same
}

// Secret is what a provider signs with.
type Secret struct {
	Names        []string          `json:"names,omitempty"`        // words in the names of variables that hold it, lower case
	Pattern      string            `json:"pattern,omitempty"`      // what it looks like; another look is a diagnosis, no error
	Environments map[string]string `json:"environments,omitempty"` // patterns by environment, where the value shows it
	Key          KeyRule           `json:"key,omitzero"`
	Reach        string            `json:"reach,omitempty"` // ReachEndpoint …: what an exposed one opens
	Related      []KeyPattern      `json:"related,omitempty"`
}

// What an exposed secret opens.
const (
	ReachEndpoint = "endpoint"
	ReachApp      = "app"
	ReachAccount  = "account"
	ReachAPI      = "api"
)

// KeyRule makes the key of the MAC from the secret: the prefix is cut, the rest decoded, then hashed.
type KeyRule struct {
	Strip  string `json:"strip,omitempty"`
	Decode string `json:"decode,omitempty"` // raw, base64, base64url or hex; default raw
	Digest string `json:"digest,omitempty"` // none or a hash; default none
}

// KeyPattern is a key of the provider's that is searched for as a candidate.
type KeyPattern struct {
	What         string            `json:"what"`
	Pattern      string            `json:"pattern"`
	Environments map[string]string `json:"environments,omitempty"` // patterns by environment, where the value shows it
}

// Environment is that of a value of this pattern, "" where the value does not show it.
func (k KeyPattern) Environment(value string) string { return environmentOf(k.Environments, value) }

// Environment is that of a secret, "" where the value does not show it.
func (s Secret) Environment(value string) string { return environmentOf(s.Environments, value) }

func environmentOf(patterns map[string]string, value string) string {
	for environment, pattern := range patterns {
		if ok, err := regexp.MatchString(pattern, value); pattern != "" && ok && err == nil {
			return environment
		}
	}
	return ""
}

// Delivery is the request that carries an event.
type Delivery struct {
	Method  string            `json:"method,omitempty"`  // default POST
	Body    string            `json:"body,omitempty"`    // json, json-array, form, xml or any; default json
	Headers map[string]string `json:"headers,omitempty"` // templates; what a receiver may rely on being there
	Success Success           `json:"success,omitzero"`
	Within  Duration          `json:"within,omitempty"` // the provider's deadline for a response
	ID      Place             `json:"id,omitzero"`      // by which duplicates are recognized
	Retries string            `json:"retries,omitempty"`
}

// ContentType is that of the body.
func (d Delivery) ContentType() string {
	switch d.Body {
	case "form":
		return "application/x-www-form-urlencoded"
	case "xml":
		return "application/xml"
	case "any":
		return "application/octet-stream"
	}
	return "application/json"
}

// Place is a header of the request, a path in its body or a parameter of its form; one is set.
type Place struct {
	Header string `json:"header,omitempty"`
	Body   string `json:"body,omitempty"`
	Param  string `json:"param,omitempty"`
	Query  string `json:"query,omitempty"`
}

// Success is which statuses the provider takes for a delivery; default 2xx.
type Success struct {
	Status []string `json:"status,omitempty"` // such as "200" and "200-299"
}

// StatusRange is an inclusive range of statuses.
type StatusRange struct{ From, To int }

// Ranges are the statuses.
func (s Success) Ranges() []StatusRange {
	ranges := []StatusRange{}
	for _, status := range s.Status {
		from, to, isRange := strings.Cut(status, "-")
		first, _ := strconv.Atoi(from)
		last := first
		if isRange {
			last, _ = strconv.Atoi(to)
		}
		ranges = append(ranges, StatusRange{first, last})
	}
	if len(ranges) == 0 {
		ranges = append(ranges, StatusRange{200, 299})
	}
	return ranges
}

// Is reports whether the provider takes a status for a delivery.
func (s Success) Is(status int) bool {
	return slices.ContainsFunc(s.Ranges(), func(r StatusRange) bool { return r.From <= status && status <= r.To })
}

// Duration is a time as Go writes it, such as "10s"; "" is none.
type Duration string

// Duration is 0 for none.
func (d Duration) Duration() time.Duration {
	parsed, _ := time.ParseDuration(string(d))
	return parsed
}

// Handshake is how a provider checks that an endpoint is its owner's.
type Handshake struct {
	When   When              `json:"when"`
	Needs  string            `json:"needs,omitempty"`   // a further value that the receiver must know, such as verify_token
	Signed bool              `json:"signed,omitempty"`  // the provider signs it like an event
	Body   string            `json:"body,omitempty"`    // template, with {{challenge}}
	Query  map[string]string `json:"query,omitempty"`   // templates
	Header map[string]string `json:"headers,omitempty"` // templates
	Answer Answer            `json:"answer,omitzero"`
	// Oracle is the place of text of the caller's whose MAC the response holds.
	Oracle string `json:"oracle,omitempty"`
}

// When tells a handshake from an event.
type When struct {
	Method string            `json:"method,omitempty"`
	Query  map[string]string `json:"query,omitempty"`
	Body   map[string]string `json:"body,omitempty"`
	Header map[string]string `json:"headers,omitempty"`
}

// Answer is the response to a handshake: nothing, a text or a JSON object of templates with {body:PATH},
// {query:NAME} and {mac(…)} of one of them.
type Answer struct {
	Text        string            `json:"text,omitempty"`
	JSON        map[string]string `json:"json,omitempty"`
	ContentType string            `json:"content_type,omitempty"`
}

// UIDRule is what a provider allows as a user's identifier.
type UIDRule struct {
	Pattern string `json:"pattern,omitempty"` // [A-Za-z0-9]{MIN,MAX}
	Path    string `json:"path,omitempty"`    // where in the body the UID of an event is
}

// uidPattern is the one form of a rule; the default is that of most identifiers.
var uidPattern = regexp.MustCompile(`^\[A-Za-z0-9\]\{([0-9]{1,3}),([0-9]{1,3})\}$`)

// Min is the length of the shortest UID, in letters and digits.
func (u UIDRule) Min() int { return u.bound(1, 5) }

// Max is the length of the longest UID, in letters and digits.
func (u UIDRule) Max() int { return u.bound(2, 60) }

func (u UIDRule) bound(group, fallback int) int {
	match := uidPattern.FindStringSubmatch(u.Pattern)
	if match == nil {
		return fallback
	}
	n, _ := strconv.Atoi(match[group])
	return n
}

// Environments is what a provider's environments are.
type Environments struct {
	Identity string `json:"identity,omitempty"` // integration_id, account or none: what must differ between them
	Number   int    `json:"number,omitempty"`   // exactly so many; 0: one or several
}

// HasIdentity reports whether an environment has an identifier of its own at the provider.
func (e Environments) HasIdentity() bool { return e.Identity != "" && e.Identity != "none" }

// Features are what a provider has and not every one does.
type Features struct {
	Redirects    bool   `json:"redirects,omitempty"`     // users are redirected to URLs of the integration
	Registration bool   `json:"registration,omitempty"`  // endpoints and redirect URLs are registered in the provider's dashboard
	Dashboard    bool   `json:"dashboard,omitempty"`     // people have accounts in a dashboard
	TestDelivery string `json:"test_delivery,omitempty"` // how the provider is made to deliver a test event; none
	Addresses    string `json:"addresses,omitempty"`     // where the list of addresses that it sends from is to be had
	API          string `json:"api,omitempty"`           // none, or a word on it; what can be asked is in api
}

// API is a provider's HTTP API, as far as a key can be tested with it without a lasting effect.
type API struct {
	BaseURL   string `json:"base_url,omitempty"`
	KeyHeader string `json:"key_header,omitempty"` // request header that carries the key
	Tokens    string `json:"tokens,omitempty"`     // path; POST {uid, integration_id}: 401 no key, 403 wrong key for the integration, 422 right key and invalid uid
	Test      string `json:"test,omitempty"`       // path; POST makes the provider deliver a signed test webhook
}

// Host is the only host to which a key goes unless the user names another on the command line.
func (a API) Host() string {
	_, rest, _ := strings.Cut(a.BaseURL, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// ChecklistItem is one item of the provider's own list, with the checks that prove it.
type ChecklistItem struct {
	Title  string   `json:"title"`
	Source string   `json:"source,omitempty"`
	Checks []string `json:"checks"` // ids and globs
}

// Vector is a known answer: what is signed, and the text that stands in the signature's place.
type Vector struct {
	Secret    string `json:"secret"`
	Method    string `json:"method,omitempty"`
	URL       string `json:"url,omitempty"`
	Timestamp string `json:"timestamp,omitempty"`
	ID        string `json:"id,omitempty"`
	Account   string `json:"account,omitempty"`
	Body      string `json:"body"`
	Signature string `json:"signature"`
	Source    string `json:"source,omitempty"`
}

// NotApplicable is a family of test cases that means nothing for a provider.
type NotApplicable struct {
	Family  string `json:"family"`
	Because string `json:"because"`
}

// WithKeyPair is the profile of a receiver that has, in place of the provider's public key, that of a pair of
// the auditor's, whose secret is the private key: events can be signed.
func (p Profile) WithKeyPair() Profile {
	p.Signature.pair = p.Signature.Kind == PublicKey
	return p
}

// FeatureNames are the features that the provider has, by which checks are left out: redirects,
// registration, identity, dashboard, test_delivery, api, secret, timestamp, event-id, deadline, and
// families of test cases that are about one feature.
func (p *Profile) FeatureNames() []string {
	names := []string{}
	for _, feature := range []struct {
		name string
		has  bool
	}{
		{"redirects", p.Features.Redirects}, {"registration", p.Features.Registration}, {"identity", p.Environments.HasIdentity()},
		{"dashboard", p.Features.Dashboard}, {"test_delivery", p.Features.TestDelivery != "" && p.Features.TestDelivery != "none"},
		{"api", p.API.BaseURL != ""}, {"secret", p.Signature.Kind != PublicKey},
		{"timestamp", p.means("future-timestamp")}, {"unbound-timestamp", p.means("unbound-timestamp")},
		{"signature-list", p.means("signature-list")}, {"other-scheme", p.means("other-scheme")},
		{"handshake", p.means("handshake")}, {"foreign-key", p.means("foreign-key")},
		{"event-id", p.Delivery.ID != Place{} || p.means("token-reuse")}, {"deadline", p.Delivery.Within.Duration() > 0},
	} {
		if feature.has {
			names = append(names, feature.name)
		}
	}
	return names
}

func (p *Profile) means(family string) bool {
	applies, _ := p.Applies(family)
	return applies
}

// Hosts are the registrable domains of the provider's own pages and API.
func (p *Profile) Hosts() []string {
	hosts := []string{}
	for _, source := range append([]string{p.API.BaseURL}, p.Sources...) {
		u, err := url.Parse(source)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" {
			continue
		}
		domain, err := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
		if err == nil && domain != "github.com" && !slices.Contains(hosts, domain) {
			hosts = append(hosts, domain)
		}
	}
	return hosts
}
