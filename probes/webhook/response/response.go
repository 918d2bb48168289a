package response

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// Bounds on what a receiver can make the program do.
const (
	MaxBody    = 256 << 10
	MaxDiscard = 1 << 20 // bytes of a body that are read, but not kept, to see whether it ends
)

// Classes of failed exchanges, those of package netprobe and three more.
const (
	ErrTimeout     = netprobe.Timeout
	ErrReset       = netprobe.Reset
	ErrNoRoute     = netprobe.NoRoute
	ErrCertificate = netprobe.Certificate
	ErrTruncated   = "truncated"
	errEndless     = "endless"
	ErrAborted     = "aborted"
	ErrOther       = netprobe.Other
)

// answer is what came back.
type Response struct {
	Status     int
	Header     http.Header
	body       []byte
	Cut        bool   // the body is larger
	Failure    string // class, "" when the answer is whole
	Reused     bool   // it came over a connection that had been used before
	Wrote      bool   // the request, or part of it, had been written
	Unverified bool   // the peer's certificate did not verify
	RetryAfter time.Duration
	Asked      bool // it has a Retry-After
}

// Take notes what came back: the body unpacked where it is packed, and whether it came to an end. most is how many bytes of it are
// kept.
func (a *Response) Take(got *netprobe.Response, most int) {
	a.Status, a.Header, a.body, a.Cut = got.Status, got.Header, got.Body, got.Truncated
	switch {
	case got.Endless:
		a.Failure = errEndless
	case got.Broken == netprobe.Timeout, got.Broken == netprobe.Canceled:
		a.Failure = ErrTimeout
	case got.Broken != "":
		a.Failure = ErrTruncated
	}
	if !strings.Contains(strings.ToLower(a.Header.Get("Content-Encoding")), "gzip") {
		return
	}
	if r, err := gzip.NewReader(bytes.NewReader(a.body)); err == nil {
		unpacked, _ := io.ReadAll(io.LimitReader(r, int64(most)+1)) // what can be unpacked is enough
		if len(unpacked) > most {
			unpacked, a.Cut = unpacked[:most], true
		}
		a.body = unpacked
	}
}

func (a *Response) MediaType() string {
	mediaType, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || len(mediaType) > 60 {
		return ""
	}
	return mediaType
}
