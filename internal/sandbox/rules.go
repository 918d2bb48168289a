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

// Rules is everything about a receiver that a behavior may change. rightRules fills it; lists are tried in order.
type Rules struct {
	Options Options
	Events  *Events
	Scheme  *Scheme // of a receiver that is built from a profile; else nil

	// Routing.
	Methods []string // allowed; others are rejected
	paths   []string // served; others are not found
	AnyPath bool

	// first runs ahead of routing, before ahead of verification (the body is read), after between verification and validation. A
	// step that returns true has answered.
	First, Before, After []Step

	// Verification: a request is accepted when any candidate matches any digest under any key over any message.
	Excuses    []func(*Delivery) bool // requests whose signature is not checked
	Candidates func(*Delivery) []string
	Keys       [][]byte
	Digests    []Digest
	Messages   []func(*Delivery) []byte
	Matchers   []func(expected []byte, given string) bool

	// Validation.
	MaxBody  int64
	MaxDepth int
	Required []string // paths of the fields
	Decode   func(*Delivery) []byte
	Types    []string // event types that are accepted
	Unknown  func(*Delivery, Event) Answer
	Known    func(Event) bool // whether the user is known

	// Answers.
	Accept    func(*Delivery, Event) Answer
	Redeliver func(*Delivery, Event) Answer // to an event that was accepted before; nil: as accept
	Reprocess bool                          // an event that was accepted before is processed again
	Refuse    func(*Delivery, Reason) Answer
	Finish    []func(*Delivery, *Answer) // last changes to any answer
	Acked     bool                       // answer first, verify and process afterwards
	logged    func(*Delivery) string     // what is appended to the log line of a request

	// The network.
	Addresses   int  // how many listeners share the name; 0 is 1
	Ipv6        bool // all but the first listener are on ::1
	Delay       time.Duration
	Idle        time.Duration // after which connections are closed; 0: a long while
	Compressed  bool          // answers, for those who can inflate them
	EarlyHints  bool          // are sent ahead of answers
	NoKeepAlive bool
	Protocols   *http.Protocols
	Wrap        func(net.Conn) net.Conn // what the server reads instead of the decrypted connection; HTTP/1.1 only
	Tls         func(*tls.Config)
	Certificate func(*certs.Authority, string) tls.Certificate
	Plain       func(*Receiver, http.Handler) http.Handler // what port 80 serves; nil: nothing listens

	background sync.WaitGroup
	Counter    atomic.Int64
}

// Step looks at a delivery and may answer it.
type Step func(*Delivery) (Answer, bool)

// Digest is what a signature is made with.
type Digest func(key, message []byte) []byte

// Delivery is one request as it goes through the receiver.
type Delivery struct {
	*http.Request
	Payload  []byte
	Listener int   // which of the receiver's addresses it came to, -1 for port 80
	Conn     int64 // which connection, counted from 0
}

// Reason is why a request is rejected.
type Reason int

// The reasons, in the order in which they are found.
const (
	taken Reason = iota
	WrongPath
	WrongMethod
	TooLarge
	Unauthentic
	Malformed // not a JSON object
	Invalid   // a JSON object that is no event of this integration
	UnknownUser
)

// Statuses of a plain rejection.
var Statuses = map[Reason]int{
	WrongPath: http.StatusNotFound, WrongMethod: http.StatusMethodNotAllowed, TooLarge: http.StatusRequestEntityTooLarge,
	Unauthentic: http.StatusUnauthorized, Malformed: http.StatusBadRequest, Invalid: http.StatusUnprocessableEntity,
	UnknownUser: http.StatusNotFound,
}

const (
	SignatureHeader = "X-Signature"
	MaxBody         = 1 << 20 // bytes; the provider's events are below 4 KiB
	MaxDepth        = 32      // of nested JSON; an event has five levels
)

// rightRules are those of a correct receiver with no peculiarity.
func rightRules(o Options, events *Events) *Rules {
	ru := plainRules(o, events)
	if o.Profile != nil {
		schemeRules(o, ru)
	}
	return ru
}

func plainRules(o Options, events *Events) *Rules {
	return &Rules{
		Options:    o,
		Events:     events,
		Methods:    []string{http.MethodPost},
		paths:      []string{o.Path},
		Candidates: onlySignature,
		Keys:       [][]byte{o.Key.Expose()},
		Digests:    []Digest{HmacSHA512},
		Messages:   []func(*Delivery) []byte{rawBody},
		Matchers:   []func([]byte, string) bool{ExactHex},
		MaxBody:    MaxBody,
		MaxDepth:   MaxDepth,
		Required:   []string{"uid", "integration_id", "event", "event.type"},
		Decode:     rawBody,
		Types:      slices.Clone(EventTypes),
		Unknown:    func(d *Delivery, _ Event) Answer { return PlainRefusal(d, Invalid) },
		Known:      func(Event) bool { return true },
		Accept:     func(*Delivery, Event) Answer { return JsonAnswer(http.StatusOK, `{"status":"ok"}`) },
		Refuse:     PlainRefusal,
		Finish:     []func(*Delivery, *Answer){sendHSTS},
		Certificate: func(ca *certs.Authority, host string) tls.Certificate {
			return ca.Server(host, "127.0.0.1", "::1")
		},
	}
}

// sendHSTS promises a year of HTTPS, over HTTPS.
func sendHSTS(d *Delivery, a *Answer) {
	if d.Listener >= 0 {
		a.Header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func rawBody(d *Delivery) []byte { return d.Payload }

// onlySignature is the signature where there is exactly one.
func onlySignature(d *Delivery) []string {
	if values := d.Header.Values(SignatureHeader); len(values) == 1 {
		return values
	}
	return nil
}

func HmacSHA512(key, message []byte) []byte {
	mac := hmac.New(sha512.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

func ExactHex(expected []byte, given string) bool {
	return hmac.Equal([]byte(hex.EncodeToString(expected)), []byte(given))
}

// verified reports whether the delivery's signature is accepted, or not checked.
func (ru *Rules) verified(d *Delivery) bool {
	for _, excuse := range ru.Excuses {
		if excuse(d) {
			return true
		}
	}
	return ru.Signed(d)
}

func (ru *Rules) Signed(d *Delivery) bool {
	if ru.Scheme != nil {
		return ru.Scheme.verified(d, ru.Options.Now())
	}
	for _, given := range ru.Candidates(d) {
		for _, message := range ru.Messages {
			for _, digest := range ru.Digests {
				for _, key := range ru.Keys {
					expected := digest(key, message(d))
					for _, match := range ru.Matchers {
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
