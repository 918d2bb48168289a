package tlsinspect

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

var errLimit = errors.New("the limit of connections to one address is reached")

// errorKind tells the kinds of failure apart. A deadline is a timeout whoever set it; only a
// cancelled context is ReachCancelled.
func errorKind(err error) string {
	var header tls.RecordHeaderError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errLimit):
		return ReachLimit
	case errors.Is(err, context.Canceled):
		return ReachCancelled
	case errors.Is(err, errNotTLS), errors.As(err, &header):
		return ReachNotTLS
	case alertOf(err) != "":
		return ReachNoHandshake
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReachRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL),
		errors.Is(err, syscall.EAFNOSUPPORT), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EHOSTDOWN):
		return ReachNoRoute
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return ReachTimeout
	case errors.As(err, &timeout) && timeout.Timeout():
		return ReachTimeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return ReachReset
	}
	return ReachError
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
			return "no answer in time"
		}
		return op.Err.Error()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without an answer"
	}
	text := err.Error()
	if len(text) > 200 {
		text = text[:200]
	}
	return text
}

func resolutionKind(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReachRefused
	case errors.As(err, &dns) && dns.IsNotFound:
		return ResolutionNotFound
	}
	if kind := errorKind(err); kind == ReachTimeout || kind == ReachCancelled {
		return kind
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

// closeQuietly closes a connection whose purpose is fulfilled: what goes wrong then changes no fact.
func closeQuietly(c io.Closer) { _ = c.Close() }

// expire makes pending reads and writes of a connection fail at once.
func expire(c net.Conn) { _ = c.SetDeadline(time.Unix(1, 0)) }
