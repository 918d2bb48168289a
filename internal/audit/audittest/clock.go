package audittest

import (
	"sync"
	"time"
)

// Clock is one that a test sets forward. The zero Clock stands at the zero time.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// StartClock makes a clock that stands at the machine's time.
func StartClock() *Clock { return &Clock{at: time.Now()} }

// Now is the time at which the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Add sets the clock forward.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
