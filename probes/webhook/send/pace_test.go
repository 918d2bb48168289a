package send

import (
	"testing"
	"time"

	"github.com/prelaunch-audit/prelaunch/probes/webhook/response"
)

// TestWaitingIsBounded takes the time of a wait away, as if it had passed, and wants an end to coming back.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	p := NewPace(nil, "test", 20)
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
	if p.answered(time.Millisecond); p.Hopeless() {
		t.Error("another answer gives no new hope")
	}
	if p.rate != lowest {
		t.Errorf("it goes on at %v requests a second", p.rate)
	}
	if NewPace(nil, "test", 20).comeBack(t.Context(), asked, maxComeBacks) {
		t.Error("one request is repeated for ever")
	}
}

// TestBareUnavailable: a 503 that asks for nothing is waited out, until that was seen to be of no use.
func TestBareUnavailable(t *testing.T) {
	t.Parallel()
	bare := &response.Response{Status: 503}
	p := NewPace(nil, "test", 20)
	for request := range bareEnough {
		for retry := range bareTries {
			if !p.comeBack(t.Context(), bare, retry) || !p.until.After(time.Now()) || !p.halved {
				t.Fatalf("request %d does not wait after %d tries", request, retry)
			}
			p.until = time.Time{}
		}
		if p.comeBack(t.Context(), bare, bareTries) {
			t.Fatal("one request is repeated for ever")
		}
	}
	if !p.comeBack(t.Context(), bare, 0) || p.comeBack(t.Context(), bare, 1) || !p.until.IsZero() || p.rate != 20 || p.Overload() {
		t.Error("where waiting never helped, it tries once more at once, and as quickly as before")
	}
	p.helped()
	if !p.comeBack(t.Context(), bare, 1) || !p.until.After(time.Now()) || !p.Overload() {
		t.Error("where waiting helped, it does not wait again")
	}
}

func TestOneWaitHoldsForAll(t *testing.T) {
	t.Parallel()
	p := NewPace(nil, "test", 20)
	for range 20 {
		if !p.comeBack(t.Context(), &response.Response{Status: 429, RetryAfter: 10 * time.Second, Asked: true}, 0) {
			t.Fatal("requests that were turned down together do not wait together")
		}
	}
	if p.waited > 11*time.Second {
		t.Errorf("they waited for %v in all", p.waited)
	}
}

// TestRateIsReachedHalvedAndRecovered goes through the life of a rate by the clock that ease is given.
func TestRateIsReachedHalvedAndRecovered(t *testing.T) {
	t.Parallel()
	p := NewPace(nil, "test", 20)
	now := time.Now()
	p.ease(now)
	if p.rate != 5 {
		t.Errorf("it begins at %v", p.rate)
	}
	if p.ease(now.Add(2 * time.Second)); p.rate != 20 {
		t.Errorf("after two seconds it is %v", p.rate)
	}
	if p.ease(now.Add(time.Hour)); p.rate != 20 {
		t.Errorf("the bound is exceeded: %v", p.rate)
	}
	p.comeBack(t.Context(), &response.Response{Status: 503}, 0)
	if p.rate != 10 {
		t.Errorf("after a 503 it is %v", p.rate)
	}
	p.until = time.Time{}
	p.comeBack(t.Context(), &response.Response{Status: 429}, 0)
	if p.rate != 5 {
		t.Errorf("after a 429 it is %v", p.rate)
	}
	p.ease(now.Add(time.Hour + 6*time.Second))
	if p.rate != 6 {
		t.Errorf("six seconds later it is %v", p.rate)
	}
}

// TestRateFollowsLatency: a clear rise halves the rate once for a sample, a small or short one does not.
func TestRateFollowsLatency(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before, after time.Duration
		want          float64
	}{
		{50 * time.Millisecond, time.Second, 10},
		{time.Millisecond, 100 * time.Millisecond, 20},
		{time.Second, 2 * time.Second, 20},
	} {
		p := NewPace(nil, "test", 20)
		p.rate = 20
		for range sample {
			p.answered(test.before)
		}
		for range sample {
			p.answered(test.after)
		}
		if p.rate != test.want {
			t.Errorf("from %v to %v: %v requests a second, want %v", test.before, test.after, p.rate, test.want)
		}
	}
}
