package cli

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// Rules of this file: the program ends within a second of an interrupt, however busy the machine
// is. A command has a grace to print what it knows; after it nothing more is written, and what
// still runs is ended and cleaned up after.

const (
	defaultGrace = 600 * time.Millisecond
	// unwinding is how long an abandoned command may take to return: long enough to wait for the
	// processes that were ended.
	unwinding = 100 * time.Millisecond
	// lastWrite is how long a write under way is waited for. It may never end: its reader may have
	// stopped reading.
	lastWrite = 50 * time.Millisecond
)

// within waits for a command to end, for at most d.
func within(ended <-chan int, d time.Duration) (code int, in bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case code = <-ended:
		return code, true
	case <-timer.C:
		return 0, false
	}
}

// stream is standard output or standard error. It writes until it is muted, or until nobody reads
// anymore, as when it is piped into head: what comes then has no reader, and that is no fault of
// the run, whose files and exit code must not depend on it.
type stream struct {
	to      io.Writer
	writing chan struct{} // holds the one permission to write
	mutes   chan struct{} // closed: nothing is written anymore
	written bool
	closed  bool
}

func newStream(to io.Writer) *stream {
	s := &stream{to: to, writing: make(chan struct{}, 1), mutes: make(chan struct{})}
	s.writing <- struct{}{}
	return s
}

func (s *stream) Write(p []byte) (int, error) {
	select {
	case <-s.mutes:
		return len(p), nil
	case <-s.writing:
	}
	defer func() { s.writing <- struct{}{} }()
	select {
	case <-s.mutes: // when both were possible
		return len(p), nil
	default:
	}
	if s.closed {
		return len(p), nil
	}
	s.written = true
	n, err := s.to.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		s.closed = true
		return len(p), nil
	}
	return n, err
}

// mute ends all writing, and reports whether anything was written before.
func (s *stream) mute() (written bool) {
	close(s.mutes)
	select {
	case <-s.writing:
		written = s.written
		s.writing <- struct{}{}
		return written
	case <-time.After(lastWrite):
		return true
	}
}

// destinationOf is the writer behind a stream.
func destinationOf(w io.Writer) io.Writer {
	if s, ok := w.(*stream); ok {
		return s.to
	}
	return w
}

// scratch holds the directories that a command removes at its end, in case it does not come to it.
type scratch struct {
	mu          sync.Mutex
	directories []string
}

func (s *scratch) add(directory string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.directories = append(s.directories, directory)
}

// remove removes them, though something may still write there: under another name nothing does.
func (s *scratch) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, directory := range s.directories {
		gone := directory + ".removed"
		if os.Rename(directory, gone) == nil {
			_ = os.RemoveAll(gone) // nobody is left to be told
		}
	}
}
