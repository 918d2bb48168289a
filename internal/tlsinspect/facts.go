package tlsinspect

import "net/url"

// Facts is what one Look saw. Lists are never null, so that a policy can iterate without asking.
type Facts struct {
	Clock string `json:"clock"` // this machine's time (RFC 3339), to be printed next to certificates' dates
	// ProxyVariables are the variables that name a proxy, which is not used.
	ProxyVariables []string   `json:"proxy_variables"`
	Endpoints      []Endpoint `json:"endpoints"`
	URLs           []URL      `json:"urls"`
}

// Endpoint is one host:port, inspected once.
type Endpoint struct {
	Name        string       `json:"name"` // host:port, as URL.Endpoint refers to it
	Host        string       `json:"host"`
	Port        string       `json:"port"`
	Resolution  Resolution   `json:"resolution"`
	Addresses   []Address    `json:"addresses"`
	Differences []Difference `json:"differences"`
}

// Resolution reports how the name resolved: ok, not_found, none, refused, timeout or error.
type Resolution struct {
	Kind      string `json:"kind"`
	Detail    string `json:"detail,omitempty"`
	Addresses int    `json:"addresses"`
	Skipped   int    `json:"skipped"` // addresses beyond MaxAddresses, not inspected
	// Unresolved are the types of DNS records, A or AAAA, whose lookup failed while the other's did not:
	// there may be more addresses.
	Unresolved []string `json:"unresolved,omitempty"`
}

// Kinds of Resolution in addition to those it shares with Reach.
const (
	ResolutionNone     = "none"
	ResolutionNotFound = "not_found"
	ResolutionError    = "error"
)

// Reach reports how far an attempt got.
type Reach struct {
	Kind   string `json:"kind"`
	Phase  string `json:"phase,omitempty"`  // where it ended: connect, handshake, request
	Detail string `json:"detail,omitempty"` // in words, for the reader
	Alert  string `json:"alert,omitempty"`  // the TLS alert that was received, if any
	// LocalRoute is false when this machine has no route to the address, so that the address was
	// not tested.
	LocalRoute bool `json:"local_route"`
}

// Kinds of Reach.
const (
	ReachOK          = "ok"
	ReachRefused     = "refused"      // the port is closed
	ReachTimeout     = "timeout"      // no response in time; says nothing about the port
	ReachReset       = "reset"        // reset, or closed before a response
	ReachNoRoute     = "no_route"     // see LocalRoute
	ReachNotTLS      = "not_tls"      // something else than TLS responded
	ReachNoHandshake = "no_handshake" // TLS is spoken, but no handshake came about; see Detail and Alert
	// The server has only cipher suites or keys that crypto/tls does not support, such as DHE and
	// RSA-PSS: another client may get further.
	ReachNoCommonSuite = "no_common_suite"
	// A client certificate is required and none is configured: what a URL responds with cannot be
	// seen.
	ReachClientCertificate = "client_certificate"
	ReachNotHTTP           = "not_http"    // something else than HTTP responded
	ReachTLS               = "tls"         // a request over plain HTTP got a TLS alert as its response
	ReachNotSent           = "not_sent"    // the POST over plain HTTP, where Target.Post says to send none
	ReachLimit             = "limit"       // a limit of connections was reached; not tested
	ReachBlocked           = "blocked"     // an address that is not contacted without --allow-address
	ReachCancelled         = "cancelled"   // the look was cut short
	ReachUnreachable       = "unreachable" // nothing responds over HTTPS where a redirect leads; how it failed is not reported
	ReachError             = "error"       // anything else; see Detail
)

// Address is what one address of an endpoint does on the TLS level.
type Address struct {
	Address           string            `json:"address"` // ip:port
	Family            string            `json:"family"`  // ipv4 or ipv6
	Reach             Reach             `json:"reach"`
	Handshake         Handshake         `json:"handshake"`
	Versions          Tested            `json:"versions"`       // of AllVersions
	CipherClasses     Tested            `json:"cipher_classes"` // of AllClasses
	Suites            []Suite           `json:"suites"`         // every suite the server was seen to choose
	DHGroups          []DHGroup         `json:"dh_groups"`      // every finite-field group it was seen to offer
	Certificates      []Certificate     `json:"certificates"`   // the one for modern clients first
	ClientCertificate ClientCertificate `json:"client_certificate"`
	Connections       int               `json:"connections"`   // how many were opened, HTTP included
	LimitReached      bool              `json:"limit_reached"` // a limit of connections kept something from being tested
}

