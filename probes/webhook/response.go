package webhook

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
	maxBody    = 256 << 10
	maxDiscard = 1 << 20 // bytes of a body that are read, but not kept, to see whether it ends
)

// Classes of failed exchanges.
const (
	errTimeout     = "timeout"
	errReset       = "reset"
	errRefused     = "refused"
	errNoRoute     = "no_route"
	errNoAddress   = "no_address"
	errCertificate = "certificate"
	errTLS         = "tls"
	errClientCert  = "client_certificate"
	errNotTLS      = "not_tls"
	errHeader      = "header_too_large"
	errMalformed   = "malformed"
	errTruncated   = "truncated"
	errEndless     = "endless"
	errAborted     = "aborted"
	errOther       = "other"
)

// answer is what came back.
type answer struct {
	status     int
	header     http.Header
	body       []byte
	cut        bool   // the body is larger
	failure    string // class, "" when the answer is whole
	reused     bool   // it came over a connection that had been used before
	wrote      bool   // the request, or part of it, had been written
	unverified bool   // the peer's certificate did not verify
	retryAfter time.Duration
	asked      bool // it has a Retry-After
}

// readBody keeps the first bytes, as many as most, unpacked where they are packed, and notes whether the body came to an end.
func (a *answer) readBody(body io.Reader, most int, late func() bool) {
	kept, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	if len(kept) > most {
		kept, a.cut = kept[:most], true
		var n int64
		n, err = io.Copy(io.Discard, io.LimitReader(body, maxDiscard))
		if n == maxDiscard && err == nil {
			a.failure = errEndless
		}
	}
	if err != nil {
		a.failure = errTruncated
		if late() {
			a.failure = errTimeout
		}
	}
	if strings.Contains(strings.ToLower(a.header.Get("Content-Encoding")), "gzip") {
		if r, err := gzip.NewReader(bytes.NewReader(kept)); err == nil {
			unpacked, _ := io.ReadAll(io.LimitReader(r, int64(most)+1)) // what can be unpacked is enough
			if len(unpacked) > most {
				unpacked, a.cut = unpacked[:most], true
			}
			kept = unpacked
		}
	}
	a.body = kept
}

func (a *answer) mediaType() string {
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || len(mediaType) > 60 {
		return ""
	}
	return mediaType
}

// retryAfter reads the header in seconds; a date counts as asked for, without a time.
func retryAfter(value string) (time.Duration, bool) {
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
