package tlsinspect

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

var errLimit = errors.New("the limit of connections to one address is reached")

// errorKind is the kind of Reach of an error. A deadline is a timeout whoever set it; only a
// canceled context is ReachCancelled.
func errorKind(err error) string {
	switch {
	case errors.Is(err, errLimit):
		return ReachLimit
	case errors.Is(err, errNotTLS):
		return ReachNotTLS
	case alertOf(err) != "":
		return ReachNoHandshake
	}
	if kind, ok := reachKinds[netprobe.Classify(context.Background(), err)]; ok {
		return kind
	}
	return ReachError
}

var reachKinds = map[string]string{
	netprobe.Blocked: ReachBlocked, netprobe.Canceled: ReachCancelled, netprobe.NotTLS: ReachNotTLS, netprobe.Refused: ReachRefused,
	netprobe.NoRoute: ReachNoRoute, netprobe.Timeout: ReachTimeout, netprobe.Reset: ReachReset,
}

// alertOf is the text of the TLS alert that the server sent, or empty.
func alertOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" && op.Err != nil {
		return op.Err.Error()
	}
	return ""
}

func reachOf(err error, phase string) Reach {
	return Reach{Kind: errorKind(err), Phase: phase, Detail: detailOf(err), Alert: alertOf(err), LocalRoute: true}
}

// detailOf words an error without addresses of this machine.
func detailOf(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err // without the resolver's address
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		if errors.Is(op.Err, os.ErrDeadlineExceeded) {
			return "no response in time"
		}
		return op.Err.Error()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no response in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without a response"
	}
	text := err.Error()
	if len(text) > 200 {
		text = text[:200]
	}
	return text
}

func resolutionKind(err error) string {
	var dns *net.DNSError
	switch class := netprobe.Classify(context.Background(), err); {
	case class == netprobe.NoAddress:
		return ResolutionNotFound
	case errors.As(err, &dns) && dns.IsTimeout:
		return ReachTimeout
	case class == netprobe.Refused, class == netprobe.Timeout, class == netprobe.Canceled:
		return class
	}
	return ResolutionError
}

// hasRoute asks the kernel for a route by binding a datagram socket; nothing is sent.
func hasRoute(a netip.Addr) bool {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9)))
	if err != nil {
		return false
	}
	closeQuietly(conn)
	return true
}

// ofContent is what is reported of an endpoint that only a redirect names: whether it failed as a
// page, and not how, which would make a port scanner of the report.
func ofContent(r Reach) Reach {
	switch r.Kind {
	case ReachOK, ReachCancelled, ReachLimit, ReachClientCertificate, ReachBlocked:
		return Reach{Kind: r.Kind, LocalRoute: true}
	case ReachRefused, ReachNotTLS, ReachNoHandshake, ReachNotHTTP:
		return Reach{Kind: ReachUnreachable, LocalRoute: true}
	}
	return Reach{Kind: ReachError, LocalRoute: true}
}

// closeQuietly closes a connection whose purpose is fulfilled: what goes wrong then changes no
// fact.
func closeQuietly(c io.Closer) { _ = c.Close() }

// expire makes pending reads and writes of a connection fail at once.
func expire(c net.Conn) { _ = c.SetDeadline(time.Unix(1, 0)) }
