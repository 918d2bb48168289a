package netprobe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// The classes of network errors, as they appear in facts.
const (
	Timeout           = "timeout"
	Canceled          = "cancelled"
	Reset             = "reset"
	Refused           = "refused"
	NoRoute           = "no_route"
	NoAddress         = "no_address"    // DNS says that the name does not exist or has no address
	LookupFailed      = "lookup_failed" // DNS did not say: a timeout, SERVFAIL, no resolver
	Blocked           = "blocked"       // the guard of addresses did not let the connection be made
	Certificate       = "certificate"   // the peer's certificate does not verify
	ClientCertificate = "client_certificate"
	TLS               = "tls" // the handshake failed in another way
	NotTLS            = "not_tls"
	HeaderTooLarge    = "header_too_large"
	Malformed         = "malformed" // the response is not valid HTTP
	Other             = "other"
)

// Classify names what went wrong without repeating anything that was received. Where the error is
// only that the connection was closed, ctx, which bounded the exchange, says whether that was
// because its time was over. A nil error has the class "".
func Classify(ctx context.Context, err error) string {
	if err == nil {
		return ""
	}
	var exchange *Error
	if errors.As(err, &exchange) {
		return exchange.Class
	}
	for _, known := range classes {
		if known.is(err) {
			return known.class
		}
	}
	text := err.Error() // what net/http, its HTTP/2 and crypto/tls report in words only
	for _, known := range phrases {
		if strings.Contains(text, known.text) {
			return known.class
		}
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Timeout
	case ctx.Err() != nil:
		return Canceled
	case isAny(err, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed):
		return Reset
	}
	for _, known := range resets {
		if strings.Contains(text, known) {
			return Reset
		}
	}
	return Other
}

// ClosedInOrder reports whether an error of class Reset is that the peer closed the connection as a
// system does for a process that ended. A firewall that rejects resets it.
func ClosedInOrder(err error) bool {
	if isAny(err, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED) {
		return false
	}
	return isAny(err, io.EOF, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "server closed")
}

// classes are told apart by the type of the error. The first that matches counts.
var classes = []struct {
	class string
	is    func(error) bool
}{
	{Blocked, isType[*BlockedError]},
	{Certificate, func(err error) bool {
		return isType[*tls.CertificateVerificationError](err) || isType[x509.UnknownAuthorityError](err) ||
			isType[x509.HostnameError](err) || isType[x509.CertificateInvalidError](err)
	}},
	{NotTLS, func(err error) bool {
		return isType[tls.RecordHeaderError](err) || errors.Is(err, http.ErrSchemeMismatch)
	}},
	{Canceled, func(err error) bool { return errors.Is(err, context.Canceled) }},
	{NoAddress, func(err error) bool {
		var dns *net.DNSError
		return errors.As(err, &dns) && dns.IsNotFound
	}},
	{LookupFailed, isType[*net.DNSError]},
	{Refused, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
	{NoRoute, func(err error) bool {
		return isAny(err, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT,
			syscall.EACCES, syscall.EPERM, syscall.ENETDOWN, syscall.EHOSTDOWN)
	}},
	{Malformed, func(err error) bool { return errors.Is(err, ErrSwitchedProtocol) }},
	{Timeout, func(err error) bool {
		var timed interface{ Timeout() bool }
		return isAny(err, os.ErrDeadlineExceeded, context.DeadlineExceeded, syscall.ETIMEDOUT) || errors.As(err, &timed) && timed.Timeout()
	}},
}

var phrases = []struct{ text, class string }{
	{"tls: certificate required", ClientCertificate},
	{"remote error: tls", TLS}, {"tls: ", TLS},
	{"server response headers exceeded", HeaderTooLarge},
	{"malformed HTTP", Malformed}, {"malformed MIME", Malformed}, {"bad Content-Length", Malformed},
}

// resets are the words for a connection that the peer closed. The last one is of HTTP/2, where the
// connection was gone before the request was sent.
var resets = []string{"server closed", "http2: ", "stream error", "broken pipe", "EOF", "client connection lost", "GOAWAY", "cannot rewind body"}

func isType[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
