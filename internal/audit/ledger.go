package audit

import (
	"sync"
	"time"
)

// Ledger is the run's own memory of what it sent, which no document holds: the logs are searched for it, and without any it stays empty.
// Safe for concurrent use.
type Ledger struct {
	mu     sync.Mutex
	begun  time.Time
	events []LedgerEvent
}

// LedgerEvent is one request that was sent to a receiver.
type LedgerEvent struct {
	Environment string
	UID         string // empty when the body had none
	Signature   string // the value of the signature header as sent, empty when none
	Valid       bool   // Signature is right for Body
	Correct     string // the signature that would be right; "" where logs are not read, or without the key
	Body        []byte
	At          time.Time
}

// Begin notes when probing began; only the first call counts.
func (l *Ledger) Begin(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun.IsZero() {
		l.begun = at
	}
}

// Begun is when probing began, zero when it did not.
func (l *Ledger) Begun() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun
}

// Add notes a request.
func (l *Ledger) Add(event LedgerEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event)
}

// Events are the requests noted so far.
func (l *Ledger) Events() []LedgerEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]LedgerEvent(nil), l.events...)
}
