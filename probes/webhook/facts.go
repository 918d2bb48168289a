package webhook

// The kinds of facts.
const (
	KindBaseline  = "webhook.baseline"
	KindExchange  = "webhook.exchange"
	KindInstance  = "webhook.instance"
	KindDiagnosis = "webhook.diagnosis"
)

// Values of Baseline.State.
const (
	StateProbed      = "probed"      // the test suite was sent, at least in part
	StatePassive     = "passive"     // nothing was sent, as configured
	StateUnreachable = "unreachable" // no answer to the first requests
	StateStopped     = "stopped"     // interrupted before the first answer
)

// Values of Baseline.Transport.
const (
	TransportVerified   = "verified"   // TLS, and the certificate verifies
	TransportUnverified = "unverified" // TLS, and it does not: nothing made with a key was sent
	TransportPlain      = "plain"      // no TLS: nothing made with a key was sent
)

// Values of Baseline.Recorded: what became of the recorded delivery, where only the provider can sign.
const (
	RecordedNone       = "none"       // the configuration names none
	RecordedCareful    = "careful"    // careful probing sends no valid events
	RecordedNoKey      = "no_key"     // the provider's public key is not known
	RecordedUnverified = "unverified" // the public key does not verify it
	RecordedStale      = "stale"      // it is older than the scheme allows
	RecordedReplayed   = "replayed"   // it is the valid event
)

// Values of Exchange.Purpose.
const (
	PurposeGenuine   = "genuine"   // a properly signed event
	PurposeForgery   = "forgery"   // nothing that a correct receiver takes
	PurposeInvalid   = "invalid"   // properly signed, with a body that is malformed or unusual
	PurposeReference = "reference" // the same as another request, incorrectly signed, to compare with
	PurposeControl   = "control"   // shows that the receiver still answers as at the beginning
	PurposeHandshake = "handshake" // a request that no event is behind; what counts is what its response holds
)

// Values of Exchange.Equals: whose answer this answer is the same as.
const (
	EqualsGenuine = "genuine" // a valid event's, with status 200
	EqualsTurned  = "turned"  // a valid event's, with another status
	EqualsWrong   = "wrong"   // that to the same event under a random signature
	EqualsInvalid = "invalid" // a properly signed invalid body's, while the same body incorrectly signed got another answer
)

// Values of Exchange.Effect, as the observer reported it.
const (
	EffectProcessed    = "processed"
	EffectNotProcessed = "not_processed"
	EffectUnknown      = "unknown"
)

// Values of Exchange.Variant: what kind of departure from the scheme a forgery, or an unusual valid
// event, is where the members of a family are not all judged alike.
const (
	VariantLegacy    = "legacy"            // an older scheme of the provider itself, with the correct key
	VariantNever     = "never"             // a scheme or label that never authenticates an event
	VariantUncovered = "uncovered"         // what changed is not covered by the scheme's signature
	VariantTolerated = "tolerated"         // official SDKs of the provider accept it
	VariantThrows    = "throws"            // official SDKs of the provider throw on it, and a 5xx is no rejection of its own
	VariantOther     = "other_environment" // the URL is the one registered for another environment
	VariantOpen      = "open"              // a handshake that the provider itself sends without a signature or token
)

// Values of Exchange.Echo: what the response to a handshake holds.
const (
	EchoText = "text" // the challenge, as text or JSON
	EchoHTML = "html" // the challenge unescaped, served as HTML
	EchoMAC  = "mac"  // the signature of the challenge under the event key
)

