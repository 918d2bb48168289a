package sandbox

// Behavior is one way in which a receiver differs from the plainest right one: a row of Rights or Flaws.
type Behavior struct {
	Name        string // lower case with hyphens
	Description string
	Expect      Expect
	Setup       Setup
	Plant       func(*Rules)
}

// Expect is what an audit must find where a behavior is planted alone, in an environment that is fully probed. The ids are those
// of the checks. What no list names must pass, or be not applicable.
type Expect struct {
	Fails    []string // fail, each of them
	OneOf    []string // at least one of them fails; which is left open by the contract
	Withheld []string // do not pass: fail, warn or are inconclusive
	Warns    []string // warn, each of them
	May      []string // may come out in any way: the flaw reaches them, or hides what they look at
}

// Setup is what a behavior needs of the configuration around its receiver.
type Setup struct {
	Queued            bool // receiver: queued
	Effects           bool // an effects observer
	KnownUIDs         bool // the receiver's own users, listed as probe_uids
	HiddenUIDs        bool // the receiver's own users, which the configuration does not tell
	RetiredKey        bool // a retired key is listed
	RotationWindow    bool // and may still be in use
	Hangs             bool // a short timeout, for time's sake: some request is never answered
	ClientCertificate bool // the client identifies itself with a certificate
}

// The checks that behaviors reach.
const (
	AcceptsGenuine    = "webhook.accepts-genuine"
	RejectsUnsigned   = "webhook.rejects-unsigned"
	RejectsTampered   = "webhook.rejects-tampered"
	RejectsWrongKey   = "webhook.rejects-wrong-key"
	RejectsRetired    = "webhook.rejects-retired-key"
	RejectsAlgorithm  = "webhook.rejects-wrong-algorithm"
	RejectsPartial    = "webhook.rejects-partial-signature"
	RejectsBypass     = "webhook.rejects-bypass"
	VerifiesRaw       = "webhook.verifies-raw-body"
	Redelivery        = "webhook.tolerates-redelivery"
	SameEverywhere    = "webhook.same-everywhere"
	NotInterchanged   = "environments.credentials-not-interchangeable"
	RejectsMalformed  = "input.rejects-malformed"
	RejectsMissing    = "input.rejects-missing-fields"
	HandlesUnexpected = "input.handles-unexpected-values"
	Bounded           = "input.bounded"
	StatusCodes       = "errors.status-codes"
	Survives          = "errors.survives-requests"
	NoDetail          = "errors.no-internal-detail"
	LogsClean         = "errors.logs-clean"
	Reachable         = "https.webhook-reachable"
	CertificateValid  = "https.certificate-valid"
	ModernTLS         = "https.modern-tls"
	NoPlainHTTP       = "https.no-plain-http"
	Hsts              = "https.hsts"
	Rotated           = "api-key.rotated-after-exposure"
	RejectsStale      = "webhook.rejects-stale"
	RejectsUnbound    = "webhook.rejects-unbound-time"
	AcceptsRotation   = "webhook.accepts-rotation"
	RejectsDowngrade  = "webhook.rejects-downgrade"
	HandshakeSafe     = "webhook.handshake-safe"
	ReplayOnce        = "webhook.replay-not-processed"
)

// ForgeryChecks read the answers to forgeries.
var ForgeryChecks = []string{
	RejectsUnsigned, RejectsTampered, RejectsWrongKey, RejectsRetired, RejectsAlgorithm, RejectsPartial, RejectsBypass, VerifiesRaw,
	SameEverywhere, NotInterchanged,
}

// InputChecks read the answers to signed but invalid bodies.
var InputChecks = []string{RejectsMalformed, RejectsMissing, HandlesUnexpected, Bounded}

// DeploymentFlaw is a flaw around the receivers: in the configuration, the pages or the access list. Expect is about an audit of a
// deployment that is right in every other way.
type DeploymentFlaw struct {
	Name        string
	Description string
	Expect      Expect
	Plant       func(*Deployment)
}

// The checks that flaws around the receivers reach.
const (
	StoredSecurely      = "api-key.stored-securely"
	SeparateKeys        = "api-key.separate-environments"
	NotInClient         = "api-key.not-in-client"
	NotInCode           = "api-key.not-in-code"
	NotInHistory        = "api-key.not-in-history"
	HttpsRedirects      = "https.redirects"
	ApiRequests         = "https.api-requests"
	PagesConfigured     = "redirects.production-configured"
	SeparateWebhooks    = "environments.separate-webhooks"
	separateRedirects   = "environments.separate-redirects"
	SeparateIDs         = "environments.separate-integrations"
	AccessRestricted    = "access.dashboard-restricted"
	LeastPrivilege      = "access.least-privilege"
	AccessReviewed      = "access.reviewed"
	WebhookRegistered   = "deployment-centre.webhook-registered"
	RedirectsRegistered = "deployment-centre.redirects-registered"
	Allowlist           = "network.ip-allowlist"
)
