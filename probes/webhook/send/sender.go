package send

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/cases"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// patience is how many requests that timed out are sent again: one may be an accident, many are not.
const patience = 6

// Sender sends requests to one receiver. It is safe for concurrent use.
type Sender struct {
	*Client
	Pace *Pace
	Now  func() time.Time
	// Sending is told of each request just before it is sent, which it is not after an error.
	Sending func(ctx context.Context, f *cases.Request, at time.Time) error
	// Ping, if set, makes a request that a receiver which still works responds to. It is sent when a
	// gateway responded in the receiver's place, to see whether that request stopped the receiver.
	Ping func() *cases.Request
	// Halt makes the sender send nothing more to a receiver that a request stopped.
	Halt bool

	timeouts atomic.Int64
	own      atomic.Int64 // gateway's responses after which the receiver responded
	halted   atomic.Bool
}

const (
	pings     = 2 // that get no response of the receiver's own show that it is gone
	pingPause = 100 * time.Millisecond
	maxOwn    = 3 // after that many gateway's responses that stopped nothing, no more are looked into
)

// Attempt is one time that a request was sent.
type Attempt struct {
	Request *cases.Request
	At      time.Time
	Status  int
	Failure string // of the connection; empty where there was a response
	Closed  bool   // it was closed in order, without a response
	Gateway bool   // a gateway responded in place of the receiver

	Begun, Ended time.Time // by this machine's own clock, which never goes back
}

// Took is how long it took until the response was read.
func (a Attempt) Took() time.Duration { return a.Ended.Sub(a.Begun) }

// Result is what became of a request.
type Result struct {
	Request  *cases.Request
	Response response.Response
	Attempts []Attempt
	Timeouts int
	Pings    int
	Stopped  bool   // a gateway responded, to this request and to the pings that followed
	NotSent  string // why there is no response
}

// Do sends a request to address, or to any of the receiver's where that is empty, again where the
// receiver asks to come back later and where a connection broke. Each attempt is made anew by
// prepare, which returns the reason where the request cannot be sent. Once is for requests of which
// a gateway's response counts as well as the receiver's own.
func (s *Sender) Do(ctx context.Context, address string, once bool, prepare func() (*cases.Request, string)) Result {
	var r Result
	var broken breaks
	for {
		f, reason := prepare()
		if reason == "" && s.Pace.wait(ctx) != nil {
			reason = cases.NotSentInterrupted
		}
		if reason == "" && f.Outdated(s.Now()) { // a timestamp is that of sending, not of waiting
			f, reason = prepare()
		}
		if s.halted.Load() {
			reason = cases.NotSentSilent
		}
		at := s.Now()
		if reason == "" && s.Sending(ctx, f, at) != nil {
			reason = cases.NotSentInterrupted
		}
		if reason != "" {
			r.NotSent = reason
			return r
		}
		begun := time.Now()
		r.Request, r.Response = f, s.send(ctx, f, address, broken.alone)
		r.Attempts = append(r.Attempts, Attempt{f, at, r.Response.Status, r.Response.Failure, r.Response.Closed, r.Response.Gateway(), begun, time.Now()})
		switch {
		case ctx.Err() != nil:
			r.NotSent = cases.NotSentInterrupted
			return r
		case r.Response.Failure == netprobe.Certificate && f.Keyed: // the handshake failed: nothing was sent
			r.NotSent = cases.NotSentTransport
			return r
		}
		if r.Response.Gateway() && (once || s.stopped(ctx, &r)) || !s.again(ctx, &r, &broken) {
			return r
		}
	}
}

// stopped reports whether the receiver is gone after a gateway responded in its place.
func (s *Sender) stopped(ctx context.Context, result *Result) bool {
	if s.Ping == nil || s.own.Load() >= maxOwn {
		return false
	}
	for range pings {
		result.Pings++
		f := s.Ping()
		if f == nil || s.Sending(ctx, f, s.Now()) != nil {
			return false
		}
		if r := s.send(ctx, f, "", true); r.Status != 0 && !r.Gateway() || ctx.Err() != nil {
			s.own.Add(1)
			return false
		}
		if netprobe.Sleep(ctx, pingPause) != nil {
			return false
		}
	}
	result.Stopped = true
	s.halted.Store(s.Halt)
	return true
}

// breaks are what a request met with of connections that gave no response.
type breaks struct {
	alone bool // the next one goes over a connection of its own
	fresh int  // how many of them had carried nothing before, so that their breaking is due to the request
	busy  bool // a gateway's response did not say when to come back
}

// again reports whether the request is to be repeated: after 429 and 503 once the time has passed
// that the receiver asked for; after a gateway's 502 or 504, which is not the receiver's own; and
// after a connection broke, before the response or in it. A connection that had been used before may
// have been closed for want of use just then, as may all others that are kept; one of its own may
// break once by accident.
func (s *Sender) again(ctx context.Context, result *Result, broken *breaks) bool {
	r, f, retries := &result.Response, result.Request, len(result.Attempts)-1
	switch {
	case r.Status == 429 || r.Status >= 502 && r.Status <= 504:
		broken.busy = broken.busy || r.Status != 429 && !r.Asked
		return s.Pace.comeBack(ctx, r, retries)
	case r.Status == 501 && r.Reused && f.Method == "POST" && retries < 1:
		// A server that rejects without reading the body takes what it left for the beginning of the
		// next request, which then has an unknown method. A connection for each request shows it.
		s.oneEach.Store(true)
		return true
	case (r.Failure == netprobe.Reset || r.Failure == response.Truncated) && !f.Abort:
		if !r.Reused {
			broken.fresh++
		}
		broken.alone = true
		return broken.fresh < 2
	case r.Failure == netprobe.Timeout:
		broken.alone = true
		result.Timeouts++
		return s.timeouts.Add(1) <= patience && retries < 1
	}
	last := result.Attempts[retries]
	s.Pace.answered(last.Ended.Sub(last.Begun))
	if broken.busy && r.Failure == "" {
		s.Pace.helped()
	}
	return false
}

// Each calls do for every item, a few at a time.
func Each[T any](items []T, do func(T)) {
	var wait sync.WaitGroup
	free := make(chan struct{}, Parallel)
	for _, item := range items {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			do(item)
		})
	}
	wait.Wait()
}