// Baseline says how one environment's receiver answers in general, with which its answers to forgeries are read.
type Baseline struct {
	Environment     string   `json:"environment" jsonschema:"test or production"`
	URL             string   `json:"url" jsonschema:"the webhook URL"`
	Probing         string   `json:"probing" jsonschema:"full, careful or passive"`
	Receiver        string   `json:"receiver" jsonschema:"inline or queued"`
	State           string   `json:"state" jsonschema:"probed, passive, unreachable or stopped"`
	Reason          string   `json:"reason" jsonschema:"why nothing, or not everything, was sent: empty, or an error class, or one of the reasons of not_sent"`
	Transport       string   `json:"transport" jsonschema:"verified, unverified or plain: nothing made with a key goes over the latter two"`
	KeyHeld         bool     `json:"key_held" jsonschema:"the key itself is known, so that events can be signed"`
	Recorded        string   `json:"recorded,omitempty" jsonschema:"where only the provider can sign: replayed (a recorded delivery of its own is the valid event), or why it is not: none, careful, no_key, unverified, stale"`
	Complete        bool     `json:"complete" jsonschema:"the test suite ran to its end"`
	Genuine         bool     `json:"genuine" jsonschema:"a valid event was answered with 200"`
	GenuineSent     int      `json:"genuine_sent" jsonschema:"valid events sent before the forgeries"`
	GenuineStatuses []int    `json:"genuine_statuses" jsonschema:"the statuses they got, each once"`
	Comparable      bool     `json:"comparable" jsonschema:"answers to valid events resemble each other; otherwise only status and content type are compared"`
	WrongStatuses   []int    `json:"wrong_statuses" jsonschema:"statuses of the answers to the same event under a random signature"`
	WrongFirewall   bool     `json:"wrong_firewall" jsonschema:"one of these answers looks like a firewall's page"`
	Distinguishes   bool     `json:"distinguishes" jsonschema:"a properly signed request got another answer than the same request incorrectly signed"`
	Controlled      bool     `json:"controlled" jsonschema:"there is a properly signed request that shows that the receiver still answers as at the beginning"`
	Observer        string   `json:"observer" jsonschema:"effects observer: empty (none), asked, not_allowed, failed, fixed_uids (it cannot tell apart events with the same UID), credulous (it has seen an event processed that was never sent)"`
	ObserverSees    bool     `json:"observer_sees" jsonschema:"it has seen a valid event processed that was sent after the forgeries"`
	FixedUIDs       bool     `json:"fixed_uids" jsonschema:"probe_uids are configured"`
	EventType       string   `json:"event_type" jsonschema:"type of the events that were forged"`
	Addresses       []string `json:"addresses" jsonschema:"addresses that the receiver's name has"`
	Unresolved      []string `json:"unresolved,omitempty" jsonschema:"types of DNS records, A or AAAA, whose lookup failed while the other's did not: it may have more addresses"`
	Unresponsive    bool     `json:"unresponsive" jsonschema:"the receiver stopped answering valid events as at the beginning, and did not come back"`
	Stops           []Stop   `json:"stops" jsonschema:"requests after which the receiver stopped responding"`
	After           []string `json:"after" jsonschema:"families that were sent just before it went away, for good or for a while"`
	Requests        int      `json:"requests" jsonschema:"requests sent"`
	Success         [][]int  `json:"success" jsonschema:"statuses that the provider counts as success: pairs of the first and the last of a range"`
	Within          int      `json:"within_milliseconds,omitempty" jsonschema:"the provider's deadline for a response; absent where it documents none"`
	Tolerance       int      `json:"tolerance_seconds,omitempty" jsonschema:"how old a signed timestamp may be; absent where the scheme signs none or documents no tolerance"`
}

// Stop is one time that the receiver stopped responding.
type Stop struct {
	Cases  []StopCase `json:"cases" jsonschema:"the request after which it stopped, or those of which one is it"`
	Before []StopCase `json:"before,omitempty" jsonschema:"requests that it responded to just before, for one that stops it later than it responds"`
	Sure   bool       `json:"sure" jsonschema:"connections were closed as those of a process that ends and none could be made, or they were accepted without a response, or it stopped again after the same request alone; otherwise a firewall may have shut this machine out"`
	Back   bool       `json:"back" jsonschema:"it came back within a minute"`
	Waited int        `json:"waited_seconds" jsonschema:"how long it was waited for"`
}

// StopCase names a request.
type StopCase struct {
	Family    string `json:"family"`
	Case      string `json:"case"`
	EventType string `json:"event_type,omitempty"`
}

