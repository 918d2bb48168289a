package sandbox

import (
	"crypto/hmac"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/sandbox/certs"
)

// rules is everything about a receiver that a behaviour may change. rightRules fills it; lists are tried in order.
type rules struct {
	options Options
	events  *Events

	// Routing.
	methods []string // allowed; others are refused
	paths   []string // served; others are not found
	anyPath bool

	// first runs ahead of routing, before ahead of verification (the body is read), after between verification and validation. A
	// step that returns true has answered.
	first, before, after []step

	// Verification: a request is taken when any candidate matches any digest under any key over any message.
	excuses    []func(*delivery) bool // requests whose signature is not looked at
	candidates func(*delivery) []string
	keys       [][]byte
	digests    []digest
	messages   []func(*delivery) []byte
	matchers   []func(expected []byte, given string) bool

	// Validation.
	maxBody  int64
	maxDepth int
	required []string // paths of the fields
	decode   func(*delivery) []byte
	types    []string // event types that are taken
	unknown  func(*delivery, event) answer
	known    func(event) bool // whether the user is known

	// Answers.
	accept    func(*delivery, event) answer
	redeliver func(*delivery, event) answer // to an event that was taken before; nil: as accept
	refuse    func(*delivery, reason) answer
	finish    []func(*delivery, *answer) // last changes to any answer
	acked     bool                       // answer first, verify and process afterwards
	logged    func(*delivery) string     // what is appended to the log line of a request

	// The network.
	addresses   int  // how many listeners share the name; 0 is 1
	ipv6        bool // all but the first listener are on ::1
	delay       time.Duration
	idle        time.Duration // after which connections are closed; 0: a long while
	compressed  bool          // answers, for those who can inflate them
	earlyHints  bool          // are sent ahead of answers
	noKeepAlive bool
	protocols   *http.Protocols
	wrap        func(net.Conn) net.Conn // what the server reads instead of the decrypted connection; HTTP/1.1 only
	tls         func(*tls.Config)
	certificate func(*certs.Authority, string) tls.Certificate
	plain       func(*Receiver, http.Handler) http.Handler // what port 80 serves; nil: nothing listens

	background sync.WaitGroup
	counter    atomic.Int64
}

// step looks at a delivery and may answer it.
type step func(*delivery) (answer, bool)

// digest is what a signature is made with.
type digest func(key, message []byte) []byte

// delivery is one request as it goes through the receiver.
type delivery struct {
	*http.Request
	body     []byte
	listener int   // which of the receiver's addresses it came to, -1 for port 80
	conn     int64 // which connection, counted from 0
}

// reason is why a request is refused.
type reason int

// The reasons, in the order in which they are found.
const (
	taken reason = iota
	wrongPath
	wrongMethod
	tooLarge
	unauthentic
	malformed // no JSON object
	invalid   // a JSON object that is no event of this integration
	unknownUser
)

// statuses of a plain refusal.
var statuses = map[reason]int{
	wrongPath: http.StatusNotFound, wrongMethod: http.StatusMethodNotAllowed, tooLarge: http.StatusRequestEntityTooLarge,
	unauthentic: http.StatusUnauthorized, malformed: http.StatusBadRequest, invalid: http.StatusUnprocessableEntity,
	unknownUser: http.StatusNotFound,
}

const (
	signatureHeader = "X-Signature"
	maxBody         = 1 << 20 // bytes; the provider's events are below 4 KiB
	maxDepth        = 32      // of nested JSON; an event has five levels
)

// rightRules are those of a right receiver with no peculiarity.
func rightRules(o Options, events *Events) *rules {
	return &rules{
		options:    o,
		events:     events,
		methods:    []string{http.MethodPost},
		paths:      []string{o.Path},
		candidates: onlySignature,
		keys:       [][]byte{o.Key.Expose()},
		digests:    []digest{hmacSHA512},
		messages:   []func(*delivery) []byte{rawBody},
		matchers:   []func([]byte, string) bool{exactHex},
		maxBody:    maxBody,
		maxDepth:   maxDepth,
		required:   []string{"uid", "integration_id", "event", "event.type"},
		decode:     rawBody,
		types:      slices.Clone(eventTypes),
		unknown:    func(d *delivery, _ event) answer { return plainRefusal(d, invalid) },
		known:      func(event) bool { return true },
		accept:     func(*delivery, event) answer { return jsonAnswer(http.StatusOK, `{"status":"ok"}`) },
		refuse:     plainRefusal,
		finish:     []func(*delivery, *answer){sendHSTS},
		certificate: func(ca *certs.Authority, host string) tls.Certificate {
			return ca.Server(host, "127.0.0.1", "::1")
		},
	}
}

// sendHSTS promises a year of HTTPS, over HTTPS.
func sendHSTS(d *delivery, a *answer) {
	if d.listener >= 0 {
		a.header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func rawBody(d *delivery) []byte { return d.body }

// onlySignature is the signature where there is exactly one.
func onlySignature(d *delivery) []string {
	if values := d.Header.Values(signatureHeader); len(values) == 1 {
		return values
	}
	return nil
}

func hmacSHA512(key, message []byte) []byte {
	mac := hmac.New(sha512.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

func exactHex(expected []byte, given string) bool {
	return hmac.Equal([]byte(hex.EncodeToString(expected)), []byte(given))
}

// verified reports whether the delivery's signature is taken, or not looked at.
func (ru *rules) verified(d *delivery) bool {
	for _, excuse := range ru.excuses {
		if excuse(d) {
			return true
		}
	}
	return ru.signed(d)
}

func (ru *rules) signed(d *delivery) bool {
	for _, given := range ru.candidates(d) {
		for _, message := range ru.messages {
			for _, digest := range ru.digests {
				for _, key := range ru.keys {
					expected := digest(key, message(d))
					for _, match := range ru.matchers {
						if match(expected, given) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}
