package send

import (
	"context"
	"sync"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// Bounds on waiting as a receiver asks for (contract: 10 s a time, 60 s an environment, of which the https probe may take 10).
const (
	maxWait      = 10 * time.Second
	maxWaiting   = 50 * time.Second
	defaultWait  = time.Second            // after a 429 that does not say how long
	maxComeBacks = 8                      // for one request
	bareWait     = 250 * time.Millisecond // after a 503 that says nothing about coming back; doubled each time
	bareTries    = 3                      // for one request
	bareEnough   = 3                      // requests that waiting did not help: then such a 503 is the receiver's word
	slowest      = time.Second            // between requests, once a receiver has asked for less
	slowestBare  = 250 * time.Millisecond // between requests, after a 503 that asked for nothing
	maxTurned    = 24                     // requests turned away one after the other, once all waiting is spent, before the environment is given up

	firstInterval = 100 * time.Millisecond // after the first request to wait, where the last second tells nothing
	enough        = 10                     // answers within a second that tell what a receiver bears
	easing        = 3                      // percent by which each answer shortens the interval again
)

// Pace keeps to the configured rate and, once a receiver has answered 429 or 503 with Retry-After, to what it bears.
type Pace struct {
	network     audit.Network
	environment string

	mu       sync.Mutex
	until    time.Time     // nobody sends before
	waited   time.Duration // in all, as asked
	interval time.Duration // between requests; 0: only the configured rate
	floor    time.Duration // the interval is not shortened below: with less, the receiver asked to wait
	next     time.Time
	recent   []time.Time // answers other than 429 within the last second

	asked      bool // it has asked to wait
	stubborn   int  // requests that got a 502, 503 or 504 without a word, however long they waited
	firm       bool // such an answer is the receiver's word
	overloaded bool // such an answer went away by waiting
	turned     int  // requests turned away since the last other answer, after all waiting was spent
}

// NewPace keeps to the rate that is configured for an environment.
func NewPace(network audit.Network, environment string) *Pace {
	return &Pace{network: network, environment: environment}
}

// wait returns when one more request may be sent.
func (p *Pace) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		now := time.Now()
		at := p.until
		if at.Before(now) && p.interval > 0 {
			if p.next.Before(now) {
				p.next = now
			}
			at = p.next
			p.next = p.next.Add(p.interval)
			p.mu.Unlock()
			if err := netprobe.Sleep(ctx, time.Until(at)); err != nil {
				return err
			}
			return p.network.Pace(ctx, p.environment)
		}
		p.mu.Unlock()
		if !at.After(now) {
			return p.network.Pace(ctx, p.environment)
		}
		if err := netprobe.Sleep(ctx, time.Until(at)); err != nil {
			return err
		}
	}
}

func (p *Pace) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turned = 0
	p.recent = append(lastSecond(p.recent), time.Now())
	p.interval = max(p.floor, p.interval*(100-easing)/100)
}

// Hopeless reports whether the receiver turns everything away, and there is no waiting left.
func (p *Pace) Hopeless() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.turned >= maxTurned
}

func lastSecond(times []time.Time) []time.Time {
	since := time.Now().Add(-time.Second)
	for len(times) > 0 && times[0].Before(since) {
		times = times[1:]
	}
	return times
}

// comeBack holds everybody up as long as the answer asks for, and reports whether it is worth trying again.
func (p *Pace) comeBack(ctx context.Context, a *response.Response, retries int) bool {
	if ctx.Err() != nil || retries >= maxComeBacks {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case a.Asked:
		p.asked = true
		return p.hold(min(a.RetryAfter, maxWait), true)
	case a.Status == 429:
		p.asked = true
		return p.hold(defaultWait, true)
	}
	return p.bare(retries)
}

// bare is comeBack for a 502, 503 or 504 that says nothing about coming back. It may be how a gateway puts off what is too much for it or
// answers while the receiver starts, or how the receiver answers this very request: the former goes away by waiting. Where it never did, it is tried once more at once.
func (p *Pace) bare(retries int) bool {
	switch {
	case p.firm:
		return retries < 1
	case retries < bareTries:
		return p.hold(bareWait<<retries, false)
	}
	p.stubborn++
	if p.stubborn >= bareEnough && !p.overloaded {
		p.firm = true
		if !p.asked { // nothing was gained by going slowly
			p.interval, p.floor = 0, 0
		}
	}
	return false
}

// helped notes that a request got through which had been turned down so before.
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

// hold lets nobody send for a while, and everybody more slowly from then on. It reports whether there is any time left for waiting.
func (p *Pace) hold(delay time.Duration, asked bool) bool {
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
	if !held { // requests that were turned down together say the same
		p.slowDown(asked)
	}
	return true
}

// slowDown lengthens the interval after a receiver has asked to wait. At first the interval is what the last second bore, if that was
// enough to tell; later it grows from what turned out too short, below which it then stays. A 503 that asked for nothing may have nothing
// to do with how fast requests come, so that it sets no floor.
func (p *Pace) slowDown(asked bool) {
	p.recent = lastSecond(p.recent)
	switch {
	case p.interval > 0 && asked:
		p.floor = min(slowest, max(p.floor, p.interval*5/4))
		p.interval = min(slowest, p.interval*3/2)
	case p.interval > 0:
		p.interval = max(p.interval, min(slowestBare, p.interval*3/2))
	case len(p.recent) >= enough:
		p.interval = time.Second * 5 / 4 / time.Duration(len(p.recent))
	default:
		p.interval = firstInterval
	}
	p.recent = nil
}