// Exchange is one request and how it was answered.
type Exchange struct {
	Environment string   `json:"environment" jsonschema:"test or production"`
	Purpose     string   `json:"purpose" jsonschema:"genuine, forgery, invalid, reference, control or handshake"`
	Family      string   `json:"family" jsonschema:"family of cases, such as F01"`
	Case        string   `json:"case" jsonschema:"the case in the family, such as absent"`
	EventType   string   `json:"event_type,omitempty" jsonschema:"type of the event in the body"`
	Method      string   `json:"method,omitempty" jsonschema:"where it was not POST"`
	Unmarked    bool     `json:"unmarked,omitempty" jsonschema:"did not name the auditor"`
	Elsewhere   bool     `json:"elsewhere,omitempty" jsonschema:"sent to another path than the configured one"`
	Base        string   `json:"base,omitempty" jsonschema:"wrong: carried a random signature where the family is sent unsigned, because unsigned events are accepted as they are"`
	Key         string   `json:"key,omitempty" jsonschema:"fingerprint of the key it was signed with, where not the environment's"`
	NotSent     string   `json:"not_sent,omitempty" jsonschema:"why it was not sent; then nothing below is set"`
	Status      int      `json:"status,omitempty" jsonschema:"HTTP status, 0 when there was no answer"`
	Error       string   `json:"error,omitempty" jsonschema:"class of what went wrong: timeout, reset, refused, no_route, no_address, certificate, tls, client_certificate, not_tls, header_too_large, malformed, truncated, endless, aborted, other"`
	ContentType string   `json:"content_type,omitempty" jsonschema:"media type of the answer"`
	Digest      string   `json:"digest,omitempty" jsonschema:"of the normalised answer"`
	Equals      []string `json:"equals,omitempty" jsonschema:"whose answer it is the same as: genuine, turned, wrong, invalid"`
	Leaks       []string `json:"leaks,omitempty" jsonschema:"families of internal detail in the answer"`
	Cut         bool     `json:"cut,omitempty" jsonschema:"the answer is larger than what was checked"`
	Firewall    bool     `json:"firewall,omitempty" jsonschema:"it looks like a firewall's page"`
	Retries     int      `json:"retries,omitempty" jsonschema:"how often it was sent again after 429, 503 or a broken connection"`
	RetryAfter  bool     `json:"retry_after,omitempty" jsonschema:"the last answer asked to come back later, or was a 503 of a receiver whose 503 goes away by waiting"`
	Witnessed   bool     `json:"witnessed,omitempty" jsonschema:"before and after it the receiver answered a properly signed request as at the beginning"`
	Effect      string   `json:"effect,omitempty" jsonschema:"the observer's word: processed, not_processed or unknown"`
	Variant     string   `json:"variant,omitempty" jsonschema:"where the cases of a family are not judged alike: legacy (an older scheme of the provider, correct key), never (a scheme or label that never authenticates), uncovered (changes what the scheme does not sign), tolerated (official SDKs accept it), throws (official SDKs throw on it), other_environment (signed for another environment's URL), open (a handshake that the provider sends unsigned)"`
	Echo        string   `json:"echo,omitempty" jsonschema:"of a handshake's response: text (it holds the challenge), html (it holds the challenge unescaped, served as HTML), mac (it holds the signature of the challenge under the event key)"`
	Duration    int      `json:"milliseconds,omitempty" jsonschema:"how long the response to a valid event took, where the provider has a deadline"`
	Processed   int      `json:"times_processed,omitempty" jsonschema:"how often the event was processed, where the observer prints a number"`
	Traits      []string `json:"traits,omitempty" jsonschema:"what the request has in common with others, as words that complete 'every …'"`
}

// Instance sums up the draws of one case at one address that were answered alike, each on a connection of its own.
type Instance struct {
	Environment string   `json:"environment" jsonschema:"test or production"`
	Case        string   `json:"case" jsonschema:"unsigned, wrong-key or genuine"`
	Address     string   `json:"address" jsonschema:"address:port"`
	Draws       int      `json:"draws" jsonschema:"connections answered like this"`
	Status      int      `json:"status" jsonschema:"HTTP status, 0 when there was no answer"`
	Error       string   `json:"error,omitempty" jsonschema:"class of what went wrong, as in webhook.exchange"`
	Digest      string   `json:"digest,omitempty" jsonschema:"of the normalised answer"`
	Equals      []string `json:"equals,omitempty" jsonschema:"as in webhook.exchange"`
	Leaks       []string `json:"leaks,omitempty" jsonschema:"as in webhook.exchange"`
	Firewall    bool     `json:"firewall,omitempty" jsonschema:"it looks like a firewall's page"`
	Effect      string   `json:"effect,omitempty" jsonschema:"as in webhook.exchange"`
	Cut         bool     `json:"cut,omitempty" jsonschema:"as in webhook.exchange"`
}

// Diagnosis is one guess at what a receiver expects that rejects the valid event.
type Diagnosis struct {
	Environment string `json:"environment" jsonschema:"test or production"`
	Guess       string `json:"guess" jsonschema:"such as sha256, key-trailing-newline"`
	Status      int    `json:"status" jsonschema:"HTTP status, 0 when there was no answer"`
	Taken       bool   `json:"taken" jsonschema:"answered with 2xx, while a random signature was not"`
}
