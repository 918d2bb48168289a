// Package response reads what a receiver sent: what it equals, and what it reveals. Nothing of a
// response leaves this package but digests and the names of what was found.
package response

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// MaxBody is how many bytes of a response's body are kept.
const MaxBody = 256 << 10

// Failures beyond those of the network.
const (
	Truncated = "truncated" // the body breaks off
	Endless   = "endless"   // the body does not end
	Aborted   = "aborted"   // we broke the request off
)

// Response is what came back.
type Response struct {
	Status     int // 0 where there was no response
	Header     http.Header
	Body       []byte
	Stray      []byte                    // what came with the response beside header and body, followed it, or came in its place
	Late       func(take func(p []byte)) // gives what follows it later; nil: nothing can
	Cut        bool                      // the body is larger
	Failure    string                    // class, "" when the response is whole
	Closed     bool                      // the peer closed the connection in order, once it was set up, without a response
	Reused     bool                      // it came over a connection that had been used before
	Unverified bool                      // the peer's certificate did not verify
	RetryAfter time.Duration
	Asked      bool // it asks to come back later
}

// New is a response with its body decompressed.
func New(status int, header http.Header, body []byte, cut bool) Response {
	r := Response{Status: status, Header: header, Body: body, Cut: cut}
	if !strings.Contains(strings.ToLower(header.Get("Content-Encoding")), "gzip") {
		return r
	}
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return r
	}
	limit := max(MaxBody, len(body))
	unpacked, _ := io.ReadAll(io.LimitReader(reader, int64(limit)+1)) // what can be decompressed is enough
	if len(unpacked) > limit {
		unpacked, r.Cut = unpacked[:limit], true
	}
	r.Body = unpacked
	return r
}

// MediaType is the content type without its parameters.
func (a *Response) MediaType() string {
	mediaType, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || len(mediaType) > 60 {
		return ""
	}
	return mediaType
}