// Handshake is what the server and a modern client agree on; empty without one.
type Handshake struct {
	Completed bool   `json:"completed"`
	Version   string `json:"version,omitempty"` // as in AllVersions
	Suite     string `json:"suite,omitempty"`
	Group     string `json:"group,omitempty"`
	ALPN      string `json:"alpn,omitempty"` // of h2 and http/1.1, which are both offered
	// PostQuantumHello: chosen, not_chosen, or unanswered (a hello with a post-quantum key share
	// got no response, one without it did).
	PostQuantumHello string `json:"post_quantum_hello,omitempty"`
}

// Tested sorts what was offered to the server. What is in none of the lists was not tried.
type Tested struct {
	Accepted  []string    `json:"accepted"`
	Refused   []string    `json:"refused"`
	Undecided []Undecided `json:"undecided"`
}

// Undecided is something that was tried without a clear response.
type Undecided struct {
	What string `json:"what"`
	Why  string `json:"why"` // a kind of Reach
}

// Suite is a cipher suite the server chose.
type Suite struct {
	Name    string   `json:"name"` // IANA's
	Version string   `json:"version"`
	Classes []string `json:"classes"` // of AllClasses
}

// DHGroup is a finite-field Diffie-Hellman group the server offered.
type DHGroup struct {
	Bits  int    `json:"bits"`
	Suite string `json:"suite"`
}

// Certificate is a chain as the server sent it, and what it is worth at Facts.Clock.
type Certificate struct {
	// OfferedTo: modern clients; older ones, of TLS 1.2, if they get another; or those that accept
	// only rsa or only ecdsa keys.
	OfferedTo  string         `json:"offered_to"`
	Chain      []Link         `json:"chain"` // as sent, leaf first, ten at most
	Sent       int            `json:"sent"`  // how many certificates were sent
	Trust      Trust          `json:"trust"`
	Name       NameMatch      `json:"name"`
	MustStaple bool           `json:"must_staple"`
	Staple     Staple         `json:"staple"`
	List       RevocationList `json:"revocation_list"`
	Revocation Revocation     `json:"revocation"`
	// Issuers are the intermediates of the verified path that name a revocation list, with what it
	// says.
	Issuers []Issuer `json:"issuers"`
}

// Issuer is an intermediate certificate and what the list of its own issuer says about it.
type Issuer struct {
	Subject string         `json:"subject"`
	SHA256  string         `json:"fingerprint"`
	List    RevocationList `json:"revocation_list"`
}

// Link is one certificate of a chain.
type Link struct {
	Subject            string `json:"subject"`
	Issuer             string `json:"issuer"`
	Serial             string `json:"serial"`      // hexadecimal
	SHA256             string `json:"fingerprint"` // of the certificate, hexadecimal
	KeyType            string `json:"key_type"`    // RSA, RSA-PSS, ECDSA, Ed25519 or other, whose key_bits is 0
	KeyBits            int    `json:"key_bits"`
	Curve              string `json:"curve,omitempty"`
	SignatureAlgorithm string `json:"signature_algorithm"` // Go's name, e.g. SHA256-RSA
	SignatureHash      string `json:"signature_hash"`      // MD5, SHA-1, SHA-256, SHA-384, SHA-512, none (Ed25519) or unknown
	NotBefore          string `json:"not_before"`
	NotAfter           string `json:"not_after"`
	LifetimeSeconds    int64  `json:"lifetime_seconds"`
	RemainingSeconds   int64  `json:"remaining_seconds"` // negative once expired
	StartsInSeconds    int64  `json:"starts_in_seconds"` // positive before not_before
	SelfSigned         bool   `json:"self_signed"`
	Authority          bool   `json:"authority"`
	InPath             bool   `json:"in_path"` // on the path to a root by which the chain was verified
}

