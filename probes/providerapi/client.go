package providerapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Bounds of a call. The waits are those that the provider may ask for by Retry-After.
const (
	maxBody     = 256 << 10
	maxRetries  = 2
	longestWait = 10 * time.Second
	timeout     = 10 * time.Second // where the configuration gives none
)

// client sends calls to one environment's API.
type client struct {
	transport *http.Transport
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
	c.transport = netprobe.NewTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := run.Network.DialContext(ctx, network, address)
		if err == nil {
			run.Sink.Scope(func(scope *audit.Scope) {
				scope.Addresses = append(scope.Addresses, audit.Address{Environment: environment, Host: address, Address: conn.RemoteAddr().String()})
			})
		}
		return conn, err
	}, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, Time: run.Now})
	// Calls are few and minutes apart. A kept connection may be closed just as the next call takes
	// it, which would look like a provider that does not respond.
	c.transport.DisableKeepAlives = true
	return c
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// response is what a call came to.
type response struct {
	failure    string // class of what went wrong, "" when there was a response
	status     int
	retries    int
	receiver   int
	documented bool
}

// post sends a body with the key, and sends it again when it is asked to wait. read, unless nil,
// looks at the body of the response. Redirects are not followed: another host would get the key.
func (c *client) post(ctx context.Context, url, header string, key secret.Key, body []byte, read func(status int, body []byte) (receiver int, documented bool)) response {
	for retries := 0; ; retries++ {
		got, wait, asked := c.once(ctx, url, header, key, body, read)
		got.retries = retries
		busy := got.status == http.StatusTooManyRequests || got.status == http.StatusServiceUnavailable
		if !busy || !asked || retries == maxRetries || wait > longestWait || netprobe.Sleep(ctx, wait) != nil {
			return got
		}
	}
}

// once sends the call. asked reports whether the response asks for a wait by Retry-After.
func (c *client) once(ctx context.Context, url, header string, key secret.Key, body []byte, read func(int, []byte) (int, bool)) (got response, wait time.Duration, asked bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return response{failure: netprobe.Other}, 0, false
	}
	request.Header.Set(header, string(key.Expose()))
	request.Header.Set("User-Agent", c.userAgent)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := netprobe.Exchange(ctx, c.transport, request, netprobe.Limits{Timeout: c.timeout, Body: maxBody})
	if err != nil {
		return response{failure: failure(netprobe.Classify(ctx, err))}, 0, false
	}
	got.status = answer.Status
	if read != nil && !answer.Truncated && answer.Broken == "" {
		got.receiver, got.documented = read(answer.Status, answer.Body)
	}
	wait, asked = netprobe.RetryAfter(answer.Header, c.now())
	return got, wait, asked
}

// failure is a class of errors as Call.Error names it.
func failure(class string) string {
	switch class {
	case netprobe.NotTLS, netprobe.ClientCertificate:
		return netprobe.TLS
	case netprobe.HeaderTooLarge, netprobe.Malformed:
		return netprobe.Other
	}
	return class
}

// delivery reads the response to the call for the test webhook: {"webhook_receiver_status_code": N,
// …} with 200, the same below "detail" with 422, and a "detail" of any kind with the other
// statuses.
func delivery(status int, body []byte) (receiver int, documented bool) {
	type report struct {
		Code *int `json:"webhook_receiver_status_code"`
	}
	var reported report
	switch status {
	case http.StatusOK:
		if json.Unmarshal(body, &reported) != nil {
			return 0, false
		}
	case http.StatusUnprocessableEntity:
		var outer struct {
			Detail report `json:"detail"`
		}
		if json.Unmarshal(body, &outer) != nil {
			return 0, false
		}
		reported = outer.Detail
	default:
		var outer struct {
			Detail json.RawMessage `json:"detail"`
		}
		return 0, json.Unmarshal(body, &outer) == nil && len(outer.Detail) > 0
	}
	if reported.Code == nil || *reported.Code < 100 || *reported.Code > 599 {
		return 0, false
	}
	return *reported.Code, true
}
