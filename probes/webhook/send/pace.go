package send

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// Bounds on waiting as a receiver asks for: 10 s a time, 60 s an environment, of which the https
// probe may take 10.
const (
	maxWait      = 10 * time.Second
	maxWaiting   = 50 * time.Second
	defaultWait  = time.Second            // after a 429 that does not say how long
	maxComeBacks = 8                      // for one request
	bareWait     = 250 * time.Millisecond // after a 503 that says nothing about coming back; doubled each time
	bareTries    = 3                      // for one request
	bareEnough   = 3                      // requests that waiting did not help: then such a 503 is the receiver's word
	maxTurned    = 24                     // requests rejected in a row, once all waiting is spent, before the environment is given up
)

// The rate begins at a quarter of the configured one and reaches it within two seconds. It is halved
// when a receiver shows that it is too much, and then recovers slowly.
const (
	rampTime     = 1500 * time.Millisecond // from a quarter of the bound to all of it
	recoveryTime = 2 * time.Minute         // from nothing to all of the bound, once it was halved
	catchUp      = 100 * time.Millisecond  // what was lost by waking late is made up for
	lowest       = 1.0                     // requests a second
	sample       = 12                      // responses whose median latency is compared with that of the first
	slower       = 4                       // times as long is a clear rise of latency
	slowerBy     = 250 * time.Millisecond  // if it is also as much longer
)

// Pace is the rate at which one receiver is sent requests: at most the configured one, and less where
// the receiver does not bear it.
type Pace struct {
	network     audit.Network
	environment string
	bound       float64 // requests a second; 0: not bounded

	mu      sync.Mutex
	rate    float64
	eased   time.Time // when rate was last raised
	halved  bool      // it was too much once
	next    time.Time // nobody sends before
	until   time.Time // nobody sends before, as the receiver asked
	waited  time.Duration
	first   time.Time
	sent    int
	recent  []time.Time // requests of the last second
	usual   time.Duration
	latency []time.Duration

	asked      bool // it has asked to wait
	stubborn   int  // requests that got a 502, 503 or 504 without a word, however long they waited
	firm       bool // such an answer is the receiver's word
	overloaded bool // such an answer went away by waiting
	turned     int  // requests rejected since the last other answer, after all waiting was spent
}

// NewPace keeps to bound requests a second towards an environment's receiver.
func NewPace(network audit.Network, environment string, bound float64) *Pace {
	return &Pace{network: network, environment: environment, bound: bound, rate: bound / 4}
}

// wait returns when one more request may be sent.
func (p *Pace) wait(ctx context.Context) error {
	for {
		now := time.Now()
		p.mu.Lock()
		p.ease(now)
		at := p.next
		if p.until.After(at) {
			at = p.until
		}
		if !at.After(now) {
			p.count(now)
			p.mu.Unlock()
			return p.network.Pace(ctx, p.environment)
		}
		p.mu.Unlock()
		if err := netprobe.Sleep(ctx, at.Sub(now)); err != nil {
			return err
		}
	}
}

// ease raises the rate by the time that has passed.
func (p *Pace) ease(now time.Time) {
	if !p.eased.IsZero() {
		step := p.bound * 3 / 4 * now.Sub(p.eased).Seconds() / rampTime.Seconds()
		if p.halved {
			step = p.bound * now.Sub(p.eased).Seconds() / recoveryTime.Seconds()
		}
		p.rate = min(p.bound, p.rate+step)
	}
	p.eased = now
}

// count notes that a request is sent.
func (p *Pace) count(now time.Time) {
	if p.sent == 0 {
		p.first = now
	}
	p.sent++
	p.recent = append(slices.DeleteFunc(p.recent, func(at time.Time) bool { return now.Sub(at) > time.Second }), now)
	if p.rate > 0 {
		if now.Sub(p.next) > catchUp {
			p.next = now
		}
		p.next = p.next.Add(time.Duration(float64(time.Second) / p.rate))
	}
}

// halve halves the rate, or what was really sent within the last second where that was less.
func (p *Pace) halve() {
	if n := float64(len(p.recent)); n > 0 && time.Since(p.first) > time.Second {
		p.rate = min(p.rate, n)
	}
	p.rate, p.halved = max(min(lowest, p.bound), p.rate/2), true
}

// Used is how many requests a second were sent, over all the time from the first to the last.
func (p *Pace) Used() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent < 2 {
		return 0
	}
	return float64(p.sent-1) / max(p.recent[len(p.recent)-1].Sub(p.first).Seconds(), 0.001)
}

// answered notes a response that is none to wait, and how long it took.
func (p *Pace) answered(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turned = 0
	if p.latency = append(p.latency, took); len(p.latency) < sample {
		return
	}
	slices.Sort(p.latency)
	median := p.latency[sample/2]
	p.latency = p.latency[:0]
	switch {
	case p.usual == 0:
		p.usual = median
	case median > slower*p.usual && median > p.usual+slowerBy && p.rate > p.bound/4:
		p.halve()
	}
}

// Hopeless reports whether the receiver turns everything away, and there is no waiting left.
func (p *Pace) Hopeless() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.turned >= maxTurned
}

// comeBack holds everybody up as long as the answer asks for, and reports whether it is worth trying
// again.
func (p *Pace) comeBack(ctx context.Context, a *response.Response, retries int) bool {
	if ctx.Err() != nil || retries >= maxComeBacks {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case a.Asked:
		p.asked = true
		return p.hold(min(a.RetryAfter, maxWait))
	case a.Status == 429:
		p.asked = true
		return p.hold(defaultWait)
	}
	return p.bare(retries)
}

// bare is comeBack for a 502, 503 or 504 that says nothing about coming back. It may be how a gateway
// puts off what is too much for it or answers while the receiver starts, or how the receiver answers
// this very request: the former goes away by waiting. Where it never did, it is tried once more at
// once.
func (p *Pace) bare(retries int) bool {
	switch {
	case p.firm:
		return retries < 1
	case retries < bareTries:
		return p.hold(bareWait << retries)
	}
	p.stubborn++
	if p.stubborn >= bareEnough && !p.overloaded {
		p.firm = true
		if !p.asked { // nothing was gained by going slowly
			p.rate, p.halved = p.bound, false
		}
	}
	return false
}

// helped notes that a request got through which had been rejected so before.
func (p *Pace) helped() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.overloaded, p.firm = true, false
}

// Overload reports whether a 503 of this receiver means that it has too much to do.
func (p *Pace) Overload() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.overloaded
}

// hold lets nobody send for a while, and everybody more slowly from then on. It reports whether there
// is any time left for waiting.
func (p *Pace) hold(delay time.Duration) bool {
	now := time.Now()
	held := p.until.After(now)
	from := now
	if held {
		from = p.until
	}
	until := now.Add(delay)
	if !until.After(from) {
		return true
	}
	if p.waited+until.Sub(from) > maxWaiting {
		p.turned++
		return false
	}
	p.waited += until.Sub(from)
	p.until = until
	if !held { // requests that were rejected together say the same
		p.halve()
	}
	return true
}