// Trust reports whether the chain leads to a root, and by which roots.
type Trust struct {
	Roots string `json:"roots"` // system, ca_file (needs the extra roots) or none
	Kind  string `json:"kind"`  // of the best attempt; ok when Roots is not none
	// Detail explains Kind in words.
	Detail string `json:"detail,omitempty"`
	// SystemKind is why the system's roots alone do not do, when ca_file's do.
	SystemKind string `json:"system_kind,omitempty"`
	// OtherwiseKind is Kind once dates are left aside, for a chain that is out of date.
	OtherwiseKind string   `json:"otherwise_kind,omitempty"`
	LoneLeaf      bool     `json:"lone_leaf"`   // the leaf came without any intermediate and is not its own issuer
	IssuerURLs    []string `json:"issuer_urls"` // where the leaf says its issuer can be had: a hint at a missing intermediate
}

// Kinds of Trust.
const (
	TrustOK            = "ok"
	TrustExpired       = "expired"
	TrustNotYetValid   = "not_yet_valid"
	TrustUnknownIssuer = "unknown_issuer" // unknown authority or missing intermediate: they look alike
	TrustSelfSigned    = "self_signed"
	TrustWrongUsage    = "wrong_usage"
	TrustNotAuthority  = "not_authority" // an issuer in the chain may not issue
	TrustConstraint    = "constraint"    // a name or path constraint of an issuer is violated
	TrustWeakSignature = "weak_signature"
	TrustUnreadable    = "unreadable"
	TrustOther         = "other"
)

// NameMatch reports whether the leaf is for the host; only subjectAltName counts.
type NameMatch struct {
	Matches        bool     `json:"matches"`
	CommonNameOnly bool     `json:"common_name_only"` // the host is found in the subject's common name alone
	Names          []string `json:"names"`            // subjectAltName, the first 50
}

// Staple is the OCSP response that came with the handshake.
type Staple struct {
	Present    bool   `json:"present"`
	Valid      bool   `json:"valid"`             // well signed, about this certificate, and in date
	Status     string `json:"status,omitempty"`  // good, revoked or unknown
	Problem    string `json:"problem,omitempty"` // why it is not valid: malformed, wrong_signer, not_yet_valid, stale, responder_error
	ThisUpdate string `json:"this_update,omitempty"`
	NextUpdate string `json:"next_update,omitempty"`
}

// RevocationList is what the certificate's revocation list says.
type RevocationList struct {
	URLs    []string `json:"urls"`    // http(s) distribution points
	Fetched string   `json:"fetched"` // the one that was read, or empty
	Status  string   `json:"status,omitempty"`
	// Problem: not_tried (the chain does not verify, or a staple decides), unreachable,
	// not_resolved, led_elsewhere, blocked, too_large, malformed, wrong_signer, not_covering, not_yet_valid,
	// stale.
	Problem    string `json:"problem,omitempty"`
	ThisUpdate string `json:"this_update,omitempty"`
	NextUpdate string `json:"next_update,omitempty"`
}

// Problems of a list that was not fetched because of how the audit was set up.
const (
	ListUnresolved = "not_resolved"  // network.resolve names other ports of its host only
	ListLed        = "led_elsewhere" // network.resolve has an entry for its host, and there is no list there
	ListBlocked    = "blocked"       // its address is not contacted without --allow-address
)

// Revocation sums up: good, revoked or unknown, and how that is known (staple, list, or none).
type Revocation struct {
	Status string `json:"status"`
	How    string `json:"how"`
}

// ClientCertificate reports whether the server asks the client to identify itself.
type ClientCertificate struct {
	Requested bool   `json:"requested"`
	Required  string `json:"required"`      // yes, no or unknown
	How       string `json:"how,omitempty"` // alert, or http_400 (nginx responds that way)
	Sent      bool   `json:"sent"`          // one is configured and was sent
	Refused   bool   `json:"refused"`       // the one that was sent is not accepted
}

// Difference is a fact in which the addresses of one endpoint differ: reach, versions,
// cipher_classes, common_cipher_classes (cbc and dhe), dh_bits, trust, name, revocation, key,
// certificate (the serial number), client_certificate.
type Difference struct {
	Fact   string            `json:"fact"`
	Values map[string]string `json:"values"` // by address
}

