package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// Events is a receiver's own count of the events that it processed: the truth, whatever it answered. Safe for concurrent use.
type Events struct {
	mu    sync.Mutex
	count map[string]int
	seen  map[string]bool
	total int
	dir   string
	errs  []error
}

func newEvents(dir string) *Events {
	return &Events{count: map[string]int{}, seen: map[string]bool{}, dir: dir}
}

// Processed is how many events with that UID were processed; redeliveries that a receiver recognised are not among them.
func (e *Events) Processed(uid string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count[uid]
}

// Total is how many events were processed.
func (e *Events) Total() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total
}

// Err is what went wrong while leaving the files of processed events.
func (e *Events) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.errs) == 0 {
		return nil
	}
	return e.errs[0]
}

// first notes a delivery and reports whether it is the first of that UID and type.
func (e *Events) first(uid, eventType string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := uid + "\x00" + eventType
	if e.seen[name] {
		return false
	}
	e.seen[name] = true
	return true
}

func (e *Events) Process(uid string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count[uid]++
	e.total++
	if e.dir == "" || !validUID(uid) { // a UID that is no plain word names no file
		return
	}
	if err := os.WriteFile(filepath.Join(e.dir, uid), []byte(strconv.Itoa(e.count[uid])), 0o600); err != nil {
		e.errs = append(e.errs, fmt.Errorf("leave the effect of a sandbox event: %w", err))
	}
}
