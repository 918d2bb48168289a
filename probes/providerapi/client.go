package providerapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Bounds of a call. The waits are those that the provider may ask for by Retry-After.
const (
	maxBody     = 256 << 10
	maxHeader   = 64 << 10
	maxRetries  = 2
	longestWait = 10 * time.Second
	timeout     = 10 * time.Second // where the configuration gives none
)

// client sends calls to one environment's API.
type client struct {
	http      *http.Client
	timeout   time.Duration
	userAgent string
	now       func() time.Time
}

func newClient(run *audit.Run, named bool, environment string) *client {
	roots := run.Roots.System
	if named {
		roots = run.Roots.All // network.ca_file holds for the API only when the command line named its host
	}
	c := &client{timeout: run.Integration.Network.Timeout, userAgent: run.UserAgent, now: run.Now}
	if c.timeout <= 0 {
		c.timeout = timeout
	}
	c.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // another host would get the key
		Transport: &http.Transport{
			Proxy: nil,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := run.Network.DialContext(ctx, network, address)
				if err == nil {
					run.Sink.Scope(func(scope *audit.Scope) {
						scope.Addresses = append(scope.Addresses, audit.Address{Environment: environment, Host: address, Address: conn.RemoteAddr().String()})
					})
				}
				return conn, err
			},
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, Time: run.Now},
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
			// Calls are few and minutes apart. A kept connection may be closed just as the next call takes it, which would look like a
			// provider that does not answer.
			DisableKeepAlives: true,
		},
	}
	return c
}

func (c *client) close() { c.http.CloseIdleConnections() }

// answer is what a call came to.
type answer struct {
	failure    string // class of what went wrong, "" when it was answered
	status     int
	retries    int
	receiver   int
	documented bool
}

// post sends a body with the key and again when it is asked to wait. read, unless nil, looks at the body of the answer.
func (c *client) post(ctx context.Context, url, header string, key secret.Key, body []byte, read func(status int, body []byte) (receiver int, documented bool)) answer {
	for retries := 0; ; retries++ {
		got, wait := c.once(ctx, url, header, key, body, read)
		got.retries = retries
		if got.failure != "" || retries == maxRetries || got.status != http.StatusTooManyRequests && got.status != http.StatusServiceUnavailable || wait < 0 || wait > longestWait {
			return got
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return got
		}
	}
}

// once sends the call; wait is what the answer asks for by Retry-After, negative when it does not.
func (c *client) once(ctx context.Context, url, header string, key secret.Key, body []byte, read func(int, []byte) (int, bool)) (got answer, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return answer{failure: "other"}, -1
	}
	request.Header.Set(header, string(key.Expose()))
	request.Header.Set("User-Agent", c.userAgent)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{failure: failure(err)}, -1
	}
	defer response.Body.Close()    // what it holds beyond what was read is of no interest
	if response.StatusCode < 200 { // the connection now belongs to another protocol, and reading it would obey no deadline
		return answer{failure: "other"}, -1
	}
	got.status = response.StatusCode
	if read != nil {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
		if err == nil && len(text) <= maxBody {
			got.receiver, got.documented = read(response.StatusCode, text)
		}
	}
	return got, retryAfter(response.Header.Get("Retry-After"), c.now())
}

// retryAfter reads the header in seconds or as a date; negative when there is none.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return -1
}

// delivery reads an answer to the call for the test webhook: {"webhook_receiver_status_code": N, …} with 200, the same below "detail"
// with 422, and a "detail" of any kind with the other statuses.
func delivery(status int, body []byte) (receiver int, documented bool) {
	type report struct {
		Code *int `json:"webhook_receiver_status_code"`
	}
	var told report
	switch status {
	case http.StatusOK:
		if json.Unmarshal(body, &told) != nil {
			return 0, false
		}
	case http.StatusUnprocessableEntity:
		var outer struct {
			Detail report `json:"detail"`
		}
		if json.Unmarshal(body, &outer) != nil {
			return 0, false
		}
		told = outer.Detail
	default:
		var outer struct {
			Detail json.RawMessage `json:"detail"`
		}
		return 0, json.Unmarshal(body, &outer) == nil && len(outer.Detail) > 0
	}
	if told.Code == nil || *told.Code < 100 || *told.Code > 599 {
		return 0, false
	}
	return *told.Code, true
}

// failure classes an error; its text, which may hold anything, goes nowhere.
func failure(err error) string {
	var unknown *net.DNSError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var timed interface{ Timeout() bool }
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "timeout"
	case errors.As(err, &unknown):
		if unknown.IsNotFound {
			return "no_address"
		}
		return "other"
	case errors.As(err, &verification), errors.As(err, &authority):
		return "certificate"
	case errors.As(err, &alert), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "tls"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no_route"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "reset"
	case errors.As(err, &timed) && timed.Timeout():
		return "timeout"
	}
	return "other"
}