// URL is what one URL responds with.
type URL struct {
	Target         string          `json:"target"` // the caller's name for it
	URL            string          `json:"url"`    // without credentials, query and fragment
	Scheme         string          `json:"scheme"`
	Problem        string          `json:"problem,omitempty"` // why the URL cannot be contacted at all
	Endpoint       string          `json:"endpoint"`          // Endpoint.Name; empty for a scheme other than https, which is not contacted
	Answers        []Answer        `json:"answers"`           // one an address
	PlainHTTP      []PlainHTTP     `json:"clear"`             // one an address and port
	RedirectChains []RedirectChain `json:"trails"`            // one a method
}

// Answer is what one address responds with over HTTPS.
type Answer struct {
	Address string    `json:"address"`
	Get     *Exchange `json:"get,omitempty"`
	Post    *Exchange `json:"post,omitempty"`
	HSTS    HSTS      `json:"hsts"`
	// ClockSkewSeconds is the server's Date minus this machine's time; absent without a Date.
	ClockSkewSeconds *int64 `json:"clock_skew_seconds,omitempty"`
}

// Exchange is one request and its response. Bodies are never kept, only their digest.
type Exchange struct {
	Method      string    `json:"method"`
	Reach       Reach     `json:"reach"`
	Status      int       `json:"status,omitempty"`
	Protocol    string    `json:"protocol,omitempty"`
	ContentType string    `json:"content_type,omitempty"`
	Location    *Location `json:"location,omitempty"`
	BodyDigest  string    `json:"body_digest,omitempty"` // sha256 of the body with ids, numbers and times taken out, 16 hex digits
	BodyBytes   int       `json:"body_bytes"`
	Truncated   bool      `json:"truncated"` // the body was longer than MaxBody
}

// Location is where a redirect points.
type Location struct {
	URL      string `json:"url"` // absolute; without credentials, query and fragment
	Scheme   string `json:"scheme"`
	SameHost bool   `json:"same_host"`
	Valid    bool   `json:"valid"`

	target *url.URL // whole, for following; never shown
}

// HSTS is the Strict-Transport-Security header (RFC 6797) of the GET's response or else the POST's.
type HSTS struct {
	Present           bool   `json:"present"`
	WellFormed        bool   `json:"well_formed"`
	Problem           string `json:"problem,omitempty"`
	MaxAge            int64  `json:"max_age"` // seconds
	IncludeSubDomains bool   `json:"include_sub_domains"`
	Preload           bool   `json:"preload"`
	Headers           int    `json:"headers"` // how many were sent; only the first counts
}

// PlainHTTP is one address and port of the plain-HTTP twin, requested over plain HTTP.
type PlainHTTP struct {
	URL     string        `json:"url"`
	Port    string        `json:"port"`
	Address string        `json:"address"`
	OwnPort bool          `json:"own_port"` // the https URL's own port rather than port 80
	Get     PlainResponse `json:"get"`
	Post    PlainResponse `json:"post"`
}

// PlainResponse is a response over plain HTTP.
type PlainResponse struct {
	Exchange
	// TLSOnly: the response is a TLS server's complaint about a request over plain HTTP, not the
	// receiver's.
	TLSOnly bool `json:"tls_only"`
	// SameAnswerAsHTTPS: status, content type and digest equal those of the same request over HTTPS
	// at one of the addresses.
	SameAnswerAsHTTPS bool `json:"same_answer_as_https"`
	// Comparable is false when there is no response over HTTPS to compare with.
	Comparable bool `json:"comparable"`
}

// RedirectChain is a chain of redirects, followed with unsigned empty requests.
type RedirectChain struct {
	Method string `json:"method"`
	Hops   []Hop  `json:"hops"`
	// End: answer, loop, downgrade (to http), other_scheme, other_host (a POST is not carried to
	// another host), bad_location, unreachable, limit.
	End    string `json:"end"`
	Status int    `json:"status"` // of the last response
}

// Hop is one request of a redirect chain.
type Hop struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Reach  Reach  `json:"reach"`
	Status int    `json:"status,omitempty"`
	Trust  string `json:"trust"` // Trust.Kind of the hop's certificate, name_mismatch, or empty
	// Certificate is that of a hop at another endpoint than the chain's first, whose own are in its
	// Endpoint.
	Certificate *Certificate `json:"certificate,omitempty"`
}
