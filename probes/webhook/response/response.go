package response

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Bounds on what a receiver can make the program do.
const (
	MaxBody    = 256 << 10
	maxDiscard = 1 << 20 // bytes of a body that are read, but not kept, to see whether it ends
)

// Classes of failed exchanges.
const (
	ErrTimeout     = "timeout"
	ErrReset       = "reset"
	ErrRefused     = "refused"
	ErrNoRoute     = "no_route"
	ErrNoAddress   = "no_address"
	ErrCertificate = "certificate"
	ErrTLS         = "tls"
	ErrClientCert  = "client_certificate"
	ErrNotTLS      = "not_tls"
	ErrHeader      = "header_too_large"
	ErrMalformed   = "malformed"
	ErrTruncated   = "truncated"
	errEndless     = "endless"
	ErrAborted     = "aborted"
	ErrOther       = "other"
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

// ReadBody keeps the first bytes, as many as most, unpacked where they are packed, and notes whether the body came to an end.
func (a *Response) ReadBody(body io.Reader, most int, late func() bool) {
	kept, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	if len(kept) > most {
		kept, a.Cut = kept[:most], true
		var n int64
		n, err = io.Copy(io.Discard, io.LimitReader(body, maxDiscard))
		if n == maxDiscard && err == nil {
			a.Failure = errEndless
		}
	}
	if err != nil {
		a.Failure = ErrTruncated
		if late() {
			a.Failure = ErrTimeout
		}
	}
	if strings.Contains(strings.ToLower(a.Header.Get("Content-Encoding")), "gzip") {
		if r, err := gzip.NewReader(bytes.NewReader(kept)); err == nil {
			unpacked, _ := io.ReadAll(io.LimitReader(r, int64(most)+1)) // what can be unpacked is enough
			if len(unpacked) > most {
				unpacked, a.Cut = unpacked[:most], true
			}
			kept = unpacked
		}
	}
	a.body = kept
}

func (a *Response) MediaType() string {
	mediaType, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || len(mediaType) > 60 {
		return ""
	}
	return mediaType
}

// RetryAfter reads the header in seconds; a date counts as asked for, without a time.
func RetryAfter(value string) (time.Duration, bool) {
	if value == "" {
		return 0, false
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || seconds < 0 {
		at, err := http.ParseTime(value)
		if err != nil {
			return 0, false
		}
		return max(0, time.Until(at)), true
	}
	return time.Duration(min(seconds, 3600)) * time.Second, true
}
