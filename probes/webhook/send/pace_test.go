package send

import (
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// TestWaitingIsBounded takes the time of a wait away, as if it had passed, and wants an end to coming back.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	p := NewPace(nil, "test")
	asked := &response.Response{Status: 429, RetryAfter: time.Hour, Asked: true}
	waits := 0
	for p.comeBack(t.Context(), asked, 0) {
		waits++
		if left := time.Until(p.until); left > maxWait || left < maxWait/2 {
			t.Fatalf("it waits for %v", left)
		}
		p.until = time.Time{}
		if waits > 10 {
			break
		}
	}
	if waits != int(maxWaiting/maxWait) {
		t.Errorf("it came back %d times", waits)
	}
	for turned := 1; p.Hopeless() != (turned >= maxTurned) || turned < maxTurned; turned++ {
		if turned > maxTurned || p.Hopeless() || p.comeBack(t.Context(), asked, 0) {
			t.Fatalf("after %d requests that were turned away it is hopeless: %v", turned, p.Hopeless())
		}
	}
	if p.answered(); p.Hopeless() {
		t.Error("another answer gives no new hope")
	}
	if p.interval == 0 || p.interval > slowest {
		t.Errorf("it goes on at intervals of %v", p.interval)
	}
	if NewPace(nil, "test").comeBack(t.Context(), asked, maxComeBacks) {
		t.Error("one request is repeated for ever")
	}
}

// TestBareUnavailable: a 503 that asks for nothing is waited out, until that was seen to be of no use.
func TestBareUnavailable(t *testing.T) {
	t.Parallel()
	bare := &response.Response{Status: 503}
	p := NewPace(nil, "test")
	for request := range bareEnough {
		for retry := range bareTries {
			if !p.comeBack(t.Context(), bare, retry) || !p.until.After(time.Now()) || p.interval == 0 {
				t.Fatalf("request %d does not wait after %d tries", request, retry)
			}
			p.until = time.Time{}
		}
		if p.comeBack(t.Context(), bare, bareTries) {
			t.Fatal("one request is repeated for ever")
		}
	}
	if !p.comeBack(t.Context(), bare, 0) || p.comeBack(t.Context(), bare, 1) || !p.until.IsZero() || p.interval != 0 || p.Overload() {
		t.Error("where waiting never helped, it tries once more at once, and as quickly as before")
	}
	for range 20 {
		p.slowDown(false)
	}
	if p.interval > slowestBare || p.floor != 0 {
		t.Errorf("it goes on at intervals of %v, never below %v", p.interval, p.floor)
	}
	p.helped()
	if !p.comeBack(t.Context(), bare, 1) || !p.until.After(time.Now()) || !p.Overload() {
		t.Error("where waiting helped, it does not wait again")
	}
}

func TestOneWaitHoldsForAll(t *testing.T) {
	t.Parallel()
	p := NewPace(nil, "test")
	for range 20 {
		if !p.comeBack(t.Context(), &response.Response{Status: 429, RetryAfter: 10 * time.Second, Asked: true}, 0) {
			t.Fatal("requests that were turned down together do not wait together")
		}
	}
	if p.waited > 11*time.Second {
		t.Errorf("they waited for %v in all", p.waited)
	}
}

// TestPaceFindsWhatAReceiverBears: answers shorten the interval again, but never below what turned out too short.
func TestPaceFindsWhatAReceiverBears(t *testing.T) {
	t.Parallel()
	p := NewPace(nil, "test")
	p.slowDown(true)
	if p.interval != firstInterval {
		t.Fatalf("the first interval is %v", p.interval)
	}
	for range 60 {
		p.answered()
	}
	eased := p.interval
	if eased >= firstInterval/4 {
		t.Errorf("after 60 answers the interval is still %v", eased)
	}
	p.slowDown(true)
	if p.interval != eased*3/2 || p.floor != eased*5/4 {
		t.Errorf("asked to wait at %v it goes on at %v, never below %v", eased, p.interval, p.floor)
	}
	for range 200 {
		p.answered()
	}
	if p.interval != p.floor {
		t.Errorf("the interval is %v, want the floor %v", p.interval, p.floor)
	}
}
