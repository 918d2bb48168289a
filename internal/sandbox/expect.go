package sandbox

import "slices"

// Behaviour is one way in which a receiver differs from the plainest right one: a row of Rights or Flaws.
type Behaviour struct {
	Name        string // lower case with hyphens
	Description string
	Expect      Expect
	Setup       Setup
	plant       func(*rules)
}

// Expect is what an audit must find where a behaviour is planted alone, in an environment that is fully probed. The ids are those
// of the checks. What no list names must pass, or be not applicable.
type Expect struct {
	Fails    []string // fail, each of them
	OneOf    []string // at least one of them fails; which is left open by the contract
	Withheld []string // do not pass: fail, warn or are inconclusive
	Warns    []string // warn, each of them
	May      []string // may come out in any way: the flaw reaches them, or hides what they look at
}

// Setup is what a behaviour needs of the configuration around its receiver.
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

// The checks that behaviours reach.
const (
	acceptsGenuine    = "webhook.accepts-genuine"
	rejectsUnsigned   = "webhook.rejects-unsigned"
	rejectsTampered   = "webhook.rejects-tampered"
	rejectsWrongKey   = "webhook.rejects-wrong-key"
	rejectsRetired    = "webhook.rejects-retired-key"
	rejectsAlgorithm  = "webhook.rejects-wrong-algorithm"
	rejectsPartial    = "webhook.rejects-partial-signature"
	rejectsBypass     = "webhook.rejects-bypass"
	verifiesRaw       = "webhook.verifies-raw-body"
	redelivery        = "webhook.tolerates-redelivery"
	sameEverywhere    = "webhook.same-everywhere"
	notInterchanged   = "environments.credentials-not-interchangeable"
	rejectsMalformed  = "input.rejects-malformed"
	rejectsMissing    = "input.rejects-missing-fields"
	handlesUnexpected = "input.handles-unexpected-values"
	bounded           = "input.bounded"
	statusCodes       = "errors.status-codes"
	noDetail          = "errors.no-internal-detail"
	logsClean         = "errors.logs-clean"
	reachable         = "https.webhook-reachable"
	certificateValid  = "https.certificate-valid"
	modernTLS         = "https.modern-tls"
	noPlainHTTP       = "https.no-plain-http"
	hsts              = "https.hsts"
	rotated           = "api-key.rotated-after-exposure"
)

// forgeryChecks read the answers to forgeries.
var forgeryChecks = []string{
	rejectsUnsigned, rejectsTampered, rejectsWrongKey, rejectsRetired, rejectsAlgorithm, rejectsPartial, rejectsBypass, verifiesRaw,
	sameEverywhere, notInterchanged,
}

// inputChecks read the answers to signed but invalid bodies.
var inputChecks = []string{rejectsMalformed, rejectsMissing, handlesUnexpected, bounded}

// without is the list less some ids.
func without(list []string, ids ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(ids, id) })
}
