// Package audittest is what the tests of probes share: a sink that keeps what is emitted, and a key of which only the fingerprint is
// known.
package audittest

import (
	"encoding/hex"
	"sync"

	"github.com/prelaunch-audit/prelaunch/internal/audit"
	"github.com/prelaunch-audit/prelaunch/internal/secret"
)

// Sink implements audit.Sink. The zero Sink is ready.
type Sink struct {
	mu    sync.Mutex
	facts []any
	scope audit.Scope
}

// Emit keeps a fact.
func (s *Sink) Emit(_ string, fact any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = append(s.facts, fact)
}

// Scope changes the scope, whose maps are there.
func (s *Sink) Scope(change func(*audit.Scope)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scope.Digests == nil {
		s.scope.Digests = map[string]string{}
	}
	change(&s.scope)
}

// Scoped is the scope as it is now.
func (s *Sink) Scoped() audit.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scope
}

// All are the facts in the order in which they came.
func (s *Sink) All() []any { return Of[any](s) }

// Of are the facts of a type in the order in which they came.
func Of[Fact any](s *Sink) []Fact {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Fact
	for _, fact := range s.facts {
		if one, is := fact.(Fact); is {
			list = append(list, one)
		}
	}
	return list
}

// Fingerprinted is a key of which only length and SHA-256 are known.
func Fingerprinted(text string) secret.Key {
	sum := secret.New([]byte(text)).SHA256()
	key, err := secret.FromFingerprint(hex.EncodeToString(sum[:]), len(text))
	if err != nil {
		panic(err) // a SHA-256 always is one
	}
	return key
}
